"""What a deployment would make of one resource: by the code that makes it, up to where that writes."""

import dataclasses
from dataclasses import dataclass, field, replace
from typing import Any

from api.deployments.resource_types import (
    EXTENSIONS,
    KIND_OF,
    SCALE_SETS,
    arm_name,
    extension_of,
    is_kept_only,
    kind_of_part,
)
from api.kept.documents import as_kept, find_kept, kept_body
from api.scale_sets.foreseen import foreseen_set
from api.scale_sets.set_extensions import with_extension
from api.services.dependencies import ScaleSetPath, Services
from api.shapes.answers import scale_set_body
from api.stored.making import drafted
from api.stored.parts import drafted_part, is_named
from api.stored.stored_resources import as_written
from api.templates.coercion import coerced
from api.templates.planned import Planned
from api.wire.merge import canonical, without_read_only
from api.wire.properties import at
from instar.store.resources import StoredResource

Json = dict[str, Any]

_EXTENSION_PLACE = "properties.virtualMachineProfile.extensionProfile.extensions"


@dataclass(frozen=True)
class Foreseen:
    """A resource as it is and as it would be. Documents are compared, bodies are shown."""

    had: Json | None
    """Its document; None: it is not there."""
    would: Json
    before: Json | None = None
    after: Json = field(default_factory=dict)
    other_secrets: tuple[str, ...] = ()
    """Paths of secrets that would be others."""

    @property
    def changes(self) -> bool:
        """Whether anything would be written that is not there."""
        return self.had != self.would or bool(self.other_secrets)


async def foreseen(services: Services, planned: Planned, document: Json) -> Foreseen:
    """What making this resource of this document would write. Raises ArmError where it would be refused."""
    kind = planned.type.lower()
    if is_kept_only(planned):
        return await _kept(services, planned, document)
    if kind == SCALE_SETS.lower():
        return await _scale_set(services, planned, document)
    if kind == EXTENSIONS.lower():
        return await _extension(services, planned, document)
    if kind in KIND_OF:
        return await _stored(services, planned, document)
    return await _part(services, planned, document)


async def _scale_set(services: Services, planned: Planned, document: Json) -> Foreseen:
    body = without_read_only(canonical(coerced(document)))
    found = await foreseen_set(services, _path(planned, planned.names[-1]), lambda _: body)
    if found.stored is None:
        return Foreseen(None, found.document)
    would = replace(found.stored, document=found.document)
    return Foreseen(
        found.stored.document,
        found.document,
        scale_set_body(found.stored, "Succeeded"),
        scale_set_body(would, "Succeeded"),
        found.other_secrets,
    )


async def _extension(services: Services, planned: Planned, document: Json) -> Foreseen:
    name = planned.names[-1]
    change = with_extension(name, extension_of(name, document))
    found = await foreseen_set(services, _path(planned, planned.names[0]), change)
    before, after = _named(found.stored.document if found.stored else None, name), _named(found.document, name) or {}
    mine = f"/extensions/name={name.lower()}/"
    others = tuple(f"/{place.partition(mine)[2]}" for place in found.other_secrets if mine in place)
    return Foreseen(before, after, before and _as_resource(planned, before), _as_resource(planned, after), others)


async def _stored(services: Services, planned: Planned, document: Json) -> Foreseen:
    kind = KIND_OF[planned.type.lower()]
    had, draft = await drafted(kind, services, arm_name(planned, kind.type), coerced(document))
    would, now = as_written(draft), services.clock()
    if had is None:
        return Foreseen(None, would)
    after = kind.body(replace(had, document=would), now, frozenset())
    return Foreseen(had.document, would, kind.body(had, now, frozenset()), after)


async def _part(services: Services, planned: Planned, document: Json) -> Foreseen:
    kind, part = kind_of_part(planned.type)
    whole, draft = await drafted_part(kind, part, services, arm_name(planned, planned.type), document)
    after = replace(whole, document=as_written(draft))

    def named(stored: StoredResource) -> tuple[Json | None, Json | None]:
        found = next((one for one in part.of(stored) if is_named(one, planned.names[-1])), None)
        return found, found and part.shown(stored, found)

    (had, before), (would, shown) = named(whole), named(after)
    return Foreseen(had, would or {}, before, shown or {})


async def _kept(services: Services, planned: Planned, document: Json) -> Foreseen:
    would = as_kept(services, planned.type, planned.resource_id, planned.scope.place.location, document)
    had = await find_kept(services, planned.resource_id)
    if had is None:
        return Foreseen(None, would)
    return Foreseen(had.document, would, kept_body(had), kept_body(dataclasses.replace(had, document=would)))


def _path(planned: Planned, name: str) -> ScaleSetPath:
    _, _, subscription, _, group, *_ = planned.resource_id.split("/")
    return ScaleSetPath(subscription, group, name)


def _named(document: Json | None, name: str) -> Json | None:
    found = (at(document, _EXTENSION_PLACE) if document else None) or []
    return next((one for one in found if str(one.get("name")).lower() == name.lower()), None)


def _as_resource(planned: Planned, extension: Json) -> Json:
    return {**extension, "id": planned.resource_id, "type": planned.type}
