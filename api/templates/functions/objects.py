"""Objects, and what is done to objects and arrays alike."""

import json
from typing import Any


def made_object(*pairs: Any) -> dict[str, Any]:
    """An object of names and values in turn."""
    if len(pairs) % 2:
        raise ValueError("a name has no value")
    return {str(key): value for key, value in zip(pairs[::2], pairs[1::2], strict=True)}


def union(*parts: Any) -> Any:
    """All of them as one; of two values of one name, the later; objects in objects likewise."""
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


def shallow_merge(parts: Any) -> dict[str, Any]:
    """All objects of an array as one; of two values of one name, the later as a whole.

    >>> shallow_merge([{"a": {"b": 1}}, {"a": {"c": 2}}])
    {'a': {'c': 2}}
    """
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise TypeError("an array of objects is needed")
    return {key: value for part in parts for key, value in part.items()}


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


def items(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Each name with its value, by name."""
    return [{"key": key, "value": value[key]} for key in sorted(value)]


def object_keys(value: dict[str, Any]) -> list[str]:
    """The names, sorted."""
    if not isinstance(value, dict):
        raise TypeError("an object is needed")
    return sorted(value)


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


def from_end(value: Any, index: Any) -> Any:
    """The item of that number counted from the end, from 1. Raises IndexError."""
    if not isinstance(value, list) or isinstance(index, bool) or not 1 <= index <= len(value):
        raise IndexError("there is no such item")
    return value[-index]


def try_from_end(value: Any, index: int) -> Any:
    """The same, None if there is nothing."""
    try:
        return from_end(value, index)
    except IndexError:
        return None
