"""What is asked of machines, of the whole set or of one: manualupgrade, reimage, power, deletion, protection.

Every answer is given at once, and its operation ends with the work (docs/rules.md K1). A set's operation leaves out who
is protected from scale-set actions; one on the instance itself does not (docs/rules.md B6).
"""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.instances.instance_requests import (
    EVERYONE,
    exact_version,
    named_instances,
    protection,
    refuse_what_is_not_kept,
)
from api.instances.instances import INSTANCE, InstanceId, existing_instance
from api.services.dependencies import SCALE_SET, ApiVersion, Services, ServicesDep
from api.services.long_running import accepted, asked, resource_headers
from api.services.scale_set_lookup import StoredDep
from api.shapes.instance_bodies import instance_body
from api.stored.stored_resources import etag_header
from api.wire.api_versions import INSTANCE as INSTANCE_MEMBERS
from api.wire.api_versions import shaped
from api.wire.bodies import JsonBody, OptionalJsonBody, described
from api.wire.merge import canonical
from api.wire.preconditions import Preconditions, PreconditionsDep
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.records.operations import Operation, OperationKind
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["instances"])

SOME = described({"instanceIds": ["0", "1"]})
VERSION = described({"instanceIds": ["0", "1"], "exactVersion": "18.04.202401161"})
PROTECTED = described({"properties": {"protectionPolicy": {"protectFromScaleSetActions": True}}})

REDEPLOY = "redeploy"
"""A machine has no other host to go to here: what is left of it is off and on again, with the same disks."""

POWER = {one.value.lower(): one for one in ActionKind if one.power} | {REDEPLOY: ActionKind.RESTART}


@router.post(SCALE_SET + "/manualupgrade", status_code=202, openapi_extra=SOME, response_model=None)
async def upgrade_instances(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: JsonBody
) -> Response:
    """Bring instances to the newest model, `["*"]` all of them. A newer image only where the image must change."""
    named = await named_instances(services, stored, body, required=True)
    operation = await _asked(services, stored, ActionKind.MANUAL_UPGRADE, **named)
    return accepted(request, services, operation, api_version)


@router.post(SCALE_SET + "/reimageall", status_code=202, openapi_extra=VERSION, response_model=None)
@router.post(SCALE_SET + "/reimage", status_code=202, openapi_extra=VERSION, response_model=None)
async def reimage_instances(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: OptionalJsonBody
) -> Response:
    """A new OS disk of the same version, or of `exactVersion`; the old one is kept, data disks stay."""
    refuse_what_is_not_kept(body)
    version = await exact_version(services, stored, body)
    named = await named_instances(services, stored, body, required=False)
    operation = await _asked(services, stored, ActionKind.REIMAGE, exact_version=version, **named)
    return accepted(request, services, operation, api_version)


@router.post(SCALE_SET + "/delete", status_code=202, openapi_extra=SOME, response_model=None)
async def delete_instances(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: JsonBody
) -> Response:
    """Delete instances; the capacity goes down with them."""
    named = await named_instances(services, stored, body, required=True)
    operation = await _asked(services, stored, ActionKind.DELETE, **named)
    return accepted(request, services, operation, api_version)


async def set_power_of_instances(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, body: OptionalJsonBody
) -> Response:
    """Start, stop, restart or redeploy instances, all where none is named. A stopped one is its owner's will (P18)."""
    kind = POWER[request.url.path.rpartition("/")[2].lower()]
    named = await named_instances(services, stored, body, required=False)
    return accepted(request, services, await _asked(services, stored, kind, **named), api_version)


@router.post(INSTANCE + "/reimageall", status_code=202, openapi_extra=VERSION, response_model=None)
@router.post(INSTANCE + "/reimage", status_code=202, openapi_extra=VERSION, response_model=None)
async def reimage_instance(
    *,
    request: Request,
    services: ServicesDep,
    stored: StoredDep,
    api_version: ApiVersion,
    instance_id: InstanceId,
    body: OptionalJsonBody,
) -> Response:
    """A new OS disk for one instance."""
    refuse_what_is_not_kept(body)
    version = await exact_version(services, stored, body)
    named = await _one_or_all(services, stored, instance_id)
    operation = await _asked(services, stored, ActionKind.REIMAGE, exact_version=version, **named)
    return accepted(request, services, operation, api_version)


async def set_power_of_instance(
    request: Request, services: ServicesDep, stored: StoredDep, api_version: ApiVersion, instance_id: InstanceId
) -> Response:
    """Start, stop, restart or redeploy one instance. A body is ignored."""
    kind = POWER[request.url.path.rpartition("/")[2].lower()]
    named = await _one_or_all(services, stored, instance_id)
    return accepted(request, services, await _asked(services, stored, kind, **named), api_version)


for _kind in (*(one for one in ActionKind if one.power), REDEPLOY):
    for _base, _route in ((SCALE_SET, set_power_of_instances), (INSTANCE, set_power_of_instance)):
        _extra = SOME if _base == SCALE_SET else None
        router.post(f"{_base}/{_kind}", status_code=202, openapi_extra=_extra, response_model=None)(_route)


@router.delete(INSTANCE, response_model=None)
async def delete_instance(
    *,
    request: Request,
    services: ServicesDep,
    stored: StoredDep,
    api_version: ApiVersion,
    instance_id: InstanceId,
    preconditions: PreconditionsDep,
) -> Response:
    """Delete one instance; the capacity goes down with it. 404 if there is none."""
    await _wanted(services, stored, instance_id, preconditions)
    one = await _one(services, stored, instance_id)
    return accepted(request, services, await _asked(services, stored, ActionKind.DELETE, **one), api_version)


@router.put(INSTANCE, openapi_extra=PROTECTED, response_model=None)
async def put_instance(
    *,
    request: Request,
    services: ServicesDep,
    stored: StoredDep,
    api_version: ApiVersion,
    instance_id: InstanceId,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Set `protectionPolicy` of one instance. All else of an instance is the set's model and is taken from there."""
    instance = await _wanted(services, stored, instance_id, preconditions)
    wished = protection(canonical(body), instance)
    operation = await _asked(
        services, stored, ActionKind.PROTECT, ids=InstanceIds.of([instance_id]), on_instance=True, protection=wished
    )
    shown = instance_body(stored, instance, None, expanded=False, now=services.clock())
    shown["properties"]["provisioningState"] = "Updating"
    shown = shaped(shown, INSTANCE_MEMBERS, api_version)
    headers = resource_headers(request, services, operation, api_version) | etag_header(shown)
    return JSONResponse(shown, headers=headers)


async def _wanted(
    services: Services, stored: StoredScaleSet, instance_id: str, preconditions: Preconditions
) -> Instance:
    """Raises ArmError 404, and 412 where it is not as the preconditions want it."""
    instance = await existing_instance(services, stored, instance_id)
    seen = instance_body(stored, instance, None, expanded=False, now=services.clock())
    preconditions.check(str(seen["etag"]), "instance")
    return instance


async def _one(services: Services, stored: StoredScaleSet, instance_id: str) -> dict[str, Any]:
    instance = await existing_instance(services, stored, instance_id)
    return {"ids": InstanceIds.of([instance.instance_id]), "on_instance": True}


async def _one_or_all(services: Services, stored: StoredScaleSet, instance_id: str) -> dict[str, Any]:
    """Old clients ask the instance `*` for what they want of the set (docs/rules.md K2); it is never deleted as one."""
    return {"everyone": True} if instance_id == EVERYONE else await _one(services, stored, instance_id)


async def _asked(services: Services, stored: StoredScaleSet, kind: ActionKind, **details: Any) -> Operation:
    """Hand it to the set's workflow. Raises ArmError 409 while a rolling upgrade runs that it would collide with."""
    return await asked(
        services,
        OperationKind(kind.value),
        stored,
        lambda operation_id: InstanceAction(operation_id=operation_id, kind=kind, **details),
    )
