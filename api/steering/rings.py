"""Rings of scale sets: in which order the platform brings a version to them. Instar's addition (docs/rules.md W5).

Rings may name sets anywhere, and a tag selects them anywhere: they take a role everywhere.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.services.dependencies import Services, ServicesDep
from api.services.paging import PagingDep
from api.steering.asked import check_name
from api.steering.named import answer, body_of, removed, stored
from api.steering.telling import nudge_all
from api.wire.bodies import JsonBody, described
from api.wire.errors import invalid, not_found
from api.wire.moments import moment
from api.wire.preconditions import PreconditionsDep
from instar.domain.messages.keepers import Keeps
from instar.domain.sets.names import RINGS as KEPT
from instar.domain.steering.refusals import PolicyRefused
from instar.domain.steering.rings.offers import why_not_yet
from instar.domain.steering.rings.plans import RingPlan, parsed
from instar.domain.steering.rings.progress import Member, RingProgress, VersionProgress
from instar.store.steering.named import Named
from instar.store.steering.rings import plan_of

router = APIRouter(tags=["steering"])

RINGS = "/instar/rings"
RING = RINGS + "/{ringName}"
KIND = "Instar/rings"
WHAT = "document of rings"

_SETS = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/farm/providers/Microsoft.Compute"
EXAMPLE = {
    "rings": [
        {"sets": [f"{_SETS}/virtualMachineScaleSets/canary"], "bake": "P1D"},
        {"tag": {"name": "ring", "value": "2"}, "bake": "PT4H"},
        {"tag": {"name": "ring", "value": "3"}},
    ],
    "reason": "canaries first",
}

Json = dict[str, Any]
Name = Annotated[str, Path(alias="ringName")]


@router.put(RING, response_model=None, openapi_extra=described(EXAMPLE))
async def put_rings(
    request: Request, services: ServicesDep, name: Name, body: JsonBody, preconditions: PreconditionsDep
) -> Response:
    """Put scale sets into rings (W5): 201 for a new document, 200 where it replaces one, as a whole.

    A version reaches a ring by the platform only after every set of the rings before it has completed with it and has
    baked so long without getting sick. A person may start an upgrade of any set, which says what it overtakes.
    """
    check_name(name, "ringName")
    reason = body.pop("reason", None)
    try:
        plan = parsed(name, body)
    except PolicyRefused as refused:
        raise invalid(refused.message, refused.target) from None
    kept = services.store.rings.documents
    one, is_new = await stored(request, services, kept, name, plan.document, reason, preconditions, WHAT)
    await services.gateway.begin_keepers([Keeps(what=KEPT, name=one.name)])
    return answer(await _shown(services, one), created=is_new)


@router.get(RINGS, response_model=None)
async def list_rings(services: ServicesDep, paging: PagingDep) -> Json:
    """List the rings, with how far versions have come in them."""
    found = await asyncio.to_thread(services.store.rings.documents.all)
    page = paging.page(found, lambda one: (one.name.lower(),))
    return page.answer([await _shown(services, one) for one in page.items])


@router.get(RING, response_model=None)
async def get_rings(services: ServicesDep, name: Name) -> Response:
    """Rings, and for each of the newest versions where it is, since when, and what keeps it from going on."""
    one = await asyncio.to_thread(services.store.rings.documents.find, name)
    if one is None:
        raise not_found(f"There are no rings of the name '{name[:80]}'.")
    return answer(await _shown(services, one))


@router.delete(RING, response_model=None)
async def delete_rings(
    request: Request, services: ServicesDep, name: Name, preconditions: PreconditionsDep
) -> Response:
    """Remove rings (W5): their sets take versions as they come. 204 if there are no such rings, else 200."""
    progress, _ = await asyncio.to_thread(services.store.rings.looked_at, name)
    done = await removed(request, services.store.rings.documents, name, preconditions, WHAT)
    await nudge_all(services, {one.unique_id for version in progress.versions for one in version.members})
    return done


async def _shown(services: Services, one: Named) -> Json:
    progress, at = await asyncio.to_thread(services.store.rings.looked_at, one.name)
    plan = plan_of(one)
    versions = [_version(plan, progress, version) for version in progress.versions]
    # What was seen by rings that were written differently is of no use to anybody.
    shown = versions if progress.etag == plan.etag else []
    looked = {"lookedAt": moment(at)} if at and shown else {}
    return body_of(one, RINGS, KIND, **looked, versions=shown)


def _version(plan: RingPlan, progress: RingProgress, version: VersionProgress) -> Json:
    """Rings are counted from 1 here, as in every sentence."""
    is_through = version.ring >= len(plan.rings)
    waits = why_not_yet(plan, progress, min(version.ring + 1, len(plan.rings)), version.line, version.version)
    told: Json = {
        "image": version.image,
        "version": version.version,
        "ring": min(version.ring + 1, len(plan.rings)),
        "state": "stopped" if version.stopped else "through" if is_through else "onItsWay",
        "since": moment(version.since),
    }
    if waits and not is_through:
        told["waitsFor"] = waits
    return told | {"sets": [_member(one) for one in version.members]}


def _member(one: Member) -> Json:
    told: Json = {
        "id": one.resource_id,
        "ring": one.ring + 1,
        "state": one.place.value,
        "since": moment(one.since),
    }
    if one.until and one.place.value == "bakes":
        told["until"] = moment(one.until)
    return told | ({"why": one.why} if one.why else {})
