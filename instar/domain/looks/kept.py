"""What a set's own look leaves for those that are made for it afterwards (docs/rules.md T2, T5, T6)."""

import hashlib
from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict

from instar.domain.delays import Delays
from instar.domain.records.triggers import HeldBack, Settled

_DEFAULT = Delays()


class Pace(BaseModel):
    """The delays of one set, as it was given them, as far as looks go by them (T6)."""

    model_config = ConfigDict(frozen=True)

    least: timedelta = _DEFAULT.look_least
    most: timedelta = _DEFAULT.look_most
    in_full: timedelta = _DEFAULT.look_in_full
    nudge_most: timedelta = _DEFAULT.nudge_most

    @classmethod
    def of(cls, delays: Delays) -> Self:
        """Of these."""
        return cls(
            least=delays.look_least, most=delays.look_most, in_full=delays.look_in_full, nudge_most=delays.nudge_most
        )

    def next_look(self, now: datetime, fraction: float) -> datetime:
        """The moment of the look after this one; `fraction` is drawn from [0, 1).

        >>> from datetime import UTC
        >>> Pace().next_look(datetime(2026, 11, 24, 12, tzinfo=UTC), 0.5).strftime("%H:%M")
        '12:45'
        """
        return now + self.least + (self.most - self.least) * fraction


class KeptLook(BaseModel):
    """What is remembered of one set between two looks."""

    model_config = ConfigDict(frozen=True)

    pace: Pace = Pace()
    settled: Settled | None = None
    """Until then its machines are not listed again, unless something has changed."""
    held: HeldBack | None = None
    """A version that is tried again later, as its workflow knows it."""


def drawn(unique_id: str, moment: datetime) -> float:
    """In place of chance, from [0, 1): another one for each set and each of its looks, so that none march in step.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> len({round(drawn(one, noon + timedelta(hours=hour)), 3) for one in ("a", "b") for hour in range(5)})
    10
    """
    digest = hashlib.sha256(f"{unique_id}{moment.isoformat()}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
