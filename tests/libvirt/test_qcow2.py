"""What is refused as an image before a byte of it is sent."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from instar.compute.libvirt.storage.qcow2 import NotUsable, inspect


def header(*, version: int = 3, backing: int = 0, encrypted: int = 0, features: int = 0, size: int = 1 << 20) -> bytes:
    head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, backing, 0, 16, size, encrypted, 1, 0, 0, 0, 0, 0)
    return head + struct.pack(">Q", features) + bytes(100)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no qcow2 image"),
        (bytes(512), "is no qcow2 image"),
        (b"QFI\xfb", "is no qcow2 image"),
        (header(backing=104), "has a backing file"),
        (header(encrypted=1), "is encrypted"),
        (header(features=4), "keeps its data in another file"),
        (header(features=1), "was not closed properly"),
        (header(features=2), "was not closed properly"),
    ],
)
def test_what_cannot_be_an_image_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "disk.qcow2"
    file.write_bytes(content)
    with pytest.raises(NotUsable, match=why):
        inspect(file)


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_image_is_taken(tmp_path: Path, version: int) -> None:
    file = tmp_path / "disk.qcow2"
    # What stands at the place of the features means nothing in version 2.
    file.write_bytes(header(version=version, features=4 if version == 2 else 0))
    assert inspect(file).virtual_size == 1 << 20


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed: deploy/libvirt-packages.sh")
def test_qemus_own_images_are_read_as_qemu_means_them(tmp_path: Path) -> None:
    plain, over = tmp_path / "plain.qcow2", tmp_path / "over.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", plain, "3M"], check=True)  # noqa: S603, S607  # qemu's
    subprocess.run(  # noqa: S603  # qemu's
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", plain, over],  # noqa: S607
        check=True,
    )
    assert inspect(plain).virtual_size == 3 << 20
    with pytest.raises(NotUsable, match="has a backing file"):
        inspect(over)
