"""Virtual networks and what else of Microsoft.Network scale sets mention: documents, kept as they are given.

Instar makes no networks: what a machine is connected to is the compute's affair. Templates and clients need them to be
there. Load balancers are a kind of their own, because their probes mean something. Subnets, rules and routes are parts
of their resource's document, and can be written by themselves.
"""

from typing import Any

from api.networks.default_rules import DEFAULT_RULES, NO_LISTS
from api.networks.filled import public_address, public_prefix
from api.networks.network_kinds import BASIC, network_kind
from api.networks.parts import network_part
from api.stored.kinds import Routes, Words

Json = dict[str, Any]

_SUBNET: Json = {
    "delegations": [],
    "privateEndpointNetworkPolicies": "Disabled",
    "privateLinkServiceNetworkPolicies": "Enabled",
}
_PEERING: Json = {
    "peeringState": "Initiated",
    "peeringSyncLevel": "RemoteNotInSync",
    "allowGatewayTransit": False,
    "useRemoteGateways": False,
    "doNotVerifyRemoteGateways": False,
}
_PUBLIC: Json = {"publicIPAddressVersion": "IPv4", "ipTags": []}

KINDS = (
    network_kind(
        "virtualNetworks",
        "virtual network",
        (
            network_part("subnets", "subnet", _SUBNET),
            network_part("virtualNetworkPeerings", "virtual network peering", _PEERING),
        ),
        {"enableDdosProtection": False},
    ),
    network_kind(
        "publicIPAddresses",
        "public IP address",
        defaults={**_PUBLIC, "publicIPAllocationMethod": "Dynamic", "idleTimeoutInMinutes": 4},
        fill=public_address,
        sku=BASIC,
    ),
    network_kind("publicIPPrefixes", "public IP prefix", defaults=_PUBLIC, fill=public_prefix),
    network_kind(
        "networkSecurityGroups",
        "network security group",
        (network_part("securityRules", "security rule", NO_LISTS), DEFAULT_RULES),
    ),
    network_kind("natGateways", "NAT gateway", defaults={"idleTimeoutInMinutes": 4}),
    network_kind(
        "routeTables",
        "route table",
        (network_part("routes", "route", {"hasBgpOverride": False}),),
        {"disableBgpRoutePropagation": False},
    ),
    network_kind("applicationSecurityGroups", "application security group"),
)

ROUTES = Routes(
    kinds=KINDS,
    tag="networks",
    noun="network",
    plural="networks",
    parameters=("name",),
    example={"location": "westeurope", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}},
    part_example={"properties": {"addressPrefix": "10.0.1.0/24"}},
    words=Words(
        put="Keep a network, public address or security group as it is given. A subnet that a scale set names cannot "
        "be left out (409).",
        patch="Replace the tags of a network resource; nothing else can be patched.",
        get="A network, public address, security group, gateway or route table.",
        delete="Forget a network resource; 204 if there is none, 409 while something names it.",
        list="List the network resources of a kind in a resource group.",
        list_all="List the network resources of a kind in a subscription.",
        part="One subnet, peering, rule or route.",
        parts="List the subnets, peerings, rules or routes of a network resource.",
        put_part="Add a subnet, peering, rule or route (201), or replace it (200): a change of what it is in.",
        delete_part="Take a subnet, peering, rule or route away; 204 if there is none, 409 while something names it.",
    ),
)
