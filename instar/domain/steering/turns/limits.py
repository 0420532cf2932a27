"""Limits: how much may be upgraded at once at a scope and below it (docs/rules.md W4).

The model itself takes what was stored; what a person sends is read by `parsed`.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from instar.domain.access import is_within
from instar.domain.scopes import spelt
from instar.domain.steering.refusals import PolicyRefused, refusal_of

AT_MOST = 100_000
"""Of either number: no cloud here has more sets, or more machines in one of them."""

SCOPE_AT_MOST = 500
"""Characters."""

_SETS = "microsoft.compute/virtualmachinescalesets"

Number = Annotated[int, Field(strict=True, ge=1, le=AT_MOST)]
"""A budget of 0 would be a hold, which says who made it and why (C2)."""


def _absent(value: object) -> bool:
    return value is None


class Limit(BaseModel):
    """What all sets at a scope share. One of the two numbers at least is there."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    scope: Annotated[str, Field(max_length=SCOPE_AT_MOST)]
    upgrades_at_once: Annotated[Number | None, Field(exclude_if=_absent)] = None
    """Upgrades that have begun a batch and have not ended."""
    machines_out_at_once: Annotated[Number | None, Field(exclude_if=_absent)] = None
    """Machines of batches that have not had their verdict."""
    name: Annotated[str, Field(exclude=True)] = ""

    @model_validator(mode="after")
    def _says_something(self) -> "Limit":
        if self.upgrades_at_once is None and self.machines_out_at_once is None:
            raise ValueError("limits nothing: give upgradesAtOnce, or machinesOutAtOnce, or both")
        return self

    def covers(self, resource_id: str) -> bool:
        """Whether a set is at its scope or below.

        >>> Limit(scope="/", upgrades_at_once=1).covers("/subscriptions/s")
        True
        """
        return is_within(resource_id, self.scope)

    @property
    def document(self) -> dict[str, Any]:
        """As it is stored and shown."""
        return self.model_dump(mode="json", by_alias=True)


def parsed(name: str, document: dict[str, Any]) -> Limit:
    """Read what a person sent; null leaves a number out.

    Raises PolicyRefused that names the member at fault and says what it may be.

    >>> parsed("eu", {"scope": "/", "upgradesAtOnce": 3}).document
    {'scope': '/', 'upgradesAtOnce': 3}
    >>> parsed("eu", {"scope": "/", "upgrades": 3})
    Traceback (most recent call last):
    ...
    instar.domain.steering.refusals.PolicyRefused: 'upgrades' is no member of a limit; do you mean 'upgradesAtOnce'?
    """
    given = {member: value for member, value in document.items() if value is not None}
    if "name" in given:
        raise PolicyRefused("'name' is no member of a limit: its path names it.", "name")
    try:
        limit = Limit.model_validate(given, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        raise refusal_of(error, Limit, "limit") from None
    return limit.model_copy(update={"name": name, "scope": _scope(limit.scope)})


def _scope(given: str) -> str:
    """Raises PolicyRefused for what no scale set can be at or below."""
    try:
        scope = spelt(given)
    except ValueError:
        scope = ""
    below = scope.lower().partition("/providers/")[2]
    if not scope or (below and (below.rpartition("/")[0] != _SETS)):
        raise PolicyRefused(
            "'scope' must be '/', a subscription ('/subscriptions/ID'), a resource group or a scale set, by its id.",
            "scope",
        )
    return scope


def of_set(limits: Iterable[Limit], resource_id: str) -> tuple[Limit, ...]:
    """Those that cover it, by name."""
    return tuple(sorted((one for one in limits if one.covers(resource_id)), key=lambda one: one.name.lower()))


def most_machines(limits: Iterable[Limit]) -> int | None:
    """How large a batch may be by these limits; None: as large as it likes.

    A larger one would wait for ever, so batches are cut to it, and never to nothing.

    >>> most_machines([Limit(scope="/", machines_out_at_once=7), Limit(scope="/", upgrades_at_once=1)])
    7
    """
    return min((one.machines_out_at_once for one in limits if one.machines_out_at_once is not None), default=None)
