"""A machine as ARM's `VirtualMachineScaleSetVM`, and what is seen of it and of the whole set."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from api.shapes.answers import target_body
from api.shapes.custom_metrics import add_custom_metrics
from api.wire.moments import moment
from instar.domain.machines.instances import (
    ExtensionStatus,
    HealthObservation,
    HealthState,
    Instance,
    OsDisk,
    PowerState,
)
from instar.store.database.secret_places import without_secrets
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.waits import Wait

Json = dict[str, Any]

INSTANCE_TYPE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"

_LEVELS = {
    HealthState.HEALTHY: "Info",
    HealthState.INITIALIZING: "Info",
    HealthState.UNHEALTHY: "Error",
    HealthState.UNKNOWN: "Warning",
}


_SUCCEEDED = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
_EXTENSION_FAILED = {
    "code": "ProvisioningState/failed/VMExtensionProvisioningError",
    "level": "Error",
    "displayStatus": "Provisioning failed",
}


def instance_body(
    stored: StoredScaleSet,
    instance: Instance,
    health: HealthObservation | None,
    *,
    expanded: bool,
    now: datetime,
) -> Json:
    """One instance. `instar` holds what ARM has no word for: the kept disks, zone, power, and the age of its health."""
    path = f"{stored.identity.resource_id}/virtualMachines/{instance.instance_id}"
    properties: Json = {
        "latestModelApplied": instance.generation == stored.machine_generation,
        "modelDefinitionApplied": "VirtualMachineScaleSet",
        "vmId": instance.vm_id,
        "provisioningState": _provisioning_state(instance),
        "storageProfile": _storage(stored, instance),
    }
    if instance.protected or instance.protected_from_scale_in:
        # Only then: a client that puts it back with one of two shown switches turned on would contradict itself.
        properties["protectionPolicy"] = {
            "protectFromScaleIn": True,
            "protectFromScaleSetActions": instance.protected,
        }
    if instance.created_at:
        properties["timeCreated"] = moment(instance.created_at)
    if expanded:
        properties["instanceView"] = instance_view(stored, instance, health, now)
    body: Json = {
        "name": f"{stored.identity.name}_{instance.instance_id}",
        "id": path,
        "type": INSTANCE_TYPE,
        "location": stored.identity.location,
        "instanceId": instance.instance_id,
        "sku": without_secrets({key: value for key, value in _sku(stored).items() if key != "capacity"}),
        "properties": properties,
        "instar": _beside(instance, health, now),
    }
    if instance.zone:
        body["zones"] = [instance.zone]
    return body | {"etag": _etag(body)}


def _etag(body: Json) -> str:
    """It changes whenever what is shown of an instance does, but for what is only seen of it at this moment."""
    properties = {key: value for key, value in body["properties"].items() if key != "instanceView"}
    beside = {key: value for key, value in body["instar"].items() if key != "health"}
    written = json.dumps(body | {"properties": properties, "instar": beside}, sort_keys=True)
    return f'"{sha256(written.encode()).hexdigest()[:16]}"'


def instance_view(stored: StoredScaleSet, instance: Instance, health: HealthObservation | None, now: datetime) -> Json:
    """What is seen of one machine at this moment."""
    disk = instance.os_disk
    view: Json = {
        "platformUpdateDomain": instance.update_domain,
        "statuses": _statuses(instance),
        "disks": [{"name": one.name} for one in ((disk,) if disk else ())]
        + [{"name": data_disk.name} for data_disk in instance.data_disks],
        "extensions": [extension_view(extension) for extension in instance.extensions],
        "instar": _beside(instance, health, now),
    }
    if health:
        view["vmHealth"] = {"status": _health_status(health)}
    add_custom_metrics(view, stored.document, health)
    return view


def set_view(
    instances: Sequence[Instance], healths: Iterable[HealthObservation], state: str, wait: Wait | None
) -> Json:
    """How many machines of the set are in which state, and what the set waits for (F10)."""
    codes = Counter(status["code"] for instance in instances for status in _statuses(instance))
    codes.update(_health_code(health.state) for health in healths)
    ended: dict[str, Counter[str]] = {}
    for one in (extension for instance in instances for extension in instance.extensions):
        ended.setdefault(one.name, Counter())[_extension_status(one)["code"]] += 1
    return {
        "virtualMachine": {"statusesSummary": _summary(codes)},
        "extensions": [{"name": name, "statusesSummary": _summary(ended[name])} for name in sorted(ended)],
        "statuses": [
            {
                "code": f"ProvisioningState/{state.lower()}",
                "level": "Error" if state == "Failed" else "Info",
                "displayStatus": f"Provisioning {state.lower()}",
            }
            | ({"message": f"waits for: {wait.reason}", "time": moment(wait.since)} if wait else {}),
        ],
        "orchestrationServices": [],
    }


def _storage(stored: StoredScaleSet, instance: Instance) -> Json:
    profile = (stored.document.get("properties") or {}).get("virtualMachineProfile") or {}
    storage = profile.get("storageProfile") or {}
    wished: Json = dict(storage.get("imageReference") or {})
    luns: list[Json] = storage.get("dataDisks") or []
    by_lun = {one.get("lun", index): one for index, one in enumerate(luns)}
    disk = instance.os_disk
    result: Json = {
        "imageReference": wished | ({"exactVersion": disk.image.version} if disk else {}),
        "dataDisks": [
            {"lun": data_disk.lun, **_disk_body(stored, by_lun.get(data_disk.lun, {}), data_disk.name)}
            for data_disk in instance.data_disks
        ],
    }
    if disk:
        result["osDisk"] = _disk_body(stored, storage.get("osDisk") or {}, disk.name)
    return result


def _disk_body(stored: StoredScaleSet, wished: Json, name: str) -> Json:
    """A disk as the model wishes it, with what it is called."""
    group = stored.identity.resource_id.partition("/providers/")[0]
    managed = wished.get("managedDisk")
    kind = managed if isinstance(managed, dict) else {}
    identity = {"id": f"{group}/providers/Microsoft.Compute/disks/{name}"}
    return {**without_secrets(wished), "name": name, "managedDisk": without_secrets(kind) | identity}


def _sku(stored: StoredScaleSet) -> Json:
    sku: Json = stored.document.get("sku") or {}
    return sku


def _beside(instance: Instance, health: HealthObservation | None, now: datetime) -> Json:
    beside: Json = {
        "power": instance.power.value,
        "modelGeneration": instance.generation,
        "osDisk": _disk(instance.os_disk) if instance.os_disk else None,
        "previousOsDisks": [_disk(previous_os_disk) for previous_os_disk in instance.previous_os_disks],
        "dataDisks": [
            {"lun": data_disk.lun, "name": data_disk.name, "marker": data_disk.marker}
            for data_disk in instance.data_disks
        ],
    }
    if health:
        beside["health"] = {
            "state": health.state.value,
            "detail": health.detail,
            "observedAt": moment(health.observed_at),
            "ageSeconds": round(max(0.0, (now - health.observed_at).total_seconds()), 3),
        }
    return beside


def _disk(disk: OsDisk) -> Json:
    return {
        "name": disk.name,
        "imageReference": target_body(disk.image),
        "madeBy": disk.made_by,
    }


def _summary(codes: Counter[str]) -> list[Json]:
    return [{"code": code, "count": codes[code]} for code in sorted(codes)]


def _failed(instance: Instance) -> list[ExtensionStatus]:
    return [extension for extension in instance.extensions if extension.error]


def _provisioning_state(instance: Instance) -> str:
    if not instance.provisioned:
        return "Updating"
    return "Failed" if _failed(instance) else "Succeeded"


def extension_view(extension: ExtensionStatus) -> Json:
    """How one extension of a machine ended."""
    return {
        "name": extension.name,
        "type": extension.kind,
        "typeHandlerVersion": extension.version,
        "statuses": [_extension_status(extension)],
    }


def _extension_status(extension: ExtensionStatus) -> Json:
    if not extension.error:
        return _SUCCEEDED
    return _EXTENSION_FAILED | {"message": extension.error}


def _provisioning_status(instance: Instance) -> Json:
    if not instance.provisioned:
        return {"code": "ProvisioningState/updating", "level": "Info", "displayStatus": "Updating"}
    if failed := _failed(instance):
        message = "; ".join(f"extension '{one.name}' failed: {one.error}" for one in failed)
        return _EXTENSION_FAILED | {"message": message}
    return _SUCCEEDED


def _statuses(instance: Instance) -> list[Json]:
    running = instance.power is PowerState.RUNNING
    return [
        _provisioning_status(instance),
        {
            "code": f"PowerState/{'running' if running else 'stopped'}",
            "level": "Info",
            "displayStatus": "VM running" if running else "VM stopped",
        },
    ]


def _health_status(health: HealthObservation) -> Json:
    return {
        "code": _health_code(health.state),
        "level": _LEVELS[health.state],
        "displayStatus": health.detail or f"The application reports itself as {health.state.value.lower()}",
        "time": moment(health.observed_at),
    }


def _health_code(state: HealthState) -> str:
    return f"HealthState/{state.value.lower()}"
