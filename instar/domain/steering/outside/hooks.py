"""Hooks: somebody else's system is asked before a machine's swap and after it is healthy (docs/rules.md G1).

As pinned to an upgrade a hook has no URL and no secret: both are sealed in the store, and `place` is where.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from instar.domain.spans import in_words
from instar.domain.steering.durations import Duration, within
from instar.domain.steering.outside.answers import Heard, HookAnswer, HookOutcome

TIMEOUT = timedelta(minutes=5)
TIMEOUT_LEAST, TIMEOUT_MOST = timedelta(seconds=1), timedelta(hours=6)

NAME = r"^[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?$"

ASK_AGAIN_FIRST = timedelta(seconds=2)
ASK_AGAIN_MOST = timedelta(seconds=30)
"""Pauses while a hook cannot be reached, doubled from the first to the last."""

ASK_AGAIN_LEAST = timedelta(seconds=1)
"""A `Retry-After` of 0 would make us ask as fast as we can."""


class HookPoint(StrEnum):
    """When a hook is called, for each machine."""

    BEFORE_SWAP = "beforeSwap"
    """The opening one: drain, silence alerts."""
    AFTER_HEALTHY = "afterHealthy"
    """The closing one. It is called for every machine whose opening one was called, whatever became of that."""


class Otherwise(StrEnum):
    """What is done when a hook does not say yes."""

    PROCEED = "proceed"
    SKIP = "skip"
    """This machine is left as it is; the rest goes on."""
    STOP = "stop"


class HookRules(BaseModel):
    """What a hook is besides where it is."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    name: Annotated[str, Field(pattern=NAME)]
    at: HookPoint
    timeout: Annotated[Duration, within(TIMEOUT_LEAST, TIMEOUT_MOST)] = TIMEOUT
    """For all of it: the call, what is asked again, and what cannot be reached. One second to six hours."""
    otherwise: Otherwise = Otherwise.STOP

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        if self.at is HookPoint.AFTER_HEALTHY and self.otherwise is Otherwise.SKIP:
            raise ValueError("is afterHealthy and cannot skip a machine that is done: otherwise is proceed or stop")
        return self


class AskedHook(HookRules):
    """As a person sends it. `url` and `secret` are checked by `instar.outbound`, sealed, and go no further.

    Without a secret the one that is there for the same name and URL stays.
    """

    url: Annotated[str, Field(min_length=1, max_length=2048, repr=False)]
    secret: Annotated[str, Field(repr=False)] = ""


class Hook(HookRules):
    """As it is stored, shown, and pinned to an upgrade (P1)."""

    place: str
    """Where in the store its URL and secret are sealed."""
    origin: str
    """Scheme, host and port of its URL."""

    @classmethod
    def of(cls, asked: AskedHook, place: str, origin: str) -> Self:
        """The hook that was asked for, once its URL and secret are sealed."""
        return cls(**_rules(asked), place=place, origin=origin)


def _rules(asked: HookRules) -> dict[str, Any]:
    return {name: getattr(asked, name) for name in HookRules.model_fields}


def judged(hook: Hook, heard: Heard, waited: timedelta) -> HookAnswer | timedelta:
    """What an answer, or none, means: the hook's own answer, or after how long it is asked again.

    `waited`: since it was first asked, whoever asked.

    >>> drain = Hook(name="drain", at="beforeSwap", otherwise="skip", place="p", origin="https://drain.lan")
    >>> judged(drain, Heard(status=204), timedelta()).outcome.value
    'goesOn'
    >>> judged(drain, Heard(status=202, retry_after=timedelta(seconds=20)), timedelta())
    datetime.timedelta(seconds=20)
    >>> judged(drain, Heard(status=500), timedelta()).reason
    'hook drain (https://drain.lan) answered 500: this machine is skipped'
    """
    who = f"hook {hook.name} ({hook.origin})"
    if heard.is_success and not heard.asks_again:
        return HookAnswer(outcome=HookOutcome.GOES_ON, reason=f"{who} answered {heard.status}")
    if not heard.is_final or heard.asks_again:
        left = hook.timeout - waited
        if left > timedelta():
            pause = heard.retry_after if heard.retry_after is not None else growing(heard.attempt)
            return min(max(pause, ASK_AGAIN_LEAST), left)
        last = "asked to be asked again" if heard.asks_again else heard.failed
        why = f"{who} did not say yes within {in_words(hook.timeout)} (last: {last})"
    else:
        why = f"{who} {heard.failed}" if heard.failed else f"{who} answered {heard.status}"
    return _otherwise(hook, why)


def _otherwise(hook: Hook, why: str) -> HookAnswer:
    match hook.otherwise:
        case Otherwise.PROCEED:
            return HookAnswer(outcome=HookOutcome.PROCEEDS, reason=f"{why}: it goes on all the same")
        case Otherwise.SKIP:
            return HookAnswer(outcome=HookOutcome.SKIPS, reason=f"{why}: this machine is skipped")
        case Otherwise.STOP:
            return HookAnswer(outcome=HookOutcome.STOPS, reason=f"{why}: the upgrade stops")


def growing(attempt: int) -> timedelta:
    """The pause after so many attempts, counted from 1.

    >>> growing(1), growing(3), growing(99)
    (datetime.timedelta(seconds=2), datetime.timedelta(seconds=8), datetime.timedelta(seconds=30))
    """
    return min(ASK_AGAIN_FIRST * (1 << min(attempt - 1, 10)), ASK_AGAIN_MOST)
