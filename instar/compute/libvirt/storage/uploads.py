"""Bringing an image version into the pool: in pieces that need not be sent twice, read back before it counts.

What has been sent is written down on the uploader's side; the pool shows a version as complete only by its marker.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from instar.compute.libvirt.storage import images, qcow2, volumes
from instar.domain.images.images import ImageReference

PIECE = 16 * volumes.MIB
"""Sent in one stream; after each, the upload may be broken off and goes on from there."""

Progress = Callable[[str, int, int], None]
"""What is being done, how many bytes of it, out of how many."""


class DifferentContent(Exception):
    """The version is there already, and is something else; the text says so."""


class Damaged(Exception):
    """What was read back is not what was sent; the text says so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file must be before it is sent."""

    sha256: str = ""
    """Of the whole file, in lower-case hexadecimal digits; empty where nobody announced one."""

    largest: int = qcow2.VIRTUAL_SIZE_AT_MOST
    """Bytes that the disk may seem to have."""


class Sent(BaseModel):
    """How far an upload has come."""

    sha256: str = ""
    size: int = 0
    done: int = 0


def publish(  # noqa: PLR0917  # one thing from here to there, told as it goes
    connection: Any,
    pool: Any,
    image: ImageReference,
    file: Path,
    notes: Path,
    progress: Progress,
    wanted: Wanted = Wanted(),  # frozen
) -> str:
    """Upload one exact version; its SHA-256. Nothing is sent if it is there already.

    notes: a directory for what has been sent. Raises NotUsable, DifferentContent, Damaged, DiskNotMade, OSError,
    libvirtError; after the last two the same call goes on where it was.
    """
    name = images.image_volume(image)
    size = file.stat().st_size
    sha256 = _checksum_of(file, size, progress)
    if wanted.sha256 not in {"", sha256}:
        raise Damaged(f"{file} is not what was announced: its checksum is {sha256[:12]}…, not {wanted.sha256[:12]}…")
    qcow2.inspect(file, wanted.largest)
    if there := images.checksum(pool, name):
        if there != sha256:
            raise DifferentContent(
                f"version {image} is in the pool already with another content ({there[:12]}…): a version never "
                "changes, publish this one under a higher number"
            )
        return sha256
    note = notes / f"{name}.json"
    sent = _sent_so_far(note, sha256, size) if volumes.find(pool, name) else Sent(sha256=sha256, size=size)
    volume = pool.storageVolLookupByName(name) if sent.done else volumes.make_image(pool, name, size)
    while sent.done < size:
        progress("upload", sent.done, size)
        sent = sent.model_copy(update={"done": sent.done + _send_piece(connection, volume, file, sent.done, size)})
        notes.mkdir(parents=True, exist_ok=True, mode=0o700)
        note.write_text(sent.model_dump_json())
    progress("upload", size, size)
    note.unlink(missing_ok=True)
    if _read_back(connection, volume, size, progress) != sha256:
        volumes.delete(pool, name)
        raise Damaged(f"what was read back of {image} is not what was sent; nothing is kept of it, try again")
    volumes.refresh(pool)  # libvirt notices that it is a qcow2 image, and how large
    volumes.make_marker(pool, images.marker_volume(name, sha256))
    return sha256


def _sent_so_far(note: Path, sha256: str, size: int) -> Sent:
    try:
        sent = Sent.model_validate_json(note.read_text())
    except (OSError, ValidationError):
        sent = Sent()
    return sent if (sent.sha256, sent.size) == (sha256, size) else Sent(sha256=sha256, size=size)


def _checksum_of(file: Path, size: int, progress: Progress) -> str:
    digest, done = hashlib.sha256(), 0
    with file.open("rb") as source:
        while part := source.read(PIECE):
            digest.update(part)
            done += len(part)
            progress("checksum", done, size)
    return digest.hexdigest()


def _send_piece(connection: Any, volume: Any, file: Path, offset: int, size: int) -> int:
    length = min(PIECE, size - offset)
    with file.open("rb") as source:
        source.seek(offset)
        volumes.send(connection, volume, source, offset, length)
    return length


def _read_back(connection: Any, volume: Any, size: int, progress: Progress) -> str:
    digest, done = hashlib.sha256(), 0

    def take(_stream: Any, part: bytes, _opaque: Any) -> None:
        nonlocal done
        digest.update(part)
        done += len(part)
        progress("verify", done, size)

    stream = connection.newStream()
    volume.download(stream, 0, size)
    try:
        stream.recvAll(take, None)
    except BaseException:
        stream.abort()
        raise
    stream.finish()
    return digest.hexdigest()
