"""What is refused as an image before a byte of it is sent."""

import io
import shutil
import struct
import subprocess
from contextlib import suppress
from pathlib import Path, PosixPath
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from instar.compute.libvirt.storage import qcow2
from instar.compute.libvirt.storage.qcow2 import HEAD, NotUsable, inspect

CLUSTER = 1 << 16
BACKING_FORMAT, DATA_FILE, LUKS, FEATURE_NAMES = 0xE2792ACA, 0x44415441, 0x0537BE77, 0x6803F857
IMPOSSIBLE = 0xFFFF_FFFF_FFFF_FFFF

needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-img") is None, reason="qemu-img is not installed: deploy/libvirt-packages.sh"
)

GOOD: dict[str, int] = {
    "version": 3,
    "backing_at": 0,
    "backing_length": 0,
    "cluster_bits": 16,
    "size": 1 << 20,
    "encrypted": 0,
    "l1_entries": 1,
    "l1_at": 3 * CLUSTER,
    "refcounts_at": CLUSTER,
    "refcount_clusters": 1,
    "snapshots": 0,
    "snapshots_at": 0,
    "incompatible": 0,
    "compatible": 0,
    "autoclear": 0,
    "refcount_order": 4,
    "length": 112,
    "compression": 0,
}
"""As `qemu-img create` lays an image out."""


def extension(kind: int, content: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack(">II", kind, len(content) if length is None else length) + content + bytes(-len(content) % 8)


def image(extensions: bytes = bytes(8), **given: int) -> bytes:
    fields = GOOD | given
    head = struct.pack(">4sIQIIQIIQQIIQ QQQII", b"QFI\xfb", *(list(fields.values())[:17]))
    if fields["version"] == 2:
        head = head[:72]
    elif fields["length"] > 104:
        head += bytes([fields["compression"]]) + bytes(7)
    return (head + extensions).ljust(3 * CLUSTER + 8, b"\0")


def written(folder: Path, content: bytes) -> Path:
    file = folder / "disk.qcow2"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no qcow2 image"),
        (bytes(512), "is no qcow2 image"),
        (b"QFI\xfb", "is no qcow2 image"),
        (image()[:71], "is no qcow2 image"),
        (image()[:100], "is cut off within its header"),
        (image()[:104], "is cut off within its header"),
        (image()[:200], "is cut off: its L1 table is behind its end"),
        (image(version=0), "is qcow2 of version 0: only 2 and 3"),
        (image(version=1), "is qcow2 of version 1"),
        (image(version=4), "is qcow2 of version 4"),
        (image(version=0xFFFFFFFF), "is qcow2 of version 4294967295"),
        (image(backing_at=112), "has a backing file"),
        (image(backing_at=IMPOSSIBLE), "has a backing file"),
        (image(version=2, backing_at=112), "has a backing file"),
        (image(extension(BACKING_FORMAT, b"raw")), "has the format of a backing file"),
        (image(extension(FEATURE_NAMES, bytes(48)) + extension(BACKING_FORMAT, b"raw")), "has the format of a backing"),
        (image(extension(0x12345678, b"12345") + extension(BACKING_FORMAT, b"raw")), "has the format of a backing"),
        (image(length=1 << 17, cluster_bits=21), "has header extensions without an end"),
        (image(version=2, extensions=extension(BACKING_FORMAT, b"raw")), "has the format of a backing file"),
        (image(extension(DATA_FILE, b"/etc/shadow")), "names another file for its data"),
        (image(extension(LUKS, bytes(16))), "is encrypted"),
        (image(encrypted=1), "is encrypted"),
        (image(encrypted=2), "is encrypted"),
        (image(encrypted=77), "is encrypted"),
        (image(extension(FEATURE_NAMES, length=0xFFFFFFF0)), "has header extensions without an end"),
        (image(extension(FEATURE_NAMES, length=CLUSTER)), "has header extensions without an end"),
        (image(extension(FEATURE_NAMES) * 20_000), "has header extensions without an end"),
        (image(incompatible=1), "was not closed properly"),
        (image(incompatible=2), "was not closed properly"),
        (image(incompatible=4), "keeps its data in another file"),
        (image(incompatible=32), r"features that are not known \(bits 0x20\)"),
        (image(incompatible=1 << 63), "features that are not known"),
        (image(incompatible=8), r"compressed in a way that is not known \(0\)"),
        (image(incompatible=8, compression=2), r"compressed in a way that is not known \(2\)"),
        (image(incompatible=8, length=104), "compressed in a way that is not known"),
        (image(compression=1), "compressed in a way that is not known"),
        (image(incompatible=16, cluster_bits=13, l1_at=1 << 13, refcounts_at=1 << 13), "extended L2 entries"),
        (image(cluster_bits=0), "has impossible clusters"),
        (image(cluster_bits=8), "has impossible clusters"),
        (image(cluster_bits=22), "has impossible clusters"),
        (image(cluster_bits=0xFFFFFFFF), "has impossible clusters"),
        (image(length=0), "has an impossible header: its length is 0"),
        (image(length=96), "has an impossible header"),
        (image(length=113), "has an impossible header"),
        (image(length=0xFFFFFFF8), "has an impossible header"),
        (image(length=1024, cluster_bits=9, l1_at=512, refcounts_at=512), "has an impossible header"),
        (image(refcount_order=7), "has impossible reference counts"),
        (image(refcount_order=0xFFFFFFFF), "has impossible reference counts"),
        (image(size=0), "its virtual size is 0"),
        (image(size=(4 << 40) + 1), "4096 GiB is the most"),
        (image(size=IMPOSSIBLE), "4096 GiB is the most"),
        (image(l1_entries=0), "too small a table of its clusters"),
        (image(size=(512 << 20) + 1), "too small a table of its clusters"),
        (image(incompatible=16, size=(256 << 20) + 1), "too small a table of its clusters"),
        (image(l1_entries=0xFFFFFFFF), "has an impossible L1 table"),
        (image(l1_entries=(4 << 20) + 1), "has an impossible L1 table"),
        (image(l1_entries=2), "its L1 table is behind its end"),
        (image(l1_at=0), "L1 table at an impossible place"),
        (image(l1_at=3 * CLUSTER + 1), "L1 table at an impossible place"),
        (image(l1_at=1 << 62), "its L1 table is behind its end"),
        (image(l1_at=IMPOSSIBLE), "L1 table at an impossible place"),
        (image(refcount_clusters=0), "impossible reference count table"),
        (image(refcount_clusters=129), "impossible reference count table"),
        (image(refcount_clusters=0xFFFFFFFF), "impossible reference count table"),
        (image(refcount_clusters=3), "reference count table is behind its end"),
        (image(refcounts_at=0), "reference count table at an impossible place"),
        (image(refcounts_at=8 * CLUSTER), "reference count table is behind its end"),
        (image(snapshots=65_537, snapshots_at=CLUSTER), "impossible snapshot table"),
        (image(snapshots=0xFFFFFFFF, snapshots_at=CLUSTER), "impossible snapshot table"),
        (image(snapshots=1, snapshots_at=0), "snapshot table at an impossible place"),
        (image(snapshots=1, snapshots_at=3 * CLUSTER), "snapshot table is behind its end"),
    ],
)
def test_what_cannot_be_an_image_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(NotUsable, match=why):
        inspect(written(tmp_path, content))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"length": 104},
        {"incompatible": 8, "compression": 1},
        {"incompatible": 16, "size": 256 << 20},
        {"size": 512 << 20},
        {"compatible": IMPOSSIBLE, "autoclear": IMPOSSIBLE},
        # What stands at the place of the features means nothing in version 2.
        {"version": 2},
        {"snapshots": 3, "snapshots_at": 2 * CLUSTER},
    ],
)
def test_a_plain_image_is_taken(tmp_path: Path, given: dict[str, Any]) -> None:
    assert inspect(written(tmp_path, image(**given))).virtual_size == (GOOD | given)["size"]


def test_extensions_that_do_no_harm_are_taken(tmp_path: Path) -> None:
    unknown = extension(0x12345678, b"whatever") + extension(FEATURE_NAMES, bytes(48)) + bytes(8)
    assert inspect(written(tmp_path, image(unknown))).virtual_size == GOOD["size"]


def test_the_largest_virtual_size_is_a_setting(tmp_path: Path) -> None:
    file = written(tmp_path, image(size=400 << 20))
    assert inspect(file, largest=400 << 20).virtual_size == 400 << 20
    with pytest.raises(NotUsable, match=r"INSTAR_LIBVIRT__IMAGE_GIB"):
        inspect(file, largest=(400 << 20) - 1)


class Watched(io.FileIO):
    """Notes how much is read of it."""

    def __init__(self, path: str, asked: list[int]) -> None:
        super().__init__(path)
        self.asked = asked

    def read(self, size: int | None = -1, /) -> bytes:
        self.asked.append(-1 if size is None else size)
        return super().read(size)

    def seek(self, *_: Any) -> int:
        raise AssertionError("an offset of the file was followed")


class WatchedPath(PosixPath):
    """Opens what is watched."""

    asked: list[int]

    def open(self, *_: Any, **__: Any) -> Any:
        return Watched(str(self), self.asked)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A good image with some fields, then some bytes changed, perhaps cut off."""
    numbers = st.integers(0, 2**32 - 1) | st.sampled_from([GOOD[name] for name in GOOD])
    fields = draw(
        st.dictionaries(st.sampled_from([name for name in GOOD if name != "compression"]), numbers, max_size=3)
    )
    content = bytearray(image(draw(st.just(bytes(8)) | st.binary(max_size=64)), **fields))
    for at in draw(st.lists(st.integers(0, 200), max_size=6)):
        content[at] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.just(len(content)) | st.integers(0, len(content)))])


@settings(max_examples=500, deadline=None)
@given(content=mutations())
def test_whatever_the_header_says_only_its_head_is_read_and_the_reason_is_said(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = WatchedPath(written(tmp_path_factory.getbasetemp(), content))
    path.asked = []
    try:
        assert 0 < inspect(path).virtual_size <= qcow2.VIRTUAL_SIZE_AT_MOST
    except NotUsable as reason:
        event(str(reason).removeprefix(f"{path} ").split("(")[0])
    assert path.asked == [HEAD]


def qemu_img(*command: object) -> None:
    subprocess.run(["qemu-img", *map(str, command)], check=True, capture_output=True)  # noqa: S603, S607  # qemu's


@needs_qemu
@pytest.mark.parametrize(
    "options",
    [
        "compat=1.1",
        "compat=0.10",
        "cluster_size=512",
        "cluster_size=2M",
        "extended_l2=on",
        "compression_type=zstd",
        "lazy_refcounts=on",
        "refcount_bits=1",
        "refcount_bits=64",
        "preallocation=metadata",
    ],
)
def test_images_that_qemu_made_are_taken(tmp_path: Path, options: str) -> None:
    file = tmp_path / "disk.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-o", options, file, "3M")
    assert inspect(file).virtual_size == 3 << 20


@needs_qemu
def test_images_that_qemu_filled_are_taken(tmp_path: Path) -> None:
    raw, file, small = tmp_path / "raw", tmp_path / "disk.qcow2", tmp_path / "small.qcow2"
    raw.write_bytes(b"content" * 1_000_000)
    qemu_img("convert", "-O", "qcow2", raw, file)
    qemu_img("convert", "-c", "-O", "qcow2", raw, small)
    qemu_img("snapshot", "-c", "before", file)
    qemu_img("bitmap", "--add", file, "changed")
    assert inspect(file).virtual_size == inspect(small).virtual_size >= 7_000_000
    large = tmp_path / "large.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", large, "4T")
    assert inspect(large).virtual_size == 4 << 40


@needs_qemu
def test_images_of_qemu_that_need_something_else_are_refused(tmp_path: Path) -> None:
    plain, over, locked, outside = (tmp_path / name for name in ("plain", "over", "locked", "outside"))
    qemu_img("create", "-q", "-f", "qcow2", plain, "3M")
    qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", plain, over)
    for _ in range(20):
        # On a busy machine qemu-img cannot always tell how fast it derives keys, and makes no image.
        with suppress(subprocess.CalledProcessError):
            qemu_img(
                *("create", "--object", "secret,id=s,data=secret", "-f", "qcow2"),
                *("-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=200", locked, "3M"),
            )
            break
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path / 'data.raw'}", outside, "3M")
    for file, why in ((over, "has a backing file"), (locked, "is encrypted"), (outside, "in another file")):
        with pytest.raises(NotUsable, match=why):
            inspect(file)
