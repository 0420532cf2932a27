"""A scale set's own workflow: what it is told, what its activities are asked and answer."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, field_validator

from instar.domain.delays import Delays
from instar.domain.images.images import version_key
from instar.domain.legible import legible
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.message import Message
from instar.domain.records.operation_keys import operation_key
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.triggers import HeldBack, Settled
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import StartedBy, UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.start_wishes import StartWishes

_DEFAULT = Delays()


class StartUpgrade(Message):
    """Update: start an OS upgrade by hand (T4). `operation_id` is also the update id: asking twice starts one."""

    operation_id: str
    wishes: Annotated[StartWishes | None, Field(exclude_if=lambda value: value is None)] = None
    """What is wished beyond it (C4, R2); None: as Azure's osRollingUpgrade starts one."""


class UpgradeStarted(Message):
    """The upgrade holds the set's lock and runs."""

    number: int
    workflow_id: str


class CancelUpgrade(Message):
    """Update: cancel what runs (P14). The operation ends when the upgrade has."""

    operation_id: str
    revert: Annotated[bool, Field(exclude_if=lambda value: value is False)] = False
    """Then every machine that it moved gets back what it had (C5): the operation ends when that has ended."""
    reason: Annotated[str, Field(exclude_if=lambda value: value == "")] = ""
    by: Annotated[str, Field(exclude_if=lambda value: value == "")] = ""
    """Who asked, as the audit log names them."""
    number: Annotated[int, Field(exclude_if=lambda value: value == 0)] = 0
    """The upgrade that is meant; 0: whichever runs."""

    @property
    def sentence(self) -> str:
        """Why the upgrade ends.

        >>> CancelUpgrade(operation_id="o").sentence, CancelUpgrade(operation_id="o", by="ann", reason="bad").sentence
        ('cancelled by a user', 'cancelled by ann: bad')
        """
        told = f"cancelled by {legible(self.by) if self.by else 'a user'}"
        return f"{told}: {legible(self.reason)}" if self.reason else told


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

    kept_disks: Annotated[bool, Field(exclude_if=lambda value: value is False)] = False
    """It is something else: how long previous disks are kept has changed (R1), or a pause has ended (C1)."""
    at_once: Annotated[bool, Field(exclude_if=lambda value: value is False)] = False
    """It was looked for the set already, and there is something to do: its turn has come, so it looks at once."""


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
    wishes: Annotated[StartWishes | None, Field(exclude_if=lambda value: value is None)] = None
    """Of a start by hand (C4, R2)."""
    delays: Annotated[Delays, Field(exclude_if=lambda value: value == _DEFAULT)] = _DEFAULT
    """Of the set: by these it is looked for it while it is idle (T2, T6)."""


class Resolution(Message):
    """`plan` is None where there is nothing to do or nothing may be done; `refused` tells the latter apart."""

    plan: UpgradePlan | None
    reason: str
    refused: bool = False
    settled: Settled | None = None
    """`until` is left to the workflow."""
    outdated: tuple[int, ...] = ()
    """Model generations whose quarantine is over, since the machines are made from another model now (T5)."""
    watched: Annotated[bool, Field(exclude_if=lambda value: value is False)] = False
    """The looks that follow are made for the set, until there is something to do (T2)."""


class RecordStatus(Message):
    """Write down where a set stands with its automatic upgrades (A4)."""

    scale_set: ScaleSetIdentity
    status: ScaleSetStatus
    at: datetime


class CollectDisks(Message):
    """Delete the disks that these operations put aside (P5).

    `keys` are what was drawn for them, in the order of `numbers`; "", or none, for those of release 0.1 (F7).
    """

    scale_set: ScaleSetIdentity
    numbers: tuple[int, ...]
    keys: tuple[str, ...] = ()

    @property
    def operation_keys(self) -> tuple[str, ...]:
        """What machines hold of these operations."""
        drawn = (*self.keys, *("" for _ in self.numbers[len(self.keys) :]))
        return tuple(operation_key(self.scale_set.unique_id, *one) for one in zip(self.numbers, drawn, strict=False))


class PutAside(Message):
    """An operation whose kept disks wait for their collection."""

    number: int
    ended_at: datetime
    key: str = ""


class CollectDue(Message):
    """Delete the disks that these operations put aside, of which the time is over (P5, R1)."""

    scale_set: ScaleSetIdentity
    disks: tuple[PutAside, ...]
    setting: timedelta
    """How long they are kept where nobody wished anything else for the set."""
    now: datetime


class Collected(Message):
    """What was deleted, and when to ask again."""

    numbers: tuple[int, ...] = ()
    ask_at: datetime | None = None
    """None: nothing is left."""
    keep: timedelta
    """How long the set's disks are kept now, so that it asks in time after its next upgrade."""


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
    unique_id: Annotated[str, Field(exclude_if=lambda value: not value)] = ""
    """Of the set, with the upgrade's number: whether it is parked is asked too. Not at the first look."""
    number: Annotated[int, Field(exclude_if=lambda value: not value)] = 0


class ClosedAs(Message):
    """`status` is Temporal's word for how it closed, empty while it runs."""

    status: str = ""
    parked: Annotated[bool, Field(exclude_if=lambda value: not value)] = False
    """It waits before its next batch, perhaps for days."""


class RecordClosed(Message):
    """Write down an upgrade that did not live to write its own end."""

    scale_set: ScaleSetIdentity
    number: int
    operation_id: str
    status: str
    at: datetime
