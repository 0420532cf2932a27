"""What members of Microsoft.Network's documents are: one that is something else is refused by its path.

A name means the same wherever it stands, so that one table serves every kind. What is not in it is kept as it is given.
"""

from collections.abc import Callable, Iterator
from typing import Any

from api.wire.errors import invalid

Json = dict[str, Any]

OBJECTS = frozenset(
    [
        "addressSpace",
        "dhcpOptions",
        "dnsSettings",
        "networkSecurityGroup",
        "routeTable",
        "natGateway",
        "ddosProtectionPlan",
        "subnet",
        "publicIPAddress",
        "publicIPPrefix",
        "remoteVirtualNetwork",
        "remoteAddressSpace",
        "frontendIPConfiguration",
        "backendAddressPool",
        "probe",
        "properties",
    ]
)
LISTS = frozenset(
    [
        "subnets",
        "virtualNetworkPeerings",
        "securityRules",
        "defaultSecurityRules",
        "routes",
        "frontendIPConfigurations",
        "backendAddressPools",
        "loadBalancingRules",
        "probes",
        "inboundNatRules",
        "inboundNatPools",
        "outboundRules",
        "addressPrefixes",
        "dnsServers",
        "delegations",
        "serviceEndpoints",
        "serviceEndpointPolicies",
        "ipTags",
        "publicIpAddresses",
        "publicIpPrefixes",
        "sourceAddressPrefixes",
        "destinationAddressPrefixes",
        "sourcePortRanges",
        "destinationPortRanges",
        "sourceApplicationSecurityGroups",
        "destinationApplicationSecurityGroups",
        "loadBalancerBackendAddresses",
    ]
)
TEXTS = frozenset(
    [
        "id",
        "addressPrefix",
        "protocol",
        "sourcePortRange",
        "destinationPortRange",
        "sourceAddressPrefix",
        "destinationAddressPrefix",
        "access",
        "direction",
        "nextHopType",
        "nextHopIpAddress",
        "domainNameLabel",
        "reverseFqdn",
        "publicIPAllocationMethod",
        "publicIPAddressVersion",
        "privateIPAddress",
        "privateIPAllocationMethod",
        "privateIPAddressVersion",
        "loadDistribution",
        "description",
        "privateEndpointNetworkPolicies",
        "privateLinkServiceNetworkPolicies",
    ]
)
NUMBERS = frozenset(
    [
        "priority",
        "frontendPort",
        "backendPort",
        "frontendPortRangeStart",
        "frontendPortRangeEnd",
        "idleTimeoutInMinutes",
        "prefixLength",
        "allocatedOutboundPorts",
        "flowTimeoutInMinutes",
    ]
)
TRUTHS = frozenset(
    [
        "enableDdosProtection",
        "enableVmProtection",
        "enableFloatingIP",
        "enableTcpReset",
        "disableOutboundSnat",
        "disableBgpRoutePropagation",
        "hasBgpOverride",
        "allowVirtualNetworkAccess",
        "allowForwardedTraffic",
        "allowGatewayTransit",
        "useRemoteGateways",
        "defaultOutboundAccess",
    ]
)

WORDS_OF_TRUTH = ("true", "false")
DIGITS_AT_MOST = 10


def check_members(properties: Json) -> None:
    """Raises ArmError 400 for the first member of a document's `properties` that is not what its name says."""
    for path, name, value in _members(properties):
        for names, holds, sentence in _RULES:
            if name in names and not holds(value):
                raise invalid(f"'{path}' must be {sentence}.", path)


def _members(properties: Json) -> Iterator[tuple[str, str, Any]]:
    """Path, name and value of everything that is set, the outermost first."""
    waiting: list[tuple[str, Any]] = [("properties", properties)]
    while waiting:
        path, node = waiting.pop(0)
        if isinstance(node, dict):
            for name, value in node.items():
                if value is not None:
                    yield f"{path}.{name[:80]}", name, value
                    waiting.append((f"{path}.{name[:80]}", value))
        elif isinstance(node, list):
            waiting += [(f"{path}[{index}]", item) for index, item in enumerate(node)]


def _is_number(value: Any) -> bool:
    """Templates write numbers as texts."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) <= DIGITS_AT_MOST
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, str) and value.lower() in WORDS_OF_TRUTH)


_RULES: tuple[tuple[frozenset[str], Callable[[Any], bool], str], ...] = (
    (OBJECTS, lambda value: isinstance(value, dict), "an object"),
    (LISTS, lambda value: isinstance(value, list), "a list"),
    (TEXTS, lambda value: isinstance(value, str), "a string"),
    (NUMBERS, _is_number, "a whole number of 0 or more"),
    (TRUTHS, _is_truth, "true or false"),
)
