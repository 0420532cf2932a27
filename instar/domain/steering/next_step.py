"""What an upgrade does next: one function of what is known at that moment (docs/rules.md C1, C2, C4, G2, G3, W3, W4).

It is asked before each batch, and by whoever would start an upgrade. Nothing of it is known to a workflow: that parks
for as long as it is told, and asks again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from instar.domain.message import Message
from instar.domain.moments import minute
from instar.domain.spans import in_words
from instar.domain.steering.outside.answers import JudgeAnswer
from instar.domain.steering.outside.judges import Judge, Step, step_of
from instar.domain.steering.rollout_policy import ApprovalAt, RolloutPolicy
from instar.domain.steering.start_wishes import Limit
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
    asks: Annotated[bool, Field(exclude_if=lambda value: value is False)] = False
    """Nothing else is in the way: the policy's judges are to be asked now (G2)."""

    @property
    def action(self) -> str:
        """What the decision to wait is called: whether it is for a person to end it (N1)."""
        return "approval" if self.what is ParkedFor.APPROVAL else "parked"


class Stop(Message):
    """End the upgrade as cancelled: nothing is wrong with the version."""

    reason: str


class Known(BaseModel):
    """What is known before a batch."""

    model_config = ConfigDict(frozen=True)

    now: datetime
    wishes: Wishes = Wishes()
    policy: RolloutPolicy | None = None
    """As it was pinned when the upgrade began."""
    goes_back: bool = False
    """Whether it is a rollback: no hold keeps it back (C2)."""
    begun: int = 0
    """Batches that were begun."""
    canary_batches: int = 0
    """How many of them were of named canaries."""
    canaries_due: bool = False
    """Whether the next batch is of named canaries too: those in several zones, or beyond B1, are several (W1)."""
    batch_takes: timedelta = timedelta(0)
    """The longest of those that have ended; before the first, what its health wait may take."""
    waived: tuple[Limit, ...] = ()
    """By whoever started it (C4): a hold and a window keep back nothing then. A pause and a gate always do."""
    turn: str = ""
    """What it waits for at its limits; "": it is its turn, or no limit covers the set (W4)."""
    judged: tuple[JudgeAnswer, ...] | None = None
    """What the policy's judges have just said, in their order; None: nobody has asked them."""


def next_step(known: Known) -> Park | Stop | None:
    """Park, stop, or None: go on. A hold is told before a pause, then a gate, a window, and last its turn.

    Judges are asked when nothing else is in the way.

    A word that ends it waits for no pause and no hold: as a cancel it begins nothing.

    >>> from datetime import UTC
    >>> from instar.domain.steering.wishes import Pause
    >>> noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    >>> next_step(Known(now=noon)) is None
    True
    >>> step = next_step(Known(now=noon, wishes=Wishes(pause=Pause(reason="full", by="ann", since=noon))))
    >>> step.what.value, step.reason
    ('pause', 'paused by ann since 2026-11-30 12:00Z: full')
    >>> policy = RolloutPolicy(approval="first", approval_deadline="PT1H")
    >>> next_step(Known(now=noon, policy=policy)).reason
    'waits for an approval before its first batch, until 2026-11-30 13:00Z'
    >>> asked = Wishes(asked={"first": noon - timedelta(hours=1)})
    >>> next_step(Known(now=noon, policy=policy, wishes=asked)).reason
    'nobody approved it until 2026-11-30 12:00Z'
    """
    at_the_gate = _at_the_gate(known)
    if isinstance(at_the_gate, Stop):
        return at_the_gate
    return (
        may_not_begin(known.wishes, known.waived, goes_back=known.goes_back)
        or at_the_gate
        or _outside(known)
        or _judged(known)
        or _not_its_turn(known)
    )


def may_not_begin(wishes: Wishes, waived: Collection[Limit] = (), *, goes_back: bool = False) -> Park | None:
    """Why no upgrade of a set begins, and none goes on (C1, C2, C4). The end of the longest is what is waited for.

    A hold lets a rollback through, a pause of the set itself does not.
    """
    if wishes.holds and not goes_back and Limit.HOLD not in waived:
        reason = "; ".join(hold.sentence for hold in wishes.holds)
        ends = [hold.until for hold in wishes.holds]
        return Park(what=ParkedFor.HOLD, reason=reason, until=_last([end for end in ends if end], len(ends)))
    if pause := wishes.pause:
        return Park(what=ParkedFor.PAUSE, reason=pause.sentence, until=pause.until)
    return None


def _last(ends: list[datetime], of: int) -> datetime | None:
    return max(ends) if len(ends) == of else None


def gate_of(known: Known) -> Gate | None:
    """The gate before the batch that comes next (G3).

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    >>> policy = RolloutPolicy(canary={"bake": "PT1H"}, approval="afterCanary")
    >>> [gate_of(Known(now=noon, policy=policy, begun=n)) for n in (0, 1, 2)]
    [None, <Gate.AFTER_CANARY: 'afterCanary'>, None]
    """
    if known.policy is None:
        return None
    if known.policy.approval is ApprovalAt.FIRST and known.begun == 0:
        return Gate.FIRST
    after_canary = known.begun == (known.canary_batches or 1) and not known.canaries_due
    if known.policy.approval is ApprovalAt.AFTER_CANARY and after_canary:
        return Gate.AFTER_CANARY
    return None


def _at_the_gate(known: Known) -> Park | Stop | None:
    gate = gate_of(known)
    if gate is None or known.policy is None:
        return None
    answer = known.wishes.approval(gate)
    if answer is not None:
        return None if answer.approved else Stop(reason=answer.sentence)
    when = "before its first batch" if gate is Gate.FIRST else "after its canary"
    if known.policy.approval_deadline is None:
        return Park(what=ParkedFor.APPROVAL, reason=f"waits for an approval {when}", gate=gate)
    until = known.wishes.asked.get(gate, known.now) + known.policy.approval_deadline
    moment = minute(until)
    if known.now >= until:
        return Stop(reason=f"nobody approved it until {moment}")
    reason = f"waits for an approval {when}, until {moment}"
    return Park(what=ParkedFor.APPROVAL, reason=reason, until=until, gate=gate)


def _outside(known: Known) -> Park | None:
    """Outside of the windows, or too late in one for a whole batch (W3).

    >>> from datetime import UTC
    >>> nights = RolloutPolicy(windows=[{"from": "22:00", "to": "02:00", "timeZone": "UTC"}])
    >>> late = datetime(2026, 11, 30, 23, 50, tzinfo=UTC)
    >>> _outside(Known(now=late, policy=nights, batch_takes=timedelta(minutes=5))) is None
    True
    >>> _outside(Known(now=late + timedelta(hours=2), policy=nights, batch_takes=timedelta(minutes=15))).reason
    'a batch takes about 15 minutes and would not end in its window: the next one opens at 2026-12-01 22:00Z'
    """
    if known.policy is None or not (known.policy.windows or known.policy.not_on) or Limit.WINDOW in known.waived:
        return None
    timetable = known.policy.timetable
    if timetable.would_end_inside(known.now, known.batch_takes):
        return None
    begins = timetable.next_fitting(known.now, known.batch_takes)
    takes = f"a batch takes about {in_words(known.batch_takes)}"
    if begins is None:
        return Park(what=ParkedFor.WINDOW, reason=f"{takes}, and none of its windows within a year is as long")
    opens = f"the next one opens at {minute(begins)}"
    if timetable.state_at(known.now).is_open:
        return Park(what=ParkedFor.WINDOW, reason=f"{takes} and would not end in its window: {opens}", until=begins)
    return Park(what=ParkedFor.WINDOW, reason=f"outside of its windows: {opens}", until=begins)


def _not_its_turn(known: Known) -> Park | None:
    """Others go on first (W4); whoever gives it its turn says so.

    >>> from datetime import UTC
    >>> _not_its_turn(Known(now=datetime(2026, 11, 30, tzinfo=UTC), turn="waits for its turn")).what.value
    'turn'
    """
    return Park(what=ParkedFor.TURN, reason=known.turn) if known.turn else None


def _judged(known: Known) -> Park | Stop | None:
    """What the judges say: they are to be asked, or one of them does not say yes (G2).

    >>> from datetime import UTC
    >>> slo = {"name": "slo", "place": "p", "origin": "https://slo.lan"}
    >>> known = Known(now=datetime(2026, 11, 30, 12, tzinfo=UTC), policy=RolloutPolicy(judges=[slo]))
    >>> _judged(known).reason, _judged(known).asks
    ('asks its judge: slo', True)
    >>> no = JudgeAnswer(outcome="no", reason="judge slo says no: burning")
    >>> _judged(known.model_copy(update={"judged": (no,)})).reason
    'judge slo says no: burning'
    """
    judges = known.policy.judges if known.policy else ()
    if not judges:
        return None
    if known.judged is None or len(known.judged) != len(judges):
        names = ", ".join(one.name for one in judges)
        return Park(what=ParkedFor.JUDGE, reason=f"asks its judge{'s' * (len(judges) > 1)}: {names}", asks=True)
    return after_judges(judges, known.judged)


def after_judges(judges: Sequence[Judge], answers: Sequence[JudgeAnswer]) -> Park | Stop | None:
    """What follows from what judges say: one that stops counts before those that park. None: all of them say yes."""
    steps = [(step_of(judge, answer), answer.reason) for judge, answer in zip(judges, answers, strict=True)]
    stops, parks = ("; ".join(reason for one, reason in steps if one is step) for step in (Step.STOP, Step.PARK))
    if stops:
        return Stop(reason=stops)
    return Park(what=ParkedFor.JUDGE, reason=parks) if parks else None
