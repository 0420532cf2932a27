"""Making, changing and taking away a part of a stored resource, like a subnet: one write of the resource it is in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.services.dependencies import Services
from api.stored.kinds import Draft, Kind, Part
from api.stored.stored_resources import ResourceName, checked_name, parent_resource, quoted, write_resource
from api.wire.errors import ArmError, invalid, not_allowed, not_found, overtaken
from api.wire.merge import canonical
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions
from api.wire.texts import check_texts
from instar.store.resources import StoredResource

Json = dict[str, Any]

TRIES = 20
"""How often a change is made anew that others overtake: clients make many parts of a resource at the same time."""


@dataclass(frozen=True)
class MadePart:
    """A part that was written, and what it is in; whether it is new."""

    stored: StoredResource
    kept: Json
    new: bool


async def make_part(  # noqa: PLR0917  # a part, of what, and what is said of it
    kind: Kind,
    part: Part,
    services: Services,
    name: ResourceName,
    body: Json,
    preconditions: Preconditions = NO_PRECONDITIONS,
) -> MadePart:
    """What a PUT of a part does, `name` ending with the part's: the one of that name is replaced, where it stands.

    Raises ArmError: 400 for a wrong name or a document that the kind refuses, 404 where there is nothing that it could
    be a part of, 409 for a list that nobody changes or what others changed again and again, 412 for a part that is not
    as the preconditions want it.
    """
    change = _putting(part, name.names[-1], body)
    stored, had = await _changed(kind, part, services, name, change, preconditions)
    return MadePart(stored, part_named(stored, part, name.names[-1]), not had)


async def drafted_part(
    kind: Kind, part: Part, services: Services, name: ResourceName, body: Json
) -> tuple[StoredResource, Json]:
    """What the part would be in, and the document that this would have. Raises ArmError as `make_part` does."""
    change = _putting(part, name.names[-1], body)
    whole = ResourceName(kind.type, name.subscription_id, name.resource_group, name.names[:-1])
    stored = await parent_resource(services, whole)
    return stored, await _checked(kind, part, services, whole, stored, change(stored))


def _putting(part: Part, name: str, body: Json) -> Callable[[StoredResource], list[Json]]:
    """The change of a list that puts one of its members there. Raises ArmError."""
    _check_changeable(part)
    given = canonical(body)
    properties = {} if given.get("properties") is None else given["properties"]
    if not isinstance(properties, dict):
        raise invalid("'properties' must be an object.", "properties")
    own_name = checked_name(name, "name")
    new: Json = {"name": own_name, "properties": properties}
    if "zones" in given:
        new["zones"] = given["zones"]

    def change(stored: StoredResource) -> list[Json]:
        check_texts(properties, stored.document.get("properties"))
        parts = part.of(stored)
        at = next((index for index, kept in enumerate(parts) if is_named(kept, own_name)), len(parts))
        return [*parts[:at], new, *parts[at + 1 :]]

    return change


async def _checked(  # noqa: PLR0917  # a draft, and of what
    kind: Kind, part: Part, services: Services, whole: ResourceName, stored: StoredResource, parts: list[Json]
) -> Json:
    """The document with that list, found good; that which is there, if it says the same."""
    if parts == part.of(stored):
        return stored.document
    properties = {**(stored.document.get("properties") or {}), part.name: parts}
    return await kind.check(Draft(services, whole, stored.document | {"properties": properties}, stored))


async def delete_part(
    kind: Kind, part: Part, services: Services, name: ResourceName, preconditions: Preconditions
) -> StoredResource | None:
    """What a part was taken from; None if there was none of that name. Raises ArmError as `make_part` does."""
    _check_changeable(part)

    def change(stored: StoredResource) -> list[Json]:
        return [kept for kept in part.of(stored) if not is_named(kept, name.names[-1])]

    stored, had = await _changed(kind, part, services, name, change, preconditions)
    return stored if had else None


def part_named(stored: StoredResource, part: Part, name: str) -> Json:
    """Raises ArmError 404."""
    for kept in part.of(stored):
        if is_named(kept, name):
            return kept
    raise not_found(f"Resource {stored.resource_id}/{part.name}/{name} not found.")


def is_named(kept: Json, name: str) -> bool:
    """Whether a part has that name, in any case."""
    return str(kept.get("name")).lower() == name.lower()


async def _changed(  # noqa: PLR0917  # a change, of what, and on which conditions
    kind: Kind,
    part: Part,
    services: Services,
    name: ResourceName,
    change: Callable[[StoredResource], list[Json]],
    preconditions: Preconditions,
) -> tuple[StoredResource, bool]:
    """The resource after the change, and whether it had a part of that name before it."""
    whole = ResourceName(kind.type, name.subscription_id, name.resource_group, name.names[:-1])
    for left in reversed(range(TRIES)):
        stored = await parent_resource(services, whole)
        had = any(is_named(kept, name.names[-1]) for kept in part.of(stored))
        preconditions.check(quoted(stored) if had else "", part.noun)
        checked = await _checked(kind, part, services, whole, stored, change(stored))
        if checked is stored.document:
            return stored, had
        try:
            return (await write_resource(services, whole, checked, stored.etag))[0], had
        except ArmError as error:
            if not left or not overtaken(error):
                raise
    raise AssertionError  # the last try returns or raises


def _check_changeable(part: Part) -> None:
    if part.fixed is not None:
        raise not_allowed(f"A {part.noun} cannot be changed or deleted: every resource of the kind has the same ones.")
