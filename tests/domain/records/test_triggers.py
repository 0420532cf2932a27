from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from instar.domain.delays import Delays
from instar.domain.records.triggers import HeldBack, held_back, hold_reason, next_look, nudged_look
from tests.support.looks import NOON

FRACTIONS = st.floats(min_value=0, max_value=1, exclude_max=True)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@given(FRACTIONS)
def test_t2_the_next_look_is_30_to_60_minutes_away(fraction: float) -> None:
    assert 30 * MINUTE <= next_look(NOON, Delays(), fraction) - NOON <= HOUR


def test_t6_the_delays_of_looks_are_settings() -> None:
    delays = Delays(look_least=timedelta(seconds=2), look_most=timedelta(seconds=4))
    assert next_look(NOON, delays, 0.5) - NOON == timedelta(seconds=3)
    with pytest.raises(ValidationError, match="look_least"):
        Delays(look_most=timedelta(seconds=4))


@given(FRACTIONS, st.integers(min_value=-10, max_value=120))
def test_t2_a_nudge_brings_a_look_forward_and_never_puts_it_off(fraction: float, minutes: int) -> None:
    planned = NOON + minutes * MINUTE
    nudged = nudged_look(planned, NOON, Delays(), fraction)
    assert nudged is not None
    assert nudged <= max(planned, NOON + 5 * MINUTE)
    assert nudged <= planned
    if minutes <= 5:
        assert nudged == planned


def test_t2_a_nudge_finds_a_moment_where_none_was_drawn() -> None:
    assert nudged_look(None, NOON, Delays(), 0.5) == NOON + 2.5 * MINUTE


def test_t5_another_version_begins_to_wait_anew() -> None:
    held = HeldBack(version="1.1", ends=5, not_before=NOON, reason="stopped")
    assert held_back(held, "1.2", "stopped", NOON, Delays()).ends == 1


def test_t5_many_ends_in_a_row_overflow_nothing() -> None:
    held = HeldBack(version="1.1", ends=10_000, not_before=NOON, reason="stopped")
    assert held_back(held, "1.1", "stopped", NOON, Delays()).not_before == NOON + 24 * HOUR


@pytest.mark.parametrize(("version", "minutes", "held"), [("1.1", 59, True), ("1.1", 60, False), ("1.2", 0, False)])
def test_t5_a_version_is_held_back_until_its_moment(version: str, minutes: int, held: bool) -> None:
    one = HeldBack(version="1.1", ends=2, not_before=NOON + HOUR, reason="stopped: 3 of 10 unhealthy")
    reason = hold_reason(one, version, NOON + minutes * MINUTE)
    assert bool(reason) is held
    if held:
        assert "stopped: 3 of 10 unhealthy" in reason
        assert "2026-11-24T13:00:00" in reason


def test_nothing_held_back_holds_nothing() -> None:
    assert hold_reason(None, "1.1", NOON) == ""
