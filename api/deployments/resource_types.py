"""Which resource types a template can make here, and how each is made: as a PUT of it would."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from api.resources.kinds import KINDS
from api.scale_sets.model_changes import change_model
from api.scale_sets.set_extensions import make_extension
from api.services.dependencies import NAME_AT_MOST, ScaleSetPath, Services
from api.shapes.answers import scale_set_body
from api.stored.kinds import Kind, Part
from api.stored.making import make, make_part
from api.stored.stored_resources import ResourceName, checked_name, resource_body
from api.templates.coercion import coerced
from api.templates.errors import TemplateError
from api.templates.planned import Planned
from api.wire.preconditions import NO_PRECONDITIONS
from instar.domain.access import need_of

Json = dict[str, Any]
Make = Callable[[Services, Planned, Json], Awaitable[str]]
"""Makes a resource from its document; gives the id of the operation that ends with it, "" if it is made at once."""

SCALE_SETS = "Microsoft.Compute/virtualMachineScaleSets"
EXTENSIONS = f"{SCALE_SETS}/extensions"


async def _scale_set(services: Services, planned: Planned, document: Json) -> str:
    _, _, subscription_id, _, group, *_ = planned.resource_id.split("/")
    path = ScaleSetPath(subscription_id, group, planned.names[-1])
    change = await change_model(services, path, coerced(document), NO_PRECONDITIONS, create=True)
    return change.operation.id


async def _extension(services: Services, planned: Planned, document: Json) -> str:
    """An extension of a scale set that is there: a change of its model, in which the one of that name is replaced."""
    which = _name(planned, EXTENSIONS)
    path = ScaleSetPath(which.subscription_id, which.resource_group, which.names[0])
    one: Json = {"name": which.names[-1], "properties": document.get("properties") or {}}
    profile = {"extensionProfile": {"extensions": [one]}}
    body = coerced({"properties": {"virtualMachineProfile": profile}})
    [one] = body["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    return (await make_extension(services, path, one["name"], one)).operation.id


def _stored(kind: Kind) -> Make:
    async def make_stored(services: Services, planned: Planned, document: Json) -> str:
        made = await make(kind, services, _name(planned, kind.type), coerced(document))
        return made.operation.id if made.operation else ""

    return make_stored


def _part(kind: Kind, part: Part) -> Make:
    async def make_one(services: Services, planned: Planned, document: Json) -> str:
        await make_part(kind, part, services, _name(planned, planned.type), document)
        return ""

    return make_one


def _name(planned: Planned, spelling: str) -> ResourceName:
    """Raises ArmError 400 for a name that a PUT would refuse."""
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

TYPES = tuple(MAKERS)

REFUSED = {
    "microsoft.resources/deployments": "deployments in deployments are not; put their resources into the template",
    "microsoft.insights/autoscalesettings": "nothing here would scale the set",
    "microsoft.storage/storageaccounts": "nothing here would keep what is stored in it",
    "microsoft.network/networkinterfaces": "those of a scale set's machines are part of the set's own document",
    "microsoft.network/applicationgateways": "no traffic passes here",
    "microsoft.compute/virtualmachines": "only machines of scale sets are",
    "microsoft.compute/images": "put the image into a gallery",
    "microsoft.keyvault/vaults": "nothing here would keep its secrets",
}
"""Why some types that scale-set templates have are not made: a document that means nothing would say that it works."""


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
        return scale_set_body(stored, "Succeeded")
    kept = services.store.resources.find(resource_id)
    return None if kept is None else resource_body(kept)


async def made(services: Services, planned: Planned) -> str:
    """Make one resource; the id of its operation, "" if there is none. Raises ArmError, TemplateError.

    The one place where a deployment makes something. Whoever deploys it may have lost the role since it began.
    """
    services.caller.require(need_of("PUT", planned.resource_id))
    document = await asyncio.to_thread(planned.document, lambda one: looked_up(services, one))
    return await MAKERS[planned.type.lower()](services, planned, document)
