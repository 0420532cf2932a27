"""Image versions as volumes that are never written again, with a marker beside each that says it is complete.

A version without its marker is half-uploaded, and does not count.
"""

import hashlib
import re
import time
from typing import Any

from instar.compute.errors import ImageGone
from instar.compute.libvirt.storage import volumes
from instar.domain.images.images import ImageReference, version_key

NAME_AT_MOST = 80
"""Characters of an image's name that are kept readable; the digest tells the rest apart."""

COMPLETE = ".complete"


def image_volume(image: ImageReference) -> str:
    """The volume of one exact version.

    >>> image_volume(ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="18.04.02"))
    'img.canonical.ubuntuserver.18.04-lts.729b042b49.18.4.2.qcow2'
    """
    words = [word for word in image.line if word]
    if image.id:
        words = image.id.lower().split("/")[-1:]
    readable = re.sub(r"[^a-z0-9._-]", "-", ".".join(words))[:NAME_AT_MOST]
    digest = hashlib.sha256("\n".join(image.line).encode()).hexdigest()[:10]
    numbers = ".".join(map(str, version_key(image.version)))
    return f"img.{readable}.{digest}.{numbers}.qcow2"


def marker_volume(name: str, sha256: str) -> str:
    """The marker of a complete image volume; it holds what the content must be."""
    return f"{name}.{sha256}{COMPLETE}"


def checksum(pool: Any, name: str) -> str | None:
    """The SHA-256 of a complete image volume; None if it is not complete."""
    for marker in volumes.names_with(pool, [f"{name}."]):
        if marker.endswith(COMPLETE):
            return str(marker[len(name) + 1 : -len(COMPLETE)])
    return None


LOOKS_AGAIN_AFTER_SECONDS = (0.0, 0.1, 0.5)
"""While another process has libvirt read a pool anew, its list of volumes is empty for a moment: that an image is gone
ends an upgrade, so it is looked at again before it is said."""


def complete_image(pool: Any, image: ImageReference) -> Any:
    """The volume of that version. Raises ImageGone if it is not there or not complete."""
    name = image_volume(image)
    volume = None
    for pause in LOOKS_AGAIN_AFTER_SECONDS:
        time.sleep(pause)
        volume = volumes.find(pool, name) if checksum(pool, name) else None
        if volume is not None:
            break
        volumes.refresh(pool)
    if volume is None:
        raise ImageGone(
            f"image version {image} is not in the storage pool '{pool.name()}': upload it with "
            "`instar images publish … --file disk.qcow2`"
        )
    return volume
