"""Where probes may go. What a machine says its address is, or whoever answers for it, is not believed: it is checked.

The check is on the address that the socket connects to: host names are refused, so nothing is looked up in between.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK = "127.0.0.1"

SETTING = "INSTAR_PROBES__NETWORKS"

NEVER: tuple[tuple[Network, str], ...] = tuple(
    (ipaddress.ip_network(network), what)
    for network, what in (
        ("169.254.169.254/32", "metadata service"),
        ("168.63.129.16/32", "metadata service"),
        ("100.100.100.200/32", "metadata service"),
        ("fd00:ec2::254/128", "metadata service"),
        ("fd20:ce::254/128", "metadata service"),
        ("0.0.0.0/8", "unspecified"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    )
)
"""No probe goes there, whatever the settings say."""

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_WITH_IPV4_AT_THE_END = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b::/96"))
"""IPv4-compatible addresses and those that NAT64 translates."""

_EDGES_UP_TO = 30
"""Prefix length up to which an IPv4 network has an address of its own and a broadcast address."""


class Reach(Protocol):
    """Which addresses and ports may be asked."""

    def why_not(self, host: str, port: int) -> str:
        """Why a probe may not go there, as a clause; "" if it may."""
        ...


@dataclass(frozen=True, slots=True)
class Within:
    """Addresses in some networks.

    own: addresses in them that belong to the hypervisor and to no machine.
    setting: whether a person named the networks.
    """

    networks: tuple[Network, ...]
    own: frozenset[Address] = frozenset()
    setting: bool = False

    def why_not(self, host: str, port: int) -> str:  # noqa: ARG002  # the protocol's
        """Why a probe may not go there, as a clause; "" if it may."""
        try:
            address = parsed(host)
        except ValueError:
            return f"{host!r} is no IP address, and host names are not looked up"
        if why := never(address):
            return why
        if address in self.own:
            return f"{address} is the hypervisor's own address, and no machine's"
        if any(_holds(network, address) for network in self.networks):
            return ""
        if not self.networks:
            return f"{address} is on no network that the hypervisor describes (a bridge is none): name it in {SETTING}"
        known = ", ".join(map(str, self.networks))
        where = "that are named there" if self.setting else "of its hypervisor"
        return f"{address} is in none of the networks {where} ({known}): {SETTING} names those that may be probed"


@dataclass(frozen=True, slots=True)
class Listening:
    """Ports of the loopback behind which a compute itself put its machines: the one way there."""

    ports: frozenset[int]

    def why_not(self, host: str, port: int) -> str:
        """Why a probe may not go there, as a clause; "" if it may."""
        if host == LOOPBACK and port in self.ports:
            return ""
        return f"no machine of this compute listens at {host}, port {port}"


def parsed(host: str) -> Address:
    """The address that is meant: an IPv4 address that is written as an IPv6 one is that IPv4 address.

    Raises ValueError for what is no address.

    >>> parsed("::ffff:10.0.0.1"), parsed("2001:DB8::01")
    (IPv4Address('10.0.0.1'), IPv6Address('2001:db8::1'))
    """
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def never(address: Address) -> str:
    """Why no probe ever goes to that address, as a clause; "" if one may.

    >>> never(parsed("::ffff:127.0.0.1"))
    '127.0.0.1 is a loopback address, and those are never probed'
    """
    what = special(address)
    return f"{address} {what}, and those are never probed" if what else ""


def what_never(address: Address) -> str:
    """What an address is that nothing of ours is ever sent to, as a clause; "" for any other.

    >>> what_never(parsed("169.254.169.254"))
    '169.254.169.254 is a metadata service address'
    """
    what = special(address)
    return f"{address} {what}" if what else ""


def special(address: Address) -> str:
    """What an address is that nothing outside a host or its network has, as a clause; "" for all others.

    >>> special(parsed("169.254.169.254")), special(parsed("64:ff9b::7f00:1")), special(parsed("10.0.0.1"))
    ('is a metadata service address', 'is a loopback address', '')
    """
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return "is good on one interface only"
    for meant in meant_by(address):
        for network, what in NEVER:
            if meant in network:
                return f"is {'an' if what[0] in 'aeiou' else 'a'} {what} address"
    return ""


def networks_of(given: Iterable[object]) -> tuple[Network, ...]:
    """The networks in CIDR notation, each once; a single address is a network of one.

    Raises ValueError with a sentence that repeats nothing of what was given.

    >>> networks_of(["10.20.0.0/16", "::ffff:192.168.0.0/112"])
    (IPv4Network('10.20.0.0/16'), IPv4Network('192.168.0.0/16'))
    """
    found = []
    for number, text in enumerate(given, start=1):
        try:
            found.append(_network_of(str(text).strip()))
        except ValueError:
            raise ValueError(
                f"entry {number} is no network: one is like 10.20.0.0/16 or fd12:3456::/64, without bits set behind "
                "the prefix"
            ) from None
    return tuple(dict.fromkeys(found))


def _network_of(text: str) -> Network:
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        last = int(network.network_address) & 0xFFFF_FFFF
        return ipaddress.IPv4Network((last, network.prefixlen - _MAPPED.prefixlen))
    return network


def meant_by(address: Address) -> tuple[Address, ...]:
    """The address itself, and the IPv4 address that a translator on the way would make of it."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    inner = address.sixtofour
    if any(address in network for network in _WITH_IPV4_AT_THE_END):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return (address,) if inner is None else (address, inner)


def _holds(network: Network, address: Address) -> bool:
    if address not in network:
        return False
    if isinstance(network, ipaddress.IPv4Network) and network.prefixlen <= _EDGES_UP_TO:
        return address not in (network.network_address, network.broadcast_address)
    return True
