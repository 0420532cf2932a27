"""Making and changing a stored resource of any kind: what a PUT, a PATCH and a template do."""

import asyncio
from dataclasses import dataclass
from typing import Any

from api.services.dependencies import Services
from api.stored.kinds import Draft, Kind
from api.stored.stored_resources import ResourceName, merged_document, resource_not_found, write_resource
from api.wire.errors import invalid
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions
from instar.domain.records.operations import Operation
from instar.store.resources import StoredResource

Json = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """What was stored, whether it is new, and the operation that goes on, if one does."""

    stored: StoredResource
    new: bool
    operation: Operation | None = None


async def make(
    kind: Kind,
    services: Services,
    name: ResourceName,
    body: Json,
    preconditions: Preconditions = NO_PRECONDITIONS,
    *,
    create: bool = True,
) -> Made:
    """What a PUT does, or with `create` false a PATCH.

    Raises ArmError: 400 for a wrong name or document, 404 for a PATCH of nothing or a parent that does not exist, 409
    for what may not change or was overtaken by another change, 412 for what is not as the preconditions want it.
    """
    had, checked = await drafted(kind, services, name, body, create=create)
    expected = None if create and kind.last_put_wins else (had.etag if had else 0)
    stored, new = await write_resource(services, name, checked, expected, preconditions)
    return Made(stored, new, await kind.begun(services, stored) if kind.begun else None)


async def drafted(
    kind: Kind, services: Services, name: ResourceName, body: Json, *, create: bool = True
) -> tuple[StoredResource | None, Json]:
    """What is there, and the document that would be stored, found good. Raises ArmError as `make` does."""
    if create:
        kind.check_name(name.names[-1], kind.name_parameter)
    had = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    if had is None and not create:
        raise resource_not_found(name)
    given = kind.said(body)
    if not create and kind.only_tags_are_patched and (strangers := sorted(set(given) - {"tags"})):
        raise invalid(f"Only 'tags' can be patched, not '{strangers[0][:40]}'.", strangers[0][:40])
    document = await merged_document(services, name, given, had, create=create)
    return had, await kind.check(Draft(services, name, document, had))
