"""A machine as ARM's `VirtualMachineScaleSetVM`, and what is seen of it and of the whole set."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from api.shapes.answers import target_body
from api.shapes.custom_metrics import add_custom_metrics
from api.shapes.instance_extensions import extension_body
from api.shapes.instance_statuses import (
    SUCCEEDED,
    extension_status,
    extension_view,
    health_code,
    health_status,
    provisioning_state,
    statuses,
)
from api.shapes.machine_profiles import MachineProfiles
from api.wire.moments import moment
from instar.domain.machines.instances import (
    HealthObservation,
    Instance,
    OsDisk,
)
from instar.store.database.secret_places import without_secrets
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.store.waits import Wait

Json = dict[str, Any]

INSTANCE_TYPE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"


def instance_body(
    stored: StoredScaleSet,
    instance: Instance,
    health: HealthObservation | None,
    *,
    expanded: bool,
    now: datetime,
    profiles: MachineProfiles | None = None,
) -> Json:
    """One instance. `instar` holds what ARM has no word for: the kept disks, zone, power, and the age of its health.

    `profiles`: those of the set, for who shows many of its machines.
    """
    profiles = profiles or MachineProfiles(stored)
    path = f"{stored.identity.resource_id}/virtualMachines/{instance.instance_id}"
    properties: Json = {
        "latestModelApplied": instance.generation == stored.machine_generation,
        "modelDefinitionApplied": "VirtualMachineScaleSet",
        "vmId": instance.vm_id,
        "provisioningState": provisioning_state(instance),
        "storageProfile": _storage(stored, instance, profiles),
        **profiles.properties(path, instance),
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
        properties["instanceView"] = instance_view(stored, instance, health, now, profiles)
    body: Json = {
        "name": f"{stored.identity.name}_{instance.instance_id}",
        "id": path,
        "type": INSTANCE_TYPE,
        "location": stored.identity.location,
        "instanceId": instance.instance_id,
        "sku": profiles.sku,
        "properties": properties,
        "instar": _beside(instance, health, now),
    }
    if profiles.tags is not None:
        body["tags"] = profiles.tags
    if instance.zone:
        body["zones"] = [instance.zone]
    if instance.extensions:
        body["resources"] = [extension_body(stored, instance, extension) for extension in instance.extensions]
    return body | {"etag": _etag(body)}


def _etag(body: Json) -> str:
    """It changes whenever what is shown of an instance does, but for what is only seen of it at this moment."""
    properties = {key: value for key, value in body["properties"].items() if key != "instanceView"}
    beside = {key: value for key, value in body["instar"].items() if key != "health"}
    written = json.dumps(body | {"properties": properties, "instar": beside}, sort_keys=True)
    return f'"{sha256(written.encode()).hexdigest()[:16]}"'


def instance_view(
    stored: StoredScaleSet,
    instance: Instance,
    health: HealthObservation | None,
    now: datetime,
    profiles: MachineProfiles | None = None,
) -> Json:
    """What is seen of one machine at this moment. Of an agent nothing: nobody inside a machine reports to Instar."""
    disks = [*((instance.os_disk,) if instance.os_disk else ()), *instance.data_disks]
    view: Json = {
        "platformUpdateDomain": instance.update_domain,
        **(profiles or MachineProfiles(stored)).view(instance),
        "statuses": statuses(instance),
        "disks": [{"name": disk.name, "statuses": [SUCCEEDED]} for disk in disks],
        "extensions": [extension_view(extension) for extension in instance.extensions],
        "instar": _beside(instance, health, now),
    }
    if health:
        view["vmHealth"] = {"status": health_status(health)}
    add_custom_metrics(view, stored.document, health)
    return view


def set_view(
    instances: Sequence[Instance], healths: Iterable[HealthObservation], state: str, wait: Wait | None
) -> Json:
    """How many machines of the set are in which state, and what the set waits for (F10)."""
    codes = Counter(status["code"] for instance in instances for status in statuses(instance))
    codes.update(health_code(health.state) for health in healths)
    ended: dict[str, Counter[str]] = {}
    for one in (extension for instance in instances for extension in instance.extensions):
        ended.setdefault(one.name, Counter())[extension_status(one)["code"]] += 1
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


def _storage(stored: StoredScaleSet, instance: Instance, profiles: MachineProfiles) -> Json:
    storage = profiles.storage
    wished: Json = dict(storage.get("imageReference") or {})
    luns: list[Json] = storage.get("dataDisks") or []
    by_lun = {one.get("lun", index): one for index, one in enumerate(luns)}
    disk = instance.os_disk
    result: Json = {
        "imageReference": wished | ({"exactVersion": disk.image.version} if disk else {}),
        "dataDisks": [
            {"lun": data_disk.lun, **_disk_body(stored, by_lun.get(data_disk.lun, {}), data_disk.name)}
            | {"toBeDetached": False}
            for data_disk in instance.data_disks
        ],
    }
    if disk:
        system = {"osType": profiles.system} if profiles.system else {}
        result["osDisk"] = system | _disk_body(stored, storage.get("osDisk") or {}, disk.name)
    return result


def _disk_body(stored: StoredScaleSet, wished: Json, name: str) -> Json:
    """A disk as the model wishes it, with what it is called."""
    group = stored.identity.resource_id.partition("/providers/")[0]
    managed = wished.get("managedDisk")
    kind = managed if isinstance(managed, dict) else {}
    identity = {"id": f"{group}/providers/Microsoft.Compute/disks/{name}"}
    return {**without_secrets(wished), "name": name, "managedDisk": without_secrets(kind) | identity}


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
