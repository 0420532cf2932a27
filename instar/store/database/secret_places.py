"""Where secrets stand in a model (docs/rules.md F5), taking them out and putting them back.

A place is a path like `/properties/virtualMachineProfile/osProfile/adminPassword`. In a list of named things (the
extensions) the name stands for the position, so that an extension added in front does not inherit its neighbour's
secret: `…/extensions/name=health/properties/protectedSettings`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from instar.store.database.columns import written

SECRET_KEYS = frozenset({"adminpassword", "customdata", "userdata", "protectedsettings"})
"""Members whose whole value is secret, wherever they stand, whatever their case."""


def take_out(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A copy of the document without its secrets, and the secrets by place.

    >>> take_out({"osProfile": {"adminUsername": "a", "adminPassword": "p"}})
    ({'osProfile': {'adminUsername': 'a'}}, {'/osProfile/adminPassword': 'p'})

    Raises Unstorable for what is no JSON.
    """
    clean: dict[str, Any] = json.loads(written(document))
    secrets: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("", clean)]
    while waiting:  # not by recursion: a client decides how deep a document is
        path, node = waiting.pop()
        if isinstance(node, dict):
            for key in [key for key in node if key.lower() in SECRET_KEYS]:
                secrets[f"{path}/{_escaped(key)}"] = node.pop(key)
        waiting.extend((f"{path}/{segment}", child) for segment, child in _children(node))
    return clean, secrets


def put_back(document: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the document with its secrets at their places; the inverse of `take_out`.

    >>> put_back({"osProfile": {}}, {"/osProfile/adminPassword": "p"})
    {'osProfile': {'adminPassword': 'p'}}
    """
    whole: dict[str, Any] = json.loads(written(document))
    for place, value in secrets.items():
        path, _, key = place.rpartition("/")
        parent = _at(whole, path)
        if isinstance(parent, dict):
            parent[_plain(key)] = value
    return whole


def still_in_place(
    places: Iterable[str], *, before: Mapping[str, Any], after: Mapping[str, Any], given: Iterable[str]
) -> list[str]:
    """Which of the places of the model `before` keep their secret in the model `after`, which gives some of its own.

    A client that read a model and sends it back cannot send the secrets: it never saw them. So a secret that is not
    given is kept, as long as what it belonged to is still there; an extension must still be of the same publisher and
    type, lest one extension be handed another's secret. One given as null is thereby taken away.
    """
    taken = {place.lower() for place in given}
    kept = []
    for place in places:
        path, _, key = place.rpartition("/")
        new, old = _at(after, path), _at(before, path)
        if place.lower() in taken or not isinstance(new, dict) or not isinstance(old, dict):
            continue
        if key.lower() == "protectedsettings" and _kind(new) != _kind(old):
            continue
        kept.append(place)
    return kept


def _kind(extension: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(_member(extension, key)).lower() for key in ("publisher", "type"))


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        yield from ((_escaped(key), child) for key, child in node.items())
    elif isinstance(node, list):
        names = [str(child["name"]).lower() if isinstance(child, dict) and "name" in child else "" for child in node]
        named = all(names) and len(set(names)) == len(names)
        for index, child in enumerate(node):
            yield (f"name={_escaped(names[index])}" if named else str(index)), child


def _at(document: Mapping[str, Any], path: str) -> Any:
    """What stands there, names compared without regard to case; None of nothing."""
    node: Any = document
    for segment in path.split("/")[1:]:
        if isinstance(node, dict):
            node = _member(node, _plain(segment))
        else:
            node = next((child for other, child in _children(node) if other == segment), None)
    return node


def _member(node: dict[str, Any], key: str) -> Any:
    if key in node:
        return node[key]
    return next((value for other, value in node.items() if other.lower() == key.lower()), None)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _plain(segment: str) -> str:
    return segment.replace("~1", "/").replace("~0", "~")
