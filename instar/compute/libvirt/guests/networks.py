"""How a machine is reached: ports of the loopback (user networking), a network of libvirt's, or a bridge."""

import hashlib
import ipaddress
import socket
from contextlib import closing
from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from instar.compute.errors import Unavailable
from instar.compute.libvirt.guests.record import MachineRecord
from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.probing.reach import LOOPBACK

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
NETDEV = "instar"
SLOT = "0x1e"
"""Far behind the PCI slots that libvirt gives its own devices: it knows nothing of this one."""

ET.register_namespace("qemu", QEMU)


def mac_of(vm_id: str) -> str:
    """A machine's address on the wire: the same for ever, and within QEMU's own range.

    >>> mac_of("7f8c3b7e-0000-0000-0000-000000000000")
    '52:54:00:c1:28:4b'
    """
    digest = hashlib.sha256(vm_id.encode()).hexdigest()
    return ":".join(("52:54:00", digest[:2], digest[2:4], digest[4:6]))


def add_interface(domain: ET.Element, settings: LibvirtSettings, record: MachineRecord, mac: str) -> None:
    """Give a domain its one network card."""
    if settings.forwards_ports:
        forward(domain, record, mac)
        return
    kind = settings.network.partition(":")[0]
    devices = domain.find("devices")
    assert devices is not None  # noqa: S101  # every domain of ours has some
    interface = ET.SubElement(devices, "interface", type=kind)
    ET.SubElement(interface, "mac", address=mac)
    ET.SubElement(interface, "source", {kind: settings.network_name})
    ET.SubElement(interface, "model", type="virtio")


def forward(domain: ET.Element, record: MachineRecord, mac: str) -> None:
    """User networking with one forwarded port; `restrict`: the guest reaches nothing of ours and nothing outside."""
    tag = f"{{{QEMU}}}commandline"
    for old in domain.findall(tag):
        domain.remove(old)
    commandline = ET.SubElement(domain, tag)
    forwarded = f"hostfwd=tcp:{LOOPBACK}:{record.host_port}-:{record.guest_port}"
    for word in (
        *("-netdev", f"user,id={NETDEV},restrict=on,{forwarded}"),
        *("-device", f"virtio-net-pci,netdev={NETDEV},mac={mac},addr={SLOT}"),
    ):
        ET.SubElement(commandline, f"{{{QEMU}}}arg", value=word)


def free_port(settings: LibvirtSettings, taken: set[int]) -> int:
    """A port of the loopback that no machine has and nobody listens on. Raises Unavailable if there is none."""
    for port in range(settings.first_port, settings.last_port + 1):
        if port in taken:
            continue
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((LOOPBACK, port))
            except OSError:
                continue
        return port
    raise Unavailable(
        f"no port from {settings.first_port} to {settings.last_port} of the loopback is free: "
        "INSTAR_LIBVIRT__FIRST_PORT and INSTAR_LIBVIRT__LAST_PORT name more of them"
    )


def fix_lease(connection: Any, settings: LibvirtSettings, mac: str, name: str) -> None:
    """Give a machine of a libvirt network with DHCP an address that stays its own; an address it has stays.

    Networks without DHCP of libvirt's own are left to whoever runs them.
    """
    if not settings.network.startswith("network:"):
        return
    network = connection.networkLookupByName(settings.network_name)
    document = ET.fromstring(network.XMLDesc(0))  # noqa: S314  # libvirt's own XML
    for ip in document.iter("ip"):
        span = ip.find("dhcp/range")
        if span is None or ip.get("family", "ipv4") != "ipv4":
            continue
        hosts = ip.findall("dhcp/host")
        if any(host.get("mac", "").lower() == mac for host in hosts):
            return
        taken = {host.get("ip") for host in hosts} | {ip.get("address")} | _leased(network)
        first, last = (int(ipaddress.IPv4Address(span.get(edge, ""))) for edge in ("start", "end"))
        addresses = (str(ipaddress.IPv4Address(one)) for one in range(first, last + 1))
        free = next((address for address in addresses if address not in taken), "")
        if not free:
            raise Unavailable(
                f"the network '{settings.network_name}' has no address left for {name}: widen its DHCP range"
            )
        _update(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, mac, free)
        return


def free_lease(connection: Any, settings: LibvirtSettings, mac: str) -> None:
    """Take back what `fix_lease` gave."""
    if not settings.network.startswith("network:"):
        return
    network = connection.networkLookupByName(settings.network_name)
    for host in ET.fromstring(network.XMLDesc(0)).iter("host"):  # noqa: S314  # libvirt's own XML
        if host.get("mac", "").lower() == mac:
            _update(network, libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE, mac, host.get("ip", ""))


def _leased(network: Any) -> set[str | None]:
    try:
        return {lease["ipaddr"] for lease in network.DHCPLeases()}
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise
        return set()  # a driver without leases


def _update(network: Any, command: int, mac: str, address: str) -> None:
    entry = ET.tostring(ET.Element("host", mac=mac, ip=address), encoding="unicode")
    flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG
    if network.isActive():
        flags |= libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
    network.update(command, libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, -1, entry, flags)
