"""Which resource types a template can make here, and how each is made: as a PUT of it would."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from api.galleries.galleries import make_gallery
from api.galleries.gallery_images import make_image
from api.galleries.gallery_versions import make_version
from api.networks.load_balancers import make_load_balancer
from api.networks.networks import KINDS, NAMESPACE
from api.networks.service_fabric_clusters import TYPE as CLUSTERS
from api.networks.service_fabric_clusters import make_cluster
from api.scale_sets.model_changes import change_model
from api.scale_sets.set_extensions import make_extension
from api.services.dependencies import NAME_AT_MOST, ScaleSetPath, Services
from api.shapes.answers import scale_set_body
from api.stored.stored_resources import (
    ResourceName,
    checked_name,
    merged_document,
    resource_body,
    stored_resource,
    write_resource,
)
from api.templates.coercion import coerced
from api.templates.errors import TemplateError
from api.templates.planned import Planned
from api.wire.preconditions import NO_PRECONDITIONS
from instar.domain.access import need_of
from instar.domain.health.load_balancers import LOAD_BALANCER
from instar.domain.images import galleries

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


async def _load_balancer(services: Services, planned: Planned, document: Json) -> str:
    await make_load_balancer(services, _name(planned, LOAD_BALANCER), coerced(document))
    return ""


async def _part(services: Services, planned: Planned, document: Json) -> str:
    """A part of another resource, whose document has it in a list: the one of that name is replaced."""
    name = planned.names[-1]
    whole, list_name = PARTS[planned.type.lower()]
    which = replace(_name(planned, planned.type), type=whole, names=tuple(planned.names[:-1]))
    stored = await stored_resource(services, which)
    properties = stored.document.get("properties") or {}
    given = properties.get(list_name)
    parts = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    others = [one for one in parts if str(one.get("name")).lower() != name.lower()]
    part = {"name": checked_name(name, "name"), "properties": document.get("properties") or {}}
    changed = stored.document | {"properties": properties | {list_name: [*others, part]}}
    if whole == LOAD_BALANCER:
        await make_load_balancer(services, which, changed)
    else:
        await write_resource(services, which, changed, stored.etag)
    return ""


async def _extension(services: Services, planned: Planned, document: Json) -> str:
    """An extension of a scale set that is there: a change of its model, in which the one of that name is replaced."""
    which = _name(planned, EXTENSIONS)
    path = ScaleSetPath(which.subscription_id, which.resource_group, which.names[0])
    one: Json = {"name": which.names[-1], "properties": document.get("properties") or {}}
    profile = {"extensionProfile": {"extensions": [one]}}
    body = coerced({"properties": {"virtualMachineProfile": profile}})
    [one] = body["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    return (await make_extension(services, path, one["name"], one)).operation.id


async def _gallery(services: Services, planned: Planned, document: Json) -> str:
    await make_gallery(services, _name(planned, galleries.GALLERY), coerced(document))
    return ""


async def _image(services: Services, planned: Planned, document: Json) -> str:
    await make_image(services, _name(planned, galleries.IMAGE), coerced(document))
    return ""


async def _version(services: Services, planned: Planned, document: Json) -> str:
    """It has ended when the version is replicated: what depends on it comes after that."""
    _, _, operation = await make_version(services, _name(planned, galleries.VERSION), coerced(document))
    return operation.id


async def _cluster(services: Services, planned: Planned, document: Json) -> str:
    await make_cluster(services, _name(planned, CLUSTERS), document)
    return ""


async def _kept(services: Services, planned: Planned, document: Json) -> str:
    which = _name(planned, planned.type)
    await write_resource(services, which, await merged_document(services, which, document, create=True))
    return ""


def _name(planned: Planned, spelling: str) -> ResourceName:
    """Raises ArmError 400 for a name that a PUT would refuse."""
    _, _, subscription_id, _, group, *_ = planned.resource_id.split("/")
    return ResourceName(spelling, subscription_id, group, tuple(checked_name(name, "name") for name in planned.names))


PARTS = {
    f"{whole}/{name}".lower(): (whole, name)
    for whole, names in (
        (LOAD_BALANCER, ("inboundNatRules", "backendAddressPools")),
        (f"{NAMESPACE}/virtualNetworks", ("subnets",)),
        (f"{NAMESPACE}/networkSecurityGroups", ("securityRules",)),
    )
    for name in names
}
"""Type -> that of the resource whose document holds it, and the list in which it does."""

MAKERS: dict[str, Make] = {
    SCALE_SETS.lower(): _scale_set,
    EXTENSIONS.lower(): _extension,
    galleries.GALLERY.lower(): _gallery,
    galleries.IMAGE.lower(): _image,
    galleries.VERSION.lower(): _version,
    LOAD_BALANCER.lower(): _load_balancer,
    CLUSTERS.lower(): _cluster,
    **{f"{NAMESPACE}/{kind}".lower(): _kept for kind in KINDS},
    **dict.fromkeys(PARTS, _part),
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
