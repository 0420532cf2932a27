"""Which resource types a template can make here, and how each is made: as a PUT of it would."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from api.deployments.deployment_bodies import deployment_body
from api.kept.documents import keep, kept_body
from api.kept.filled_in import filled_in
from api.kept.kinds import is_kept, what_fails, why_refused
from api.resources.kinds import KINDS
from api.scale_sets.model_changes import change_model
from api.scale_sets.set_extensions import make_extension
from api.services.dependencies import NAME_AT_MOST, ScaleSetPath, Services
from api.shapes.answers import scale_set_body
from api.stored.kinds import Kind, Part
from api.stored.making import make
from api.stored.parts import is_named, make_part
from api.stored.stored_resources import ResourceName, checked_name
from api.templates.coercion import coerced
from api.templates.errors import TemplateError
from api.templates.planned import DEPLOYMENTS, Planned
from api.templates.scope import LookUp
from api.templates.secrets import without_secret_parts
from api.templates.types import Types, keeps_nothing
from api.wire.errors import ArmError, changed_meanwhile
from api.wire.preconditions import NO_PRECONDITIONS
from instar.connection.settings import UnusedResources
from instar.domain.access import need_of
from instar.store.resources import StoredResource

Json = dict[str, Any]
Make = Callable[[Services, Planned, Json], Awaitable[str]]
"""Makes a resource from its document; gives the id of the operation that ends with it, "" if it is made at once."""

PARTS_AT_ONCE = 20
"""How often a part is made anew where others of the same resource are made at the same time, and were faster."""

SCALE_SETS = "Microsoft.Compute/virtualMachineScaleSets"
EXTENSIONS = f"{SCALE_SETS}/extensions"


async def _scale_set(services: Services, planned: Planned, document: Json) -> str:
    _, _, subscription_id, _, group, *_ = planned.resource_id.split("/")
    path = ScaleSetPath(subscription_id, group, planned.names[-1])
    change = await change_model(services, path, coerced(document), NO_PRECONDITIONS, create=True)
    return change.operation.id


async def _extension(services: Services, planned: Planned, document: Json) -> str:
    """An extension of a scale set that is there: a change of its model, in which the one of that name is replaced."""
    which = arm_name(planned, EXTENSIONS)
    path = ScaleSetPath(which.subscription_id, which.resource_group, which.names[0])
    one = extension_of(which.names[-1], document)
    return (await make_extension(services, path, one["name"], one)).operation.id


def extension_of(name: str, document: Json) -> Json:
    """An extension as a set's model has it, in the contract's types."""
    one: Json = {"name": name, "properties": document.get("properties") or {}}
    profile = {"extensionProfile": {"extensions": [one]}}
    body = coerced({"properties": {"virtualMachineProfile": profile}})
    [found] = body["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    result: Json = found
    return result


def _stored(kind: Kind) -> Make:
    async def make_stored(services: Services, planned: Planned, document: Json) -> str:
        made = await make(kind, services, arm_name(planned, kind.type), coerced(document))
        return made.operation.id if made.operation else ""

    return make_stored


def _part(kind: Kind, part: Part) -> Make:
    async def make_one(services: Services, planned: Planned, document: Json) -> str:
        for _ in range(PARTS_AT_ONCE):
            try:
                await make_part(kind, part, services, arm_name(planned, planned.type), document)
            except ArmError as error:
                if error.code != changed_meanwhile().code:
                    raise
            else:
                return ""
        raise changed_meanwhile()

    return make_one


def arm_name(planned: Planned, spelling: str) -> ResourceName:
    """What a planned resource is called. Raises ArmError 400 for a name that a PUT would refuse."""
    _, _, subscription_id, _, group, *_ = planned.resource_id.split("/")
    return ResourceName(spelling, subscription_id, group, tuple(checked_name(name, "name") for name in planned.names))


MAKERS: dict[str, Make] = {
    SCALE_SETS.lower(): _scale_set,
    EXTENSIONS.lower(): _extension,
    **{kind.type.lower(): _stored(kind) for kind in KINDS},
    **{
        f"{kind.type}/{part.name}".lower(): _part(kind, part)
        for kind in KINDS
        for part in kind.parts
        if part.in_templates
    },
}

KIND_OF = {kind.type.lower(): kind for kind in KINDS}


def kind_of_part(full: str) -> tuple[Kind, Part]:
    """The kind that a part like `Microsoft.Network/virtualNetworks/subnets` is of, and its list."""
    whole, _, word = full.lower().rpartition("/")
    return next(
        (kind, part) for kind in KINDS if kind.type.lower() == whole for part in kind.parts if part.name.lower() == word
    )


def types_of(services: Services) -> Types:
    """Which types a deployment takes here, as the setting `INSTAR_UNUSED_RESOURCES` wants it."""
    keeps = services.settings.unused_resources is UnusedResources.KEEP
    return Types(frozenset(MAKERS), _why_refused, is_kept if keeps else keeps_nothing, nested=True)


def _why_refused(kind: str) -> str:
    if is_kept(kind):
        return f"{what_fails(kind) or 'nothing here acts on it'} (INSTAR_UNUSED_RESOURCES is refuse)"
    return why_refused(kind)


def looked_up(services: Services, resource_id: str) -> Json | None:
    """A resource as `reference` sees it, None if there is none. Synchronous: expressions are evaluated in a thread.

    Raises TemplateError for one that the caller may not read.
    """
    need = need_of("GET", resource_id)
    if not services.caller.may(need):
        raise TemplateError(
            f"the client has no permission to perform action '{need.action}' at scope '{need.scope[:NAME_AT_MOST]}', "
            "which 'reference' needs",
            "AuthorizationFailed",
        )
    stored = services.store.scale_sets.find(resource_id)
    if stored is not None:
        return filled_in(SCALE_SETS, stored.identity.resource_id, scale_set_body(stored, "Succeeded"))
    kept = services.store.resources.find(resource_id)
    return _part_looked_up(services, resource_id) if kept is None else _body(services, kept)


def _body(services: Services, stored: StoredResource) -> Json:
    if stored.type.lower() == DEPLOYMENTS:
        return deployment_body(stored, services.clock())
    kind = KIND_OF.get(stored.type.lower())
    if kind is None:
        return kept_body(stored)
    return filled_in(stored.type, stored.resource_id, kind.body(stored, services.clock(), frozenset()))


def _part_looked_up(services: Services, resource_id: str) -> Json | None:
    """A part of a resource, like a subnet; None if it is of nothing, or not there."""
    whole_id, _, name = resource_id.rpartition("/")
    whole_id, _, word = whole_id.rpartition("/")
    whole = services.store.resources.find(whole_id)
    part = KIND_OF[whole.type.lower()].part(word) if whole is not None and whole.type.lower() in KIND_OF else None
    if whole is None or part is None:
        return None
    return next((part.shown(whole, kept) for kept in part.of(whole) if is_named(kept, name)), None)


async def made(services: Services, planned: Planned) -> str:
    """Make one resource; the id of its operation, "" if there is none. Raises ArmError, TemplateError.

    The one place where a deployment makes something. Whoever deploys it may have lost the role since it began.
    """
    services.caller.require(need_of("PUT", planned.resource_id))
    if is_kept_only(planned):
        return await _kept(services, planned)
    make_it = MAKERS[planned.type.lower()]
    document = await asyncio.to_thread(document_of, planned, lambda wanted: looked_up(services, wanted))
    return await make_it(services, planned, document)


def is_kept_only(planned: Planned) -> bool:
    """Whether a resource is kept and nothing more."""
    return planned.type.lower() not in MAKERS or bool(planned.added_to)


def document_of(planned: Planned, look_up: LookUp) -> Json:
    """What a resource is made of; of one that is kept only, without what is secret (F5). Raises TemplateError."""
    if not is_kept_only(planned):
        return planned.document(look_up)
    return replace(planned, body=without_secret_parts(planned.body, planned.scope)).document(look_up)


async def _kept(services: Services, planned: Planned) -> str:
    """What Instar has no use for is written down, but for what is made of secrets (F5)."""
    document = await asyncio.to_thread(document_of, planned, lambda wanted: looked_up(services, wanted))
    _, _, subscription, _, group, *_ = planned.scope.place.made_in_id.split("/")
    where = (subscription, group, planned.scope.place.location)
    await keep(services, planned.type, planned.resource_id, where, document)
    return ""
