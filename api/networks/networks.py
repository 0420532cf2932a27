"""Virtual networks and what else of Microsoft.Network scale sets mention: documents, kept as they are given.

Instar makes no networks: what a machine is connected to is the compute's affair. Templates and clients need them to be
there. Load balancers are a kind of their own, because their probes mean something. A subnet or security rule is part
of its network's document: it is read by itself, and changed by a PUT of the network.
"""

from datetime import datetime
from typing import Any

from api.stored.kinds import Kind, Part, Routes, Words
from api.stored.stored_resources import resource_body
from instar.store.resources import StoredResource

Json = dict[str, Any]


def _network(word: str, *parts: Part) -> Kind:
    def body(stored: StoredResource, _now: datetime, _expanded: frozenset[str]) -> Json:
        # `az vmss create` looks through the subnets of every network, and needs the list to be there.
        given = stored.document.get("properties") or {}
        return resource_body(stored, **{part.name: [] for part in parts if part.name not in given})

    return Kind(
        type=f"Microsoft.Network/{word}",
        name_parameter="name",
        only_tags_are_patched=True,
        last_put_wins=True,
        body=body,
        parts=parts,
    )


KINDS = (
    _network("virtualNetworks", Part("subnets", "subnet")),
    _network("publicIPAddresses"),
    _network("publicIPPrefixes"),
    _network("networkSecurityGroups", Part("securityRules", "security rule")),
    _network("natGateways"),
    _network("routeTables"),
    _network("applicationSecurityGroups"),
)

ROUTES = Routes(
    kinds=KINDS,
    tag="networks",
    noun="network",
    plural="networks",
    parameters=("name",),
    example={"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}},
    words=Words(
        put="Keep a network, public address or security group as it is given.",
        patch="Replace the tags of one of them; nothing else can be patched.",
        get="One of them.",
        delete="Forget one of them.",
        list="Those of a resource group.",
        list_all="Those of a subscription.",
        part="A subnet of a network, as the network's document has it.",
    ),
)
