"""Service Fabric clusters, as far as automatic upgrades ask of one: its node types and how durable each is (section S).

A cluster is a stored document and nothing runs for it. A scale set's Service Fabric extension names it by its
`clusterEndpoint`, or by its resource id; one that is given no endpoint gets one that is its own.
"""

import asyncio
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from api.services.dependencies import ApiVersion, Services, ServicesDep
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
from api.wire.errors import invalid
from api.wire.merge import without_secrets
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions, PreconditionsDep
from api.wire.properties import at
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.sets.service_fabric import Durability, FabricCluster, cluster_of
from instar.store.resources import StoredResource

router = APIRouter(tags=["service fabric clusters"])

Json = dict[str, Any]

TYPE = "Microsoft.ServiceFabric/clusters"
OF_SUBSCRIPTION = "/subscriptions/{subscriptionId}/providers/Microsoft.ServiceFabric/clusters"
CLUSTERS = (
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ServiceFabric/clusters"
)
CLUSTER = CLUSTERS + "/{clusterName}"

NODE_TYPES = "properties.nodeTypes"
ENDPOINTS = ("properties.clusterEndpoint", "properties.managementEndpoint")
_EXAMPLE = {
    "location": "westeurope",
    "properties": {"nodeTypes": [{"name": "front", "durabilityLevel": "Silver", "vmInstanceCount": 5}]},
}

Subscription = Annotated[str, Path(alias="subscriptionId")]
Group = Annotated[str, Path(alias="resourceGroupName")]


async def cluster_name(
    subscription_id: Subscription, group: Group, name: Annotated[str, Path(alias="clusterName")]
) -> ResourceName:
    """Read the path."""
    return ResourceName(TYPE, subscription_id, group, (checked_name(name, "clusterName"),))


ClusterName = Annotated[ResourceName, Depends(cluster_name)]


async def cluster_named(services: Services, subscription_id: str, model: ScaleSetModel) -> FabricCluster | None:
    """The cluster that a set's machines belong to; None for a set that is no Service Fabric one, or of no known one."""
    if model.service_fabric is None:
        return None
    stored = await asyncio.to_thread(services.store.resources.of_type, TYPE, subscription_id)
    return cluster_of(model.service_fabric, (FabricCluster.from_arm(one.resource_id, one.document) for one in stored))


@router.put(CLUSTER, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_cluster(
    *,
    request: Request,
    services: ServicesDep,
    name: ClusterName,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Store a cluster: 201 for a new one, 200 for one that was there and is replaced."""
    stored, new = await make_cluster(services, name, body, preconditions)
    return await written(request, services, stored, _body(stored), api_version, new=new)


@router.patch(CLUSTER, openapi_extra=described(_EXAMPLE), response_model=None)
async def patch_cluster(
    *,
    request: Request,
    services: ServicesDep,
    name: ClusterName,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Change a cluster; lists are replaced as a whole."""
    stored, new = await make_cluster(services, name, body, preconditions, create=False)
    return await written(request, services, stored, _body(stored), api_version, new=new)


@router.get(CLUSTER, response_model=None)
async def get_cluster(services: ServicesDep, name: ClusterName) -> Response:
    """One cluster."""
    return shown(_body(await stored_resource(services, name)))


@router.get(CLUSTERS, response_model=None)
async def list_clusters(services: ServicesDep, subscription_id: Subscription, group: Group, paging: PagingDep) -> Json:
    """The clusters of a resource group."""
    return await listed(services, paging, TYPE, _body, subscription_id, group)


@router.get(OF_SUBSCRIPTION, response_model=None)
async def list_all_clusters(services: ServicesDep, subscription_id: Subscription, paging: PagingDep) -> Json:
    """The clusters of a subscription."""
    return await listed(services, paging, TYPE, _body, subscription_id)


@router.delete(CLUSTER, response_model=None)
async def delete_cluster(
    request: Request,
    services: ServicesDep,
    name: ClusterName,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Delete what is stored of a cluster; its machines belong to their scale set and stay."""
    return await delete_resource(request, services, name, api_version, preconditions)


async def make_cluster(
    services: Services,
    name: ResourceName,
    body: Json,
    preconditions: Preconditions = NO_PRECONDITIONS,
    *,
    create: bool = True,
) -> tuple[StoredResource, bool]:
    """What a PUT does, or with `create` false a PATCH; whether it is a new one. Raises ArmError."""
    expected = None if create else (await stored_resource(services, name)).etag
    document = without_secrets(await merged_document(services, name, body, create=create))
    return await write_resource(services, name, _checked(document, name), expected, preconditions)


def _checked(document: Json, name: ResourceName) -> Json:
    """The document with durabilities in their one spelling and an endpoint. Raises ArmError 400."""
    for path in ENDPOINTS:
        if not isinstance(at(document, path), str | None):
            raise invalid(f"'{path}' must be a string.", path)
    node_types = at(document, NODE_TYPES)
    if not isinstance(node_types, list) or not node_types:
        raise invalid(f"'{NODE_TYPES}' must be a list of one node type or more.", NODE_TYPES)
    checked = [_checked_node_type(one, f"{NODE_TYPES}[{index}]") for index, one in enumerate(node_types)]
    if len({one["name"].lower() for one in checked}) < len(checked):
        raise invalid(f"Every name in '{NODE_TYPES}' must be a different one.", NODE_TYPES)
    own = uuid.uuid5(uuid.NAMESPACE_URL, name.resource_id.lower())
    given = document["properties"].get("clusterEndpoint")
    endpoint = given or f"https://{document['location']}.servicefabric.azure.com/runtime/clusters/{own}"
    return document | {"properties": {**document["properties"], "clusterEndpoint": endpoint, "nodeTypes": checked}}


def _checked_node_type(given: Any, path: str) -> Json:
    if not isinstance(given, dict):
        raise invalid(f"'{path}' must be an object.", path)
    name = given.get("name")
    if not isinstance(name, str) or not name.strip():
        raise invalid(f"'{path}.name' must be a string that is not empty.", f"{path}.name")
    durability = given.get("durabilityLevel", Durability.BRONZE)
    level = Durability.of(durability) if isinstance(durability, str) else None
    if level is None:
        raise invalid(f"'{path}.durabilityLevel' must be one of {', '.join(Durability)}.", f"{path}.durabilityLevel")
    return given | {"durabilityLevel": level.value}


def _body(stored: StoredResource) -> Json:
    return resource_body(stored, clusterState="Ready")
