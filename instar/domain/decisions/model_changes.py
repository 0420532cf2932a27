"""Bringing instances to the set's model: who is on it already, and who needs another disk for it (P12)."""

from collections.abc import Iterable

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance, OsDisk
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeKind


def fits(disk: OsDisk | None, plan: UpgradePlan) -> bool:
    """Whether that disk may stay under a changed model: of the same image, and of its version unless any will do."""
    if disk is None or disk.image.line != plan.target.line:
        return False
    return plan.any_version or disk.image.version == plan.target.version


def is_on_model(instance: Instance, plan: UpgradePlan) -> bool:
    """Whether a model change has nothing to do on that instance (P12)."""
    return instance.generation == plan.generation and fits(instance.os_disk, plan)


def keeps_its_disk(instance: Instance, plan: UpgradePlan) -> bool:
    """Whether the instance gets the model alone. An OS upgrade always means another disk."""
    return plan.kind is UpgradeKind.MODEL_CHANGE and fits(instance.os_disk, plan)


def kept_disks(instances: Iterable[Instance], plan: UpgradePlan) -> InstanceIds:
    """Those of the instances that get the model alone."""
    return InstanceIds.of(instance.instance_id for instance in instances if keeps_its_disk(instance, plan))


def needs_image(instances: Iterable[Instance], plan: UpgradePlan) -> bool:
    """Whether an instance that may be touched has a disk that the model's image does not allow."""
    return any(not instance.protected and not fits(instance.os_disk, plan) for instance in instances)
