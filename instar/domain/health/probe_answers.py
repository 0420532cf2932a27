"""What a probe's answer says, and what a run of answers says of an instance (docs/rules.md H1, H3 to H6).

Pure: whoever asked brings what came back. A probe that got no answer is an answer too (H7).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from instar.domain.health.sources import HealthSource, Protocol, SourceKind
from instar.domain.machines.instances import HealthObservation, HealthState

PHASES = range(-(2**31), 2**31)
"""What an order of phases can be told by."""

METRICS_AT_MOST = 4_096
"""Characters of custom metrics that are read and shown."""

OK = 200
SUCCESSES = range(200, 300)


class Answer(StrEnum):
    """What the application said to one probe."""

    GOOD = "good"
    BAD = "bad"
    NONE = "none"
    """Nothing that can be understood."""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; `metrics` is the text of its custom metrics, which only a good one has (docs/rules.md B5)."""

    answer: Answer
    detail: str = ""
    metrics: str = ""


def read_status(status: int) -> Said:
    """A binary source asks for the status alone (H3, H4).

    >>> read_status(200).answer, read_status(204).answer
    (<Answer.GOOD: 'good'>, <Answer.BAD: 'bad'>)
    """
    return Said(Answer.GOOD) if status == OK else Said(Answer.BAD, f"the application answered with status {status}")


def read_body(status: int, body: bytes) -> Said:
    """A rich source asks for the application's own word (H5).

    >>> read_body(200, b'{"ApplicationHealthState": "Unhealthy"}').answer
    <Answer.BAD: 'bad'>
    >>> read_body(200, b"fine").detail
    'the application answered without a valid ApplicationHealthState'
    """
    if status not in SUCCESSES:
        return Said(Answer.NONE, f"the application answered with status {status}")
    said = _lower_keys(_json(body))
    state, metrics = said.get("applicationhealthstate"), said.get("custommetrics")
    match state.lower() if isinstance(state, str) else "":
        case "healthy":
            return Said(Answer.GOOD, metrics=_text(metrics))
        case "unhealthy":
            return Said(Answer.BAD, "the application answers that it is unhealthy")
        case _:
            return Said(Answer.NONE, "the application answered without a valid ApplicationHealthState")


def connected() -> Said:
    """A tcp probe asks for no more than the handshake (H3, H4)."""
    return Said(Answer.GOOD)


def unanswered(source: HealthSource, why: str) -> Said:
    """A probe that got no answer: Unknown to a rich source that asks for a body, a bad answer to any other."""
    return Said(Answer.NONE if source.reads_bodies else Answer.BAD, why)


def believed(answers: Sequence[Said], equal: int) -> Said | None:
    """The last answer if so many in a row were equal to it (H6).

    >>> good, bad = Said(Answer.GOOD), Said(Answer.BAD)
    >>> believed([bad, good, good], 2).answer
    <Answer.GOOD: 'good'>
    >>> believed([good, good, bad], 2) is None
    True
    """
    run = answers[-max(1, equal) :]
    if len(run) < equal or len({one.answer for one in run}) != 1:
        return None
    return run[-1]


def state_of(answer: Answer | None, source: HealthSource, *, in_grace: bool) -> HealthState:
    """The state that a believed answer stands for; None: no answer lasted (H4, H5).

    >>> rich = HealthSource(kind=SourceKind.APPLICATION_HEALTH, rich=True)
    >>> state_of(Answer.NONE, rich, in_grace=True), state_of(Answer.NONE, rich, in_grace=False)
    (<HealthState.INITIALIZING: 'Initializing'>, <HealthState.UNKNOWN: 'Unknown'>)
    """
    match answer:
        case Answer.GOOD:
            return HealthState.HEALTHY
        case Answer.BAD:
            return HealthState.UNHEALTHY
        case Answer.NONE | None:
            if not source.rich or source.kind is SourceKind.DEFAULT:
                return HealthState.UNHEALTHY
            if in_grace:
                return HealthState.INITIALIZING
            return HealthState.UNHEALTHY if source.protocol is Protocol.TCP else HealthState.UNKNOWN


def observed(
    instance_id: str,
    source: HealthSource,
    answers: Sequence[Said],
    *,
    since: datetime | None,
    now: datetime,
) -> HealthObservation:
    """What a look says of an instance. `since`: when its agent began to ask, None if that is not known or long ago."""
    last = believed(answers, source.number_of_probes)
    ends = since + source.grace_period if since is not None else now
    state = state_of(last.answer if last else None, source, in_grace=now < ends)
    detail = last.detail if last else f"no {source.number_of_probes} of {len(answers)} answers in a row were equal"
    if state is HealthState.UNKNOWN and since is not None:
        detail = f"{detail}, and its grace period is over"
    metrics = last.metrics if last else ""
    phase, skip = read_metrics(metrics)
    return HealthObservation(
        instance_id,
        state,
        now,
        detail,
        ends if state is HealthState.INITIALIZING else None,
        phase,
        skip,
        metrics,
    )


def read_metrics(metrics: str) -> tuple[int | None, bool]:
    """Phase and skip of the custom metrics, a JSON text in the answer; what cannot be read says nothing.

    >>> read_metrics('{"rollingUpgrade": {"PhaseOrderingNumber": 2, "SkipUpgrade": "true"}}')
    (2, True)
    >>> read_metrics("nonsense")
    (None, False)
    """
    upgrade = _lower_keys(_lower_keys(_json(metrics)).get("rollingupgrade"))
    phase, skip = upgrade.get("phaseorderingnumber"), upgrade.get("skipupgrade")
    return _phase(phase), skip is True or (isinstance(skip, str) and skip.lower() == "true")


def _phase(value: Any) -> int | None:
    if isinstance(value, str) and len(value) <= len(str(PHASES.start)) and value.removeprefix("-").isdecimal():
        value = int(value)
    return value if type(value) is int and value in PHASES else None


def _json(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: Any) -> str:
    """What can be shown again: no lone surrogate, no endless one."""
    if not isinstance(value, str) or len(value) > METRICS_AT_MOST:
        return ""
    return "" if any("\ud800" <= character <= "\udfff" for character in value) else value


def _lower_keys(value: Any) -> dict[str, Any]:
    return {key.lower(): inner for key, inner in value.items()} if isinstance(value, dict) else {}
