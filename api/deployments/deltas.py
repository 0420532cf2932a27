"""What differs between two documents, as ARM's what-if tells it: by path, lists member by member."""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

HIDDEN = "*******"
"""What stands for a secret."""

Paths = frozenset[tuple[str, ...]]
"""Places in a document, in lower case; `#` is any member of a list."""


def delta_of(before: Any, after: Any) -> list[Json]:
    """The changes from one object to another, the paths in the order of their names.

    >>> [(one["path"], one["propertyChangeType"]) for one in delta_of({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "d": 4})]
    [('a.b', 'Modify'), ('c', 'Delete'), ('d', 'Create')]
    """
    return list(_changes(before, after, ""))


def hidden_change(path: str) -> Json:
    """That a secret would be another one, and nothing more of it."""
    return _change(path, "Modify", HIDDEN, HIDDEN)


def masked(value: Any, places: Paths) -> Any:
    """The same with what stands at those places hidden.

    >>> masked({"A": {"b": "x"}, "c": [{"d": 1}]}, frozenset({("a", "b"), ("c", "#", "d")}))
    {'A': {'b': '*******'}, 'c': [{'d': '*******'}]}
    """
    if () in places:
        return value if value is None else HIDDEN
    if not places:
        return value
    if isinstance(value, dict):
        return {key: masked(inner, _below(places, key.lower())) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(item, _below(places, "#")) for item in value]
    return value


def masked_delta(changes: Iterable[Json], places: Paths) -> list[Json]:
    """The same of changes: at and below those places no value is shown."""
    shown = []
    for change in changes:
        below = places
        for word in change["path"].lower().split("."):
            below = frozenset({()}) if () in below else _below(below, "#" if word.isdecimal() else word)
        one = change | {"before": masked(change["before"], below), "after": masked(change["after"], below)}
        if change["children"] is not None:
            one["children"] = masked_delta(change["children"], below if () not in below else _everything())
        shown.append(one)
    return shown


def _everything() -> Paths:
    return frozenset({()})


def _below(places: Paths, word: str) -> Paths:
    return frozenset(place[1:] for place in places if place and place[0] == word)


def _changes(before: Json, after: Json, path: str) -> Iterable[Json]:
    for key in sorted({*before, *after}):
        where = f"{path}.{key}" if path else key
        if key not in after:
            yield _change(where, "Delete", before[key], None)
        elif key not in before:
            yield _change(where, "Create", None, after[key])
        elif before[key] != after[key] or type(before[key]) is not type(after[key]):
            yield from _between(before[key], after[key], where)


def _between(before: Any, after: Any, path: str) -> Iterable[Json]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _changes(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        children = list(_members(before, after))
        if children:
            yield _change(path, "Array", None, None, children)
    else:
        yield _change(path, "Modify", before, after)


def _members(before: list[Any], after: list[Any]) -> Iterable[Json]:
    """Members of a list: by their names where all have one, else by their places."""
    at = _named(before, after)
    if at is None:
        at = [(index if index < len(before) else None, index if index < len(after) else None)
              for index in range(max(len(before), len(after)))]  # fmt: skip
    for old, new in at:
        if new is None:
            yield _change(str(old), "Delete", before[old or 0], None)
        elif old is None:
            yield _change(str(new), "Create", None, after[new])
        elif isinstance(before[old], dict) and isinstance(after[new], dict):
            if inner := delta_of(before[old], after[new]):
                yield _change(str(new), "Modify", None, None, inner)
        elif before[old] != after[new]:
            yield _change(str(new), "Modify", before[old], after[new])


def _named(before: list[Any], after: list[Any]) -> list[tuple[int | None, int | None]] | None:
    """Which members belong together by their names, in the same order; None where names or order do not tell."""
    names = [
        [str(one.get("name", "")).lower() if isinstance(one, dict) else "" for one in side] for side in (before, after)
    ]
    if not all(all(side) and len(set(side)) == len(side) for side in names):
        return None
    old, new = names
    if [name for name in old if name in new] != [name for name in new if name in old]:
        return None
    pairs: list[tuple[int | None, int | None]] = [
        (old.index(name) if name in old else None, at) for at, name in enumerate(new)
    ]
    return pairs + [(at, None) for at, name in enumerate(old) if name not in new]


def _change(path: str, kind: str, before: Any, after: Any, children: list[Json] | None = None) -> Json:
    return {"path": path, "propertyChangeType": kind, "before": before, "after": after, "children": children}
