"""Judges: somebody else's system is asked before each batch and all through a bake (docs/rules.md G2).

They fail closed: one that says no, or cannot be asked for its time-out, parks the upgrade or stops it. As pinned to an
upgrade a judge has no URL and no secret: both are sealed in the store, and `place` is where.
"""

import json
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from instar.domain.legible import legible
from instar.domain.spans import in_words
from instar.domain.steering.durations import Duration, within
from instar.domain.steering.outside.answers import Heard, JudgeAnswer, JudgeOutcome
from instar.domain.steering.outside.conditions import Condition, NoAnswer, values
from instar.domain.steering.outside.hooks import ASK_AGAIN_LEAST, NAME, TIMEOUT, TIMEOUT_LEAST, TIMEOUT_MOST, growing

QUERY_AT_MOST = 8_000
"""Characters of PromQL."""

REASON_AT_MOST = 500
"""Characters of what a judge says."""

BODY_AT_MOST = 1_000_000
"""Bytes of a judge's answer."""

ONE_LOOK = timedelta(seconds=30)
"""How long a judge that has said no may take each time that it is asked again."""

SHOWN_AT_MOST = 5
"""Values that a sentence names."""


class JudgeKind(StrEnum):
    """How a judge is asked."""

    HTTPS = "https"
    """A signed POST, answered with `{"allowed": true, "reason": "…"}`."""
    PROMETHEUS = "prometheus"
    """An instant query, whose every series must meet the condition."""


class JudgeOtherwise(StrEnum):
    """What is done when a judge does not say yes."""

    PARK = "park"
    STOP = "stop"


def _empty(value: str) -> bool:
    return not value


class JudgeRules(BaseModel):
    """What a judge is besides where it is."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    name: Annotated[str, Field(pattern=NAME)]
    kind: JudgeKind = JudgeKind.HTTPS
    query: Annotated[str, Field(max_length=QUERY_AT_MOST, exclude_if=_empty)] = ""
    condition: Annotated[str, Field(exclude_if=_empty)] = ""
    timeout: Annotated[Duration, within(TIMEOUT_LEAST, TIMEOUT_MOST)] = TIMEOUT
    """For how long it may not be reachable, or not have made up its mind. One second to six hours."""
    otherwise: JudgeOtherwise = JudgeOtherwise.PARK

    @field_validator("condition")
    @classmethod
    def _readable(cls, given: str) -> str:
        if given:
            Condition.of(given)
        return given

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind is JudgeKind.PROMETHEUS and not (self.query.strip() and self.condition):
            raise ValueError('of the kind prometheus needs a query and a condition, like "> 0.99"')
        if self.kind is JudgeKind.HTTPS and (self.query or self.condition):
            raise ValueError("has a query or a condition, which only the kind prometheus has")
        return self


class AskedJudge(JudgeRules):
    """As a person sends it. `url` and `secret` are checked by `instar.outbound`, sealed, and go no further.

    The secret signs the question; of Prometheus it is a bearer token, and may be left out.
    """

    url: Annotated[str, Field(min_length=1, max_length=2048, repr=False)]
    """Of Prometheus the root of its API: `/api/v1/query` is added."""
    secret: Annotated[str, Field(repr=False)] = ""


class Judge(JudgeRules):
    """As it is stored, shown, and pinned to an upgrade (P1)."""

    place: str
    """Where in the store its URL and secret are sealed."""
    origin: str
    """Scheme, host and port of its URL."""

    @classmethod
    def of(cls, asked: AskedJudge, place: str, origin: str) -> Self:
        """The judge that was asked for, once its URL and secret are sealed."""
        rules: dict[str, Any] = {name: getattr(asked, name) for name in JudgeRules.model_fields}
        return cls(**rules, place=place, origin=origin)


class Step(StrEnum):
    """What follows from a judge."""

    GO = "go"
    PARK = "park"
    STOP = "stop"


def step_of(judge: Judge, answer: JudgeAnswer) -> Step:
    """What an upgrade does on an answer.

    >>> cautious = Judge(name="slo", otherwise="park", place="p", origin="https://slo.lan")
    >>> step_of(cautious, JudgeAnswer(outcome="unknown", reason="")).value
    'park'
    """
    if answer.outcome is JudgeOutcome.YES:
        return Step.GO
    return Step.PARK if judge.otherwise is JudgeOtherwise.PARK else Step.STOP


def judged(judge: Judge, heard: Heard, waited: timedelta) -> JudgeAnswer | timedelta:
    """What an answer, or none, means: the judge's own answer, or after how long it is asked again.

    `waited`: since it was first asked, whoever asked. Only a clear yes is one.
    """
    who = f"judge {judge.name} ({judge.origin})"
    read: JudgeAnswer | str = heard.failed or f"answered {heard.status}"
    is_put_off = heard.status == 202  # noqa: PLR2004  # HTTP's own number: it has not made up its mind
    if is_put_off:
        read = "has not made up its mind"
    elif heard.is_success:
        read = _of_prometheus(judge, who, heard) if judge.kind is JudgeKind.PROMETHEUS else _of_https(who, heard)
    if isinstance(read, JudgeAnswer):
        return read
    left = judge.timeout - waited
    if heard.failed and heard.is_final:
        return JudgeAnswer(outcome=JudgeOutcome.UNKNOWN, reason=f"{who} cannot be asked: it {read}")
    if left <= timedelta():
        why = f"{who} could not be asked within {in_words(judge.timeout)} (last: it {read})"
        return JudgeAnswer(outcome=JudgeOutcome.UNKNOWN, reason=why)
    asked = heard.retry_after
    pause = asked if asked is not None else growing(heard.attempt)
    return min(max(pause, ASK_AGAIN_LEAST), left)


def _of_https(who: str, heard: Heard) -> JudgeAnswer | str:
    """The answer, or what is wrong with it."""
    try:
        body = json.loads(heard.body)
    except (ValueError, RecursionError):
        return "answered what is no JSON"
    match body:
        case {"allowed": bool(allowed)}:
            reason = body.get("reason")
            said = f": {legible(reason, REASON_AT_MOST)}" if isinstance(reason, str) and reason else ""
            outcome = JudgeOutcome.YES if allowed else JudgeOutcome.NO
            return JudgeAnswer(outcome=outcome, reason=f"{who} says {outcome.value}{said}")
        case _:
            return 'answered without "allowed": true or false'


def _of_prometheus(judge: Judge, who: str, heard: Heard) -> JudgeAnswer | str:
    condition = Condition.of(judge.condition)
    try:
        found = values(heard.body)
    except NoAnswer as error:
        return str(error)
    if not found:
        why = f"{who} says no: its query has no data, so nothing is known to be {condition}"
        return JudgeAnswer(outcome=JudgeOutcome.NO, reason=why)
    against = [value for value in found if not condition.holds(value)]
    if against:
        shown = ", ".join(f"{value:g}" for value in against[:SHOWN_AT_MOST])
        count = f"{len(against)} of {len(found)} series ({shown})"
        return JudgeAnswer(outcome=JudgeOutcome.NO, reason=f"{who} says no: not {condition}: {count}")
    shown = ", ".join(f"{value:g}" for value in found[:SHOWN_AT_MOST])
    return JudgeAnswer(outcome=JudgeOutcome.YES, reason=f"{who} says yes: {shown} {condition}")
