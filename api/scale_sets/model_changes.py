"""PUT and PATCH of a scale set: from a request's document to a stored generation that its workflow knows of.

Read, merge, judge, store, announce. What is stored and what is to be announced are written down together (F6), so
nothing stops it half-way. The same request made again announces the generation again.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.networks.health_probes import check_probe
from api.networks.service_fabric_clusters import cluster_named
from api.scale_sets.required import blockers_of_changed, blockers_of_new
from api.scale_sets.set_images import refuse_absent, runs_windows, without_updates
from api.services.dependencies import ScaleSetPath, Services
from api.services.handover import hand_over
from api.services.long_running import begun_on
from api.services.quotas import check_given, within_quotas
from api.services.scale_set_lookup import find
from api.shapes.answers import quoted_etag
from api.shapes.documents import NAME, check_shape, normal, read_model
from api.shapes.set_defaults import without_shown
from api.shapes.upgrade_policies import filled_in
from api.wire.api_versions import NEWEST, refuse_unknown
from api.wire.errors import ArmError, blocked, changed_meanwhile, invalid, not_allowed, scale_set_not_found
from api.wire.merge import canonical, merged, without_read_only
from api.wire.preconditions import Preconditions
from instar.domain.access import Need, need_of
from instar.domain.eligibility.blockers import Blocker
from instar.domain.eligibility.eligibility import change_blockers, model_blockers
from instar.domain.messages.scale_set import ApplyModel
from instar.domain.messages.updates import kept
from instar.domain.records.operations import Operation, OperationKind
from instar.domain.sets.links import needs_of
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.store.errors import AlreadyThere, Conflict, Missing
from instar.store.health_sources import probe_settings_of
from instar.store.sets.stored_scale_set import Accepted, StoredScaleSet

Json = dict[str, Any]

TRIES = 5
"""How often a change is merged anew when somebody else was faster."""


@dataclass(frozen=True)
class Change:
    """A change that was stored and announced; `operation` ends when it is applied."""

    stored: StoredScaleSet
    operation: Operation
    created: bool


async def change_model(
    services: Services,
    path: ScaleSetPath,
    body: Json,
    preconditions: Preconditions,
    *,
    create: bool,
    api_version: str = NEWEST,
) -> Change:
    """Create or change. Raises ArmError; `create` says whether an absent set is created or is 404."""
    body = without_read_only(canonical(body))
    return await change_stored(services, path, lambda _: body, preconditions, create=create, api_version=api_version)


async def change_stored(
    services: Services,
    path: ScaleSetPath,
    change_of: Callable[[StoredScaleSet | None], Json],
    preconditions: Preconditions,
    *,
    create: bool = False,
    api_version: str = NEWEST,
) -> Change:
    """The same where the change depends on what is stored: it is asked for anew when somebody else was faster."""
    for _ in range(TRIES):
        stored = await find(services, path)
        preconditions.check(quoted_etag(stored) if stored else "", "scale set")
        if stored is None and not create:
            raise scale_set_not_found(path.name, path.resource_group)
        body = checked_body(services, stored, change_of(stored), api_version)
        try:
            change = await (
                _create(services, path, body) if stored is None else _update(services, stored, body, api_version)
            )
        except (AlreadyThere, Conflict, Missing):
            continue
        await hand_over(services, change.operation)
        return change
    raise changed_meanwhile()


def checked_body(services: Services, stored: StoredScaleSet | None, body: Json, api_version: str) -> Json:
    """The same body. Raises ArmError for one that no set could take."""
    check_shape(body)
    check_given(services, body, stored.document if stored else None)
    refuse_unknown(body, api_version)
    return body


async def judged_new(services: Services, path: ScaleSetPath, body: Json) -> Json:
    """The document of a new set as it would be stored. Raises ArmError."""
    if not NAME.fullmatch(path.name):
        raise invalid("A scale set's name has 1 to 64 letters, digits, '_', '.' and '-'.", "scaleSetName")
    document, model = await _read(services, normal(merged({}, body)), 1, body, {})
    await _require_linked(services, path.resource_id, path.subscription_id, model)
    required = await blockers_of_new(services, normal(merged({}, body)), model)
    _refuse_if_any((*required, *await _blockers(services, path.subscription_id, model)))
    await refuse_absent(services, model.image, document["location"])
    await check_probe(services, path.resource_id, document["location"], model)
    return document


async def _create(services: Services, path: ScaleSetPath, body: Json) -> Change:
    document = await judged_new(services, path, body)
    identity = ScaleSetIdentity(
        resource_id=path.resource_id,
        name=path.name,
        unique_id=str(uuid.uuid4()),
        location=document["location"],
    )
    operation = begun_on(services, OperationKind.PUT, path.subscription_id, identity)
    where, now, accepted = (path.subscription_id, path.resource_group), services.clock(), announcement(operation)
    create, quotas = services.store.scale_sets.create, services.settings.quotas.counted
    stored = await within_quotas(lambda: create(identity, *where, document, now, accepted, quotas))
    return Change(stored, operation, created=True)


def announcement(operation: Operation) -> Accepted:
    """What is written down with a model: its operation, and the word to the set's workflow."""

    def message_of(stored: StoredScaleSet) -> str:
        return kept(newest_of(stored, operation.id))

    return Accepted(operation, message_of)


def newest_of(stored: StoredScaleSet, operation_id: str) -> ApplyModel:
    """The word that this generation is the newest of the set."""
    policy = ScaleSetModel.from_arm(stored.document, stored.generation).upgrade_policy
    return ApplyModel(
        generation=stored.generation,
        operation_id=operation_id,
        automatic=policy.automatic.enable_automatic_os_upgrade,
        mode=policy.mode,
        machine_generation=stored.machine_generation,
    )


async def judged_change(services: Services, stored: StoredScaleSet, body: Json, api_version: str) -> Json:
    """The document of a set as it would be stored after a change. Raises ArmError."""
    if stored.deleting:
        raise not_allowed(
            f"Operation 'createOrUpdate' is not allowed because '{stored.identity.name}' is being deleted."
        )
    change = without_shown(body, stored.document, api_version)
    document = normal(merged(stored.document, change))
    document, model = await _read(services, document, stored.generation + 1, change, stored.document)
    if document["location"] != stored.identity.location:
        raise _elsewhere(stored, document["location"])
    before = ScaleSetModel.from_arm(stored.document, stored.generation)
    await _require_linked(services, stored.identity.resource_id, stored.subscription_id, model, before)
    latest = await asyncio.to_thread(services.store.upgrades.latest, stored.identity.unique_id)
    runs = latest is not None and not latest.status.ended
    _refuse_if_any(
        (
            *change_blockers(before, model, upgrade_running=runs),
            *await blockers_of_changed(services, stored.document, document, model),
            *await _blockers(services, stored.subscription_id, model),
        ),
    )
    if model.capacity > before.capacity or not before.image.same_as(model.image):
        await refuse_absent(services, model.image, document["location"])
    await check_probe(services, stored.identity.resource_id, document["location"], model)
    return document


async def _update(services: Services, stored: StoredScaleSet, body: Json, api_version: str) -> Change:
    document = await judged_change(services, stored, body, api_version)
    operation = begun_on(services, OperationKind.PUT, stored.subscription_id, stored.identity)
    # A model that says the same is no new generation. It is announced all the same: that is how a change whose
    # announcement was lost is mended.
    stored = await asyncio.to_thread(
        services.store.scale_sets.put_model,
        stored.identity.unique_id,
        document,
        stored.generation,
        services.clock(),
        announcement(operation),
    )
    return Change(stored, operation, created=False)


async def _read(
    services: Services, document: Json, generation: int, body: Json, stored: Json
) -> tuple[Json, ScaleSetModel]:
    """The document as it would be stored, and what decisions read in it."""
    model = read_model(document, generation)
    document = _filled_in(document, model)
    automatic = model.upgrade_policy.automatic.enable_automatic_os_upgrade
    if automatic and await runs_windows(services, model, document["location"]):
        document = without_updates(document, body, stored)
        model = read_model(document, generation)
    return document, model


async def _require_linked(
    services: Services,
    resource_id: str,
    subscription_id: str,
    model: ScaleSetModel,
    before: ScaleSetModel | None = None,
) -> None:
    """What a model names anew, its giver must have a role at; first of all, so that nobody is told what is there.

    What it named before stays as it is: whoever may change the set alone can go on doing so. Raises ArmError 403.
    """
    named = await _linked(services, subscription_id, model)
    had = await _linked(services, subscription_id, before) if before else ()
    services.caller.require_linked(need_of("PUT", resource_id), (one for one in named if one not in had))


async def _linked(services: Services, subscription_id: str, model: ScaleSetModel) -> tuple[Need, ...]:
    cluster = await cluster_named(services, subscription_id, model)
    return needs_of(model, cluster.resource_id if cluster else "")


async def _blockers(services: Services, subscription_id: str, model: ScaleSetModel) -> tuple[Blocker, ...]:
    """Why a model cannot be stored."""
    cluster = await cluster_named(services, subscription_id, model)
    probe = await asyncio.to_thread(probe_settings_of, services.store, model)
    return model_blockers(model, services.settings.delays.health_wait, probe, cluster)


def _filled_in(document: Json, model: ScaleSetModel) -> Json:
    properties = document.get("properties") or {}
    policy = filled_in(properties.get("upgradePolicy") or {}, model.upgrade_policy)
    return document | {"properties": properties | {"upgradePolicy": policy}}


def _refuse_if_any(blockers: tuple[Blocker, ...]) -> None:
    if blockers:
        raise blocked(blockers)


def _elsewhere(stored: StoredScaleSet, location: str) -> ArmError:
    name, here = stored.identity.name, stored.identity.location
    return ArmError(
        409,
        "InvalidResourceLocation",
        f"The resource '{name}' already exists in location '{here}' in resource group '{stored.resource_group}'. A "
        f"resource with the same name cannot be created in location '{location}'. Please select a new resource name.",
        target="location",
    )
