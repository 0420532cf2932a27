"""How far an upgrade is: who belongs to it, which instance came to which outcome, and the counts that ARM shows."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from instar.domain.machines.instance_ids import InstanceIds


class Outcome(StrEnum):
    """What became of an instance in this upgrade. The value is what the records and the page show."""

    PENDING = "pending"
    IN_PROGRESS = "inProgress"
    CURRENT = "current"
    """Already on the target before its turn came (P12)."""
    UPGRADED = "upgraded"
    STOPPED = "stopped"
    """Swapped and left stopped, as its owner had left it (P18)."""
    FAILED = "failed"
    """Not healthy, or its disk could not be made; the new disk (or none) is kept (P9)."""
    SICK_BEFORE = "sickBefore"
    """Unhealthy before its swap and still so: failed, but no fault of the image (P13)."""
    ROLLED_BACK = "rolledBack"
    ROLLBACK_FAILED = "rollbackFailed"
    """Needs a person (P8)."""
    SKIPPED = "skipped"
    """Left out: protected (B6), by its own word (SkipUpgrade), on an old model in mode Manual (T1), or newer (T7)."""
    VANISHED = "vanished"


class Counts(BaseModel):
    """`progress` of a rolling upgrade, plus what Instar reports apart."""

    model_config = ConfigDict(frozen=True)

    successful: int = 0
    failed: int = 0
    in_progress: int = 0
    pending: int = 0
    rolled_back: int = 0
    rollback_failed: int = 0
    stopped: int = 0
    skipped: int = 0


class Progress(BaseModel):
    """The ids of each outcome. Every member of the upgrade has exactly one outcome; instances that appear have none."""

    model_config = ConfigDict(frozen=True)

    outcomes: dict[Outcome, InstanceIds] = {}
    phases: dict[int, InstanceIds] = {}
    """The instances with a phase, as it was when the upgrade started (B5): read once, pinned here."""
    left_out: dict[str, InstanceIds] = {}
    """Why instances are SKIPPED, each sentence with all whom it concerns (B6)."""
    canary_batches: Annotated[int, Field(exclude_if=lambda value: value == 0)] = 0
    """How many of the first batches were of canaries that a rollout policy names (W1). Not written where none was."""

    def of(self, *outcomes: Outcome) -> InstanceIds:
        """The instances with one of these outcomes, in the order of their ids."""
        result = InstanceIds()
        for outcome in outcomes:
            result = result | self.outcomes.get(outcome, InstanceIds())
        return result

    def moved(self, ids: InstanceIds, outcome: Outcome) -> Self:
        """The same with `ids` at `outcome`, and nowhere else."""
        if not ids:
            return self
        others = {one: left for one, had in self.outcomes.items() if (left := had - ids)}
        outcomes = others | {outcome: others.get(outcome, InstanceIds()) | ids}
        return self.model_copy(update={"outcomes": outcomes})

    def leaving_out(self, reasons: Mapping[str, InstanceIds]) -> Self:
        """The same with those instances SKIPPED, each with its reason."""
        result, left_out = self, dict(self.left_out)
        for reason, ids in reasons.items():
            result = result.moved(ids, Outcome.SKIPPED)
            left_out[reason] = left_out.get(reason, InstanceIds()) | ids
        return result.model_copy(update={"left_out": left_out})

    @property
    def attempted(self) -> InstanceIds:
        """Those whose swap was begun in this upgrade, and that still exist."""
        return self.of(*ATTEMPTED)

    def counts(self) -> Counts:
        """What ARM shows: every rolled-back instance is a failed one as well (P8)."""

        def total(*outcomes: Outcome) -> int:
            return sum(len(self.outcomes.get(outcome, ())) for outcome in outcomes)

        return Counts(
            successful=total(Outcome.CURRENT, Outcome.UPGRADED, Outcome.STOPPED),
            failed=total(Outcome.FAILED, Outcome.SICK_BEFORE, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED),
            in_progress=total(Outcome.IN_PROGRESS),
            pending=total(Outcome.PENDING),
            rolled_back=total(Outcome.ROLLED_BACK),
            rollback_failed=total(Outcome.ROLLBACK_FAILED),
            stopped=total(Outcome.STOPPED),
            skipped=total(Outcome.SKIPPED),
        )


ATTEMPTED = (
    Outcome.IN_PROGRESS,
    Outcome.UPGRADED,
    Outcome.STOPPED,
    Outcome.FAILED,
    Outcome.SICK_BEFORE,
    Outcome.ROLLED_BACK,
    Outcome.ROLLBACK_FAILED,
)
