"""Where a machine can be asked: its addresses as the hypervisor has heard of them, and the networks that it is on.

Leases are libvirt's own. The host's neighbours are what machines say of themselves by ARP, and may be anything.
"""

import ipaddress
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from instar.compute.probing.reach import Address, Network, Within, never, parsed


class Networks:
    """Where probes of the machines of one hypervisor may go; for one look, since networks change.

    named: the networks that a person named; None: those that libvirt describes, of each machine its own.
    """

    def __init__(self, connection: Any, named: tuple[Network, ...] | None) -> None:
        self._connection = connection
        self._named = None if named is None else Within(named, setting=True)
        self._described: dict[str, tuple[ipaddress.IPv4Interface | ipaddress.IPv6Interface, ...]] = {}

    def reach_of(self, domain: Any) -> Within:
        """Where probes of that machine may go: nowhere if it is on no network that libvirt describes."""
        if self._named is not None:
            return self._named
        live = ET.fromstring(domain.XMLDesc(0))  # noqa: S314  # libvirt's own XML
        names = [
            source.get("network", "") for source in live.iterfind("devices/interface[@type='network']/source[@network]")
        ]
        interfaces = [interface for name in dict.fromkeys(names) for interface in self._of(name)]
        return Within(
            tuple(dict.fromkeys(interface.network for interface in interfaces)),
            frozenset(interface.ip for interface in interfaces),
        )

    def _of(self, name: str) -> tuple[ipaddress.IPv4Interface | ipaddress.IPv6Interface, ...]:
        if name not in self._described:
            self._described[name] = tuple(_described(self._connection, name))
        return self._described[name]


def _described(connection: Any, name: str) -> Iterator[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
    try:
        network = ET.fromstring(connection.networkLookupByName(name).XMLDesc(0))  # noqa: S314  # libvirt's own XML
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_NETWORK:
            raise
        return
    for ip in network.iterfind("ip[@address]"):
        behind = ip.get("prefix") or ip.get("netmask")
        if behind:  # without one libvirt takes the classes of long ago, which say nothing here
            yield ipaddress.ip_interface(f"{ip.get('address')}/{behind}")


def address_of(domain: Any, reach: Within) -> str | None:
    """An address of a running machine: one that may be asked if there is one, IPv4 before IPv6.

    One that may not be asked is given if there is no other, but none to which no probe ever goes: a machine that has
    only such a one (link-local, where it got no lease) cannot be reached, which is its own affair. None: there is none.
    """
    others: list[Address] = []
    for source in (
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
        libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
    ):
        told = sorted(_told(domain, source), key=lambda address: address.version)
        for address in told:
            if not reach.why_not(str(address), 0):
                return str(address)
        others += [address for address in told if not never(address)]
    return str(others[0]) if others else None


def _told(domain: Any, source: int) -> list[Address]:
    try:
        interfaces = domain.interfaceAddresses(source)
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise
        return []
    return [parsed(addr["addr"]) for name in sorted(interfaces) for addr in interfaces[name]["addrs"] or ()]
