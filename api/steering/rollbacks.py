"""Going back to the disks that are kept: Instar's addition (docs/rules.md R1, R2, C5)."""

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.access.reasons import noted, reason_of
from api.services.dependencies import SCALE_SET, ApiVersion, Services, ServicesDep
from api.services.long_running import accepted, asked
from api.services.scale_set_lookup import StoredDep
from api.shapes.ways_back import Kept, way_back_document
from api.steering.asked import flag_of, only, who
from api.wire.bodies import OptionalJsonBody, described
from api.wire.errors import invalid, not_allowed, unavailable
from instar.compute.errors import ComputeError
from instar.domain.decisions.going_back import nobody_goes, way_back
from instar.domain.images.images import is_exact
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.messages.scale_set import CancelUpgrade, StartUpgrade
from instar.domain.records.operations import OperationKind
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.way_back import WayBack
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.next_step import may_not_begin
from instar.domain.steering.start_wishes import StartWishes
from instar.store import image_versions
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["steering"])

ROLLBACK = SCALE_SET + "/instar/rollback"
LISTED_WITHIN = timedelta(seconds=5)
"""How long the compute has to list the machines; if it takes longer, a rollback is accepted and judged later."""

INSTANCES_AT_MOST = 100_000
VERSION_AT_MOST = 80
"""Characters."""

DIGITS_AT_MOST = 18
"""Of an instance id: more are of no machine."""

Json = dict[str, Any]


@router.get(ROLLBACK, response_model=None)
async def get_rollback(services: ServicesDep, stored: StoredDep) -> Json:
    """What each instance could go back to, since when its disks are kept and until when, and the set as a whole (R1).

    What a rollback without `toVersion` would do stands in `goesBackTo`, `alreadyThere` and `leftOut`.
    """
    instances = await _listed(services, stored)
    if instances is None:
        raise unavailable("The compute does not list the machines just now. Try again later.")
    found = await _way(services, stored, instances, StartWishes(goes_back=True))
    keep = services.delays.keep_previous_disks
    kept = await asyncio.to_thread(Kept.of, services.store, stored.identity, instances, services.clock(), keep)
    return way_back_document(stored, instances, found, kept)


@router.post(
    ROLLBACK,
    status_code=202,
    response_model=None,
    openapi_extra=described({"reason": "error rate of 2.0.0", "instances": ["0"]}),
)
async def roll_back(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: OptionalJsonBody
) -> Response:
    """Give instances their previous disks back, batch by batch, as an upgrade of the kind `rollback` (R2).

    Without `toVersion` each goes back to what it had before; without `instances` all do. The version that is left is
    quarantined. 409 while something rolls, while the set is paused, and where there is nothing to go back to.
    """
    only(body, ("instances", "toVersion", "reason"))
    reason = noted(request, reason_of(body))
    wishes = StartWishes(
        goes_back=True, version=_version_of(body), instances=_instances_of(body), reason=reason, by=who(services)
    )
    await _refuse_what_cannot_begin(services, stored, wishes)
    operation = await asked(
        services,
        OperationKind.OS_UPGRADE,
        stored,
        lambda operation_id: StartUpgrade(operation_id=operation_id, wishes=wishes),
    )
    return accepted(request, services, operation, api_version)


@router.post(
    SCALE_SET + "/instar/cancel",
    status_code=202,
    response_model=None,
    openapi_extra=described({"revert": True, "reason": "errors went up"}),
)
async def cancel(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: OptionalJsonBody
) -> Response:
    """Cancel the upgrade that runs (P14); with `revert` every machine that it moved then gets its disk back (C5).

    The operation ends when the upgrade has, or when they have gone back. 409 if none runs. A pause of the set ends.
    """
    only(body, ("revert", "reason"))
    revert, reason = flag_of(body, "revert"), noted(request, reason_of(body))
    operation = await asked(
        services,
        OperationKind.CANCEL,
        stored,
        lambda operation_id: CancelUpgrade(
            operation_id=operation_id, revert=revert, reason=reason, by=who(services) if reason or revert else ""
        ),
    )
    await asyncio.to_thread(services.store.wishes.resume, stored.identity.unique_id)
    return accepted(request, services, operation, api_version)


async def _refuse_what_cannot_begin(services: Services, stored: StoredScaleSet, wishes: StartWishes) -> None:
    """What the set's workflow would find out too, later; raises ArmError 409. What it alone knows it says."""
    identity = stored.identity
    binding = services.store.wishes.binding
    now = services.clock()
    if park := may_not_begin(
        await asyncio.to_thread(binding, identity.unique_id, identity.resource_id, now), goes_back=True
    ):
        raise not_allowed(f"No rollback of the scale set '{identity.name}' begins now: {park.reason}.")
    latest = await asyncio.to_thread(services.store.upgrades.latest, identity.unique_id)
    if latest is not None and not latest.status.ended:
        return  # refused by the set: a Rolling Upgrade is in progress
    instances = await _listed(services, stored)
    if instances is None:
        return
    found = await _way(services, stored, instances, wishes)
    if refusal := nobody_goes(found, instances, wishes):
        raise not_allowed(f"The scale set '{identity.name}' is not rolled back: {refusal}.")


async def _listed(services: Services, stored: StoredScaleSet) -> tuple[Instance, ...] | None:
    try:
        async with asyncio.timeout(LISTED_WITHIN.total_seconds()):
            return await services.provider.list_instances(stored.identity)
    except (ComputeError, TimeoutError):
        return None


async def _way(
    services: Services, stored: StoredScaleSet, instances: tuple[Instance, ...], wishes: StartWishes
) -> WayBack:
    """Found out as the rollback itself does it."""
    status = await asyncio.to_thread(services.store.statuses.get, stored.identity.unique_id)
    quarantine: Quarantine = (status or ScaleSetStatus()).quarantine
    image = ScaleSetModel.from_arm(stored.document, stored.machine_generation).image
    found = way_back(instances, wishes, image, stored.machine_generation, quarantine)
    location = stored.identity.location
    return await asyncio.to_thread(image_versions.that_can_be_had, services.store, found, location, services.clock())


def _version_of(body: Json) -> str:
    """Raises ArmError 400 for what is none."""
    given = body.get("toVersion")
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > VERSION_AT_MOST or not is_exact(given):
        raise invalid("'toVersion' must be one exact version, as 18.04.202401161.", "toVersion")
    return given


def _instances_of(body: Json) -> InstanceIds:
    """Raises ArmError 400. An empty list is refused: it would mean everybody."""
    given = body.get("instances")
    if given is None:
        return InstanceIds()
    if not isinstance(given, list) or not 0 < len(given) <= INSTANCES_AT_MOST or not all(map(_is_id, given)):
        raise invalid('\'instances\' must be a list of instance ids, as ["0", "7"]; leave it out for all.', "instances")
    return InstanceIds.of(given)


def _is_id(given: object) -> bool:
    return isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= DIGITS_AT_MOST
