"""When a set looks at the catalogue, and when it tries a version again (docs/rules.md T2, T5).

Chance comes in as a fraction that the workflow draws, so that many sets do not march in step.
"""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from instar.domain.delays import Delays


class Settled(BaseModel):
    """A look found no machine that an upgrade to this version, with this model, would touch by itself.

    Until then looks need not list the machines again: nothing that this workflow hears of has changed since.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    generation: int
    reason: str
    """What that look came to, for the looks that only repeat it."""
    until: datetime


class HeldBack(BaseModel):
    """A version whose upgrade ended without fault of the image: it is tried again, but not before that moment (T5)."""

    model_config = ConfigDict(frozen=True)

    version: str
    ends: int
    """How often in a row."""
    not_before: datetime
    reason: str


def next_look(now: datetime, delays: Delays, fraction: float) -> datetime:
    """The moment of the look after this one (T2); `fraction` is drawn from [0, 1).

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> [next_look(noon, Delays(), fraction).strftime("%H:%M") for fraction in (0.0, 0.5)]
    ['12:30', '12:45']
    """
    return now + delays.look_least + (delays.look_most - delays.look_least) * fraction


def look_by_itself(now: datetime, delays: Delays, fraction: float) -> datetime:
    """The moment of the next look of a set for which looks are made meanwhile (T2); never before the usual one.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> [f"{look_by_itself(noon, Delays(), fraction):%d. %H:%M}" for fraction in (0.0, 0.5)]
    ['26. 12:00', '27. 00:00']
    """
    return max(now + delays.look_by_itself * (1 + fraction / 2), next_look(now, delays, fraction))


def nudged_look(planned: datetime | None, now: datetime, delays: Delays, fraction: float) -> datetime | None:
    """The moment of the next look once something was published: sooner, never later, and not sooner again and again."""
    if planned is not None and planned <= now + delays.nudge_most:
        return planned
    return now + delays.nudge_most * fraction


def held_back(held: HeldBack | None, version: str, reason: str, ended_at: datetime, delays: Delays) -> HeldBack:
    """After one more end that was no fault of the image: tried again at the next look, then after 1 h, 2 h, … 24 h.

    >>> from datetime import UTC
    >>> noon, held = datetime(2026, 11, 24, 12, tzinfo=UTC), None
    >>> waits = []
    >>> for _ in range(8):
    ...     held = held_back(held, "1.2", "3 of 10 unhealthy", noon, Delays())
    ...     waits.append((held.not_before - noon).total_seconds() / 3600)
    >>> waits
    [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 24.0]
    """
    ends = held.ends + 1 if held is not None and held.version == version else 1
    wait = timedelta(0) if ends == 1 else delays.look_most * 2 ** min(ends - 2, DOUBLINGS_AT_MOST)
    return HeldBack(
        version=version, ends=ends, not_before=ended_at + min(wait, delays.look_backoff_most), reason=reason
    )


DOUBLINGS_AT_MOST = 20
"""A million times the first wait: more would only overflow."""


def hold_reason(held: HeldBack | None, version: str, now: datetime) -> str:
    """Why that version is not tried just now, as a sentence; empty if it may be."""
    if held is None or held.version != version or now >= held.not_before:
        return ""
    again = held.not_before.isoformat(timespec="seconds")
    return f"{version} is tried again at {again} or later; its last upgrade was {held.reason}"
