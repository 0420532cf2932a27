"""Inputs and results of workflows, updates, signals and activities: one model each, additive evolution only."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from domain.delays import Delays
from domain.images import ImageReference
from domain.instance_ids import InstanceIds
from domain.policies import RollingUpgradePolicy, StartedBy
from domain.progress import Progress
from domain.records import UpgradeError, UpgradeStatus
from domain.scale_sets import HealthSource, ScaleSetIdentity


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


# --- the scale set's own workflow -----------------------------------------------------------------------------------


class RunningUpgrade(_Message):
    """The rolling operation that holds the set's lock (P15)."""

    number: int
    workflow_id: str
    operation_id: str
    started_by: StartedBy
    target: ImageReference


class EndedUpgrade(_Message):
    """An upgrade whose kept disks are still to be collected (P5)."""

    number: int
    ended_at: datetime


class ScaleSetState(_Message):
    """All that a scale set's workflow knows; what is not here is lost at continue-as-new."""

    scale_set: ScaleSetIdentity
    delays: Delays = Delays()
    last_number: int = 0
    running: RunningUpgrade | None = None
    automatic: bool = False
    first_trigger_at: datetime | None = None
    """The deadline of T1: set once, survives disabling and enabling again."""
    first_trigger_done: bool = False
    last_look: str = ""
    """What the last look at the catalogue came to, as a sentence (P17)."""
    collect: tuple[EndedUpgrade, ...] = ()
    pending_generation: int = 0
    """The newest model generation that was announced; 0 before the first."""
    applied_generation: int = 0
    look_after_at: datetime | None = None
    """When to look next whether `running` was closed without a word (F1)."""
    cancel_operations: tuple[str, ...] = ()
    """Operations of cancels that end once the running upgrade has (P14)."""
    open_operations: tuple[str, ...] = ()
    """Operations of PUTs that end once `pending_generation` is applied."""
    deleting: str = ""
    """Operation id of the DELETE that ends this set; empty while nobody asked."""
    answered: tuple[tuple[str, str], ...] = ()
    """(request id, upgrade workflow id) of the newest starts, so that one request starts one upgrade across runs."""


class StartUpgrade(_Message):
    """Update: start an OS upgrade by hand (T4). `operation_id` is also the update id: asking twice starts one."""

    operation_id: str


class UpgradeStarted(_Message):
    """The upgrade holds the set's lock and runs."""

    number: int
    workflow_id: str


class CancelUpgrade(_Message):
    """Update: cancel what runs (P14). The operation ends when the upgrade has."""

    operation_id: str


class ApplyModel(_Message):
    """Update: a model generation was stored."""

    generation: int
    operation_id: str
    automatic: bool


class DeleteScaleSet(_Message):
    """Update: delete the set, after a running upgrade was cancelled and came to its end (P15)."""

    operation_id: str


class UpgradeEnded(_Message):
    """Signal from an upgrade to its set."""

    number: int
    ended_at: datetime


# --- one upgrade ----------------------------------------------------------------------------------------------------


class UpgradePlan(_Message):
    """What an upgrade is pinned to when it starts (P1)."""

    target: ImageReference
    generation: int
    policy: RollingUpgradePolicy
    auto_rollback: bool
    manual_mode: bool
    health_source: HealthSource


class UpgradeState(_Message):
    """Input of an upgrade's workflow, and all that it carries through continue-as-new."""

    scale_set: ScaleSetIdentity
    number: int
    operation_id: str
    started_by: StartedBy
    started_at: datetime
    plan: UpgradePlan
    delays: Delays = Delays()
    batch: int = 0
    """Batches begun."""
    progress: Progress | None = None
    """None until the pre-check has fixed who belongs to this upgrade."""
    sequence: int = 0
    """Decisions taken."""
    cancel_reason: str = ""
    batches: tuple["BatchLine", ...] = ()
    """The newest batches, for the operator's table."""


class BatchLine(_Message):
    """One line of the batch table in the Temporal UI."""

    batch: int
    size: int
    failed: int = 0
    rolled_back: int = 0
    reason: str = ""


class UpgradeResult(_Message):
    """How an upgrade ended."""

    status: UpgradeStatus
    reason: str
    error: UpgradeError | None = None


# --- activities -----------------------------------------------------------------------------------------------------


class ResolveUpgrade(_Message):
    """Which version and generation would an upgrade started now be pinned to, and may it start?"""

    scale_set: ScaleSetIdentity
    started_by: StartedBy


class Resolution(_Message):
    """`plan` is None where there is nothing to do or nothing may be done; `refused` tells the latter apart."""

    plan: UpgradePlan | None
    reason: str
    refused: bool = False


class LookRequest(_Message):
    """Pre-check, selection and verdict: a fresh look at the whole set, judged by the domain."""

    scale_set: ScaleSetIdentity
    number: int
    started_by: StartedBy
    plan: UpgradePlan
    progress: Progress | None = None
    batch: int = 0


class BatchChoice(_Message):
    """What comes next: a breach, a batch, or nothing left."""

    progress: Progress
    batch: InstanceIds = InstanceIds()
    sick_before: InstanceIds = InstanceIds()
    stopped: InstanceIds = InstanceIds()
    reason: str
    breach: UpgradeError | None = None
    unhealthy: InstanceIds = InstanceIds()
    """With a breach: instances of this upgrade that are unhealthy now (P10)."""


class SwapSlice(_Message):
    """Give each of these instances a disk of the pinned version."""

    scale_set: ScaleSetIdentity
    number: int
    batch: int
    plan: UpgradePlan
    ids: InstanceIds


class RestoreSlice(_Message):
    """Give each of these instances its previous OS disk back."""

    scale_set: ScaleSetIdentity
    number: int
    batch: int
    plan: UpgradePlan
    ids: InstanceIds


class SliceOutcome(_Message):
    """What became of each instance of a slice; the reasons of the first failed ones."""

    done: InstanceIds = InstanceIds()
    failed: InstanceIds = InstanceIds()
    vanished: InstanceIds = InstanceIds()
    impossible: str = ""
    """Why no instance can be brought to this version (F3); the slice was given up there."""
    reasons: dict[str, str] = {}

    def merged(self, other: "SliceOutcome") -> "SliceOutcome":
        """Both together."""
        return SliceOutcome(
            done=self.done | other.done,
            failed=self.failed | other.failed,
            vanished=self.vanished | other.vanished,
            impossible=self.impossible or other.impossible,
            reasons=self.reasons | other.reasons,
        )


class HealthRequest(_Message):
    """How are these instances now?"""

    scale_set: ScaleSetIdentity
    source: HealthSource
    ids: InstanceIds
    until_settled: bool = False
    """Wait only for those still Initializing, not for everyone to be healthy."""


class HealthFound(_Message):
    """One look at a batch. `settles_by`: when the last grace period of an Initializing instance ends (H5)."""

    healthy: InstanceIds = InstanceIds()
    unhealthy: InstanceIds = InstanceIds()
    initializing: InstanceIds = InstanceIds()
    stopped: InstanceIds = InstanceIds()
    vanished: InstanceIds = InstanceIds()
    settles_by: datetime | None = None
    reasons: dict[str, str] = {}


class Verdict(_Message):
    """After a batch (P9): go on, or stop with this breach; and who would be rolled back for it (P10)."""

    progress: Progress
    reason: str
    breach: UpgradeError | None = None
    unhealthy: InstanceIds = InstanceIds()


class ApplyCapacity(_Message):
    """Make the set as large as its model generation says."""

    scale_set: ScaleSetIdentity
    generation: int


class CapacityApplied(_Message):
    """What was made and deleted, or why not."""

    created: int = 0
    deleted: int = 0
    error: str = ""


class EndOperation(_Message):
    """End a long-running operation."""

    operation_id: str
    status: str
    at: datetime
    error_code: str = ""
    error_message: str = ""


class CollectDisks(_Message):
    """Delete the disks that these upgrades put aside (P5)."""

    scale_set: ScaleSetIdentity
    numbers: tuple[int, ...]


class UpgradeClosed(_Message):
    """Ask whether an upgrade's workflow is closed although it never said so (F1)."""

    workflow_id: str


class ClosedAs(_Message):
    """`status` is Temporal's word for how it closed, empty while it runs."""

    status: str = ""


class RecordClosed(_Message):
    """Write down an upgrade that did not live to write its own end."""

    scale_set: ScaleSetIdentity
    number: int
    operation_id: str
    status: str
    at: datetime
