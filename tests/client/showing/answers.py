"""What the API tells of a set and of its upgrade."""

from copy import deepcopy
from typing import Any

UPGRADE: dict[str, Any] = {
    "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web/instar/upgrades/3",
    "name": "3",
    "properties": {
        "number": 3,
        "kind": "osUpgrade",
        "startedBy": "Platform",
        "target": {"publisher": "C", "offer": "W", "sku": "s", "version": "2.0.0"},
        "targetVersion": "2.0.0",
        "generation": 1,
        "status": "Faulted",
        "startTime": "2026-03-01T12:00:00+00:00",
        "endTime": "2026-03-01T13:05:00+00:00",
        "progress": {
            "successfulInstanceCount": 16,
            "failedInstanceCount": 4,
            "inProgressInstanceCount": 0,
            "pendingInstanceCount": 20,
            "rolledBackInstanceCount": 3,
            "needsPersonInstanceCount": 1,
            "skippedInstanceCount": 0,
        },
        "batch": 2,
        "lastDecision": {"reason": "stopped: 4 of 20"},
        "error": {"code": "E", "message": "stopped: 4 of 20 attempted instances unhealthy (20 %), limit 10 %"},
        "from": ["1.0.0"],
        "decisions": [
            {"sequence": 1, "time": "2026-03-01T12:00:00+00:00", "batch": 0, "action": "started", "reason": "go"},
            {"sequence": 2, "time": "2026-03-01T12:00:02+00:00", "batch": 1, "action": "batch", "reason": "b 1: 0-3"},
            {"sequence": 3, "time": "2026-03-01T12:05:02+00:00", "batch": 1, "action": "verdict", "reason": "go on"},
        ],
        "instances": {
            "10": {"outcome": "rolledBack", "batch": 2, "reason": "never got healthy"},
            "9": {"outcome": "rollbackFailed", "batch": 1, "reason": "not healthy on either disk"},
            "1": {"outcome": "upgraded", "batch": 1, "reason": ""},
            "2": {"outcome": "pending", "batch": 0, "reason": ""},
        },
    },
}

RUNNING: dict[str, Any] = deepcopy(UPGRADE)
RUNNING["properties"] |= {"status": "RollingForward", "waitsFor": "paused by ann", "waitsSince": "2026-03-01T12:30:00Z"}
for gone in ("endTime", "error"):
    RUNNING["properties"].pop(gone)

WEB: dict[str, Any] = {
    "id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web",
    "name": "web",
    "type": "Instar/scaleSets",
    "location": "westeurope",
    "properties": {
        "subscriptionId": "s",
        "resourceGroup": "g",
        "provisioningState": "Succeeded",
        "image": {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "22.04-LTS", "version": "latest"},
        "capacity": 40,
        "automatic": True,
        "state": "idle",
        "reason": "",
        "versions": {"1.0.0": 24, "2.0.0": 16},
        "nextLookAt": "2026-03-01T14:00:00+00:00",
        "quarantined": ["2.0.0"],
        "upgrade": UPGRADE["properties"],
    },
}

MACHINE: dict[str, Any] = {
    "instanceId": "0",
    "properties": {
        "storageProfile": {"imageReference": {"exactVersion": "1.0.0"}},
        "instanceView": {"vmHealth": {"status": {"code": "HealthState/healthy"}}},
    },
}


def web(**changes: Any) -> dict[str, Any]:
    """The set with other properties."""
    return WEB | {"properties": WEB["properties"] | changes}


def machine(instance_id: str, version: str = "1.0.0", health: str = "healthy") -> dict[str, Any]:
    """One of its machines."""
    return {
        "instanceId": instance_id,
        "properties": {
            "storageProfile": {"imageReference": {"exactVersion": version}},
            "instanceView": {"vmHealth": {"status": {"code": f"HealthState/{health}"}}},
        },
    }
