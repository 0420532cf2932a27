"""What one look says of what was, and of what comes next: two questions that are asked at the same moment."""

from typing import Self

from pydantic import Field

from instar.domain.message import Message
from instar.domain.messages.os_upgrade import BatchChoice, Verdict
from instar.domain.records.progress import Progress
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.scale_sets import ScaleSetIdentity


class CheckedAndChosen(Message):
    """The pre-check, and the first batch."""

    checked: BatchChoice
    choice: BatchChoice | None = None
    """None: the upgrade may not begin, or is to be written down before it asks for its first batch."""


class JudgedAndChosen(Message):
    """The verdict after a batch, and what comes next."""

    verdict: Verdict
    """Without its progress where there is a choice: that has it, and at 100,000 machines it is half a megabyte."""
    choice: BatchChoice | None = None
    """None: the verdict is a breach."""

    @classmethod
    def of(cls, verdict: Verdict, choice: BatchChoice | None = None) -> Self:
        """Both, the progress once."""
        if choice is not None:
            verdict = verdict.model_copy(update={"progress": Progress()})
        return cls(verdict=verdict, choice=choice)

    @property
    def judged(self) -> Verdict:
        """The verdict with its progress."""
        if self.choice is None:
            return self.verdict
        return self.verdict.model_copy(update={"progress": self.choice.progress})


class UpgradeRecords(Message):
    """An upgrade as it stood after each of several decisions that were taken at the same moment, in their order."""

    records: tuple[UpgradeRecord, ...] = Field(min_length=1)

    @property
    def scale_set(self) -> ScaleSetIdentity:
        """Whose upgrade it is: what is known of an activity's request in logs and waits."""
        return self.records[0].scale_set

    @property
    def number(self) -> int:
        """Which upgrade of it."""
        return self.records[0].number
