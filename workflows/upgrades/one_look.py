"""What an upgrade of today does otherwise than one that began before: fewer and larger steps (docs/adr/0003)."""

from temporalio import workflow

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.upgrade_plan import UpgradePlan
from workflows import rows

ONE_LOOK = "one-look-a-batch"
"""One look judges a batch and chooses the next, both are written at once, and few activities make up a step."""


def goes_by_one_look() -> bool:
    """Whether this run does so: not one that began before it did. Ask only where the paths part."""
    return workflow.patched(ONE_LOOK)


def to_be_done(plan: UpgradePlan) -> UpgradePlan:
    """What each activity of a step is given of the plan: with 100,000 machines their ids alone are half a megabyte."""
    return plan.of_machines() if goes_by_one_look() else plan


def slices(ids: InstanceIds) -> tuple[InstanceIds, ...]:
    """The activities of one step of an upgrade."""
    return rows.few_slices(ids) if goes_by_one_look() else rows.slices(ids)
