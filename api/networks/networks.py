"""Virtual networks and what else of Microsoft.Network scale sets mention: documents, kept as they are given.

Instar makes no networks: what a machine is connected to is the compute's affair. Templates and clients need them to be
there. Load balancers have a module of their own, because their probes mean something. A subnet or security rule is part
of its network's document: it is read by itself, and changed by a PUT of the network.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.services.dependencies import ApiVersion, ServicesDep
from api.services.paging import PagingDep
from api.stored.stored_resources import (
    ResourceName,
    checked_name,
    delete_resource,
    listed,
    merged_document,
    resource_body,
    shown,
    stored_resource,
    write_resource,
    written,
)
from api.wire.bodies import JsonBody, described
from api.wire.errors import invalid, not_found
from api.wire.merge import canonical
from api.wire.preconditions import PreconditionsDep
from instar.store.resources import StoredResource

router = APIRouter(tags=["networks"])

KINDS = (
    *("virtualNetworks", "publicIPAddresses", "publicIPPrefixes", "networkSecurityGroups", "natGateways"),
    *("routeTables", "applicationSecurityGroups"),
)
NAMESPACE = "Microsoft.Network"
OF_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Network/{kind}"
OF_SUBSCRIPTION = "/subscriptions/{subscriptionId}/providers/Microsoft.Network/{kind}"
ONE = OF_GROUP + "/{name}"
CHILDREN = ONE + "/{childKind}"
CHILD = CHILDREN + "/{childName}"
SHOWN_EMPTY = {"virtualNetworks": "subnets", "networkSecurityGroups": "securityRules"}
"""`az vmss create` looks through the subnets of every network, and needs the list to be there."""

CHILD_KINDS = {"virtualNetworks": ("subnets",), "networkSecurityGroups": ("securityRules",)}
EXAMPLE = {"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Group = Annotated[str, Path(alias="resourceGroupName")]
ChildKind = Annotated[str, Path(alias="childKind")]
ChildName = Annotated[str, Path(alias="childName")]


@router.put(ONE, openapi_extra=described(EXAMPLE), response_model=None)
async def put_network(
    *,
    request: Request,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    kind: str,
    name: str,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Keep a network, public address or security group as it is given."""
    which = ResourceName(_type(kind), subscription_id, group, (checked_name(name, "name"),))
    document = await merged_document(services, which, body, create=True)
    stored, new = await write_resource(services, which, document, preconditions=preconditions)
    return await written(request, services, stored, _body(stored), api_version, new=new)


@router.patch(ONE, openapi_extra=described({"tags": {"team": "web"}}), response_model=None)
async def patch_network(
    *,
    request: Request,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    kind: str,
    name: str,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Replace the tags of one of them; nothing else can be patched."""
    which = ResourceName(_type(kind), subscription_id, group, (name,))
    had, given = await stored_resource(services, which), canonical(body)
    if strangers := sorted(set(given) - {"tags"}):
        raise invalid(f"Only 'tags' can be patched, not '{strangers[0][:40]}'.", strangers[0][:40])
    document = await merged_document(services, which, given, create=False)
    stored, _ = await write_resource(services, which, document, had.etag, preconditions)
    return await written(request, services, stored, _body(stored), api_version, new=False)


@router.get(ONE, response_model=None)
async def get_network(
    services: ServicesDep, subscription_id: Subscription, group: Group, kind: str, name: str
) -> Response:
    """One of them."""
    return shown(_body(await stored_resource(services, ResourceName(_type(kind), subscription_id, group, (name,)))))


@router.delete(ONE, response_model=None)
async def delete_network(
    *,
    request: Request,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    kind: str,
    name: str,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Forget one of them."""
    which = ResourceName(_type(kind), subscription_id, group, (name,))
    return await delete_resource(request, services, which, api_version, preconditions)


@router.get(OF_GROUP, response_model=None)
async def list_networks_of_group(
    services: ServicesDep, subscription_id: Subscription, group: Group, kind: str, paging: PagingDep
) -> Json:
    """Those of a resource group."""
    return await listed(services, paging, _type(kind), _body, subscription_id, group)


@router.get(OF_SUBSCRIPTION, response_model=None)
async def list_networks_of_subscription(
    services: ServicesDep, subscription_id: Subscription, kind: str, paging: PagingDep
) -> Json:
    """Those of a subscription."""
    return await listed(services, paging, _type(kind), _body, subscription_id)


@router.get(CHILD, response_model=None)
async def get_part_of_network(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    kind: str,
    name: str,
    child_kind: ChildKind,
    child_name: ChildName,
) -> Json:
    """A subnet of a network, as the network's document has it."""
    network = ResourceName(_type(kind), subscription_id, group, (name,))
    stored = await stored_resource(services, network)
    parts = (stored.document.get("properties") or {}).get(_child_kind(kind, child_kind)) or []
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and str(part.get("name", "")).lower() == child_name.lower():
            return {"id": f"{stored.resource_id}/{child_kind}/{part['name']}", **part}
    raise not_found()


def _body(stored: StoredResource) -> Json:
    empty = SHOWN_EMPTY.get(stored.type.rpartition("/")[2])
    given = stored.document.get("properties") or {}
    return resource_body(stored) if empty is None or empty in given else resource_body(stored, **{empty: []})


def _type(kind: str) -> str:
    for known in KINDS:
        if known.lower() == kind.lower():
            return f"{NAMESPACE}/{known}"
    raise not_found(f"The resource type '{NAMESPACE}/{kind[:60]}' is not supported.")


def _child_kind(kind: str, child_kind: str) -> str:
    for parent, children in CHILD_KINDS.items():
        for child in children:
            if (parent.lower(), child.lower()) == (kind.lower(), child_kind.lower()):
                return child
    raise not_found()
