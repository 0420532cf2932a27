"""Parts of network resources: checked on their way in, shown with what Azure says of each."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from api.networks.back_references import named_by
from api.networks.members import check_members
from api.stored.kinds import Part
from api.stored.stored_resources import checked_name, quoted
from api.wire.errors import invalid
from instar.store.resources import StoredResource

Json = dict[str, Any]

_NOT_STORED = frozenset({"id", "type", "etag"})
"""What a client that puts back what it got brings along with each part."""

Check = Callable[[Json, str], Json]
"""The properties of a part, checked; given the path that an error names."""


def nothing_more(_stored: StoredResource, _name: str, _properties: Json) -> Json:
    """Nothing is filled in."""
    return {}


def network_part(
    name: str,
    noun: str,
    defaults: Json | None = None,
    *,
    in_templates: bool = True,
    named_in: tuple[str, ...] = (),
    fill: Callable[[StoredResource, str, Json], Json] = nothing_more,
) -> Part:
    """A list of parts; `defaults`: the properties that Azure fills in, `fill`: those that differ from part to part.

    `named_in`: other lists of the resource, whose members that name a part are shown at it.
    """

    def shown(stored: StoredResource, kept: Mapping[str, Any]) -> Json:
        given = kept.get("properties")
        properties = {**(defaults or {}), **(given if isinstance(given, dict) else {})}
        properties = {**fill(stored, str(kept["name"]), properties), **properties}
        properties |= named_by(stored, f"{stored.resource_id}/{name}/{kept['name']}", named_in)
        return shown_part(stored, name, {**kept, "properties": properties})

    return Part(name, noun, in_templates=in_templates, body=shown, defaults=defaults or {}, only_shown=named_in)


def shown_part(stored: StoredResource, name: str, kept: Mapping[str, Any]) -> Json:
    """A part with id, type, etag and state."""
    return {
        **kept,
        "id": f"{stored.resource_id}/{name}/{kept['name']}",
        "type": f"{stored.type}/{name}",
        "etag": quoted(stored),
        "properties": {**kept["properties"], "provisioningState": "Succeeded"},
    }


def checked_parts(document: Json, parts: Iterable[Part], noun: str, checks: Mapping[str, Check] | None = None) -> Json:
    """The document with its lists of parts as they are stored, without what is only shown.

    `noun`: the kind's, for errors; `checks`: what else is asked of the properties of a part, by the list's name. Raises
    ArmError 400 for a list that is none, an item without a good name, two of one name.
    """
    properties = {**(document.get("properties") or {})}
    check_members(properties)
    for part in parts:
        if part.fixed is not None or properties.get(part.name) is None:
            properties.pop(part.name, None)
            continue
        check = (checks or {}).get(part.name, _as_given)
        properties[part.name] = _checked_list(properties[part.name], part, noun, check)
        if not properties[part.name]:
            del properties[part.name]
    return document | {"properties": properties}


def without_defaults(properties: Json, defaults: Mapping[str, Any]) -> Json:
    """What was put as it was got is kept as it was."""
    return {key: value for key, value in properties.items() if key not in defaults or value != defaults[key]}


def _checked_list(given: Any, part: Part, noun: str, check: Check) -> list[Json]:
    path = f"properties.{part.name}"
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        raise invalid(f"'{path}' must be a list of objects.", path)
    checked: dict[str, Json] = {}
    for index, item in enumerate(given):
        new = _checked_item(item, f"{path}[{index}]", check, part)
        if new["name"].lower() in checked:
            raise invalid(f"A {noun} cannot have two {part.noun}s named '{new['name']}'.", path)
        checked[new["name"].lower()] = new
    return list(checked.values())


def _checked_item(item: Json, path: str, check: Check, part: Part) -> Json:
    name, properties = item.get("name"), item.get("properties")
    if not isinstance(name, str) or not name:
        raise invalid(f"'{path}.name' must be a string.", f"{path}.name")
    checked_name(name, f"{path}.name")
    checked = check({} if properties is None else properties, f"{path}.properties")
    only_shown = {"provisioningState", *part.only_shown}
    kept = without_defaults({key: value for key, value in checked.items() if key not in only_shown}, part.defaults)
    return {key: value for key, value in item.items() if key not in _NOT_STORED} | {"properties": kept}


def _as_given(properties: Json, _path: str) -> Json:
    return properties
