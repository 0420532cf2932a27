"""Looks made by hand, for tests of pure decisions."""

from datetime import UTC, datetime

from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import (
    HealthObservation,
    HealthState,
    Instance,
    InstanceView,
    Look,
    OsDisk,
    PowerState,
)
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.sets.policies import RollingUpgradePolicy

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="2.0.0")


def view(
    number: int,
    health: HealthState = HealthState.HEALTHY,
    *,
    stopped: bool = False,
    protected: bool = False,
    version: str = "1.0.0",
    generation: int = 1,
    zone: str = "",
    update_domain: int = 0,
    phase: int | None = None,
    skip: bool = False,
) -> InstanceView:
    """One instance."""
    return InstanceView(
        Instance(
            instance_id=str(number),
            vm_id=f"vm-{number}",
            os_disk=OsDisk(f"disk-{number}", IMAGE.at(version)),
            generation=generation,
            power=PowerState.STOPPED if stopped else PowerState.RUNNING,
            protected=protected,
            zone=zone,
            update_domain=update_domain,
        ),
        HealthObservation(
            str(number),
            health,
            NOON,
            "" if health is HealthState.HEALTHY else f"answers {health}",
            phase=phase,
            skip=skip,
        ),
    )


def look(*views: InstanceView) -> Look:
    """A look at these."""
    return Look(views=views, taken_at=NOON)


def plan(
    policy: RollingUpgradePolicy | None = None, *, manual_mode: bool = False, by_update_domain: bool = False
) -> UpgradePlan:
    """An upgrade to 2.0.0."""
    return UpgradePlan(
        target=IMAGE,
        generation=1,
        policy=policy or RollingUpgradePolicy(),
        auto_rollback=True,
        manual_mode=manual_mode,
        health_source=HealthSource(),
        by_update_domain=by_update_domain,
    )
