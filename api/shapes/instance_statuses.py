"""How a machine, its extensions and its health stand, as ARM's `InstanceViewStatus`."""

from typing import Any

from api.wire.moments import moment
from instar.domain.machines.instances import ExtensionStatus, HealthObservation, HealthState, Instance, PowerState

Json = dict[str, Any]

_LEVELS = {
    HealthState.HEALTHY: "Info",
    HealthState.INITIALIZING: "Info",
    HealthState.UNHEALTHY: "Error",
    HealthState.UNKNOWN: "Warning",
}


SUCCEEDED: Json = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
_EXTENSION_FAILED = {
    "code": "ProvisioningState/failed/VMExtensionProvisioningError",
    "level": "Error",
    "displayStatus": "Provisioning failed",
}


def _failed(instance: Instance) -> list[ExtensionStatus]:
    return [extension for extension in instance.extensions if extension.error]


def provisioning_state(instance: Instance) -> str:
    """Updating, Failed where an extension failed, else Succeeded."""
    if not instance.provisioned:
        return "Updating"
    return "Failed" if _failed(instance) else "Succeeded"


def extension_view(extension: ExtensionStatus) -> Json:
    """How one extension of a machine ended."""
    return {
        "name": extension.name,
        "type": extension.kind,
        "typeHandlerVersion": extension.version,
        "statuses": [extension_status(extension)],
    }


def extension_status(extension: ExtensionStatus) -> Json:
    """How one extension ended."""
    if not extension.error:
        return SUCCEEDED
    return _EXTENSION_FAILED | {"message": extension.error}


def _provisioning_status(instance: Instance) -> Json:
    if not instance.provisioned:
        return {"code": "ProvisioningState/updating", "level": "Info", "displayStatus": "Updating"}
    if failed := _failed(instance):
        message = "; ".join(f"extension '{one.name}' failed: {one.error}" for one in failed)
        return _EXTENSION_FAILED | {"message": message}
    return SUCCEEDED


def statuses(instance: Instance) -> list[Json]:
    """What a machine's set-up and its power are."""
    running = instance.power is PowerState.RUNNING
    return [
        _provisioning_status(instance),
        {
            "code": f"PowerState/{'running' if running else 'stopped'}",
            "level": "Info",
            "displayStatus": "VM running" if running else "VM stopped",
        },
    ]


def health_status(health: HealthObservation) -> Json:
    """What the health source said, and when."""
    return {
        "code": health_code(health.state),
        "level": _LEVELS[health.state],
        "displayStatus": health.detail or f"The application reports itself as {health.state.value.lower()}",
        "time": moment(health.observed_at),
    }


def health_code(state: HealthState) -> str:
    """The code of a state of health."""
    return f"HealthState/{state.value.lower()}"
