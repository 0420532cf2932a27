"""A scale set's own workflow: its state, what it is told, what its activities are asked and answer."""

from datetime import datetime

from pydantic import field_validator

from domain.delays import Delays
from domain.images import ImageReference, version_key
from domain.instance_ids import InstanceIds
from domain.messages.base import Message
from domain.messages.instance_actions import InstanceAction
from domain.messages.os_upgrade import UpgradePlan
from domain.policies import StartedBy, UpgradeMode
from domain.quarantine import Quarantine
from domain.records import UpgradeKind, UpgradeStatus
from domain.scale_set_status import ScaleSetStatus
from domain.scale_sets import ScaleSetIdentity
from domain.triggers import HeldBack, Settled


class RunningUpgrade(Message):
    """The rolling operation that holds the set's lock (P15)."""

    number: int
    workflow_id: str
    operation_id: str
    started_by: StartedBy
    target: ImageReference
    kind: UpgradeKind = UpgradeKind.OS_UPGRADE
    more_operations: tuple[str, ...] = ()
    """Further operations that end with it."""


class EndedUpgrade(Message):
    """An upgrade whose kept disks are still to be collected (P5)."""

    number: int
    ended_at: datetime


class ScaleSetState(Message):
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
    last_look_at: datetime | None = None
    next_look_at: datetime | None = None
    """When to look next after the first trigger (T2); None while it is not drawn."""
    settled: Settled | None = None
    held: HeldBack | None = None
    quarantine: Quarantine = Quarantine()
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
    mode: UpgradeMode | None = None
    """How model changes reach instances; None while no model was announced that says so."""
    machine_generation: int = 0
    """The machine part of `pending_generation`."""
    brought_generation: int = 0
    """The machine part that instances were last brought to, or are being brought to."""
    waiting_operations: tuple[str, ...] = ()
    """Operations of PUTs that end once instances are brought to the model; begun as soon as nothing else runs (P1)."""
    actions: tuple[InstanceAction, ...] = ()
    """What was asked of instances and is not done yet, in the order of the asking; the first is being done."""
    acted: tuple[str, ...] = ()
    """Operation ids of the newest actions, so that one request is done once across runs."""
    deleting: str = ""
    """Operation id of the DELETE that ends this set; empty while nobody asked."""
    answered: tuple[tuple[str, str], ...] = ()
    """(request id, upgrade workflow id) of the newest starts, so that one request starts one upgrade across runs."""


class StartUpgrade(Message):
    """Update: start an OS upgrade by hand (T4). `operation_id` is also the update id: asking twice starts one."""

    operation_id: str


class UpgradeStarted(Message):
    """The upgrade holds the set's lock and runs."""

    number: int
    workflow_id: str


class CancelUpgrade(Message):
    """Update: cancel what runs (P14). The operation ends when the upgrade has."""

    operation_id: str


class ApplyModel(Message):
    """Update: a model generation was stored."""

    generation: int
    operation_id: str
    automatic: bool
    mode: UpgradeMode | None = None
    machine_generation: int = 0


class DeleteScaleSet(Message):
    """Update: delete the set, after a running upgrade was cancelled and came to its end (P15)."""

    operation_id: str


class UpgradeEnded(Message):
    """Signal from an upgrade to its set. Without a status: nothing is said of how (an older worker's word)."""

    number: int
    ended_at: datetime
    status: UpgradeStatus | None = None
    error_code: str = ""
    reason: str = ""
    generation: int = 0
    left_behind: InstanceIds = InstanceIds()
    """Those that it could not keep on the version: rolled back, or their disk was not made (T5)."""


class NudgeLook(Message):
    """Signal: a version was published that the set may be waiting for; it looks within minutes (T2)."""


class LiftQuarantine(Message):
    """Update: the set may take this version again by itself (T5). `operation_id` is only the update's id."""

    operation_id: str
    version: str

    @field_validator("version")
    @classmethod
    def _is_a_version(cls, version: str) -> str:
        version_key(version)
        return version


class ResolveUpgrade(Message):
    """Which version and generation would an upgrade started now be pinned to, and may it start?

    What is not given matters to the platform's own looks only; a start by hand tries whatever is newest (T4).
    """

    scale_set: ScaleSetIdentity
    started_by: StartedBy
    at: datetime | None = None
    quarantine: Quarantine = Quarantine()
    held: HeldBack | None = None
    settled: Settled | None = None
    """Given while it may be trusted."""
    status: ScaleSetStatus | None = None
    """Written down with this look's outcome where nothing starts: a look costs one activity, not two."""


class Resolution(Message):
    """`plan` is None where there is nothing to do or nothing may be done; `refused` tells the latter apart."""

    plan: UpgradePlan | None
    reason: str
    refused: bool = False
    settled: Settled | None = None
    """`until` is left to the workflow."""
    outdated: tuple[int, ...] = ()
    """Model generations whose quarantine is over, since the machines are made from another model now (T5)."""


class RecordStatus(Message):
    """Write down where a set stands with its automatic upgrades (A4)."""

    scale_set: ScaleSetIdentity
    status: ScaleSetStatus
    at: datetime


class ApplyCapacity(Message):
    """Make the set as large as its model generation says; new machines get no version of the quarantine (T5)."""

    scale_set: ScaleSetIdentity
    generation: int
    quarantine: Quarantine = Quarantine()


class CapacityApplied(Message):
    """What was made and deleted, or why not."""

    created: int = 0
    deleted: int = 0
    error: str = ""
    outdated: tuple[int, ...] = ()
    """As in `Resolution`."""


class CollectDisks(Message):
    """Delete the disks that these upgrades put aside (P5)."""

    scale_set: ScaleSetIdentity
    numbers: tuple[int, ...]


class EndOperation(Message):
    """End a long-running operation."""

    operation_id: str
    status: str
    at: datetime
    error_code: str = ""
    error_message: str = ""


class UpgradeClosed(Message):
    """Ask whether an upgrade's workflow is closed although it never said so (F1)."""

    workflow_id: str


class ClosedAs(Message):
    """`status` is Temporal's word for how it closed, empty while it runs."""

    status: str = ""


class RecordClosed(Message):
    """Write down an upgrade that did not live to write its own end."""

    scale_set: ScaleSetIdentity
    number: int
    operation_id: str
    status: str
    at: datetime
