"""Functions that are given a lambda: `map`, `filter`, `reduce`, `sort`, `toObject`, `groupBy`, `mapValues`.

Here a lambda is a function of Python already, with how many arguments it names; `scope` makes it of the expression.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from api.templates.functions.table import Function
from api.templates.functions.values import truth


@dataclass(frozen=True, slots=True)
class Lambda:
    """What a template's lambda does, and how many arguments it names."""

    run: Callable[..., Any]
    arity: int

    def at(self, index: int, *values: Any) -> Any:
        """Its value; the index too where it names one argument more. Raises TypeError where it names others."""
        if self.arity not in (len(values), len(values) + 1):
            raise TypeError("the lambda names another number of arguments")
        return self.run(*values, index) if self.arity > len(values) else self.run(*values)


def mapped(items: Any, change: Any) -> list[Any]:
    """The value of the lambda for each item."""
    return [_lambda(change).at(index, item) for index, item in enumerate(_array(items))]


def filtered(items: Any, holds: Any) -> list[Any]:
    """The items for which the lambda is true."""
    return [item for index, item in enumerate(_array(items)) if truth(_lambda(holds).at(index, item))]


def reduced(items: Any, first: Any, change: Any) -> Any:
    """One value, made of what there is so far and the next item in turn."""
    value = first
    for index, item in enumerate(_array(items)):
        value = _lambda(change).at(index, value, item)
    return value


def ordered(items: Any, is_before: Any) -> list[Any]:
    """The items in order: the lambda says whether its first argument comes before its second."""
    before = _lambda(is_before)

    def compared(first: Any, second: Any) -> int:
        if truth(before.run(first, second)):
            return -1
        return 1 if truth(before.run(second, first)) else 0

    return sorted(_array(items), key=cmp_to_key(compared))


def to_object(items: Any, name: Any, value: Any = None) -> dict[str, Any]:
    """An object with a member for each item."""
    return {
        _text(_lambda(name).run(item)): item if value is None else _lambda(value).run(item) for item in _array(items)
    }


def grouped(items: Any, name: Any) -> dict[str, list[Any]]:
    """The items in arrays, by the name that the lambda gives each."""
    groups: dict[str, list[Any]] = {}
    for item in _array(items):
        groups.setdefault(_text(_lambda(name).run(item)), []).append(item)
    return groups


def mapped_values(value: Any, change: Any) -> dict[str, Any]:
    """The same names, each with the value of the lambda for what it had."""
    if not isinstance(value, dict):
        raise TypeError("an object is needed")
    return {key: _lambda(change).run(inner) for key, inner in value.items()}


LAMBDAS: dict[str, Function] = {
    "map": Function(mapped, 2, 2),
    "filter": Function(filtered, 2, 2),
    "reduce": Function(reduced, 3, 3),
    "sort": Function(ordered, 2, 2),
    "toobject": Function(to_object, 2, 3),
    "groupby": Function(grouped, 2, 2),
    "mapvalues": Function(mapped_values, 2, 2),
}


def _lambda(value: Any) -> Lambda:
    if not isinstance(value, Lambda):
        raise TypeError("a lambda is needed")
    return value


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("an array is needed")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a lambda that gives a text is needed")
    return value
