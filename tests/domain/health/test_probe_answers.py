import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instar.domain.health.probe_answers import (
    Answer,
    Said,
    believed,
    observed,
    read_body,
    read_metrics,
    state_of,
    unanswered,
)
from instar.domain.health.sources import HealthSource, Protocol, SourceKind
from instar.domain.machines.instances import HealthState
from tests.support.looks import NOON

BINARY = HealthSource(kind=SourceKind.APPLICATION_HEALTH, number_of_probes=2)
RICH = BINARY.model_copy(update={"rich": True, "grace_period": timedelta(minutes=10)})
TCP = RICH.model_copy(update={"protocol": Protocol.TCP})
PROBE = BINARY.model_copy(update={"kind": SourceKind.LOAD_BALANCER})


@pytest.mark.parametrize(
    ("source", "answer", "in_grace", "state"),
    [
        (BINARY, Answer.GOOD, True, HealthState.HEALTHY),
        (BINARY, Answer.BAD, True, HealthState.UNHEALTHY),
        (BINARY, Answer.NONE, True, HealthState.UNHEALTHY),
        (BINARY, None, True, HealthState.UNHEALTHY),
        (PROBE, None, True, HealthState.UNHEALTHY),
        (RICH, Answer.GOOD, False, HealthState.HEALTHY),
        (RICH, Answer.BAD, True, HealthState.UNHEALTHY),
        (RICH, Answer.NONE, True, HealthState.INITIALIZING),
        (RICH, None, True, HealthState.INITIALIZING),
        (RICH, Answer.NONE, False, HealthState.UNKNOWN),
        (RICH, None, False, HealthState.UNKNOWN),
        (TCP, None, True, HealthState.INITIALIZING),
        (TCP, None, False, HealthState.UNHEALTHY),
        (HealthSource(rich=True), None, True, HealthState.UNHEALTHY),
    ],
)
def test_h4_h5_what_a_believed_answer_stands_for(
    source: HealthSource, answer: Answer | None, in_grace: bool, state: HealthState
) -> None:
    assert state_of(answer, source, in_grace=in_grace) is state


def test_h5_a_probe_without_an_answer_is_unknown_only_where_a_body_is_read() -> None:
    answers = [unanswered(source, "silence").answer for source in (BINARY, RICH, TCP, PROBE)]
    assert answers == [Answer.BAD, Answer.NONE, Answer.BAD, Answer.BAD]


def test_h5_a_grace_period_ends_to_the_moment() -> None:
    none = [unanswered(RICH, "silence")] * 2
    end = NOON + RICH.grace_period
    within = observed("0", RICH, none, since=NOON, now=end - timedelta(microseconds=1))
    assert (within.state, within.settles_by, within.detail) == (HealthState.INITIALIZING, end, "silence")
    over = observed("0", RICH, none, since=NOON, now=end)
    assert (over.state, over.settles_by) == (HealthState.UNKNOWN, None)
    assert over.detail == "silence, and its grace period is over"
    assert observed("0", RICH, none, since=None, now=NOON).state is HealthState.UNKNOWN


@given(st.lists(st.sampled_from(Answer), max_size=8), st.integers(1, 4))
def test_h6_an_answer_is_believed_only_after_as_many_equal_ones(answers: list[Answer], equal: int) -> None:
    found = believed([Said(one) for one in answers], equal)
    run = answers[-equal:]
    assert (found is not None) == (len(run) == equal and all(one is run[0] for one in run))
    assert found is None or found.answer is answers[-1]


@given(st.binary(max_size=300), st.integers(100, 999))
def test_h7_whatever_a_machine_answers_is_read_without_harm(body: bytes, status: int) -> None:
    assert read_body(status, body).answer in Answer


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.dictionaries(
            st.sampled_from(["rollingUpgrade", "PhaseOrderingNumber", "SkipUpgrade"]) | st.text(), inner
        ),
    )
)
def test_b5_whatever_custom_metrics_say_is_read_without_harm(value: object) -> None:
    phase, skip = read_metrics(json.dumps(value))
    assert phase is None or -(2**31) <= phase < 2**31
    assert skip in (True, False)
