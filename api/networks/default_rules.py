"""The rules that every network security group has, as Azure has them: nobody adds, changes or takes one away."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.networks.parts import shown_part
from api.stored.kinds import Part
from instar.store.resources import StoredResource

Json = dict[str, Any]

RULES = (
    ("AllowVnetInBound", 65000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork", "from all VMs in VNET"),
    ("AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "AzureLoadBalancer", "*", "from azure load balancer"),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*", ""),
    ("AllowVnetOutBound", 65000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork", "from all VMs to all VMs"),
    ("AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "Internet", "from all VMs to Internet"),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*", ""),
)
"""Name, priority, direction, access, from where, to where, and what of."""

NO_LISTS: Json = {
    "sourcePortRanges": [],
    "destinationPortRanges": [],
    "sourceAddressPrefixes": [],
    "destinationAddressPrefixes": [],
}


def _rules(_stored: StoredResource) -> Iterator[Json]:
    for name, priority, direction, access, source, destination, what in RULES:
        of = f" {direction.lower()} traffic {what}" if what else f" all {direction.lower()} traffic"
        yield {
            "name": name,
            "properties": {
                "description": f"{access}{of}",
                "protocol": "*",
                "sourcePortRange": "*",
                "destinationPortRange": "*",
                "sourceAddressPrefix": source,
                "destinationAddressPrefix": destination,
                "access": access,
                "priority": priority,
                "direction": direction,
                **NO_LISTS,
            },
        }


def _shown(stored: StoredResource, kept: Mapping[str, Any]) -> Json:
    return shown_part(stored, "defaultSecurityRules", kept)


DEFAULT_RULES = Part("defaultSecurityRules", "default security rule", in_templates=False, body=_shown, fixed=_rules)
