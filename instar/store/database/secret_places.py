"""Where secrets stand in a model (docs/rules.md F5), taking them out and putting them back.

A place is a path like `/properties/virtualMachineProfile/osProfile/adminPassword`. In a list of named things (the
extensions) the name stands for the position, so that an extension added in front does not inherit its neighbour's
secret: `…/extensions/name=health/properties/protectedSettings`. Parts of Windows' answer file are told apart by their
setting: `…/additionalUnattendContent/settingName=autologon/content`.

These are all that Azure's schemas call secret in what Instar keeps. Certificates and keys of key vaults
(`osProfile.secrets`, `winRM`, `protectedSettingsFromKeyVault`, disk encryption) are named there by URL, never given.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from instar.store.database.columns import written

SECRET_KEYS = frozenset({"adminpassword", "customdata", "userdata", "protectedsettings"})
"""Members whose whole value is secret, wherever they stand, whatever their case."""

SECRET_BELOW = frozenset({("additionalunattendcontent", "content")})
"""The same, where they stand below a member of that name only, in its object or in an object of its list."""

_TOLD_BY = ("name", "settingName")
"""What tells the objects of a list apart."""

_MUST_STAY = {
    "protectedsettings": ("publisher", "type"),
    "content": ("passName", "componentName", "settingName"),
}
"""Members beside a secret that say whose it is: with another value the secret is not kept."""


def is_secret(key: str, above: str) -> bool:
    """Whether the value of this member is secret; `above` is the member that its object, or its list, stands under.

    >>> is_secret("AdminPassword", "osProfile"), is_secret("content", "AdditionalUnattendContent")
    (True, True)
    >>> is_secret("content", "settings")
    False
    """
    return key.lower() in SECRET_KEYS or (above.lower(), key.lower()) in SECRET_BELOW


def without_secrets(value: Any, above: str = "") -> Any:
    """The same without any secret, at any depth; `above` is the member that it stands under.

    >>> without_secrets({"osProfile": {"adminUsername": "a", "adminPassword": "p"}})
    {'osProfile': {'adminUsername': 'a'}}
    """
    if isinstance(value, dict):
        return {key: without_secrets(inner, key) for key, inner in value.items() if not is_secret(key, above)}
    if isinstance(value, list):
        return [without_secrets(item, above) for item in value]
    return value


def take_out(document: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A copy of the document without its secrets, and the secrets by place.

    >>> take_out({"osProfile": {"adminUsername": "a", "adminPassword": "p"}})
    ({'osProfile': {'adminUsername': 'a'}}, {'/osProfile/adminPassword': 'p'})

    Raises Unstorable for what is no JSON.
    """
    clean: dict[str, Any] = json.loads(written(document))
    secrets: dict[str, Any] = {}
    waiting: list[tuple[str, str, Any]] = [("", "", clean)]
    while waiting:  # not by recursion: a client decides how deep a document is
        path, above, node = waiting.pop()
        if isinstance(node, dict):
            for key in [key for key in node if is_secret(key, above)]:
                secrets[f"{path}/{_escaped(key)}"] = node.pop(key)
        of_list = isinstance(node, list)
        waiting.extend(
            (f"{path}/{segment}", above if of_list else _plain(segment), child) for segment, child in _children(node)
        )
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
    type, lest one extension be handed another's secret, and likewise a part of an answer file. One given as null is
    thereby taken away.
    """
    taken = {place.lower() for place in given}
    kept = []
    for place in places:
        path, _, key = place.rpartition("/")
        new, old = _at(after, path), _at(before, path)
        if place.lower() in taken or not isinstance(new, dict) or not isinstance(old, dict):
            continue
        owner = _MUST_STAY.get(key.lower(), ())
        if _members(new, owner) == _members(old, owner):
            kept.append(place)
    return kept


def _members(node: dict[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(_member(node, key)).lower() for key in keys)


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        yield from ((_escaped(key), child) for key, child in node.items())
    elif isinstance(node, list):
        for told_by in _TOLD_BY:
            names = [
                str(child[told_by]).lower() if isinstance(child, dict) and told_by in child else "" for child in node
            ]
            if all(names) and len(set(names)) == len(names):
                yield from ((f"{told_by}={_escaped(name)}", child) for name, child in zip(names, node, strict=True))
                return
        yield from ((str(index), child) for index, child in enumerate(node))


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
