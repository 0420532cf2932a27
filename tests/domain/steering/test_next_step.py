"""What an upgrade does next, for any wishes and any policy: against the rules' text, told a second time.

The oracle knows when windows are open by looking at every minute (`tests.simulation.minutes`), and nothing of the code.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instar.domain.steering.next_step import Known, Park, ParkedFor, Stop, next_step
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.wishes import Approval, Gate, Hold, Pause, Wishes, in_force
from tests.simulation.minutes import Minutes
from tests.simulation.policies import CHANGES, windows

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 12, 4, 12, tzinfo=UTC)  # a Friday
SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"
SCOPES = ("/", "/subscriptions/s", "/subscriptions/s/resourceGroups/g", "/subscriptions/s/resourceGroups/g2", SET)


def pause(until: datetime | None = None) -> Pause:
    return Pause(reason="full", by="ann", since=NOON, until=until)


def hold(name: str, until: datetime | None = None, scope: str = "/") -> Hold:
    return Hold(name=name, scope=scope, reason="freeze", by="bob", since=NOON, until=until)


def word(gate: Gate, *, approved: bool) -> Approval:
    return Approval(gate=gate, approved=approved, by="ann", at=NOON)


def step(policy: dict[str, Any] | None = None, now: datetime = NOON, **more: Any) -> Park | Stop | None:
    return next_step(Known(now=now, policy=None if policy is None else RolloutPolicy(**policy), **more))


def parked(found: Park | Stop | None) -> Park:
    assert isinstance(found, Park)
    return found


# --- pauses and holds ------------------------------------------------------------------------------------------------


def test_c1_a_pause_is_waited_for_until_its_end_or_until_somebody_says_so() -> None:
    assert parked(step(wishes=Wishes(pause=pause()))).until is None
    found = parked(step(wishes=Wishes(pause=pause(NOON + HOUR))))
    assert (found.what, found.until, found.gate) == (ParkedFor.PAUSE, NOON + HOUR, None)


def test_c2_of_several_holds_the_last_end_is_waited_for_and_none_if_one_has_none() -> None:
    short, long, endless = hold("a", NOON + HOUR), hold("b", NOON + 2 * HOUR), hold("c")
    found = parked(step(wishes=Wishes(holds=(short, long))))
    assert (found.what, found.until) == (ParkedFor.HOLD, NOON + 2 * HOUR)
    assert "'a'" in found.reason
    assert "'b'" in found.reason
    assert parked(step(wishes=Wishes(holds=(short, endless)))).until is None


def test_c2_c1_g3_w3_a_hold_is_told_before_a_pause_that_before_a_gate_that_before_a_window() -> None:
    closed = {"windows": [{"from": "01:00", "to": "02:00", "timeZone": "UTC"}], "approval": "first"}
    both = Wishes(pause=pause(), holds=(hold("a"),))
    assert parked(step(closed, wishes=both)).what is ParkedFor.HOLD
    assert parked(step(closed, wishes=Wishes(pause=pause()))).what is ParkedFor.PAUSE
    assert parked(step(closed)).what is ParkedFor.APPROVAL
    assert parked(step(closed, begun=1)).what is ParkedFor.WINDOW


ENDS = st.none() | st.integers(-3, 3).map(lambda hours: NOON + hours * HOUR)


@given(ENDS, st.lists(st.tuples(ENDS, st.sampled_from(SCOPES)), max_size=4), st.booleans())
@settings(max_examples=150, deadline=None)
def test_c1_c2_whoever_keeps_it_back_now_is_obeyed_and_nobody_else(
    end: datetime | None, held: list[tuple[datetime | None, str]], is_paused: bool
) -> None:
    holds = [hold(f"hold-{number}", until, scope) for number, (until, scope) in enumerate(held)]
    found = step(wishes=in_force(pause(end) if is_paused else None, holds, SET, NOON))
    lasting = [one for one in holds if (one.until is None or one.until > NOON) and one.scope != SCOPES[3]]
    if lasting:
        ends = [one.until for one in lasting if one.until]
        assert parked(found).what is ParkedFor.HOLD
        assert parked(found).until == (max(ends) if len(ends) == len(lasting) else None)
        assert all(f"'{one.name}'" in parked(found).reason for one in lasting)
    elif is_paused and (end is None or end > NOON):
        assert (parked(found).what, parked(found).until) == (ParkedFor.PAUSE, end)
    else:
        assert found is None


# --- gates -----------------------------------------------------------------------------------------------------------


CANARY = {"approval": "afterCanary", "canary": {"bake": "PT1H"}}
NAMED = {"approval": "afterCanary", "canary": {"instances": ["7"]}}


@pytest.mark.parametrize(
    ("policy", "begun", "canary_batches", "gate"),
    [
        (None, 0, 0, None),
        ({}, 0, 0, None),
        ({"approval": "first"}, 0, 0, Gate.FIRST),
        ({"approval": "first"}, 1, 0, None),
        (CANARY, 0, 0, None),
        (CANARY, 1, 0, Gate.AFTER_CANARY),
        (CANARY, 2, 0, None),
        (NAMED, 0, 0, None),
        (NAMED, 1, 1, Gate.AFTER_CANARY),
        (NAMED, 1, 2, None),  # another batch of the canary was chosen, and has not begun
        (NAMED, 2, 2, Gate.AFTER_CANARY),
        (NAMED, 3, 2, None),
        (NAMED, 1, 0, Gate.AFTER_CANARY),  # nobody of those named is there: the first batch stands for them
    ],
)
def test_g3_a_gate_is_before_the_first_batch_or_after_the_last_of_the_canary(
    policy: dict[str, Any] | None, begun: int, canary_batches: int, gate: Gate | None
) -> None:
    found = step(policy, begun=begun, canary_batches=canary_batches)
    assert (None if found is None else parked(found).gate) == gate


def test_g3_the_word_at_its_gate_counts_and_no_other() -> None:
    policy = {"approval": "first"}
    assert step(policy, wishes=Wishes(approvals=(word(Gate.FIRST, approved=True),))) is None
    assert isinstance(step(policy, wishes=Wishes(approvals=(word(Gate.FIRST, approved=False),))), Stop)
    other = Wishes(approvals=(word(Gate.AFTER_CANARY, approved=True),))
    assert parked(step(policy, wishes=other)).gate is Gate.FIRST
    first = Wishes(approvals=(word(Gate.FIRST, approved=False), word(Gate.FIRST, approved=True)))
    assert isinstance(step(policy, wishes=first), Stop)


def test_g3_a_deadline_counts_from_when_it_was_asked_and_closes_at_its_moment() -> None:
    policy = {"approval": "first", "approvalDeadline": "PT1H"}
    asked = Wishes(asked={Gate.FIRST: NOON})
    assert parked(step(policy)).until == NOON + HOUR, "nobody was asked yet"
    assert parked(step(policy, NOON + HOUR - MINUTE, wishes=asked)).until == NOON + HOUR
    assert isinstance(step(policy, NOON + HOUR, wishes=asked), Stop)
    late = asked.model_copy(update={"approvals": (word(Gate.FIRST, approved=True),)})
    assert step(policy, NOON + 2 * HOUR, wishes=late) is None, "the word came in time, and is read late"


def test_g3_without_a_deadline_it_is_waited_for_ever() -> None:
    asked = Wishes(asked={Gate.FIRST: NOON})
    found = parked(step({"approval": "first"}, NOON + 400 * DAY, wishes=asked))
    assert (found.until, found.what) == (None, ParkedFor.APPROVAL)


def test_g3_w1_between_two_batches_of_the_canary_there_is_no_gate() -> None:
    assert step(NAMED, begun=1, canary_batches=1, canaries_due=True) is None
    assert parked(step(NAMED, begun=2, canary_batches=2)).gate is Gate.AFTER_CANARY


def test_g3_c1_c2_a_rejection_and_a_deadline_wait_for_no_pause_and_no_hold() -> None:
    kept = {"pause": pause(), "holds": (hold("a"),)}
    rejected = Wishes(approvals=(word(Gate.FIRST, approved=False),), **kept)
    assert isinstance(step({"approval": "first"}, wishes=rejected), Stop)
    policy = {"approval": "first", "approvalDeadline": "PT1H"}
    assert isinstance(step(policy, NOON + HOUR, wishes=Wishes(asked={Gate.FIRST: NOON}, **kept)), Stop)
    assert parked(step(policy, wishes=Wishes(**kept))).what is ParkedFor.HOLD, "nobody was asked yet"
    approved = Wishes(approvals=(word(Gate.FIRST, approved=True),), **kept)
    assert parked(step(policy, wishes=approved)).what is ParkedFor.HOLD


# --- windows ---------------------------------------------------------------------------------------------------------


@st.composite
def scenes(draw: st.DrawFn) -> tuple[dict[str, Any], datetime, timedelta]:
    """A policy with windows or days off, a moment within days of a clock change, and how long a batch takes."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = date.fromisoformat(draw(st.sampled_from(CHANGES[zone])))
    off = [change + draw(st.integers(-3, 4)) * DAY for _ in range(draw(st.integers(0, 2)))]
    document = {
        "windows": draw(st.lists(windows(zone), min_size=0 if off else 1, max_size=2)),
        "notOn": [day.isoformat() for day in off],
    }
    now = datetime(change.year, change.month, change.day, tzinfo=UTC) + draw(st.integers(-3 * 1440, 3 * 1440)) * MINUTE
    return document, now, draw(st.sampled_from([0, 1, 7, 30, 61, 119, 120, 121, 600])) * MINUTE


@given(scenes())
@settings(max_examples=60, deadline=None)
def test_w3_a_batch_begins_where_it_ends_inside_and_is_parked_for_the_next_such_moment(
    scene: tuple[dict[str, Any], datetime, timedelta],
) -> None:
    document, now, takes = scene
    table = Minutes(document, now - DAY, now + 12 * DAY)
    found = step(document, now, batch_takes=takes)
    if table.is_open(now) and (table.left(now) >= takes or table.left(now) > 10 * DAY):
        assert found is None
        return
    assert parked(found).what is ParkedFor.WINDOW
    moments = (now + number * MINUTE for number in range(1, 9 * 1440))
    expected = next((one for one in moments if table.is_open(one) and table.left(one) >= max(takes, MINUTE)), None)
    if expected is not None:
        assert parked(found).until == expected
    elif parked(found).until is not None:
        assert parked(found).until > now + 8 * DAY  # type: ignore[operator]  # it is there


def test_w3_days_off_alone_close_whole_days_of_utc() -> None:
    policy = {"notOn": ["2026-12-04"]}
    assert parked(step(policy)).until == NOON + 12 * HOUR
    assert step(policy, NOON + 12 * HOUR) is None


def test_w3_where_no_window_is_long_enough_nobody_is_told_to_ask_again() -> None:
    found = parked(step({"windows": [{"from": "11:00", "to": "13:00", "timeZone": "UTC"}]}, batch_takes=3 * HOUR))
    assert found.until is None
    assert "none of its windows within a year is as long" in found.reason
