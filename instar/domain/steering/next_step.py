"""What an upgrade does next: one function of what is known at that moment (docs/rules.md C1, C2, G3).

It is asked before each batch, and by whoever would start an upgrade. Nothing of it is known to a workflow: that parks
for as long as it is told, and asks again.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from instar.domain.message import Message
from instar.domain.steering.wishes import Gate, Wishes


class ParkedFor(StrEnum):
    """What an upgrade waits for before its next batch."""

    PAUSE = "pause"
    HOLD = "hold"
    APPROVAL = "approval"
    WINDOW = "window"
    TURN = "turn"
    JUDGE = "judge"


class Park(Message):
    """Wait, and ask again at `until`; None: when somebody says so."""

    what: ParkedFor
    reason: str
    until: datetime | None = None
    gate: Gate | None = None
    """Where somebody is to say so (G3)."""


class Stop(Message):
    """End the upgrade as cancelled: nothing is wrong with the version."""

    reason: str


class Known(BaseModel):
    """What is known before a batch."""

    model_config = ConfigDict(frozen=True)

    now: datetime
    wishes: Wishes = Wishes()
    gate: Gate | None = None
    """Where the batch that comes next asks for an approval."""
    gate_until: datetime | None = None
    """When the gate closes for good: without an answer the upgrade ends. None: it waits for ever."""


def next_step(known: Known) -> Park | Stop | None:
    """Park, stop, or None: go on. A hold is told before a pause: it is the wider one.

    >>> from datetime import UTC
    >>> from instar.domain.steering.wishes import Pause
    >>> noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    >>> next_step(Known(now=noon)) is None
    True
    >>> step = next_step(Known(now=noon, wishes=Wishes(pause=Pause(reason="full", by="ann", since=noon))))
    >>> step.what.value, step.reason
    ('pause', 'paused by ann since 2026-11-30 12:00Z: full')
    >>> next_step(Known(now=noon, gate=Gate.FIRST, gate_until=noon)).reason
    'nobody approved it until 2026-11-30 12:00Z'
    """
    if held := may_not_begin(known.wishes):
        return held
    return _at_the_gate(known)


def may_not_begin(wishes: Wishes) -> Park | None:
    """Why no upgrade of a set begins, and none goes on (C1, C2). The end of the longest is what is waited for."""
    if wishes.holds:
        reason = "; ".join(hold.sentence for hold in wishes.holds)
        ends = [hold.until for hold in wishes.holds]
        return Park(what=ParkedFor.HOLD, reason=reason, until=_last([end for end in ends if end], len(ends)))
    if pause := wishes.pause:
        return Park(what=ParkedFor.PAUSE, reason=pause.sentence, until=pause.until)
    return None


def _last(ends: list[datetime], of: int) -> datetime | None:
    return max(ends) if len(ends) == of else None


def _at_the_gate(known: Known) -> Park | Stop | None:
    if known.gate is None:
        return None
    answer = known.wishes.approval(known.gate)
    if answer is not None:
        return None if answer.approved else Stop(reason=answer.sentence)
    when = "before its first batch" if known.gate is Gate.FIRST else "after its canary"
    if known.gate_until is None:
        return Park(what=ParkedFor.APPROVAL, reason=f"waits for an approval {when}", gate=known.gate)
    moment = known.gate_until.strftime("%Y-%m-%d %H:%MZ")
    if known.now >= known.gate_until:
        return Stop(reason=f"nobody approved it until {moment}")
    reason = f"waits for an approval {when}, until {moment}"
    return Park(what=ParkedFor.APPROVAL, reason=reason, until=known.gate_until, gate=known.gate)
