"""Networks and addresses: `parseCidr`, `cidrSubnet`, `cidrHost`."""

import ipaddress
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LAST_WITH_EDGES = 2
"""Networks of that many bits of hosts and more keep their first and last address to themselves (version 4)."""


def parsed_network(text: str) -> dict[str, Any]:
    """What a network consists of.

    >>> parsed_network("10.144.0.0/20")["firstUsable"], parsed_network("10.144.0.0/20")["lastUsable"]
    ('10.144.0.1', '10.144.15.254')
    """
    network = _network(text)
    first, last = _usable(network)
    edges: dict[str, Any] = {"network": str(network.network_address), "netmask": str(network.netmask)}
    if isinstance(network, ipaddress.IPv4Network):
        edges["broadcast"] = str(network.broadcast_address)
    return edges | {"firstUsable": str(first), "lastUsable": str(last), "cidr": network.prefixlen}


def subnet(text: str, length: int, index: int) -> str:
    """The subnet of that prefix length and number, from 0. Raises IndexError for one that is not within the network.

    >>> subnet("10.144.0.0/20", 24, 15)
    '10.144.15.0/24'
    """
    network = _network(text)
    if not network.prefixlen <= length <= network.max_prefixlen or not 0 <= index < 1 << (length - network.prefixlen):
        raise IndexError(f"there is no such subnet of {network}")
    size = 1 << (network.max_prefixlen - length)
    return f"{network.network_address + index * size}/{length}"


def host(text: str, index: int) -> str:
    """The usable address of that number, from 0. Raises IndexError for one that is not within the network.

    >>> host("10.144.3.0/24", 0)
    '10.144.3.1'
    """
    first, last = _usable(_network(text))
    if not 0 <= index <= int(last) - int(first):
        raise IndexError("there is no such address in the network")
    return str(first + index)


def _network(text: str) -> Network:
    return ipaddress.ip_network(text, strict=False)


def _usable(network: Network) -> tuple[Any, Any]:
    first, last = network[0], network[-1]
    if network.max_prefixlen - network.prefixlen < _LAST_WITH_EDGES:
        return first, last
    return first + 1, last - 1 if isinstance(network, ipaddress.IPv4Network) else last
