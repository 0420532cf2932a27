"""Going back to the disks that are kept: Instar's addition (docs/rules.md R1, R2, C5)."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.access.reasons import noted, reason_of
from api.services.dependencies import SCALE_SET, ApiVersion, Services, ServicesDep
from api.services.long_running import accepted
from api.services.scale_set_lookup import StoredDep
from api.shapes.ways_back import Kept, way_back_document
from api.steering.asked import flag_of, number_of, only, refuse_another, who
from api.steering.start_bodies import BACK_EXAMPLE, wishes_back
from api.steering.starts import noted_with_override, started
from api.upgrades.rolling_upgrades import cancel_asked
from api.upgrades.start_checks import listed_soon
from api.wire.bodies import OptionalJsonBody, described
from api.wire.errors import ArmError, not_allowed, unavailable
from instar.domain.decisions.going_back import nobody_goes, way_back
from instar.domain.machines.instances import Instance
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
Json = dict[str, Any]


@router.get(ROLLBACK, response_model=None)
async def get_rollback(services: ServicesDep, stored: StoredDep) -> Json:
    """What each instance could go back to, since when its disks are kept and until when, and the set as a whole (R1).

    What a rollback without `toVersion` would do stands in `goesBackTo`, `alreadyThere` and `leftOut`.
    """
    instances = await listed_soon(services, stored)
    if instances is None:
        raise unavailable("The compute does not list the machines just now. Try again later.")
    found = await way_of(services, stored, instances, StartWishes(goes_back=True))
    keep = services.delays.keep_previous_disks
    kept = await asyncio.to_thread(Kept.of, services.store, stored.identity, instances, services.clock(), keep)
    return way_back_document(stored, instances, found, kept)


@router.post(
    ROLLBACK,
    status_code=202,
    response_model=None,
    openapi_extra=described(BACK_EXAMPLE),
)
async def roll_back(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: OptionalJsonBody
) -> Response:
    """Give instances their previous disks back, batch by batch, as an upgrade of the kind `rollback` (R2).

    Without `toVersion` each goes back to what it had before; without `instances` all do. The version that is left is
    quarantined. 409 while something rolls, while the set is paused, and where there is nothing to go back to.
    `override` waives `unhealthySet` or `window`, as in a start (C4): it takes the role Owner at the set, and a reason.
    """
    wishes = wishes_back(services, body)
    noted_with_override(request, services, stored, wishes)
    await _refuse_what_cannot_begin(services, stored, wishes)
    return await started(request, services, stored, api_version, wishes)


@router.post(
    SCALE_SET + "/instar/cancel",
    status_code=202,
    response_model=None,
    openapi_extra=described({"revert": True, "reason": "errors went up", "upgrade": 7}),
)
async def cancel(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: OptionalJsonBody
) -> Response:
    """Cancel the upgrade that runs (P14); with `revert` every machine that it moved then gets its disk back (C5).

    The operation ends when the upgrade has, or when they have gone back. 409 if none runs. A pause of the set ends.
    With `upgrade` that one is meant, by its number, and no other is cancelled in its place: 409 once it has ended.
    """
    only(body, ("revert", "reason", "upgrade"))
    number, revert, reason = number_of(body, "upgrade"), flag_of(body, "revert"), noted(request, reason_of(body))
    await refuse_another(services, stored, number)
    by = who(services) if reason or revert else ""
    operation = await cancel_asked(services, stored, revert=revert, reason=reason, by=by, number=number)
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
    instances = await listed_soon(services, stored)
    if instances is None:
        return
    found = await way_of(services, stored, instances, wishes)
    if refusal := nobody_goes(found, instances, wishes):
        raise not_rolled_back(stored, refusal)


def not_rolled_back(stored: StoredScaleSet, refusal: str) -> ArmError:
    """409: nobody goes anywhere."""
    return not_allowed(f"The scale set '{stored.identity.name}' is not rolled back: {refusal}.")


async def way_of(
    services: Services, stored: StoredScaleSet, instances: tuple[Instance, ...], wishes: StartWishes
) -> WayBack:
    """Found out as the rollback itself does it."""
    status = await asyncio.to_thread(services.store.statuses.get, stored.identity.unique_id)
    quarantine: Quarantine = (status or ScaleSetStatus()).quarantine
    image = ScaleSetModel.from_arm(stored.document, stored.machine_generation).image
    found = way_back(instances, wishes, image, stored.machine_generation, quarantine)
    location = stored.identity.location
    return await asyncio.to_thread(image_versions.that_can_be_had, services.store, found, location, services.clock())
