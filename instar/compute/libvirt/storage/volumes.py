"""Disks as volumes of one storage pool. Every function blocks; all may raise libvirtError."""

import io
from collections.abc import Iterable
from typing import IO, Any
from xml.etree import ElementTree as ET

import libvirt

from instar.compute.errors import DiskNotMade, Unavailable
from instar.compute.libvirt.settings import LibvirtSettings

MIB = 1024 * 1024

MODE_OF_DISKS = "0600"
MODE_OF_IMAGES = "0644"
"""Writable for libvirt, which fills it; QEMU opens what lies under an overlay for reading only."""


def pool_of(connection: Any, settings: LibvirtSettings) -> Any:
    """The pool of all disks. Raises Unavailable for one that is not active."""
    pool = connection.storagePoolLookupByName(settings.pool)
    if not pool.isActive():
        raise Unavailable(
            f"the storage pool '{settings.pool}' of {settings.uri} is not active: virsh pool-start {settings.pool}"
        )
    return pool


def find(pool: Any, name: str) -> Any | None:
    """The volume of that name, if it is really there: one that was deleted behind libvirt's back is none."""
    try:
        volume = pool.storageVolLookupByName(name)
        volume.info()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_VOL:
            return None
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise  # the connection went, which says nothing of the volume
        refresh(pool)
        return None if name not in pool.listVolumes() else pool.storageVolLookupByName(name)
    return volume


def refresh(pool: Any) -> None:
    """Have libvirt look what is there. It will not while an image is being uploaded: then what it knows must do."""
    try:
        pool.refresh(0)
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise


def make_room(pool: Any, settings: LibvirtSettings, what: str) -> None:
    """Raise DiskNotMade unless the pool has its reserve free."""
    refresh(pool)
    free = pool.info()[3] // MIB
    if free < settings.reserve_mib:
        raise DiskNotMade(
            f"{what} cannot be made: the storage pool '{settings.pool}' of {settings.uri} is full: {free} MiB are "
            f"free and {settings.reserve_mib} MiB must stay free (INSTAR_LIBVIRT__RESERVE_MIB)"
        )


def make_overlay(pool: Any, name: str, image: Any) -> Any:
    """A disk that begins as that image volume. A half-made one of the same name is replaced."""
    delete(pool, name)
    volume = _described(name, image.info()[1], "qcow2", MODE_OF_DISKS)
    backing = ET.SubElement(volume, "backingStore")
    ET.SubElement(backing, "path").text = image.path()
    ET.SubElement(backing, "format", type="qcow2")
    return _made(pool, volume, name)


def make_blank(pool: Any, name: str, size: int) -> Any:
    """An empty disk of that many bytes; one that is there already stays as it is, since it may hold data."""
    there = find(pool, name)
    return there if there is not None else _made(pool, _described(name, size, "qcow2", MODE_OF_DISKS), name)


def make_marker(pool: Any, name: str) -> None:
    """A volume that is empty, and says all by being there."""
    if find(pool, name) is None:
        _made(pool, _described(name, 1, "raw", MODE_OF_IMAGES, allocation=0), name)


def make_image(pool: Any, name: str, size: int) -> Any:
    """Room for an image file of that many bytes; what was there of it is deleted."""
    delete(pool, name)
    return _made(pool, _described(name, size, "raw", MODE_OF_IMAGES, allocation=0), name)


def make_filled(connection: Any, pool: Any, name: str, content: bytes) -> None:
    """A raw volume with that content. One of the same name is replaced: it may be half-written."""
    delete(pool, name)
    volume = _made(pool, _described(name, len(content), "raw", MODE_OF_DISKS), name)
    send(connection, volume, io.BytesIO(content), 0, len(content))


def send(connection: Any, volume: Any, source: IO[bytes], offset: int, length: int) -> None:
    """That many bytes into a volume, from that place on."""
    left = length

    def next_part(_stream: Any, wanted: int, _opaque: Any) -> bytes:
        nonlocal left
        part = source.read(min(wanted, left))
        left -= len(part)
        return part

    stream = connection.newStream()
    volume.upload(stream, offset, length)
    try:
        stream.sendAll(next_part, None)
    except BaseException:
        stream.abort()
        raise
    stream.finish()


def delete(pool: Any, name: str) -> bool:
    """Delete a volume; whether there was one. Libvirt does not look who uses it: whoever calls has."""
    volume = find(pool, name)
    if volume is None:
        return False
    try:
        volume.delete(0)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_STORAGE_VOL:
            raise
        return False
    return True


def _described(name: str, size: int, kind: str, mode: str, allocation: int | None = None) -> ET.Element:
    volume = ET.Element("volume")
    ET.SubElement(volume, "name").text = name
    ET.SubElement(volume, "capacity", unit="bytes").text = str(size)
    if kind == "qcow2" or allocation is not None:
        ET.SubElement(volume, "allocation", unit="bytes").text = str(allocation or 0)
    target = ET.SubElement(volume, "target")
    ET.SubElement(target, "format", type=kind)
    permissions = ET.SubElement(target, "permissions")
    ET.SubElement(permissions, "mode").text = mode
    return volume


def _made(pool: Any, volume: ET.Element, name: str) -> Any:
    try:
        return pool.createXML(ET.tostring(volume, encoding="unicode"), 0)
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise
        raise DiskNotMade(f"the volume '{name}' cannot be made in the pool '{pool.name()}': {error}") from error


def sources(domain_xml: str) -> set[str]:
    """All that a domain's disks and their backing chains point at: paths, and names of volumes.

    >>> sorted(sources('<domain><disk><source file="/p/a"/><backingStore><source file="/p/b"/></backingStore></disk>'
    ... '<disk><source pool="p" volume="c"/></disk></domain>'))
    ['/p/a', '/p/b', 'c']
    """
    found = set()
    for source in ET.fromstring(domain_xml).iter("source"):  # noqa: S314  # libvirt's own XML
        found |= {source.get(kind, "") for kind in ("file", "dev", "volume", "name")}
    return found - {""}


def in_use(connection: Any, pool: Any, but_for: str = "") -> set[str]:
    """Paths and names of all volumes that any domain, or any volume as its backing file, points at.

    but_for: UUID of a domain that does not count.
    """
    used: set[str] = set()
    refresh(pool)
    for domain in connection.listAllDomains():
        try:
            if domain.UUIDString() == but_for:
                continue
            used |= sources(domain.XMLDesc(0)) | sources(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
    return used | {path for volume in pool.listAllVolumes() if (path := _backing_of(volume))}


def _backing_of(volume: Any) -> str:
    try:
        described = volume.XMLDesc(0)
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise
        return ""  # it was deleted behind libvirt's back, and lies on nothing any more
    return ET.fromstring(described).findtext("backingStore/path") or ""  # noqa: S314  # libvirt's own XML


def names_with(pool: Any, prefixes: Iterable[str]) -> list[str]:
    """Names of the volumes that begin with one of these, in their order."""
    wanted = tuple(prefixes)
    return sorted(name for name in pool.listVolumes() if name.startswith(wanted))
