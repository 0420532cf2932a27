"""Taking machines over that were there before us, without touching one: only their metadata is written.

A reserved machine is hidden until its set asks for an instance of its id (`create_instance`): so a set that was made
for them and has not yet been told how many there are can delete none of them. Which disk is the OS disk is found where
there is only one answer, or told, never guessed.
"""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from instar.compute.libvirt.guests import domains, record
from instar.compute.libvirt.guests.record import ADOPTION, DataDiskRecord, DiskRecord, MachineRecord
from instar.compute.libvirt.machines import Host
from instar.compute.libvirt.storage import volumes
from instar.domain.images.images import ImageReference
from instar.domain.sets.scale_sets import ScaleSetIdentity

FORMATS = ("qcow2", "raw")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A domain that matches: what would become of its disks, or why it is refused."""

    name: str
    uuid: str
    os_target: str
    os_disk: str
    os_format: str
    data_disks: tuple[tuple[str, str], ...]
    """Target and source of each other disk."""
    refusals: tuple[str, ...]


def survey(connection: Any, host: Host, pattern: str, os_target: str, scale_set: str = "") -> list[Candidate]:
    """Every domain whose name matches, in the order of names; those reserved for that set (its unique id) too.

    pattern: as in a shell. os_target: which disk is the OS disk (`vda`), "" where each has one that can only be it.
    """
    found = [domain for domain in connection.listAllDomains() if fnmatch.fnmatchcase(domain.name(), pattern)]
    pool = volumes.pool_of(connection, host.settings)
    return [
        _candidate(domain, pool, os_target, scale_set)
        for domain in sorted(found, key=lambda domain: str(domain.name()))
    ]


def _candidate(domain: Any, pool: Any, os_target: str, scale_set: str) -> Candidate:
    refusals = []
    if not domain.isPersistent():
        refusals.append("it is transient: it would not outlive its next stop")
    machine = record.read(domain) if domain.isPersistent() else None
    if machine is not None and (machine.out_for != ADOPTION or machine.unique_id != scale_set):
        whose = f"the scale set {machine.set_name} ({machine.unique_id})"
        refusals.append(f"it belongs to {whose} already")
    xml = ET.fromstring(domain.XMLDesc(0))  # noqa: S314  # libvirt's own XML
    disks = [device for device in xml.iterfind("devices/disk") if _holds_data(device)]
    os_disk, doubt = os_disk_of(xml, disks, os_target)
    if doubt:
        refusals.append(doubt)
    if os_disk is not None:
        refusals += _disk_refusals(os_disk, pool)
    if _snapshots(domain):
        refusals.append("it has snapshots: with another OS disk they would be lost; delete them first")
    if domain.isPersistent() and domain.hasManagedSaveImage(0):
        refusals.append("it has a saved state, which belongs to its present OS disk: start it once first")
    return Candidate(
        name=domain.name(),
        uuid=domain.UUIDString(),
        os_target="" if os_disk is None else _target(os_disk),
        os_disk="" if os_disk is None else _source(os_disk),
        os_format="" if os_disk is None else _format(os_disk),
        data_disks=tuple((_target(disk), _source(disk)) for disk in disks if disk is not os_disk),
        refusals=tuple(refusals),
    )


def os_disk_of(xml: ET.Element, disks: Sequence[ET.Element], told: str) -> tuple[ET.Element | None, str]:
    """The OS disk and "", or None and why there is a doubt.

    Found is what is told; the only disk; or the only one that the domain boots from by an order of its own.
    """
    names = ", ".join(_target(disk) for disk in disks)
    if told:
        found = [disk for disk in disks if _target(disk) == told]
        return (found[0], "") if found else (None, f"it has no disk {told}; it has: {names or 'none'}")
    if len(disks) == 1:
        return disks[0], ""
    if not disks:
        return None, "it has no disk"
    ordered = [disk for disk in disks if disk.find("boot") is not None]
    first = [boot for boot in xml.iterfind("devices/*/boot") if boot.get("order") == "1"]
    if len(ordered) == 1 and len(first) == 1 and ordered[0].find("boot") is first[0]:
        return ordered[0], ""
    return None, f"which of its disks is the OS disk is not clear ({names}): say it with --os-disk"


def _disk_refusals(disk: ET.Element, pool: Any) -> list[str]:
    target = _target(disk)
    if disk.get("type") not in ("file", "volume"):
        return [f"its OS disk {target} is of type {disk.get('type')}; files and volumes can be replaced"]
    if _format(disk) not in FORMATS:
        return [f"its OS disk {target} has the format {_format(disk) or 'unknown'}; qcow2 and raw can be kept"]
    if disk.get("type") == "volume":
        named = disk.find("source")
        if named is not None and named.get("pool") != pool.name():
            return [f"its OS disk {target} is in the pool '{named.get('pool')}', ours is '{pool.name()}'"]
    return []


def reserve(
    connection: Any, host: Host, scale_set: ScaleSetIdentity, candidates: Sequence[Candidate], image: ImageReference
) -> None:
    """Write into each domain that it is an instance of the set, ids from 0 in the order of names; hidden until asked.

    image: the exact version that they run now.
    """
    for number, candidate in enumerate(candidates):
        domain = connection.lookupByUUIDString(candidate.uuid)
        machine = MachineRecord(
            unique_id=scale_set.unique_id,
            set_name=scale_set.name,
            instance_id=str(number),
            generation=1,
            created_at=host.clock(),
            os_disk=DiskRecord(name=candidate.os_disk, image=image, generation=1, format=candidate.os_format),
            os_target=candidate.os_target,
            data_disks=tuple(
                DataDiskRecord(lun=lun, name=source, marker=f"{candidate.uuid}/{target}")
                for lun, (target, source) in enumerate(candidate.data_disks)
            ),
            out_for=ADOPTION,
            adopted=True,
        )
        record.write(domain, machine)


def release(connection: Any, scale_set: ScaleSetIdentity) -> None:
    """Take reservations back that were never asked for."""
    for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT):
        machine = record.read(domain)
        if machine is not None and machine.belongs_to(scale_set) and machine.out_for == ADOPTION:
            record.remove(domain)


def _holds_data(disk: ET.Element) -> bool:
    return disk.get("device", "disk") == "disk" and disk.find("readonly") is None


def _target(disk: ET.Element) -> str:
    return domains.target_of(disk)


def _source(disk: ET.Element) -> str:
    source = disk.find("source")
    return "" if source is None else source.get("volume") or source.get("file") or source.get("dev") or ""


def _format(disk: ET.Element) -> str:
    driver = disk.find("driver")
    return "" if driver is None else driver.get("type", "")


def _snapshots(domain: Any) -> int:
    try:
        return int(domain.snapshotNum())
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise
        return 0
