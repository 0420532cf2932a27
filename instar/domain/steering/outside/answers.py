"""What hooks and judges say, as it came and as it is understood (docs/rules.md G1, G2)."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from instar.domain.message import Message


class Heard(Message):
    """What came back of one question."""

    status: int = 0
    """HTTP's; 0 for no answer."""
    retry_after: timedelta | None = None
    body: bytes = b""
    failed: str = ""
    """Why there is no answer, as a clause that begins with a verb."""
    is_final: bool = True
    """Whether asking again would be in vain: an answer is final, one that could not be reached is not."""
    attempt: int = Field(default=1, ge=1)

    @property
    def is_success(self) -> bool:
        """Whether it is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004  # HTTP's own numbers

    @property
    def asks_again(self) -> bool:
        """Whether a hook wants to be asked again, and says when."""
        return self.status == 202 and self.retry_after is not None  # noqa: PLR2004  # HTTP's own number


class HookOutcome(StrEnum):
    """What follows from a hook."""

    GOES_ON = "goesOn"
    PROCEEDS = "proceeds"
    """It did not say yes, and the upgrade goes on all the same."""
    SKIPS = "skips"
    STOPS = "stops"


class HookAnswer(Message):
    """What a hook answered in the end, with one sentence."""

    outcome: HookOutcome
    reason: str


class JudgeOutcome(StrEnum):
    """What a judge says."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """It could not be asked for its time-out: as good as no."""


class JudgeAnswer(Message):
    """What a judge answered in the end, with one sentence."""

    outcome: JudgeOutcome
    reason: str
