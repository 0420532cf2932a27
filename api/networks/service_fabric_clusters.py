"""Service Fabric clusters, as far as automatic upgrades ask of one: its node types and how durable each is (section S).

A cluster is a stored document and nothing runs for it. A scale set's Service Fabric extension names it by its
`clusterEndpoint`, or by its resource id; one that is given no endpoint gets one that is its own.
"""

import asyncio
import uuid
from datetime import datetime
from typing import Any

from api.services.dependencies import Services
from api.stored.kinds import Draft, Kind, Routes, Words
from api.stored.stored_resources import ResourceName, resource_body
from api.wire.errors import invalid
from api.wire.properties import at
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.sets.service_fabric import Durability, FabricCluster, cluster_of
from instar.store.resources import StoredResource

Json = dict[str, Any]

TYPE = "Microsoft.ServiceFabric/clusters"
NODE_TYPES = "properties.nodeTypes"
ENDPOINTS = ("properties.clusterEndpoint", "properties.managementEndpoint")


async def cluster_named(services: Services, subscription_id: str, model: ScaleSetModel) -> FabricCluster | None:
    """The cluster that a set's machines belong to; None for a set that is no Service Fabric one, or of no known one."""
    if model.service_fabric is None:
        return None
    stored = await asyncio.to_thread(services.store.resources.of_type, TYPE, subscription_id)
    return cluster_of(
        model.service_fabric, (FabricCluster.from_arm(resource.resource_id, resource.document) for resource in stored)
    )


async def _checked(draft: Draft) -> Json:
    return _well_shaped(draft.document, draft.name)


def _well_shaped(document: Json, name: ResourceName) -> Json:
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


def _body(stored: StoredResource, _now: datetime, _expanded: frozenset[str]) -> Json:
    return resource_body(stored, clusterState="Ready")


KIND = Kind(type=TYPE, name_parameter="clusterName", check=_checked, last_put_wins=True, body=_body)

_EXAMPLE = {
    "location": "westeurope",
    "properties": {"nodeTypes": [{"name": "front", "durabilityLevel": "Silver", "vmInstanceCount": 5}]},
}

ROUTES = Routes(
    kinds=(KIND,),
    tag="service fabric clusters",
    noun="cluster",
    plural="clusters",
    parameters=("clusterName",),
    example=_EXAMPLE,
    patch_example=_EXAMPLE,
    words=Words(
        put="Store a cluster: 201 for a new one, 200 for one that was there and is replaced.",
        patch="Change a cluster; lists are replaced as a whole.",
        get="One cluster.",
        delete="Delete what is stored of a cluster; its machines belong to their scale set and stay.",
        list="The clusters of a resource group.",
        list_all="The clusters of a subscription.",
    ),
)
