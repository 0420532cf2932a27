"""What is asked of single instances, or of all at once: by a person, or by a changed model in mode Automatic."""

from pydantic import Field

from instar.domain.machines.actions import ActionKind, Protection
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.message import Message
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.sets.policies import UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetIdentity


class InstanceAction(Message):
    """Update: do this to those instances. `operation_id` is also the update id."""

    operation_id: str
    kind: ActionKind
    ids: InstanceIds = InstanceIds()
    everyone: bool = False
    """Not those named but all that there are."""
    on_instance: bool = False
    """Asked of the instance itself: its own protection does not hold it back (docs/rules.md B6)."""
    exact_version: str = ""
    """REIMAGE: another version of the disk's own image."""
    protection: Protection = Protection()
    more_operations: tuple[str, ...] = ()
    """Further operations that end with this action."""


class ChooseInstances(Message):
    """Whom does the action concern, now?"""

    scale_set: ScaleSetIdentity
    action: InstanceAction


class Chosen(Message):
    """Those whom it concerns, and what follows for each; `error` where it cannot be done at all."""

    ids: InstanceIds = InstanceIds()
    keeps_disk: InstanceIds = InstanceIds()
    """MANUAL_UPGRADE: those of `ids` that get the model alone."""
    plan: UpgradePlan | None = None
    """MANUAL_UPGRADE: the model."""
    capacity: int = 0
    """DELETE: the capacity at which the set was found."""
    error: str = ""
    reason: str = ""
    key: str = ""
    """What marks its effects: drawn with the choice, as that of a plan is (F7)."""


class ActionSlice(Message):
    """Act on each of these instances."""

    scale_set: ScaleSetIdentity
    number: int
    batch: int = 0
    action: InstanceAction
    ids: InstanceIds
    key: str = ""
    """Drawn when the action began (F7)."""
    interruptions: int = 0
    """How often the action was interrupted before."""


class LowerCapacity(Message):
    """Lower the set's capacity from what it was found at, unless somebody has changed it meanwhile."""

    scale_set: ScaleSetIdentity
    found: int = Field(ge=0)
    to: int = Field(ge=0)


class CapacityLowered(Message):
    """The newest generation of the set, as a PUT would announce it; 0 if the set is not stored any more."""

    generation: int = 0
    machine_generation: int = 0
    mode: UpgradeMode | None = None
    automatic: bool = False


class ResolveModelChange(Message):
    """What would bring the set's instances to its newest model?"""

    scale_set: ScaleSetIdentity


class ModelChange(Message):
    """`plan` is None where nothing is to be done or nothing can be; `refused` tells the latter apart."""

    plan: UpgradePlan | None = None
    generation: int = 0
    """The machine part of the newest model."""
    rolling: bool = False
    """Batch by batch (mode Rolling), not all at once (mode Automatic)."""
    reason: str = ""
    refused: bool = False
