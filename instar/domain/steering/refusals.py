"""Why a document of an operator's wish is not taken: which member, and what it may be."""

from collections.abc import Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from instar.domain.legible import legible

_WORDS = {" after validation": "", "valid tuple": "list", "a valid dictionary or instance of": "an object:"}
"""Pydantic's, and those that whoever sent it knows."""

SHOWN_AT_MOST = 60
"""Characters of a name that others sent."""


class PolicyRefused(ValueError):
    """A sentence for the person who sent it; `target` is the member's path, "" for the whole document."""

    def __init__(self, message: str, target: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.target = target


def refusal_of(error: ValidationError, model: type[BaseModel], what: str = "rollout policy") -> PolicyRefused:
    """The first thing that is wrong with a document of that model, by the names that are on the wire."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = first["loc"]
    target = legible(_path(place), SHOWN_AT_MOST)
    message = _sentence(first["msg"])
    if first["type"] == "extra_forbidden":
        holder, known = legible(_path(place[:-1]), SHOWN_AT_MOST) or f"a {what}", _members(model, place[:-1])
        similar = get_close_matches(str(place[-1])[:SHOWN_AT_MOST], known, n=1)
        hint = f"do you mean '{similar[0]}'?" if similar else f"there are {', '.join(known)}."
        return PolicyRefused(f"'{target}' is no member of {holder}; {hint}", target)
    if first["type"] == "missing":
        return PolicyRefused(f"'{target}' is missing.", target)
    subject = f"'{target}' " if target else f"The {what} "
    return PolicyRefused(f"{subject}{message}.", target)


def _path(place: Sequence[int | str]) -> str:
    """`windows[0].from`.

    >>> _path(["windows", 0, "from"])
    'windows[0].from'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")


def _sentence(told: str) -> str:
    """What pydantic says, as the end of a sentence whose subject is a member.

    >>> _sentence("Input should be a valid string"), _sentence("Value error, names a day twice")
    ('must be a valid string', 'names a day twice')
    >>> _sentence("Tuple should have at most 20 items after validation, not 21")
    'must have at most 20 items, not 21'
    """
    if told.startswith("Value error, "):
        return told.removeprefix("Value error, ")
    _, separator, rest = told.partition(" should ")
    words = f"must {rest}" if separator else f"is refused: {told}"
    for theirs, ours in _WORDS.items():
        words = words.replace(theirs, ours)
    return words


def _members(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The names on the wire of the model that stands at that place in a document."""
    for part in place:
        if isinstance(part, int):
            continue
        field = next(one for one in model.model_fields.values() if one.alias == part)
        model = next(_models_in(field.annotation))
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {tuple, Union, UnionType}:
        for inner in get_args(annotation):
            yield from _models_in(inner)
