"""All that one upgrade knows of itself between two decisions."""

from datetime import timedelta

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.hooks import Asking
from instar.domain.messages.os_upgrade import BatchChoice, BatchLine, LookRequest, UpgradeState
from instar.domain.records.progress import Outcome, Progress
from instar.domain.steering.outside.answers import JudgeAnswer

BATCH_LINES_KEPT = 50
"""Lines of the batch table: it is copied at each continue-as-new."""


class UpgradeMemory:
    """What it began with (`started`), and what has come to be since."""

    def __init__(self, state: UpgradeState) -> None:
        self.started = state
        self.cancel_reason = state.cancel_reason
        self.progress = state.progress
        self.batch = state.batch
        self.kept_disks = state.kept_disks
        self.impossible = self.overtaken = ""
        self.breach_is_rolled_back = False
        self.unmade, self.unconfirmed = state.unmade, state.unconfirmed
        self.unconfirmed_back = InstanceIds()
        self.parked = state.parked
        """What it waits for before its next batch, as the last decision said it."""
        self.batch_takes = state.batch_takes
        self.baked = state.baked
        """How long the last batch was watched by the rollout policy (W2)."""
        self.judged: tuple[JudgeAnswer, ...] | None = None
        """What judges have just said: good for one look (G2)."""
        self.chosen: BatchChoice | None = None
        """What comes next by the look that judged the batch before: not acted on yet."""
        self._lines = state.batches

    @property
    def known(self) -> Progress:
        """Who belongs to it and how each stands; nobody before the pre-check."""
        return self.progress or Progress()

    def move(self, ids: InstanceIds, outcome: Outcome) -> None:
        """These have come to that outcome."""
        self.progress = self.known.moved(ids, outcome)

    def add_line(self, line: BatchLine) -> None:
        """A line more for the operator's table."""
        self._lines = (*self._lines, line)[-BATCH_LINES_KEPT:]

    def is_cancelled(self) -> bool:
        """Whether it is to begin nothing more."""
        return bool(self.cancel_reason)

    def ends_waits(self) -> bool:
        """A cancel ends any wait, swap or restore but those of a breach's rollback, which finishes first (P14)."""
        return self.is_cancelled() and not self.breach_is_rolled_back

    def look_request(self) -> LookRequest:
        """What pre-check, selection and verdict are asked with."""
        started = self.started
        return LookRequest(
            scale_set=started.scale_set,
            number=started.number,
            started_by=started.started_by,
            plan=started.plan,
            progress=self.progress,
            batch=self.batch,
            boots_within=started.delays.health_wait,
            batch_takes=self.batch_takes,
            judged=self.judged,
        )

    def asking(self, batch: int) -> Asking:
        """What hooks and judges are told of it."""
        started = self.started
        return Asking(
            scale_set=started.scale_set,
            number=started.number,
            kind=started.plan.kind.value,
            target_version=started.plan.target.version,
            batch=batch,
        )

    def took(self, span: timedelta) -> None:
        """A batch has ended after that long; only rollout policies ask (W3)."""
        if self.started.plan.rollout is not None:
            self.batch_takes = max(span, self.batch_takes or span)

    def state(self, sequence: int) -> UpgradeState:
        """All that the next run, or a reader, needs to know."""
        return self.started.model_copy(
            update={
                "batch": self.batch,
                "progress": self.progress,
                "sequence": sequence,
                "cancel_reason": self.cancel_reason,
                "batches": self._lines,
                "kept_disks": self.kept_disks,
                "unmade": self.unmade,
                "unconfirmed": self.unconfirmed,
                "parked": self.parked,
                "batch_takes": self.batch_takes,
                "baked": self.baked,
            },
        )
