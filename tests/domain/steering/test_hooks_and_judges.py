"""What hooks and judges may be, and what follows from what they say."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from instar.domain.steering.outside.answers import Heard, HookOutcome, JudgeAnswer, JudgeOutcome
from instar.domain.steering.outside.conditions import Condition
from instar.domain.steering.outside.hooks import AskedHook, Hook, judged
from instar.domain.steering.outside.judges import AskedJudge, Judge, Step, step_of
from instar.domain.steering.outside.judges import judged as judged_by

DRAIN = Hook(name="drain", at="beforeSwap", place="p", origin="https://drain.lan")
SLO = Judge(name="slo", place="p", origin="https://slo.lan")
AWAY = Heard(failed="could not be reached: it was refused", is_final=False)


def asked_hook(**changes: Any) -> AskedHook:
    return AskedHook.model_validate({"name": "drain", "at": "beforeSwap", "url": "https://x/"} | changes)


def asked_judge(**changes: Any) -> AskedJudge:
    return AskedJudge.model_validate({"name": "slo", "url": "https://x/"} | changes)


def test_g1_the_defaults_are_five_minutes_and_a_stop() -> None:
    hook = asked_hook()
    assert (hook.timeout, hook.otherwise.value) == (timedelta(minutes=5), "stop")
    made = Hook.of(hook, "p", "https://x")
    assert "url" not in made.model_dump_json()
    assert made.timeout == hook.timeout


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "a b"},
        {"at": "afterSwap"},
        {"url": ""},
        {"timeout": "PT0.5S"},
        {"timeout": "P1D"},
        {"timeout": 300},
        {"timeout": "5m"},
        {"otherwise": "explode"},
    ],
)
def test_g1_nonsense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked_hook(**changes)


def test_g1_a_secret_does_not_show_itself() -> None:
    assert "hunter2" not in repr(asked_hook(secret="hunter2", url="https://x/hunter2"))


def test_g1_at_the_time_out_it_is_over_and_a_moment_before_it_is_asked_again() -> None:
    five = timedelta(minutes=5)
    assert judged(DRAIN, AWAY, five - timedelta(milliseconds=1)) == timedelta(milliseconds=1)
    answer = judged(DRAIN, AWAY, five)
    assert not isinstance(answer, timedelta)
    assert answer.outcome is HookOutcome.STOPS
    assert answer.reason.endswith("(last: could not be reached: it was refused): the upgrade stops")


def test_g1_a_retry_after_that_is_longer_than_what_is_left_is_cut() -> None:
    put_off = Heard(status=202, retry_after=timedelta(hours=1))
    assert judged(DRAIN, put_off, timedelta(minutes=4)) == timedelta(minutes=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "prometheus"},
        {"kind": "prometheus", "query": "up"},
        {"kind": "prometheus", "query": " ", "condition": "> 1"},
        {"kind": "prometheus", "query": "up", "condition": "about 1"},
        {"kind": "prometheus", "query": "up", "condition": "> 1e999"},
        {"kind": "prometheus", "query": "up", "condition": "> nan"},
        {"query": "up"},
        {"condition": "> 1"},
        {"otherwise": "proceed"},
        {"kind": "oracle"},
    ],
)
def test_g2_nonsense_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        asked_judge(**changes)


def test_g2_the_default_is_to_park() -> None:
    judge = Judge.of(asked_judge(), "p", "https://x")
    for outcome, step in (("yes", Step.GO), ("no", Step.PARK), ("unknown", Step.PARK)):
        assert step_of(judge, JudgeAnswer(outcome=outcome, reason="")) is step
    stern = judge.model_copy(update={"otherwise": asked_judge(otherwise="stop").otherwise})
    assert step_of(stern, JudgeAnswer(outcome="unknown", reason="")) is Step.STOP


def test_g2_a_judge_that_may_not_be_called_is_unknown_at_once() -> None:
    answer = judged_by(SLO, Heard(failed="may not be called: loopback"), timedelta())
    assert not isinstance(answer, timedelta)
    assert answer.outcome is JudgeOutcome.UNKNOWN


def test_g2_one_that_was_not_reached_is_asked_again_with_growing_pauses_until_its_time_is_over() -> None:
    pauses = [judged_by(SLO, AWAY.model_copy(update={"attempt": n}), timedelta()) for n in (1, 2, 3, 9)]
    assert pauses == [timedelta(seconds=seconds) for seconds in (2, 4, 8, 30)]
    answer = judged_by(SLO, AWAY, SLO.timeout)
    assert not isinstance(answer, timedelta)
    assert answer.outcome is JudgeOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("> 1", 1.1, 1),
        (">= 1", 1, 0.9),
        ("< -1", -2, -1),
        ("<= 1", 1, 1.1),
        ("== 0", 0, 1),
        ("!= 0", 1, 0),
        (">1e-3", 1, 0),
    ],
)
def test_g2_a_condition_compares(text: str, yes: float, no: float) -> None:
    condition = Condition.of(text)
    assert condition.holds(yes)
    assert not condition.holds(no)
    assert not condition.holds(float("nan"))
