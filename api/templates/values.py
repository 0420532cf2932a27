"""What the functions of template expressions do, of values that were already evaluated.

Whatever could make a huge text or array asks first whether it may.
"""

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from api.templates.budget import ITEMS_AT_MOST, text_size
from api.templates.errors import TemplateError

_GUIDS = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
"""The namespace in which `guid` makes its names."""

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


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


def concatenated(*parts: Any) -> Any:
    """All arrays as one, or all texts."""
    if all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in part]
    if any(isinstance(part, list | dict) for part in parts):
        raise TypeError("all of them must be arrays, or none")
    texts = list(map(text_of, parts))
    text_size(sum(map(len, texts)))
    return "".join(texts)


def formatted(pattern: str, *values: Any) -> str:
    """`{0}` and the like replaced."""
    size = 0

    def put(match: re.Match[str]) -> str:
        nonlocal size
        if match[0] in ("{{", "}}"):
            return match[0][0]
        if match[2]:
            raise TemplateError(f"the format '{match[2][:20]}' of the template function 'format' is not supported")
        text = text_of(values[int(match[1])])
        size += len(text)
        text_size(size)
        return text

    return re.sub(r"\{\{|\}\}|\{(\d+)(:[^}]*)?\}", put, pattern)


def same(one: Any, other: Any) -> bool:
    """Whether both are of one type and alike."""
    return type(one) is type(other) and bool(one == other)


def contains(container: Any, item: Any) -> bool:
    """Whether a key, an item or a part of a text is there."""
    if isinstance(container, dict):
        return str(item).lower() in (key.lower() for key in container)
    return item in container


def whole_number(value: Any) -> int:
    """A text or number as a number."""
    if isinstance(value, bool):
        raise TypeError("a truth is no number")
    return int(value)


def truth_value(value: Any) -> bool:
    """A text or number as true or false."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value != 0
    words = {"true": True, "1": True, "false": False, "0": False}
    if str(value).lower() not in words:
        raise ValueError(f"'{value}' is neither true nor false")
    return words[str(value).lower()]


def chosen(condition: Any, then: Any, otherwise: Any) -> Any:
    """One of two values."""
    return then if truth(condition) else otherwise


def truth(value: Any) -> bool:
    """The same, if it is true or false."""
    if not isinstance(value, bool):
        raise TypeError("true or false is needed")
    return value


def truths(values: tuple[Any, ...]) -> int:
    """How many are true; each must be true or false, whatever the others are."""
    return sum(map(truth, values))


def unique_string(*parts: str) -> str:
    """Thirteen letters and digits, the same ones for the same words."""
    number = int.from_bytes(hashlib.sha256("-".join(parts).encode()).digest()[:9])
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(0, 65, 5))


def named_guid(*parts: str) -> str:
    """A GUID, the same one for the same words."""
    return str(uuid.uuid5(_GUIDS, "-".join(parts)))


def parted(text: str, by: str | list[str]) -> list[str]:
    """The parts between the marks."""
    marks = [by] if isinstance(by, str) else by
    return re.split("|".join(re.escape(mark) for mark in marks), text)


def part_of(text: str, start: int, length: int | None = None) -> str:
    """A part of a text, which must be within it."""
    end = len(text) if length is None else start + length
    if not 0 <= start <= len(text) or not start <= end <= len(text):
        raise IndexError(f"{start} and {length} are not within a text of {len(text)}")
    return text[start:end]


def union(*parts: Any) -> Any:
    """All of them as one; of two values of one name, the later."""
    if all(isinstance(part, dict) for part in parts):
        result: dict[str, Any] = {}
        for part in parts:
            for key, value in part.items():
                had = result.get(key)
                result[key] = union(had, value) if isinstance(had, dict) and isinstance(value, dict) else value
        return result
    if not all(isinstance(part, list) for part in parts):
        raise TypeError("all of them must be arrays, or all objects")
    return list(
        {json.dumps(item, sort_keys=True): item for part in reversed(parts) for item in reversed(part)}.values()
    )[::-1]


def intersection(*parts: Any) -> Any:
    """What is in all of them, as the first has it."""
    first, *others = parts
    if all(isinstance(part, dict) for part in parts):
        return {
            key: value for key, value in first.items() if all(key in other and other[key] == value for other in others)
        }
    if not all(isinstance(part, list) for part in parts):
        raise TypeError("all of them must be arrays, or all objects")
    words = [{json.dumps(item, sort_keys=True) for item in other} for other in others]
    return [item for item in first if all(json.dumps(item, sort_keys=True) in word for word in words)]


def padded(value: Any, width: int, fill: str = " ") -> str:
    """Filled up on the left."""
    text_size(width)
    return text_of(value).rjust(width, fill)


def replaced(text: str, old: str, new: str) -> str:
    """Every occurrence replaced."""
    text_size(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def joined(values: list[Any], by: str) -> str:
    """One text of many."""
    texts = list(map(text_of, values))
    text_size(sum(map(len, texts)) + len(by) * len(texts))
    return by.join(texts)


def parsed(text: str) -> Any:
    """What a text of JSON says."""

    def no_number(name: str) -> Any:
        raise ValueError(f"{name} is no number")

    return json.loads(text, parse_constant=no_number)


def uri_component(text: str) -> str:
    """Escaped for a URI."""
    return quote(text, safe="")


def data_uri(text: str) -> str:
    """A text as a URI of its own."""
    return f"data:text/plain;charset=utf8;base64,{base64.b64encode(text.encode()).decode()}"


def taken(value: Any, count: int) -> Any:
    """The first ones."""
    return value[: max(0, count)]


def items(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Each name with its value, by name."""
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def try_get(value: Any, *path: str | int) -> Any:
    """What is there at that path, None if there is nothing."""
    for step in path:
        if isinstance(value, dict):
            value = next((inner for key, inner in value.items() if key.lower() == str(step).lower()), None)
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if 0 <= step < len(value) else None
        else:
            return None
    return value


def check_whole(*values: Any) -> None:
    """Raises TypeError unless all are whole numbers."""
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        raise TypeError("whole numbers are needed")


def of_numbers(change: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    """Arithmetic: of whole numbers and nothing else."""

    def run(one: Any, other: Any) -> int:
        check_whole(one, other)
        return change(one, other)

    return run


def of_text(change: Callable[[str], Any]) -> Callable[[Any], Any]:
    """A function of one text and nothing else."""

    def run(text: Any) -> Any:
        if not isinstance(text, str):
            raise TypeError("a text is needed")
        return change(text)

    return run


def made_range(start: int, count: int) -> list[int]:
    """Numbers in a row."""
    if not 0 <= count <= ITEMS_AT_MOST:
        raise ValueError(f"a range has at most {ITEMS_AT_MOST} numbers")
    return list(range(start, start + count))


def made_object(*pairs: Any) -> dict[str, Any]:
    """An object of names and values in turn."""
    if len(pairs) % 2:
        raise ValueError("a name has no value")
    return {str(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)}


def numbers(values: tuple[Any, ...]) -> list[int]:
    """Those that were given, as one array or each for itself."""
    return list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)


def quotient(one: int, other: int) -> int:
    """Towards zero."""
    size = abs(one) // abs(other)
    return size if (one < 0) == (other < 0) else -size
