"""What can be read of a disk image before it is trusted: the header of its qcow2 file.

Only the head of the file is read, and no offset in it is followed: offsets are compared with each other and with the
file's size. The limits are those of the format's specification and of QEMU.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

HEAD = 64 * 1024
"""Bytes that are read at most. Header and extensions of a real image take some hundred."""

MAGIC = b"QFI\xfb"
COMMON = struct.Struct(">4sIQIIQIIQQIIQ")
"""What versions 2 and 3 share: magic, version, backing file's offset and length, cluster bits, virtual size,
encryption, L1 entries, L1 offset, refcount table's offset and clusters, snapshots, snapshots' offset."""

VERSION_3 = struct.Struct(">QQQII")
"""Incompatible, compatible and autoclear features, refcount order, header length."""

COMPRESSION_AT = COMMON.size + VERSION_3.size
"""Where the byte of the compression type is, if the header is longer than that."""

DIRTY, CORRUPT, EXTERNAL_DATA, COMPRESSION, EXTENDED_L2 = 1, 2, 4, 8, 16
HARMLESS = COMPRESSION | EXTENDED_L2
COMPRESSIONS = (0, 1)
"""zlib, zstd."""

CLUSTER_BITS = range(9, 22)
EXTENDED_L2_FROM_BITS = 14
REFCOUNT_ORDER_AT_MOST = 6
L1_BYTES_AT_MOST = 32 << 20
REFCOUNT_TABLE_BYTES_AT_MOST = 8 << 20
SNAPSHOTS_AT_MOST = 65_536
SNAPSHOT_BYTES = 40
"""The least that one takes in their table."""

EXTENSION = struct.Struct(">II")
END, BACKING_FORMAT, EXTERNAL_DATA_FILE, ENCRYPTION = 0, 0xE2792ACA, 0x44415441, 0x0537BE77

VIRTUAL_SIZE_AT_MOST = 4 << 40
"""Bytes, where no setting says otherwise."""

FLATTEN = "qemu-img convert -O qcow2 makes one file of both"


class NotUsable(Exception):
    """The file is no image that machines can be made from; the text says why."""


@dataclass(frozen=True, slots=True)
class Image:
    """A usable one."""

    virtual_size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class _Header:
    version: int
    backing_at: int
    cluster_bits: int
    size: int
    encrypted: int
    l1_entries: int
    l1_at: int
    refcounts_at: int
    refcount_clusters: int
    snapshots: int
    snapshots_at: int
    incompatible: int = 0
    refcount_order: int = 4
    length: int = COMMON.size
    compression: int = 0

    @property
    def cluster(self) -> int:
        return 1 << self.cluster_bits


def inspect(path: Path, largest: int = VIRTUAL_SIZE_AT_MOST) -> Image:
    """Read the header. `largest`: bytes that the disk may seem to have. Raises NotUsable, OSError.

    A backing file or an external data file is refused: made into a machine it would show a file of the host's.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    try:
        return Image(_usable(head, path.stat().st_size, largest))
    except NotUsable as reason:
        raise NotUsable(f"{path} {reason}") from None


def _usable(head: bytes, file_size: int, largest: int) -> int:
    header = _parsed(head)
    _refuse_what_is_elsewhere(header)
    _refuse_what_no_qemu_opens(header)
    _refuse_extensions(head, header)
    _refuse_sizes(header, file_size, largest)
    return header.size


def _parsed(head: bytes) -> _Header:
    if len(head) < COMMON.size or not head.startswith(MAGIC):
        raise NotUsable("is no qcow2 image: qemu-img convert -O qcow2 makes one")
    _, version, backing_at, _, *common = COMMON.unpack_from(head)
    if version == 2:  # noqa: PLR2004  # the format's
        return _Header(version, backing_at, *common)
    if version != 3:  # noqa: PLR2004  # the format's
        raise NotUsable(f"is qcow2 of version {version}: only 2 and 3 are known")
    if len(head) <= COMPRESSION_AT:
        raise NotUsable("is cut off within its header")
    incompatible, _, _, refcount_order, length = VERSION_3.unpack_from(head, COMMON.size)
    if length < COMPRESSION_AT or length % 8:
        raise NotUsable(f"has an impossible header: its length is {length}")
    compression = head[COMPRESSION_AT] if length > COMPRESSION_AT else 0
    return replace(
        _Header(version, backing_at, *common),
        incompatible=incompatible,
        refcount_order=refcount_order,
        length=length,
        compression=compression,
    )


def _refuse_what_is_elsewhere(header: _Header) -> None:
    if header.backing_at:
        raise NotUsable(f"has a backing file: {FLATTEN}")
    if header.incompatible & EXTERNAL_DATA:
        raise NotUsable(f"keeps its data in another file: {FLATTEN}")
    if header.encrypted:
        raise NotUsable("is encrypted")


def _refuse_what_no_qemu_opens(header: _Header) -> None:
    if header.incompatible & (DIRTY | CORRUPT):
        raise NotUsable("was not closed properly: qemu-img check -r all repairs it")
    if unknown := header.incompatible & ~(HARMLESS | DIRTY | CORRUPT | EXTERNAL_DATA):
        raise NotUsable(f"needs features that are not known (bits {unknown:#x})")
    if header.cluster_bits not in CLUSTER_BITS:
        raise NotUsable(f"has impossible clusters (of 2 to the power of {header.cluster_bits} bytes)")
    if header.length > header.cluster:
        raise NotUsable(f"has an impossible header: its length is {header.length}")
    if header.incompatible & EXTENDED_L2 and header.cluster_bits < EXTENDED_L2_FROM_BITS:
        raise NotUsable("has extended L2 entries, for which its clusters are too small")
    if header.refcount_order > REFCOUNT_ORDER_AT_MOST:
        raise NotUsable(f"has impossible reference counts (order {header.refcount_order})")
    said = bool(header.incompatible & COMPRESSION)
    if header.compression not in COMPRESSIONS or said != bool(header.compression):
        raise NotUsable(f"is compressed in a way that is not known ({header.compression})")


def _refuse_extensions(head: bytes, header: _Header) -> None:
    for kind in _extensions(head[: header.cluster], header.length):
        if kind == BACKING_FORMAT:
            raise NotUsable(f"has the format of a backing file: {FLATTEN}")
        if kind == EXTERNAL_DATA_FILE:
            raise NotUsable(f"names another file for its data: {FLATTEN}")
        if kind == ENCRYPTION:
            raise NotUsable("is encrypted")


def _extensions(area: bytes, at: int) -> Iterator[int]:
    while at + EXTENSION.size <= len(area):
        kind, length = EXTENSION.unpack_from(area, at)
        if kind == END:
            return
        yield kind
        at += EXTENSION.size + -(-length // 8) * 8
    raise NotUsable("has header extensions without an end")


def _refuse_sizes(header: _Header, file_size: int, largest: int) -> None:
    if not header.size:
        raise NotUsable("is empty: its virtual size is 0")
    if header.size > largest:
        raise NotUsable(
            f"has a virtual size of {header.size >> 30} GiB, and {largest >> 30} GiB is the most "
            "(INSTAR_LIBVIRT__IMAGE_GIB)"
        )
    entry = 16 if header.incompatible & EXTENDED_L2 else 8
    if header.l1_entries < -(-header.size // (header.cluster * (header.cluster // entry))):
        raise NotUsable("has too small a table of its clusters for its virtual size")
    _refuse_table(header, file_size, "L1", header.l1_at, header.l1_entries * 8, L1_BYTES_AT_MOST)
    refcounts = header.refcount_clusters * header.cluster
    _refuse_table(header, file_size, "reference count", header.refcounts_at, refcounts, REFCOUNT_TABLE_BYTES_AT_MOST)
    if header.snapshots:
        at_most = SNAPSHOTS_AT_MOST * SNAPSHOT_BYTES
        snapshots = header.snapshots * SNAPSHOT_BYTES
        _refuse_table(header, file_size, "snapshot", header.snapshots_at, snapshots, at_most)


def _refuse_table(header: _Header, file_size: int, name: str, at: int, length: int, at_most: int) -> None:  # noqa: PLR0917
    if not length or length > at_most:
        raise NotUsable(f"has an impossible {name} table ({length} bytes)")
    if at < header.cluster or at % header.cluster:
        raise NotUsable(f"has its {name} table at an impossible place ({at})")
    if at + length > file_size:
        raise NotUsable(f"is cut off: its {name} table is behind its end")
