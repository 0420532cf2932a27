"""Looks at what is written down and who looks after it: workflows, hand-overs, sets, wishes, images."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from instar.client.api_client import ApiAway, ApiRefused
from instar.client.sets.overviews import all_sets
from instar.compute.clock import utc_now
from instar.doctor.place import NotLooked, Place
from instar.domain.checkup import using
from instar.domain.checkup.findings import Finding
from instar.domain.images.images import ImageReference
from instar.domain.sets.names import os_upgrade_workflow_id, scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.errors import Trouble
from instar.store.images import ImageVersionRow
from instar.store.overview.backlogs import Backlog
from instar.store.overview.overview import overview
from instar.store.sets.overviews import Overview
from instar.store.store import Store

AT_ONCE = 500
"""Sets that are read in one transaction."""

NEW = timedelta(minutes=3)
"""A set, or an upgrade, may be so young before its workflow is missed."""

RUNNING_AT_MOST = 200_000
LOOKED_AT_AGAIN = 50
"""Workflows that the list lacks and that are asked for one by one: the list is late by seconds."""


def workflows(place: Place) -> list[Finding]:
    """Compare the records with what Temporal runs."""
    young = utc_now() - NEW
    with place.store() as store:
        identities = [
            one.stored.identity
            for one in _overviews(store)
            if not one.stored.deleting and one.stored.created_at < young
        ]
        running = store.upgrades.running(young)
    wanted = {scale_set_workflow_id(one): one.name for one in identities}
    upgrades = {
        os_upgrade_workflow_id(one.scale_set, one.number): f"{one.scale_set.name} {one.number}" for one in running
    }

    async def ask(client: Client) -> set[str]:
        there: set[str] = set()
        async for one in client.list_workflows('ExecutionStatus = "Running"', page_size=1000, limit=RUNNING_AT_MOST):
            there.add(one.id)
        missing = [wished for wished in (*wanted, *upgrades) if wished not in there]
        for workflow_id in missing[:LOOKED_AT_AGAIN]:
            try:
                described = await client.get_workflow_handle(workflow_id).describe()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                continue
            if described.status is WorkflowExecutionStatus.RUNNING:
                there.add(workflow_id)
        return there

    there = place.temporal(ask)
    return using.workflows(
        [name for one, name in wanted.items() if one not in there],
        [name for one, name in upgrades.items() if one not in there],
        len(wanted),
    )


def hand_overs(place: Place) -> list[Finding]:
    """The outbox and the webhooks, as the metrics have them."""
    with place.store() as store:
        seen = overview(store.database, utc_now())
    backlogs = seen.backlogs

    def facts(backlog: Backlog) -> using.BacklogFacts:
        return using.BacklogFacts(backlog.count, seen.at - backlog.oldest if backlog.oldest else timedelta(0))

    return using.hand_overs(
        using.HandOverFacts(
            facts(backlogs.hand_overs), facts(backlogs.deliveries), backlogs.given_up, backlogs.webhooks_off
        )
    )


def sets(place: Place) -> list[Finding]:
    """From the store; from elsewhere what the API tells of those that may be read."""
    try:
        with place.store() as store:
            published = {_line(row) for row in store.images.everywhere()}
            found = [_of_store(one, published) for one in _overviews(store) if not one.stored.deleting]
    except NotLooked:
        found = [_of_api(one) for one in _from_api(place, versions=False) if one["properties"]["state"] != "deleting"]
    return using.sets(found, utc_now())


def _of_store(one: Overview, published: set[tuple[Any, ...]]) -> using.SetFacts:
    model = ScaleSetModel.from_arm(one.stored.document, one.stored.generation)
    image, location = model.image, one.stored.identity.location.lower().replace(" ", "")
    last = one.last_put
    return using.SetFacts(
        name=one.stored.identity.name,
        automatic=model.upgrade_policy.automatic.enable_automatic_os_upgrade,
        image=image,
        # A gallery's versions are documents of their own: their sets say it at their looks.
        published=None if image.id else (*image.line[:3], location) in published,
        next_look=one.status.next_look_at,
        busy=one.upgrade is not None and not one.upgrade.status.ended,
        looks_known=not one.wishes.pause and not one.wishes.holds and utc_now() - one.stored.created_at > NEW,
        behind=one.status.held,
        failed=last is not None and last.status.value == "Failed" and not one.running,
    )


def _line(row: ImageVersionRow) -> tuple[str, ...]:
    location = row.location.lower().replace(" ", "")
    return (row.publisher.lower(), row.offer.lower(), row.sku.lower(), location)


def _of_api(one: dict[str, Any]) -> using.SetFacts:
    told = one["properties"]
    held = told["state"] == "held" and not told.get("holds")
    return using.SetFacts(
        name=str(one["name"]),
        automatic=bool(told.get("automatic")),
        image=ImageReference.model_validate(told.get("image") or {}),
        looks_known=False,
        behind=str(told.get("reason", "")) if held else "",
        failed=told.get("provisioningState") == "Failed",
    )


def wishes(place: Place) -> list[Finding]:
    """Holds, pauses and rings."""
    now = utc_now()
    with place.store() as store:
        overviews = list(_overviews(store))
        holds = tuple(hold.name for hold in store.wishes.holds() if hold.until is None)
        plans = [plan for plan, _ in store.rings.all()]
    members = [(one.stored.identity.resource_id, dict(one.stored.document.get("tags") or {})) for one in overviews]
    rings = {}
    for plan in plans:
        filled = {plan.ring_of(resource_id, tags) for resource_id, tags in members}
        if empty := [number + 1 for number in range(len(plan.rings)) if number not in filled]:
            rings[plan.name] = empty
    pauses = tuple(
        one.stored.identity.name
        for one in overviews
        if one.wishes.pause and one.wishes.pause.until is None and one.wishes.pause.lasts(now)
    )
    return using.wishes(using.WishFacts(holds, pauses, rings))


def images(place: Place) -> list[Finding]:
    """Platform images of the catalogue; which versions machines are on is asked of the API."""
    with place.store() as store:
        published = [
            using.Published(
                ImageReference(publisher=row.publisher, offer=row.offer, sku=row.sku, version=row.version),
                row.location,
                _size(row),
            )
            for row in store.images.everywhere()
        ]
        overviews = list(_overviews(store))
    on: dict[str, frozenset[str]] = {}
    with suppress(NotLooked, Trouble):
        for told in _from_api(place, versions=True):
            if "versions" in told["properties"]:
                on[str(told["id"]).lower()] = frozenset(map(str, told["properties"]["versions"]))
    uses = []
    for one in overviews:
        model = ScaleSetModel.from_arm(one.stored.document, one.stored.generation)
        identity = one.stored.identity
        versions = on.get(identity.resource_id.lower())
        if versions is not None and one.upgrade and not one.upgrade.status.ended:
            versions |= {one.upgrade.target.version}
        uses.append(using.Use(model.image, identity.location, versions))
    return using.images(published, uses)


def _size(row: ImageVersionRow) -> int:
    own = row.properties.get("instar")
    size = own.get("sizeInBytes") if isinstance(own, dict) else None
    return size if isinstance(size, int) else 0


def _overviews(store: Store) -> Iterator[Overview]:
    unique_ids = [identity.unique_id for identity, _ in store.scale_sets.identities()]
    for begin in range(0, len(unique_ids), AT_ONCE):
        yield from store.overviews.of(unique_ids[begin : begin + AT_ONCE], utc_now())


def _from_api(place: Place, *, versions: bool) -> list[dict[str, Any]]:
    """Raises NotLooked."""
    with place.api() as api:
        try:
            return all_sets(api, versions=versions)
        except (ApiAway, ApiRefused) as error:
            raise NotLooked(f"neither the store nor the API tells of the sets: {error}") from None
