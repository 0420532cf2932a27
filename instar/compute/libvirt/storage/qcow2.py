"""What can be read of a disk image before it is trusted: the header of its qcow2 file."""

import struct
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"QFI\xfb"
HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
"""magic, version, backing file's offset and length, cluster bits, size, … as far as every version has it."""

INCOMPATIBLE = struct.Struct(">Q")
INCOMPATIBLE_AT = 72
NEWER_VERSION = 3
DIRTY, CORRUPT, EXTERNAL_DATA = 1, 2, 4


class NotUsable(Exception):
    """The file is no image that machines can be made from; the text says why."""


@dataclass(frozen=True, slots=True)
class Image:
    """A usable one."""

    virtual_size: int


def inspect(path: Path) -> Image:
    """Read the header. Raises NotUsable, OSError.

    A backing file or an external data file is refused: made into a machine it would show a file of the host's.
    """
    with path.open("rb") as file:
        head = file.read(INCOMPATIBLE_AT + INCOMPATIBLE.size)
    if len(head) < HEADER.size or not head.startswith(MAGIC):
        raise NotUsable(f"{path} is no qcow2 image: qemu-img convert -O qcow2 makes one")
    _, version, backing_at, _, _, size, encrypted, *_ = HEADER.unpack_from(head)
    if backing_at:
        raise NotUsable(f"{path} has a backing file: qemu-img convert -O qcow2 makes one file of both")
    if encrypted:
        raise NotUsable(f"{path} is encrypted")
    if version >= NEWER_VERSION:
        features = INCOMPATIBLE.unpack_from(head, INCOMPATIBLE_AT)[0]
        if features & EXTERNAL_DATA:
            raise NotUsable(f"{path} keeps its data in another file: qemu-img convert -O qcow2 makes one file of both")
        if features & (DIRTY | CORRUPT):
            raise NotUsable(f"{path} was not closed properly: qemu-img check -r all repairs it")
    return Image(size)
