"""Starting an upgrade as it is wished: Instar's addition (docs/rules.md C4)."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.access.reasons import noted
from api.services.dependencies import SCALE_SET, ApiVersion, Services, ServicesDep
from api.services.long_running import accepted, asked
from api.services.scale_set_lookup import StoredDep
from api.steering.start_bodies import EXAMPLE, wishes_of
from api.upgrades.start_checks import refuse_what_cannot_begin
from api.wire.bodies import OptionalJsonBody, described
from instar.domain.access import Need, Role
from instar.domain.messages.scale_set import StartUpgrade
from instar.domain.records.operations import OperationKind
from instar.domain.steering.start_wishes import StartWishes
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["steering"])

OVERRIDE = "Microsoft.Compute/virtualMachineScaleSets/instar/override/action"
"""What an owner of the set may do, and nobody else: waive a limit."""

Json = dict[str, Any]


@router.post(SCALE_SET + "/instar/upgrade", status_code=202, response_model=None, openapi_extra=described(EXAMPLE))
async def start_as_wished(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: OptionalJsonBody
) -> Response:
    """Start an upgrade as it is wished (C4): to an exact version, of some instances, without a limit that is waived.

    All members may be left out: then it goes to the newest version, for all, and a machine that does not get healthy
    gets its previous disk back. `override` takes the role Owner at the set, and a reason. 409 while one runs (P15).
    """
    wishes = await wishes_of(services, stored, body)
    noted_with_override(request, services, stored, wishes)
    await refuse_what_cannot_begin(services, stored, wishes)
    return await started(request, services, stored, api_version, wishes)


async def started(
    request: Request, services: Services, stored: StoredScaleSet, api_version: str, wishes: StartWishes
) -> Response:
    """It is written down, and handed to the set's workflow. Raises ArmError 409 where that refuses it."""
    operation = await asked(
        services,
        OperationKind.OS_UPGRADE,
        stored,
        lambda operation_id: StartUpgrade(operation_id=operation_id, wishes=wishes),
    )
    return accepted(request, services, operation, api_version)


def noted_with_override(request: Request, services: Services, stored: StoredScaleSet, wishes: StartWishes) -> None:
    """The audit log notes the reason, and what is waived with it. Raises ArmError 403: an override takes an Owner."""
    if wishes.override:
        services.caller.require(Need(OVERRIDE, stored.identity.resource_id, Role.OWNER))
    waived = f"override {', '.join(wishes.override)}: " if wishes.override else ""
    noted(request, waived + wishes.reason)
