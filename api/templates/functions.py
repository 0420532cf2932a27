"""The functions of template expressions that need nothing but their arguments.

Those that look at the deployment (`parameters`, `resourceId`, `reference`…) are in `scope`. A function that is in
neither place is refused by name.
"""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.templates.errors import TemplateError

ARRAY_AT_MOST = 10_000

_GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""The namespace in which `guid` makes its names."""

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True, slots=True)
class Function:
    """What it does, and how many arguments it takes (`most` None: any number)."""

    run: Callable[..., Any]
    least: int
    most: int | None


def call(name: str, arguments: list[Any]) -> Any:
    """Run a function. Raises TemplateError for arguments that it cannot take; KeyError for one that is not here."""
    function = FUNCTIONS[name]
    check_count(name, arguments, function.least, function.most)
    try:
        return function.run(*arguments)
    except TemplateError:
        raise
    except (TypeError, ValueError, KeyError, IndexError, ZeroDivisionError, AttributeError, OverflowError) as error:
        reason = str(error) or type(error).__name__
        raise TemplateError(f"the template function '{name}' cannot take its arguments: {reason}") from None


def check_count(name: str, arguments: list[Any], least: int, most: int | None) -> None:
    """Raises TemplateError for too few or too many arguments."""
    if len(arguments) < least or (most is not None and len(arguments) > most):
        wanted = f"{least}" if least == most else f"{least} to {most}" if most is not None else f"at least {least}"
        raise TemplateError(f"the template function '{name}' takes {wanted} arguments, not {len(arguments)}")


def text_of(value: Any) -> str:
    """As `string` and `concat` write it.

    >>> text_of(True), text_of(3), text_of({"a": 1})
    ('True', '3', '{"a":1}')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value)
    return json.dumps(value, separators=(",", ":"))


def _concat(*parts: Any) -> Any:
    if all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in part]
    if any(isinstance(part, list | dict) for part in parts):
        raise TypeError("all of them must be arrays, or none")
    return "".join(map(text_of, parts))


def _format(pattern: str, *values: Any) -> str:
    def put(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        return text_of(values[int(match[1])])

    return re.sub(r"\{\{|\}\}|\{(\d+)(?::[^}]*)?\}", put, pattern)


def _equals(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, dict):
        return str(item).lower() in (key.lower() for key in container)
    return item in container


def _int(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError("a truth is no number")
    return int(value)


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    words = {"true": True, "1": True, "false": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError(f"'{value}' is neither true nor false")
    return words[str(value).lower()]


def _if(condition: Any, then: Any, otherwise: Any) -> Any:
    return then if _truth(condition) else otherwise


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false is needed")
    return value


def _truths(values: tuple[Any, ...]) -> int:
    """How many are true; each must be true or false, whatever the others are."""
    return sum(map(_truth, values))


def _unique_string(*parts: str) -> str:
    number = int.from_bytes(hashlib.sha256("-".join(parts).encode()).digest()[:9])
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(0, 65, 5))


def _guid(*parts: str) -> str:
    return str(uuid.uuid5(_GUIDS, "-".join(parts)))


def _split(text: str, by: str | list[str]) -> list[str]:
    marks = [by] if isinstance(by, str) else by
    return re.split("|".join(re.escape(mark) for mark in marks), text)


def _substring(text: str, start: int, length: int | None = None) -> str:
    end = len(text) if length is None else start + length
    if not 0 <= start <= len(text) or not start <= end <= len(text):
        raise IndexError(f"{start} and {length} are not within a text of {len(text)}")
    return text[start:end]


def _union(*parts: Any) -> Any:
    if all(isinstance(part, dict) for part in parts):
        result: dict[str, Any] = {}
        for part in parts:
            for key, value in part.items():
                had = result.get(key)
                result[key] = _union(had, value) if isinstance(had, dict) and isinstance(value, dict) else value
        return result
    merged: list[Any] = []
    for part in parts:
        merged += [item for item in part if item not in merged]
    return merged


def _range(start: int, count: int) -> list[int]:
    if not 0 <= count <= ARRAY_AT_MOST:
        raise ValueError(f"a range has at most {ARRAY_AT_MOST} numbers")
    return list(range(start, start + count))


def _object(*pairs: Any) -> dict[str, Any]:
    if len(pairs) % 2:
        raise ValueError("a name has no value")
    return {str(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)}


def _numbers(values: tuple[Any, ...]) -> list[int]:
    return list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)


def _div(one: int, other: int) -> int:
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


FUNCTIONS: dict[str, Function] = {
    "add": Function(lambda a, b: a + b, 2, 2),
    "and": Function(lambda *truths: _truths(truths) == len(truths), 2, None),
    "array": Function(lambda value: value if isinstance(value, list) else [value], 1, 1),
    "base64": Function(lambda text: base64.b64encode(text.encode()).decode(), 1, 1),
    "base64tostring": Function(lambda text: base64.b64decode(text, validate=True).decode(), 1, 1),
    "bool": Function(_bool, 1, 1),
    "coalesce": Function(lambda *values: next((one for one in values if one is not None), None), 1, None),
    "concat": Function(_concat, 1, None),
    "contains": Function(_contains, 2, 2),
    "createarray": Function(lambda *values: list(values), 0, None),
    "createobject": Function(_object, 0, None),
    "div": Function(_div, 2, 2),
    "empty": Function(lambda value: value is None or len(value) == 0, 1, 1),
    "endswith": Function(lambda text, end: text.lower().endswith(end.lower()), 2, 2),
    "equals": Function(_equals, 2, 2),
    "false": Function(lambda: False, 0, 0),
    "first": Function(lambda value: value[0] if value else ("" if isinstance(value, str) else None), 1, 1),
    "format": Function(_format, 1, None),
    "greater": Function(lambda a, b: a > b, 2, 2),
    "greaterorequals": Function(lambda a, b: a >= b, 2, 2),
    "guid": Function(_guid, 1, None),
    "if": Function(_if, 3, 3),
    "indexof": Function(lambda text, part: text.lower().find(part.lower()), 2, 2),
    "int": Function(_int, 1, 1),
    "join": Function(lambda values, by: by.join(map(text_of, values)), 2, 2),
    "json": Function(json.loads, 1, 1),
    "last": Function(lambda value: value[-1] if value else ("" if isinstance(value, str) else None), 1, 1),
    "length": Function(len, 1, 1),
    "less": Function(lambda a, b: a < b, 2, 2),
    "lessorequals": Function(lambda a, b: a <= b, 2, 2),
    "max": Function(lambda *values: max(_numbers(values)), 1, None),
    "min": Function(lambda *values: min(_numbers(values)), 1, None),
    "mod": Function(lambda a, b: a - b * _div(a, b), 2, 2),
    "mul": Function(lambda a, b: a * b, 2, 2),
    "not": Function(lambda value: not _truth(value), 1, 1),
    "null": Function(lambda: None, 0, 0),
    "or": Function(lambda *truths: _truths(truths) > 0, 2, None),
    "padleft": Function(lambda value, width, fill=" ": text_of(value).rjust(width, fill), 2, 3),
    "range": Function(_range, 2, 2),
    "replace": Function(lambda text, old, new: text.replace(old, new), 3, 3),
    "skip": Function(lambda value, count: value[max(0, count) :], 2, 2),
    "split": Function(_split, 2, 2),
    "startswith": Function(lambda text, start: text.lower().startswith(start.lower()), 2, 2),
    "string": Function(text_of, 1, 1),
    "sub": Function(lambda a, b: a - b, 2, 2),
    "substring": Function(_substring, 2, 3),
    "take": Function(lambda value, count: value[: max(0, count)], 2, 2),
    "tolower": Function(lambda text: text.lower(), 1, 1),
    "toupper": Function(lambda text: text.upper(), 1, 1),
    "trim": Function(lambda text: text.strip(), 1, 1),
    "true": Function(lambda: True, 0, 0),
    "union": Function(_union, 1, None),
    "uniquestring": Function(_unique_string, 1, None),
    "uri": Function(lambda base, path: base.rstrip("/") + "/" + path.lstrip("/"), 2, 2),
}
