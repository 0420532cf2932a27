"""Hooks and judges of a rollout policy as a person sends them: with URLs and secrets, which go no further (G4, F5)."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from instar.domain.steering.outside.hooks import AskedHook
from instar.domain.steering.outside.judges import AskedJudge
from instar.domain.steering.refusals import refusal_of

HOOKS_AT_MOST = 10
JUDGES_AT_MOST = 10
"""Of one policy."""

MEMBERS = ("hooks", "judges")
"""What of a policy is read here."""

UNSEEN = "/…"
"""The end of a URL as it is shown to whoever may not change it: its origin, and this."""


class AskedCalls(BaseModel):
    """What is called, and where."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    hooks: Annotated[tuple[AskedHook, ...], Field(max_length=HOOKS_AT_MOST)] = ()
    judges: Annotated[tuple[AskedJudge, ...], Field(max_length=JUDGES_AT_MOST)] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        for name, at in _twice((one.name, one.at) for one in self.hooks):
            raise ValueError(f"has two hooks '{name}' that are called {at.value}: names tell them apart")
        for name in _twice(one.name for one in self.judges):
            raise ValueError(f"has two judges '{name}': names tell them apart")
        return self


def asked_calls(document: dict[str, Any]) -> AskedCalls:
    """Read the hooks and judges of a policy that a person sent; null leaves a member out. Raises PolicyRefused.

    >>> asked_calls({"judges": [{"name": "slo", "url": "https://slo.lan/"}]}).judges[0].otherwise.value
    'park'
    >>> asked_calls({"hooks": [{"name": "drain", "at": "beforeSwap"}]})
    Traceback (most recent call last):
    ...
    instar.domain.steering.refusals.PolicyRefused: 'hooks[0].url' is missing.
    """
    given = {name: value for name in MEMBERS if (value := document.get(name)) is not None}
    try:
        return AskedCalls.model_validate(_without_nulls(given), extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        raise refusal_of(error, AskedCalls) from None


def _twice(names: Iterable[Any]) -> list[Any]:
    return [name for name, count in Counter(names).items() if count > 1]


def _without_nulls(given: Any) -> Any:
    if isinstance(given, dict):
        return {name: _without_nulls(value) for name, value in given.items() if value is not None}
    return [_without_nulls(one) for one in given] if isinstance(given, list) else given
