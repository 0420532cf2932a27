"""All that a scale set's workflow knows. What is not here is lost when the workflow continues as new."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.message import Message
from instar.domain.messages.instance_actions import Chosen, InstanceAction
from instar.domain.messages.scale_set import EndOperation
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.triggers import HeldBack, Settled
from instar.domain.records.upgrades import UpgradeKind
from instar.domain.sets.policies import StartedBy, UpgradeMode
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.start_wishes import StartWishes


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
    key: str = ""
    """Drawn when it began, so that no other operation is ever taken for it (F7)."""
    instances: Annotated[InstanceIds, Field(exclude_if=lambda value: not value)] = InstanceIds()
    """Those that whoever started it named (C4); nobody: all."""


class Revert(Message):
    """The wish that every machine which the upgrade moved gets back what it had, once it has ended (C5)."""

    operations: tuple[str, ...]
    """They end when that has ended."""
    reason: str = ""
    by: str = ""


class Cancel(Message):
    """The wish that the running upgrade ends (P14). Its operations end when the upgrade has."""

    reason: str
    operations: tuple[str, ...] = ()
    told: bool = False
    """Whether the upgrade's workflow was told."""
    revert: Annotated[Revert | None, Field(exclude_if=lambda value: value is None)] = None


class Free(Message):
    """Nothing holds the lock."""

    kind: Literal["free"] = "free"


class StartAsked(Message):
    """A start by hand was accepted: it is still to be found out to which version (P1, T4)."""

    kind: Literal["startAsked"] = "startAsked"
    number: int
    operation_id: str
    wishes: Annotated[StartWishes | None, Field(exclude_if=lambda value: value is None)] = None
    """What is wished beyond it (C4, R2)."""
    more_operations: Annotated[tuple[str, ...], Field(exclude_if=lambda value: value == ())] = ()
    """Further operations that end with it (C5)."""

    @property
    def operations(self) -> tuple[str, ...]:
        """All that end with it."""
        return (self.operation_id, *self.more_operations)


class Rolling(Message):
    """An upgrade, or a change of the model in mode Rolling, runs in a workflow of its own."""

    kind: Literal["rolling"] = "rolling"
    upgrade: RunningUpgrade
    look_after_at: datetime
    """When to look next whether its workflow was closed without a word (F1)."""
    cancel: Cancel | None = None


Lock = Annotated[Free | StartAsked | Rolling, Field(discriminator="kind")]


class Deletion(Message):
    """The set is to be deleted, after a running upgrade came to its end (P15)."""

    operations: tuple[str, ...]
    done: bool = False
    """Its machines and what was stored of it are gone."""


class OpenPut(Message):
    """An operation that ends once this model generation, or a newer one, was applied."""

    operation_id: str
    generation: int


class Model(Message):
    """What the set knows of its stored model."""

    generation: int = 0
    """The newest that was announced; 0 before the first."""
    machine_generation: int = 0
    """Its machine part."""
    mode: UpgradeMode | None = None
    """How changes reach instances; None while no model was announced that says so."""
    applied_generation: int = 0
    """The newest whose capacity was applied."""
    brought_generation: int = 0
    """The machine part that instances were last brought to, or are being brought to."""
    open: tuple[OpenPut, ...] = ()
    waiting: tuple[str, ...] = ()
    """Operations that end once instances are brought to the model; begun when nothing else rolls (P1)."""
    waiting_since: datetime | None = None
    """Since when the first of them waits."""
    reserved: InstanceIds = InstanceIds()
    """Ids of machines that were asked for and of which no look has said yet whether they are there."""


class Begun(Message):
    """How far an action on instances has come: done again after an interruption, it does the same to the same ones."""

    at: datetime
    number: int = 0
    """Its number in the count of upgrades; 0 for an action that has none."""
    key: str = ""
    """Drawn when it began, so that no other operation is ever taken for it (F7)."""
    interruptions: int = 0
    """How often it was interrupted: later attempts at a machine shut out those of before (F2)."""
    chosen: Chosen | None = None


class Asked(Message):
    """Something that was asked of instances and is not done yet."""

    action: InstanceAction
    begun: Begun | None = None


class Automatic(Message):
    """Automatic upgrades: when they look, and what they have learned (T1, T2, T5)."""

    enabled: bool = False
    first_trigger_at: datetime | None = None
    """The deadline of T1: set once, survives disabling and enabling again."""
    first_trigger_done: bool = False
    last_look: str = ""
    """What the last look at the catalogue came to, as a sentence (P17)."""
    last_look_at: datetime | None = None
    next_look_at: datetime | None = None
    """When to look next after the first trigger (T2); None while it is not drawn."""
    watched: Annotated[bool, Field(exclude_if=lambda value: value is False)] = False
    """Looks are made for it until there is something to do; `next_look_at` is then the one that it makes even so."""
    settled: Settled | None = None
    held: HeldBack | None = None
    quarantine: Quarantine = Quarantine()


class EndedUpgrade(Message):
    """An upgrade, or an action, whose kept disks are still to be collected (P5)."""

    number: int
    ended_at: datetime
    key: str = ""


class Answered(Message):
    """A request that was accepted: made again, it gets the same answer and nothing is done twice."""

    request_id: str
    number: int = 0
    """Of the upgrade that it started."""


class ScaleSetState(Message):
    """One scale set."""

    scale_set: ScaleSetIdentity
    delays: Delays = Delays()
    last_number: int = 0
    """The newest number that was given to an upgrade or to an action on instances."""
    lock: Lock = Free()
    deletion: Deletion | None = None
    model: Model = Model()
    actions: tuple[Asked, ...] = ()
    """In the order of the asking."""
    automatic: Automatic = Automatic()
    collect: tuple[EndedUpgrade, ...] = ()
    collect_at: Annotated[datetime | None, Field(exclude_if=lambda value: value is None)] = None
    """When to ask next whether their time is over; None: once it is over by `keeps`."""
    keeps: Annotated[timedelta | None, Field(exclude_if=lambda value: value is None)] = None
    """How long the set's disks are kept, as it heard last: only to know when to ask. None: as `delays` say."""
    ends: tuple[EndOperation, ...] = ()
    """Operations whose end was decided and is still to be written down."""
    answered: tuple[Answered, ...] = ()
    """The newest requests, so that one that is made again is done once, also across runs."""
    held: str = ""
    """Why nothing is done to the machines (F7): what an activity refused with, until one does not."""
    recorded: ScaleSetStatus = ScaleSetStatus()
    """What readers were last told of the set."""

    @property
    def rolling(self) -> Rolling | None:
        """The lock, where an upgrade holds it."""
        return self.lock if isinstance(self.lock, Rolling) else None

    @property
    def running(self) -> RunningUpgrade | None:
        """The upgrade that runs."""
        return self.rolling.upgrade if self.rolling else None

    @property
    def start_asked(self) -> StartAsked | None:
        """The lock, where a start by hand waits to be begun."""
        return self.lock if isinstance(self.lock, StartAsked) else None
