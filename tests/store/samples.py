"""Scale sets, operations and upgrades to write down."""

from datetime import UTC, datetime, timedelta
from typing import Any

from instar.domain.images.images import ImageReference
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.records.upgrades import Decision, UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"


class PlainSealer:
    """Seals nothing: the control run of tests that look for secrets."""

    def seal(self, text: str) -> str:
        return text

    def open(self, token: str) -> str:
        return token

    def rotate(self, token: str) -> str:
        return token


def identity(name: str = "web", unique_id: str = "u-1", group: str = "Rg") -> ScaleSetIdentity:
    return ScaleSetIdentity(
        resource_id=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/"
        f"Microsoft.Compute/virtualMachineScaleSets/{name}",
        name=name,
        unique_id=unique_id,
        location="westeurope",
    )


def extension(name: str, secret: Any = None, kind: str = "CustomScript") -> dict[str, Any]:
    properties = {"publisher": "Microsoft.Azure.Extensions", "type": kind, "settings": {"port": 80}}
    return {"name": name, "properties": properties | ({} if secret is None else {"protectedSettings": secret})}


def document(capacity: int = 3, *extensions: dict[str, Any], **os_profile: Any) -> dict[str, Any]:
    return {
        "name": "web",
        "sku": {"name": "Standard_D2s_v5", "capacity": capacity},
        "properties": {
            "virtualMachineProfile": {
                "osProfile": {"adminUsername": "op", **os_profile},
                "extensionProfile": {"extensions": list(extensions)},
            }
        },
    }


def operation(operation_id: str = "op-1", unique_id: str = "u-1", minutes: int = 0) -> Operation:
    return Operation(
        id=operation_id,
        kind=OperationKind.OS_UPGRADE,
        scale_set_unique_id=unique_id,
        subscription_id=SUBSCRIPTION,
        location="westeurope",
        status=OperationStatus.IN_PROGRESS,
        started_at=NOW + timedelta(minutes=minutes),
    )


def decision(sequence: int, reason: str = "because") -> Decision:
    return Decision(sequence=sequence, at=NOW + timedelta(seconds=sequence), batch=1, action="batch", reason=reason)


def upgrade(
    number: int = 1, status: UpgradeStatus = UpgradeStatus.ROLLING_FORWARD, *sequences: int, **more: Any
) -> UpgradeRecord:
    facts: dict[str, Any] = {
        "scale_set": identity(),
        "number": number,
        "operation_id": f"op-{number}",
        "started_by": StartedBy.PLATFORM,
        "target": ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="18.04.2"),
        "generation": 1,
        "policy": RollingUpgradePolicy(pause_time_between_batches=timedelta(minutes=1)),
        "status": status,
        "started_at": NOW,
        "decisions": tuple(map(decision, sequences)),
    }
    return UpgradeRecord(**facts | more)
