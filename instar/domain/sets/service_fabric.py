"""Service Fabric sets: what makes one, and what automatic upgrades of it need (docs/rules.md section S, B7).

The extension on the machines names the cluster that they belong to and their node type in it; the cluster is a stored
resource. Both say how durable the node type is, and only machines that the cluster can move its work from in time
(Silver, Gold) are upgraded by themselves. Bronze is refused for stateless node types too.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

PUBLISHER = "microsoft.azure.servicefabric"
EXTENSION_TYPES = ("servicefabricnode", "servicefabriclinuxnode")
HANDLER_AT_LEAST = (1, 1)
UNSUPPORTED = "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because"
PROBE_REFUSED = "a Service Fabric set must not have a load balancer health probe"


class Durability(StrEnum):
    """`durabilityLevel` of a node type."""

    BRONZE = "Bronze"
    SILVER = "Silver"
    GOLD = "Gold"

    @classmethod
    def of(cls, text: object) -> "Durability | None":
        """The level in any case, None for anything else."""
        return next((one for one in cls if one.lower() == str(text).lower()), None)


DURABLE = (Durability.SILVER, Durability.GOLD)


class FabricNode(BaseModel):
    """The Service Fabric extension of a set's model, as far as the rules ask."""

    model_config = ConfigDict(frozen=True)

    handler_version: str = ""
    durability: str = ""
    cluster_endpoint: str = ""
    """Which cluster the machines belong to."""
    node_type: str = ""
    """Which of its node types they are."""

    @classmethod
    def from_extension(cls, body: Mapping[str, Any]) -> Self | None:
        """Read an extension's properties; None if it is another extension."""
        publisher, kind = str(body.get("publisher", "")).lower(), str(body.get("type", "")).lower()
        if publisher != PUBLISHER or kind not in EXTENSION_TYPES:
            return None
        settings = {str(key).lower(): value for key, value in (body.get("settings") or {}).items()}
        return cls(
            handler_version=str(body.get("typeHandlerVersion") or ""),
            durability=str(settings.get("durabilitylevel") or ""),
            cluster_endpoint=str(settings.get("clusterendpoint") or ""),
            node_type=str(settings.get("nodetyperef") or ""),
        )


class NodeType(BaseModel):
    """One of a cluster's node types."""

    model_config = ConfigDict(frozen=True)

    name: str
    durability: Durability = Durability.BRONZE


class FabricCluster(BaseModel):
    """A stored cluster, as far as the rules ask."""

    model_config = ConfigDict(frozen=True)

    resource_id: str
    endpoint: str = ""
    node_types: tuple[NodeType, ...] = ()

    @classmethod
    def from_arm(cls, resource_id: str, document: Mapping[str, Any]) -> Self:
        """Read a document that was found good when it was stored."""
        properties = document.get("properties") or {}
        return cls(
            resource_id=resource_id,
            endpoint=str(properties.get("clusterEndpoint") or ""),
            node_types=tuple(
                NodeType(name=one["name"], durability=Durability.of(one.get("durabilityLevel")) or Durability.BRONZE)
                for one in properties.get("nodeTypes") or ()
            ),
        )

    def is_named_by(self, node: FabricNode) -> bool:
        """Whether the extension means this cluster: by its endpoint, or by its resource id."""
        named = node.cluster_endpoint.lower().rstrip("/")
        return bool(named) and named in (self.endpoint.lower().rstrip("/"), self.resource_id.lower())


def cluster_of(node: FabricNode, clusters: Iterable[FabricCluster]) -> FabricCluster | None:
    """The cluster that the extension names."""
    return next((cluster for cluster in clusters if cluster.is_named_by(node)), None)


def objections(node: FabricNode | None, cluster: FabricCluster | None, sources: Iterable[str]) -> tuple[str, ...]:
    """Why automatic upgrades of a Service Fabric set cannot be enabled, a sentence each (S); none of any other set.

    `sources` are the kinds of its health sources: it needs none, and may not have a load balancer's probe.
    """
    if node is None:
        return ()
    found = (_of_handler(node), _of_durability(node, cluster), PROBE_REFUSED if "loadBalancerProbe" in sources else "")
    return tuple(f"{UNSUPPORTED} {why}." for why in found if why)


def _of_handler(node: FabricNode) -> str:
    parts = node.handler_version.split(".")
    if all(re.fullmatch("[0-9]{1,9}", part) for part in parts) and tuple(map(int, parts)) >= HANDLER_AT_LEAST:
        return ""
    return f"the Service Fabric extension's typeHandlerVersion must be 1.1 or later, not '{node.handler_version}'"


def _of_durability(node: FabricNode, cluster: FabricCluster | None) -> str:
    level = Durability.of(node.durability)
    if level not in DURABLE:
        said = f"'{node.durability}'" if node.durability else "missing"
        return f"the durabilityLevel of its Service Fabric extension is {said}, and it must be Silver or Gold"
    if cluster is None:
        return (
            f"no Service Fabric cluster is known under the clusterEndpoint '{node.cluster_endpoint}' of its extension: "
            "store the cluster first (Microsoft.ServiceFabric/clusters)"
        )
    wanted = node.node_type.lower()
    node_type = next((one for one in cluster.node_types if one.name.lower() == wanted), None)
    if node_type is None:
        return f"the cluster {cluster.resource_id} has no node type '{node.node_type}' (nodeTypeRef of the extension)"
    if node_type.durability is not level:
        return (
            f"its Service Fabric extension says durabilityLevel {level}, and node type '{node_type.name}' of the "
            f"cluster says {node_type.durability}: they must be equal"
        )
    return ""
