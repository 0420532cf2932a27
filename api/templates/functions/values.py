"""What the functions of template expressions do, of values that were already evaluated.

Whatever could make a huge text or array asks first whether it may.
"""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from api.templates.budget import ITEMS_AT_MOST, text_size


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


def taken(value: Any, count: int) -> Any:
    """The first ones."""
    return value[: max(0, count)]


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


def numbers(values: tuple[Any, ...]) -> list[int]:
    """Those that were given, as one array or each for itself."""
    return list(values[0]) if len(values) == 1 and isinstance(values[0], list) else list(values)


def quotient(one: int, other: int) -> int:
    """Towards zero."""
    size = abs(one) // abs(other)
    return size if (one < 0) == (other < 0) else -size


def parsed_base64(text: str) -> Any:
    """What a text of JSON says that was written in base64."""
    return parsed(base64.b64decode(text, validate=True).decode())


def position(container: Any, item: Any, *, last: bool = False) -> int:
    """Where an item of an array, or a part of a text, stands first or last; -1 where it does not. Case does not count.

    >>> position("abcB", "B"), position("abcB", "B", last=True), position([1, 2], 2)
    (1, 3, 1)
    """
    if isinstance(container, list):
        places = [index for index, other in enumerate(container) if same(other, item)]
        return places[-1 if last else 0] if places else -1
    text, part = container.lower(), item.lower()
    return int(text.rfind(part) if last else text.find(part))


def flattened(arrays: list[list[Any]]) -> list[Any]:
    """The items of arrays of an array."""
    if not all(isinstance(inner, list) for inner in arrays):
        raise TypeError("arrays of an array are needed")
    return [item for inner in arrays for item in inner]


def fraction(value: Any) -> float:
    """A text or number as a number with a fraction."""
    number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    if number is None or number in (float("inf"), float("-inf")) or number != number:  # noqa: PLR0124  # NaN
        raise TypeError("a number is needed")
    return number
