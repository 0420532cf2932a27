"""One upgrade: what it is pinned to, what its activities are asked and answer."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from instar.domain.delays import Delays
from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.message import Message
from instar.domain.records.progress import Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import UpgradeError, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.next_step import Park, Stop
from instar.domain.steering.outside.answers import JudgeAnswer


class UpgradeState(Message):
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
    more_operations: tuple[str, ...] = ()
    """Further operations that end with this upgrade: PUTs that waited for the same model."""
    kept_disks: InstanceIds = InstanceIds()
    """Who got the model without another disk: there is none to give back (P10)."""
    unmade: InstanceIds = InstanceIds()
    """Who failed because no disk could be made: those run on, on the disk that they had (P9)."""
    unconfirmed: InstanceIds = InstanceIds()
    """Whose health wait a cancel cut short (P14)."""
    key: str = ""
    """Drawn when it began, so that no other operation is ever taken for it (F7); "": it began under release 0.1."""
    parked: str = ""
    """What it waits for before its next batch, as the last decision said it (C1, C2)."""
    batch_takes: Annotated[timedelta | None, Field(exclude_if=lambda value: value is None)] = None
    """The longest batch so far, where a rollout policy wants to know (W3)."""
    baked: Annotated[timedelta, Field(exclude_if=lambda value: not value)] = timedelta(0)
    """How long the last batch was watched by the rollout policy (W2)."""


class BatchLine(Message):
    """One line of the batch table in the Temporal UI."""

    batch: int
    size: int
    failed: int = 0
    rolled_back: int = 0
    reason: str = ""


class UpgradeResult(Message):
    """How an upgrade ended."""

    status: UpgradeStatus
    reason: str
    error: UpgradeError | None = None


class LookRequest(Message):
    """Pre-check, selection and verdict: a fresh look at the whole set, judged by the domain."""

    scale_set: ScaleSetIdentity
    number: int
    started_by: StartedBy
    plan: UpgradePlan
    progress: Progress | None = None
    batch: int = 0
    boots_within: timedelta = timedelta(0)
    """How long after its start a machine need not be healthy yet (P2a)."""
    batch_takes: Annotated[timedelta | None, Field(exclude_if=lambda value: value is None)] = None
    """The longest batch so far, where a rollout policy wants to know (W3)."""
    judged: Annotated[tuple[JudgeAnswer, ...] | None, Field(exclude_if=lambda value: value is None)] = None
    """What the policy's judges have just said; None: nobody has asked them (G2)."""


class BatchChoice(Message):
    """What comes next: a breach, a batch, or nothing left."""

    progress: Progress
    batch: InstanceIds = InstanceIds()
    sick_before: InstanceIds = InstanceIds()
    stopped: InstanceIds = InstanceIds()
    keeps_disk: InstanceIds = InstanceIds()
    """Those of the batch that get the model alone."""
    reason: str
    breach: UpgradeError | None = None
    unhealthy: InstanceIds = InstanceIds()
    """With a breach: instances of this upgrade that are unhealthy now (P10)."""
    boots: InstanceIds = InstanceIds()
    """Pre-check: those that were started so lately that they need not be healthy yet, and are not (P2a)."""
    boots_until: datetime | None = None
    """When the last of them ought to be."""
    park: Park | None = None
    """No batch begins now (C1, C2): wait for this, and ask again."""
    stop: Stop | None = None
    """The upgrade is to end (G3)."""


class SwapSlice(Message):
    """Give each of these instances a disk of the pinned version."""

    scale_set: ScaleSetIdentity
    number: int
    batch: int
    plan: UpgradePlan
    ids: InstanceIds
    begin: bool = True
    """False after a cancel: only what was begun comes to its end (P14)."""
    key: str = ""
    """As in `UpgradeState`."""
    interruptions: int = 0
    """Of an action on instances: how often it was interrupted before."""


class RestoreSlice(Message):
    """Give each of these instances its previous OS disk back."""

    scale_set: ScaleSetIdentity
    number: int
    batch: int
    plan: UpgradePlan
    ids: InstanceIds
    begin: bool = True
    """As for a swap."""
    key: str = ""


class GiveBackSlice(Message):
    """Give each of these instances the newest kept disk of that image and generation (R2)."""

    scale_set: ScaleSetIdentity
    number: int
    batch: int
    image: ImageReference
    generation: int
    ids: InstanceIds
    begin: bool = True
    """As for a swap."""
    key: str = ""


class SliceOutcome(Message):
    """What became of each instance of a slice; the reasons of the first failed ones."""

    done: InstanceIds = InstanceIds()
    failed: InstanceIds = InstanceIds()
    vanished: InstanceIds = InstanceIds()
    impossible: str = ""
    """Why no instance can be brought to this version (F3); the slice was given up there."""
    reasons: dict[str, str] = Field(default_factory=dict)
    not_begun: InstanceIds = InstanceIds()
    """After a cancel: those on which nothing was begun. And those that a newer operation has."""
    overtaken: str = ""
    """Why the operation is over: machines have seen a newer one (F7). It says nothing of them."""

    @property
    def known(self) -> InstanceIds:
        """Those of which it says what became."""
        return self.done | self.failed | self.vanished | self.not_begun

    @property
    def what_failed(self) -> str:
        """The sentence that says so; empty if nothing did.

        >>> done, failed = InstanceIds(ranges="0-2"), InstanceIds(ranges="3")
        >>> SliceOutcome(done=done, failed=failed, reasons={"3": "no disk"}).what_failed
        '1 of 4 instances failed: 3 (3: no disk)'
        """
        if self.overtaken:
            return f"stopped: {self.overtaken}"
        if self.impossible:
            return f"given up: {self.impossible}"
        if not self.failed:
            return ""
        why = "; ".join(f"{one}: {reason}" for one, reason in list(self.reasons.items())[:5])
        return f"{len(self.failed)} of {len(self.failed | self.done)} instances failed: {self.failed.ranges[:100]}" + (
            f" ({why})" if why else ""
        )

    def merged(self, other: "SliceOutcome") -> "SliceOutcome":
        """Both together."""
        return SliceOutcome(
            done=self.done | other.done,
            failed=self.failed | other.failed,
            vanished=self.vanished | other.vanished,
            impossible=self.impossible or other.impossible,
            reasons=self.reasons | other.reasons,
            not_begun=self.not_begun | other.not_begun,
            overtaken=self.overtaken or other.overtaken,
        )


class HealthRequest(Message):
    """How are these instances now?"""

    scale_set: ScaleSetIdentity
    source: HealthSource
    ids: InstanceIds
    until_settled: bool = False
    """Wait only for those still Initializing, not for everyone to be healthy."""
    until_sick: Annotated[bool, Field(exclude_if=lambda value: value is False)] = False
    """The other way round: wait until one of them is not healthy (W2)."""


class HealthFound(Message):
    """One look at a batch. `settles_by`: when the last grace period of an Initializing instance ends (H5)."""

    healthy: InstanceIds = InstanceIds()
    unhealthy: InstanceIds = InstanceIds()
    initializing: InstanceIds = InstanceIds()
    stopped: InstanceIds = InstanceIds()
    vanished: InstanceIds = InstanceIds()
    settles_by: datetime | None = None
    reasons: dict[str, str] = Field(default_factory=dict)


class Verdict(Message):
    """After a batch (P9): go on, or stop with this breach; and who would be rolled back for it (P10)."""

    progress: Progress
    reason: str
    breach: UpgradeError | None = None
    unhealthy: InstanceIds = InstanceIds()
