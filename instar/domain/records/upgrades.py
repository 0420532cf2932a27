"""What is written down of an upgrade: the shapes that activities hand to the store and readers get from it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from instar.domain.images.images import ImageReference
from instar.domain.records.progress import Counts
from instar.domain.records.way_back import WayBack
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import StartWishes


class UpgradeStatus(StrEnum):
    """`runningStatus.code`, as the contract spells it (2.5): Cancelled with two l."""

    ROLLING_FORWARD = "RollingForward"
    ROLLING_BACK = "RollingBack"
    CANCELLED = "Cancelled"
    COMPLETED = "Completed"
    FAULTED = "Faulted"

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self in (UpgradeStatus.CANCELLED, UpgradeStatus.COMPLETED, UpgradeStatus.FAULTED)


class UpgradeKind(StrEnum):
    """What an operation on the set's instances was for. All but the last are rolling ones (P15)."""

    OS_UPGRADE = "osUpgrade"
    MODEL_CHANGE = "modelChange"
    """Instances brought to a changed model, batch by batch (mode Rolling)."""
    ROLLBACK = "rollback"
    """Instances given the disk that they had before, batch by batch, because a person wished it (R2)."""
    INSTANCE_ACTION = "instanceAction"
    """A person's wish for single instances, or for all at once: manualupgrade, reimage, start, restart…"""


ROLLING_KINDS = (UpgradeKind.OS_UPGRADE, UpgradeKind.MODEL_CHANGE, UpgradeKind.ROLLBACK)


class ErrorCode(StrEnum):
    """Error codes of an upgrade (docs/rules.md K3, K6)."""

    UNHEALTHY_BEFORE = "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    UNHEALTHY_DURING = "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
    UNHEALTHY_UPGRADED = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    CANCELED = "RollingUpgradeCanceled"
    IMAGE_UNUSABLE = "RollingUpgradeImageUnusable"
    TERMINATED = "RollingUpgradeTerminated"
    ACTION_FAILED = "InstanceActionFailed"
    RECORDS_BEHIND = "RollingUpgradeRecordsBehind"
    """The records are older than the machines (F7): no fault of the image, nor of any machine."""
    INSTANCE_UNHEALTHY = "RollingUpgradeInstanceUnhealthyError"


class ErrorDetail(BaseModel):
    """One instance's part in an error; target is `<set>/virtualMachines/<id>`."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    target: str = ""


DETAILS_AT_MOST = 25
"""Details given one by one; the next says how many more (P2)."""


class UpgradeError(BaseModel):
    """Why an upgrade did not complete."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    details: tuple[ErrorDetail, ...] = ()


class Decision(BaseModel):
    """One decision and its reason: the same sentence in the log, the Temporal UI, the API and on the page (P17).

    `sequence` counts from 1 in the life of the upgrade; `batch` is 0 before the first.
    """

    model_config = ConfigDict(frozen=True)

    sequence: int
    at: datetime
    batch: int
    action: str
    reason: str


class InstanceRecord(BaseModel):
    """Where instances stand in an upgrade: every id in `ids` (ranges as in `InstanceIds`) has this outcome."""

    model_config = ConfigDict(frozen=True)

    ids: str
    batch: int
    outcome: str
    reason: str = ""
    """Why, where one sentence is true of all of them."""
    reasons: dict[str, str] = {}
    """Why, by id, where it is not."""


class UpgradeStart(BaseModel):
    """What an upgrade began with beside the set's own policies, written down once: by whom, why, by which plan (C4)."""

    model_config = ConfigDict(frozen=True)

    wishes: StartWishes | None = None
    rollout: RolloutPolicy | None = None
    """As it was pinned (P1)."""


class UpgradeRecord(BaseModel):
    """One upgrade as written down; (scale_set.unique_id, number) is its key, the newest write of it wins."""

    model_config = ConfigDict(frozen=True)

    scale_set: ScaleSetIdentity
    number: int
    kind: UpgradeKind = UpgradeKind.OS_UPGRADE
    operation_id: str
    started_by: StartedBy
    target: ImageReference
    generation: int
    policy: RollingUpgradePolicy
    status: UpgradeStatus
    started_at: datetime
    ended_at: datetime | None = None
    last_action: str = "Start"
    last_action_at: datetime | None = None
    counts: Counts = Counts()
    rollback_error: str = ""
    error: UpgradeError | None = None
    decisions: tuple[Decision, ...] = ()
    """Decisions since the last write; the store keeps all."""
    key: str = ""
    """What was drawn for it (F7); "" of release 0.1."""
    parked_for: Annotated[str, Field(exclude_if=lambda value: value == "")] = ""
    """What it waits for before its next batch, as `ParkedFor` spells it; not written while it goes on."""
    parked_since: Annotated[datetime | None, Field(exclude_if=lambda value: value is None)] = None
    """Since when it waits for that, or for something else before: the store knows it."""
    way_back: Annotated[WayBack | None, Field(exclude_if=lambda value: value is None)] = None
    """Of a rollback: what each machine goes back to (R2). `target` is where most of them go."""
    instances: tuple[InstanceRecord, ...] = ()
    """Changed outcomes since the last write; the store keeps the newest of each instance."""
    start: Annotated[UpgradeStart | None, Field(exclude_if=lambda value: value is None)] = None
    """With the first write, where there is something to say. The store keeps it by itself."""
