"""One thing that a person can do from the page: its words, its fields, and which route of the API it is."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from api.access.caller import Caller
from instar.domain.access import Need, need_of

Json = dict[str, Any]
Typed = Mapping[str, str]
"""What was typed into the fields of a form, by their names; a box that is not ticked is ""."""

_MEMBER = re.compile(r"[.\[]")

TICKED = "on"
STAMP_DIGITS = 32


class Kind(StrEnum):
    """How a field is filled in."""

    LINE = "line"
    AREA = "area"
    FLAG = "flag"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. What is typed is the API's to judge, so none has more rules than being there."""

    name: str
    label: str
    kind: Kind = Kind.LINE
    hint: str = ""
    needed: bool = False
    suggests: tuple[str, ...] = ()
    """Of a line: what may be meant."""
    targets: tuple[str, ...] = ()
    """What the API calls it in an error, beside its name."""
    for_owners: bool = False

    def is_meant_by(self, target: str) -> bool:
        """Whether an error with that target is about it."""
        return _MEMBER.split(target, 1)[0] in (self.name, *self.targets)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is acted on, as the API shows it at this moment, and who looks."""

    id: str
    """The resource id of a set; the path of a hold, a limit or rings; "" where that has no name yet."""
    name: str
    """As a person calls it."""
    caller: Caller
    now: datetime
    body: Json = field(default_factory=dict)
    """The API's answer about it; {} of what is not there (yet)."""
    more: Json = field(default_factory=dict)
    """The answer to what the act reads besides (`Act.reads`); {} where there is nothing."""

    @property
    def properties(self) -> Json:
        """Of the answer; {} where there is none."""
        found: Json = self.body.get("properties") or {}
        return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request to the API."""

    method: str
    path: str
    json: Json | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Unreadable(Exception):
    """What stands in a field cannot be sent to the API at all; it was not asked."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(message)
        self.field_name = field_name


def always(_subject: Subject) -> str:
    """It makes sense at any time."""
    return ""


def nothing_typed(_subject: Subject) -> Typed:
    """All fields are empty at first."""
    return {}


def no_choices(_subject: Subject) -> tuple[str, ...]:
    """There is nothing to choose from."""
    return ()


def whole(plan: Json) -> object:
    """A plan is another one as soon as anything in it is."""
    return plan


@dataclass(frozen=True, slots=True)
class Act:
    """What can be done, and how it is asked for."""

    name: str
    """In its address."""
    title: str
    button: str
    done: str
    """What is said afterwards; of what goes on, that it was accepted."""
    route: tuple[str, str]
    """Method and path of the API, as its OpenAPI document has them."""
    command: str
    """The same on the command line."""
    says: Callable[[Subject], str]
    """What will happen, in a sentence or two."""
    wanted: Callable[[Subject, Typed], Wanted]
    """Raises Unreadable."""
    seen: Callable[[Subject], object]
    """What must be as it was when the visitor looked; of what is not named here the API alone judges."""
    group: str = ""
    fields: tuple[Field, ...] = ()
    initial: Callable[[Subject], Typed] = nothing_typed
    choices: Callable[[Subject], tuple[str, ...]] = no_choices
    """For its field of the kind choice."""
    sense: Callable[[Subject], str] = always
    """Why there is nothing to do just now; "" where there is."""
    need: Callable[[Subject], Need] | None = None
    """The role it takes, where its path alone does not say so."""
    reads: str = ""
    """A path below the subject's that is read besides."""
    plan: Callable[[Subject, Typed], Wanted] | None = None
    """Tells what it would do; raises Unreadable."""
    plan_first: bool = False
    """It is done only as a plan that was shown."""
    plan_unasked: bool = True
    """The plan is shown with the form already: to ask for it is a read for the API too."""
    plan_is: Callable[[Json], object] = whole
    """What of a plan must not have changed."""
    planned_by: str = ""
    """How the button is called that shows the plan."""
    readers_plan: bool = False
    shows_answer: bool = False
    """Its answer is what one wants to see; nothing was changed."""
    danger: bool = False

    def may(self, subject: Subject) -> bool:
        """Whether the visitor's roles suffice, as far as that can be told; the API decides."""
        if self.need:
            return subject.caller.may(self.need(subject))
        method, template = self.route
        path = subject.id + template.partition("{scaleSetName}")[2] if "{scaleSetName}" in template else template
        return subject.caller.may(need_of(method, path))


def stamp(act: Act, subject: Subject, typed: Typed, plan: object = None) -> str:
    """Of what the visitor saw: another one as soon as that is not so any more."""
    planned = [plan, {name: typed[name] for name in sorted(typed) if name != "reason"}] if act.plan_first else []
    # What is not there yet has no id: whatever name it is given, there was nothing to see.
    said = json.dumps([act.name, subject.body.get("id"), act.seen(subject), planned], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:STAMP_DIGITS]
