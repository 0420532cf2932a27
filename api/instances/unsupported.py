"""What Azure can do with a scale set and Instar cannot: each says so, and what to do instead.

Nothing here is a mistake of the caller's, and trying again does not help: 409 OperationNotAllowed, once it is clear
that the scale set or the instance is there. A client's next step is in the message.
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.responses import Response

from api.instances.instances import INSTANCE, InstanceId, existing_instance
from api.services.dependencies import SCALE_SET, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.wire.errors import not_allowed

router = APIRouter(tags=["not supported"])

_NO_APPROVAL = (
    "there is no Rolling Upgrade that waits for approval, because deferred upgrades (osRollingUpgradeDeferral) are not "
    "supported by Instar. Start one at the time that suits you: POST osRollingUpgrade"
)
_NO_HOST = "Instar plans no maintenance of hosts, so there is none to perform. To start a machine anew: POST restart"
_IN_THE_MODEL = (
    "extensions of a single machine are not supported by Instar: change the extensions of the scale set, then POST "
    "manualupgrade for this instance"
)
_ONE_PLACE = "here a scale set has no placement groups of its own to be converted"
_NO_AGENT = (
    "no agent of Instar's runs inside a machine. Run the command over a connection of your own, or as an extension of "
    "the scale set's model"
)
_NO_DISKS = "data disks follow the scale set's model: change its storageProfile.dataDisks"

OF_SETS = {
    "extensionRollingUpgrade": (
        "Instar knows no newer version of an extension than the one that the model names. Change its "
        "typeHandlerVersion with upgradePolicy.mode Rolling: that rolls it out batch by batch"
    ),
    "reapply": (
        "Instar makes no networks that could be applied again. To have every machine checked against the model, PUT "
        "the scale set as it is"
    ),
    "performMaintenance": _NO_HOST,
    "approveRollingUpgrade": _NO_APPROVAL,
    "setOrchestrationServiceState": (
        "automatic instance repairs are not supported by Instar, so there is no orchestration service to suspend or to "
        "resume. Unhealthy instances are shown in the instance view: POST reimage mends one"
    ),
    "migrateVMAvailabilityZone": (
        "a machine stays in its zone. Scale out, then delete the instances of the zone that is to be left"
    ),
    "convertToSinglePlacementGroup": _ONE_PLACE,
    "forceRecoveryServiceFabricPlatformUpdateDomainWalk": (
        "no update domain is held back here: POST rollingUpgrades/cancel ends an upgrade, POST osRollingUpgrade starts "
        "one"
    ),
}
"""By the last word of `POST V/…`: why not, and what instead."""

OF_INSTANCES = {
    "performMaintenance": _NO_HOST,
    "approveRollingUpgrade": _NO_APPROVAL,
    "runCommand": _NO_AGENT,
    "simulateEviction": "no machine here is a spot instance. To see one go: DELETE it",
    "attachDetachDataDisks": _NO_DISKS,
    "retrieveBootDiagnosticsData": "boot diagnostics are not kept. Look at the machine's console on its host",
}
"""By the last word of `POST V/virtualMachines/ID/…`."""


def _refusal(name: str, why: str) -> Exception:
    return not_allowed(f"Operation '{name}' is not allowed because {why}.")


def _on_set(name: str, why: str) -> Callable[..., Awaitable[Response]]:
    async def refuse(stored: StoredDep) -> Response:
        """Not supported: 409 with what to do instead. A body is ignored."""
        del stored
        raise _refusal(name, why)

    return refuse


def _on_instance(name: str, why: str) -> Callable[..., Awaitable[Response]]:
    async def refuse(services: ServicesDep, stored: StoredDep, instance_id: InstanceId) -> Response:
        """Not supported: 409 with what to do instead. A body is ignored."""
        await existing_instance(services, stored, instance_id)
        raise _refusal(name, why)

    return refuse


for _name, _why in OF_SETS.items():
    router.post(f"{SCALE_SET}/{_name}", response_model=None, name=_name)(_on_set(_name, _why))
for _name, _why in OF_INSTANCES.items():
    _route = _on_instance(_name, _why)
    router.post(f"{INSTANCE}/{_name}", response_model=None, name=f"{_name} of an instance")(_route)
for _verb in ("PUT", "PATCH", "DELETE"):
    _route = _on_instance(f"{_verb} extensions", _IN_THE_MODEL)
    router.api_route(
        INSTANCE + "/extensions/{extensionName}",
        methods=[_verb],
        response_model=None,
        name=f"{_verb} an extension of an instance",
    )(_route)
