"""Domain XML: a new machine's, and the one change that a swap or restore makes to it."""

from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from instar.compute.libvirt.guests import agents, networks, record
from instar.compute.libvirt.guests.record import DiskRecord, MachineRecord
from instar.compute.libvirt.settings import LibvirtSettings, VirtType
from instar.compute.libvirt.sizes import Size

SEED_TARGET = "vdz"
"""Where the custom data is; guests find it by its label."""

DATA_TARGETS = "bcdefghijklmnopqrstuvwxy"
"""Of data disks, in the order of their luns: vdb, vdc, …"""

TRANSLATION_CACHE_MIB = 32
"""QEMU's cache of translated code, a GiB by default: small guests in software need no more."""


def new_domain(settings: LibvirtSettings, machine: MachineRecord, vm_id: str, size: Size) -> str:
    """The XML of a new machine."""
    domain = ET.Element("domain", type=settings.virt_type.value)
    _text(domain, "name", machine.prefix)
    _text(domain, "uuid", vm_id)
    _text(domain, "memory", str(size.memory_mib), unit="MiB")
    _text(domain, "vcpu", str(size.cpus))
    system = ET.SubElement(domain, "os")
    kind = _text(system, "type", "hvm")
    if settings.virt_type is not VirtType.TEST:
        kind.attrib |= {"arch": settings.architecture, "machine": settings.machine}
    ET.SubElement(system, "boot", dev="hd")
    features = ET.SubElement(domain, "features")
    ET.SubElement(features, "acpi")  # without it no guest hears of a shutdown
    ET.SubElement(features, "apic")
    if settings.virt_type is VirtType.QEMU:
        _text(ET.SubElement(features, "tcg"), "tb-cache", str(TRANSLATION_CACHE_MIB), unit="MiB")
    if settings.virt_type is VirtType.KVM:
        ET.SubElement(domain, "cpu", mode="host-model")
    ET.SubElement(domain, "clock", offset="utc")
    devices = ET.SubElement(domain, "devices")
    _add_disk(devices, settings, machine.os_disk.name, machine.os_target, "os")
    for disk in machine.data_disks:
        _add_disk(devices, settings, disk.name, f"vd{DATA_TARGETS[disk.lun]}", disk.marker[:20])
    if machine.os_disk.seed:
        _add_seed(devices, settings, machine.os_disk.seed)
    networks.add_interface(domain, settings, machine, networks.mac_of(vm_id))
    console = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(console, "target", port="0")
    rng = ET.SubElement(devices, "rng", model="virtio")
    _text(rng, "backend", "/dev/urandom", model="random")
    if settings.guest_agent:
        channel = ET.SubElement(devices, "channel", type="unix")
        ET.SubElement(channel, "target", type="virtio", name=agents.CHANNEL)
    record.put_into(domain, machine)
    return ET.tostring(domain, encoding="unicode")


def moved(settings: LibvirtSettings, domain_xml: str, machine: MachineRecord) -> str:
    """The same domain on the OS disk that the record says, with that record: both or neither."""
    domain = ET.fromstring(domain_xml)  # noqa: S314  # libvirt's own XML
    devices = domain.find("devices")
    disk = next(device for device in domain.iterfind("devices/disk") if target_of(device) == machine.os_target)
    _point(disk, settings, machine.os_disk)
    for old in [device for device in domain.iterfind("devices/disk") if target_of(device) == SEED_TARGET]:
        assert devices is not None  # noqa: S101  # it has a disk
        devices.remove(old)
    if machine.os_disk.seed:
        assert devices is not None  # noqa: S101
        _add_seed(devices, settings, machine.os_disk.seed)
    if machine.host_port:
        uuid = domain.findtext("uuid") or ""
        networks.forward(domain, machine, networks.mac_of(uuid))
    record.put_into(domain, machine)
    return ET.tostring(domain, encoding="unicode")


def _point(disk: ET.Element, settings: LibvirtSettings, at: DiskRecord) -> None:
    disk.set("type", "file" if at.is_file else "volume")
    for old in (*disk.findall("source"), *disk.findall("backingStore")):
        disk.remove(old)
    driver = disk.find("driver")
    if driver is None:
        driver = ET.SubElement(disk, "driver", name="qemu")
    driver.set("type", at.format)
    ET.SubElement(disk, "source", _source(settings, at.name))


def _source(settings: LibvirtSettings, name: str) -> dict[str, str]:
    return {"file": name} if name.startswith("/") else {"pool": settings.pool, "volume": name}


def _add_disk(devices: ET.Element, settings: LibvirtSettings, volume: str, target: str, serial: str) -> None:
    disk = ET.SubElement(devices, "disk", type="volume", device="disk")
    ET.SubElement(disk, "driver", name="qemu", type="qcow2")
    ET.SubElement(disk, "source", _source(settings, volume))
    ET.SubElement(disk, "target", dev=target, bus="virtio")
    _text(disk, "serial", serial)


def _add_seed(devices: ET.Element, settings: LibvirtSettings, volume: str) -> None:
    disk = ET.SubElement(devices, "disk", type="volume", device="disk")
    ET.SubElement(disk, "driver", name="qemu", type="raw")
    ET.SubElement(disk, "source", _source(settings, volume))
    ET.SubElement(disk, "target", dev=SEED_TARGET, bus="virtio")
    ET.SubElement(disk, "readonly")


def target_of(disk: ET.Element) -> str:
    """The name under which a domain has a disk: `vda`."""
    target = disk.find("target")
    return "" if target is None else target.get("dev", "")


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def persistent_xml(domain: Any) -> str:
    """What a domain will be at its next start, secrets included: without them a definition would lose them."""
    return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))
