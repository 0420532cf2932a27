"""Extensions of a model: what decisions need of them, and the order in which they run on a machine (P4).

Their settings are no part of this: they stay in the store, sealed where secret, until a machine gets them (F5).
"""

import heapq
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

BUDGET_AT_LEAST = timedelta(minutes=15)
BUDGET_AT_MOST = timedelta(minutes=120)
DEFAULT_BUDGET = timedelta(minutes=90)


def _in_range(budget: timedelta) -> timedelta:
    if not BUDGET_AT_LEAST <= budget <= BUDGET_AT_MOST:
        raise ValueError("it must be from 15 minutes (PT15M) to 120 minutes (PT120M)")
    return budget


class Extension(BaseModel):
    """One extension. `provision_after` are the names of those that must have succeeded before it runs."""

    model_config = ConfigDict(frozen=True)

    name: str
    publisher: str = ""
    type: str = ""
    version: str = ""
    """`typeHandlerVersion`."""
    provision_after: tuple[str, ...] = ()

    @classmethod
    def from_arm(cls, document: dict[str, Any]) -> Self:
        """Read one of ARM's `extensions`. Raises pydantic.ValidationError."""
        body = document.get("properties") or {}
        return cls(
            name=document.get("name") or "",
            publisher=body.get("publisher") or "",
            type=body.get("type") or "",
            version=body.get("typeHandlerVersion") or "",
            provision_after=tuple(body.get("provisionAfterExtensions") or ()),
        )


class ExtensionProfile(BaseModel):
    """ARM's `extensionProfile`. All extensions of one machine together have `extensions_time_budget` to end."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    extensions: tuple[Extension, ...] = ()
    extensions_time_budget: Annotated[timedelta, AfterValidator(_in_range)] = DEFAULT_BUDGET

    @classmethod
    def from_arm(cls, document: dict[str, Any]) -> Self:
        """Read the profile. Raises pydantic.ValidationError, also for a time budget unreadable or out of range."""
        given = document.get("extensionsTimeBudget")
        return cls.model_validate(
            {"extensions": tuple(Extension.from_arm(extension) for extension in document.get("extensions") or ())}
            | ({} if given is None else {"extensionsTimeBudget": given})
        )


def extension_problems(extensions: Sequence[Extension]) -> tuple[str, ...]:
    """Why there is no order for these to run in, each reason a sentence; names are compared without regard to case.

    >>> extension_problems([Extension(name="a", provision_after=("b",)), Extension(name="b", provision_after=("A",))])
    ("Extensions wait for each other in a circle: 'a' before 'b' before 'a'.",)
    >>> extension_problems([Extension(name="a", provision_after=("x",))])
    ("Extension 'a' is to run after 'x', but no extension of the scale set has that name.",)
    """
    count = Counter(extension.name.lower() for extension in extensions)
    problems = ["Every extension must have a name."] if count[""] else []
    problems += [
        f"{times} extensions are named '{name}': names must differ, whatever their case."
        for name, times in count.items()
        if times > 1 and name
    ]
    problems += [
        f"Extension '{extension.name}' is to run after '{other}', but no extension of the scale set has that name."
        for extension in extensions
        for other in extension.provision_after
        if not count[other.lower()]
    ]
    if not problems:
        try:
            run_order(extensions)
        except CycleError as error:
            circle = " before ".join(f"'{extensions[place].name}'" for place in error.args[1])
            problems.append(f"Extensions wait for each other in a circle: {circle}.")
    return tuple(problems)


def run_order(extensions: Sequence[Extension]) -> tuple[Extension, ...]:
    """The order in which they run: each after those it names; where that leaves a choice, as they stand in the model.

    >>> late = Extension(name="app", provision_after=("Setup", "probe"))
    >>> [one.name for one in run_order([late, Extension(name="setup"), Extension(name="log"), Extension(name="probe")])]
    ['setup', 'log', 'probe', 'app']

    Raises graphlib.CycleError and KeyError for what `extension_problems` names.
    """
    places = {one.name.lower(): place for place, one in enumerate(extensions)}
    before = {place: [places[name.lower()] for name in one.provision_after] for place, one in enumerate(extensions)}
    sorter = TopologicalSorter(before)
    sorter.prepare()
    ready: list[int] = []
    order: list[Extension] = []
    while sorter.is_active():
        for place in sorter.get_ready():
            heapq.heappush(ready, place)
        place = heapq.heappop(ready)
        sorter.done(place)
        order.append(extensions[place])
    return tuple(order)
