"""Images into the pool of a real libvirt: broken off, resumed, damaged, refused; an index that the test serves."""

import hashlib
import http.server
import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import libvirt
import pytest
from rich.console import Console

from instar.client import follow
from instar.client import images as publishing
from instar.client.api_token import Login
from instar.client.images import Place
from instar.client.origins import Origins
from instar.compute.libvirt.storage import images, uploads, volumes
from instar.compute.libvirt.storage.uploads import Damaged, DifferentContent
from instar.connection.settings import Settings
from instar.demo.private_libvirt import POOL, PrivateLibvirt
from instar.domain.images.images import ImageReference
from instar.errors import Trouble

IMAGE = ImageReference(publisher="Instar", offer="tiny", sku="guest", version="1.0.0")
SIZE = 5 << 20
PIECE = 1 << 20


class Api(http.server.ThreadingHTTPServer):
    """Takes registrations as the API does, and serves files with ranges as a mirror does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.registered: list[str] = []
        self.ranges: list[str] = []
        super().__init__(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(http.server.BaseHTTPRequestHandler):
    server: Api

    def do_POST(self) -> None:  # the base class's spelling
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, b'{"access_token": "good"}')

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != "Bearer good":
            self._answer(401, b"")
            return
        self.server.registered.append(self.path.partition("?")[0].rsplit("/", 1)[-1])
        self._answer(201, b"{}")

    def do_GET(self) -> None:
        file = self.server.root / self.path.lstrip("/")
        if not file.is_file():
            self._answer(404, b"")
            return
        content = file.read_bytes()
        if begins := self.headers.get("Range"):
            self.server.ranges.append(begins)
            self._answer(206, content[int(begins.removeprefix("bytes=").rstrip("-")) :])
            return
        self._answer(200, content)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class Site:
    """A libvirt, an API, and a mirror."""

    def __init__(self, folder: Path, private: PrivateLibvirt) -> None:
        self.mirror = folder / "mirror"
        self.mirror.mkdir()
        self.api = Api(self.mirror)
        self.settings = Settings(data_dir=folder / "data", libvirt={"uri": private.uri, "pool": POOL})
        self.place = Place(self.settings, Login(self.api.url, "t", "me", "secret", "s"), "s", "westeurope")
        self.connection: Any = libvirt.open(private.uri)
        self.pool: Any = self.connection.storagePoolLookupByName(POOL)
        self.told: list[str] = []

    def close(self) -> None:
        self.api.shutdown()
        self.api.server_close()
        self.connection.close()

    def disk(self, name: str = "disk.qcow2", content: bytes = b"a") -> Path:
        """A qcow2 file that holds that much."""
        raw, file = self.mirror / f"{name}.raw", self.mirror / name
        raw.write_bytes(hashlib.sha256(content).digest() * (SIZE // 32))
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, file], check=True)  # noqa: S603, S607  # qemu's
        raw.unlink()
        return file

    def upload(self, file: Path, image: ImageReference = IMAGE) -> str:
        return uploads.publish(self.connection, self.pool, image, file, self.settings.data_dir / "uploads", self._tell)

    def _tell(self, what: str, done: int, _size: int) -> None:
        self.told.append(f"{what} {done >> 20}")

    def content(self, image: ImageReference = IMAGE) -> bytes:
        path = self.pool.storageVolLookupByName(images.image_volume(image)).path()
        return Path(path).read_bytes()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(uploads, "PIECE", PIECE)
    folder = Path(tempfile.mkdtemp(prefix="instar-"))
    try:
        with PrivateLibvirt(folder / "l") as private:
            one = Site(folder, private)
            yield one
            one.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_published_disk_is_complete_and_has_its_virtual_size(site: Site) -> None:
    file = site.disk()
    publishing.publish(site.place, IMAGE, file, Console(quiet=True))
    site.pool.refresh(0)
    volume = images.complete_image(site.pool, IMAGE)
    assert site.content() == file.read_bytes()
    assert volume.info()[1] == SIZE
    assert images.checksum(site.pool, images.image_volume(IMAGE)) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert site.api.registered == ["1.0.0"]
    overlay = volumes.make_overlay(site.pool, "over.qcow2", volume)
    assert overlay.info()[1] == SIZE


def test_an_upload_that_was_broken_off_goes_on_where_it_was(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    file, send, sent = site.disk(), volumes.send, list[int]()

    def breaks(connection: Any, volume: Any, source: Any, offset: int, length: int) -> None:
        if offset >= 2 * PIECE and len(sent) == 2:
            sent.append(-1)
            raise libvirt.libvirtError("the line went dead")
        sent.append(offset)
        send(connection, volume, source, offset, length)

    monkeypatch.setattr(volumes, "send", breaks)
    with pytest.raises(Trouble, match="was broken off: the line went dead; the same command goes on where it was"):
        publishing.publish(site.place, IMAGE, file, Console(quiet=True))
    assert images.checksum(site.pool, images.image_volume(IMAGE)) is None
    assert site.api.registered == []
    publishing.publish(site.place, IMAGE, file, Console(quiet=True))
    assert sent[:5] == [0, PIECE, -1, 2 * PIECE, 3 * PIECE]
    assert site.content() == file.read_bytes()


def test_another_file_begins_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(uploads, "_read_back", _goes_away)
        with pytest.raises(libvirt.libvirtError):
            site.upload(site.disk())
    other = site.disk("other.qcow2", b"b")
    site.upload(other)
    assert site.content() == other.read_bytes()


def _goes_away(*_: Any) -> str:
    raise libvirt.libvirtError("the line went dead")


def test_what_is_read_back_must_be_what_was_sent(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    file, send = site.disk(), volumes.send

    def spoils(connection: Any, volume: Any, source: Any, offset: int, length: int) -> None:
        send(connection, volume, source, offset, length)
        if offset == 3 * PIECE:
            with Path(volume.path()).open("r+b") as spoilt:
                spoilt.seek(offset)
                spoilt.write(b"spoilt")

    with monkeypatch.context() as spoiling:
        spoiling.setattr(volumes, "send", spoils)
        with pytest.raises(Damaged):
            site.upload(file)
    assert images.checksum(site.pool, images.image_volume(IMAGE)) is None
    assert site.pool.listVolumes() == []
    site.upload(file)
    assert site.content() == file.read_bytes()


def test_a_version_that_is_there_is_not_sent_again_and_never_changed(site: Site) -> None:
    file = site.disk()
    site.upload(file)
    site.told.clear()
    site.upload(file)
    assert {one.split()[0] for one in site.told} == {"checksum"}
    with pytest.raises(DifferentContent, match="a version never changes"):
        site.upload(site.disk("other.qcow2", b"b"))
    assert site.content() == file.read_bytes()


def mirror_of(site: Site, sha256: str | None = None, size: int | None = None) -> Path:
    disk = site.disk("jammy.img")
    item = {
        "ftype": "disk1.img",
        "path": "jammy.img",
        "sha256": sha256 or hashlib.sha256(disk.read_bytes()).hexdigest(),
        "size": size or disk.stat().st_size,
    }
    product = {
        "arch": "amd64",
        "os": "ubuntu",
        "version": "22.04",
        "release_title": "22.04 LTS",
        "versions": {"20240101": {"label": "release", "items": {"disk1.img": item}}},
    }
    streams = site.mirror / "streams" / "v1"
    streams.mkdir(parents=True, exist_ok=True)
    index = {"index": {"ubuntu": {"datatype": "image-downloads", "path": "streams/v1/ubuntu.json"}}}
    (streams / "index.json").write_text(json.dumps(index))
    (streams / "ubuntu.json").write_text(json.dumps({"products": {"p": product}}))
    return disk


UBUNTU = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="22.04-LTS", version="22.04.20240101")


def source(site: Site, version: str = "22.04") -> follow.Source:
    origins = Origins.of(site.api.url, plain=["127.0.0.1"])
    return follow.Source(origins, None, frozenset({version}), "amd64")


def take(site: Site) -> int:
    return len(follow.take_newest(site.place, source(site), Console(quiet=True)))


def test_a_new_image_of_an_index_becomes_available_by_itself(site: Site) -> None:
    disk = mirror_of(site)
    assert take(site) == 1
    assert site.content(UBUNTU) == disk.read_bytes()
    assert take(site) == 0
    assert site.api.registered == ["22.04.20240101", "22.04.20240101"]
    assert list((site.settings.data_dir / "downloads").iterdir()) == []


def test_a_download_that_was_broken_off_goes_on_where_it_was(site: Site) -> None:
    disk = mirror_of(site)
    part = site.settings.data_dir / "downloads" / f"{hashlib.sha256(disk.read_bytes()).hexdigest()}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(disk.read_bytes()[:1000])
    assert take(site) == 1
    assert site.api.ranges == ["bytes=1000-"]
    assert site.content(UBUNTU) == disk.read_bytes()


def test_a_disk_that_is_not_what_the_index_says_is_not_kept(site: Site) -> None:
    mirror_of(site, sha256="0" * 64)
    with pytest.raises(Trouble, match="is not what the index says"):
        take(site)
    assert site.pool.listVolumes() == []
    assert site.api.registered == []
    assert list((site.settings.data_dir / "downloads").iterdir()) == []


def test_an_index_that_cannot_be_read_or_has_nothing_says_so(site: Site) -> None:
    with pytest.raises(Trouble, match="is answered with 404"):
        take(site)
    mirror_of(site)
    with pytest.raises(Trouble, match=r"has no amd64 disk of 18\.04"):
        follow.take_newest(site.place, source(site, "18.04"), Console(quiet=True))
    (site.mirror / "streams" / "v1" / "ubuntu.json").write_text("[]")
    with pytest.raises(Trouble, match="is no simplestreams index that can be read"):
        take(site)


def test_a_disk_with_the_right_checksum_that_is_no_image_is_not_kept(site: Site) -> None:
    head = bytearray(mirror_of(site).read_bytes())
    head[4:8] = (4).to_bytes(4, "big")
    disk = mirror_of(site, sha256=hashlib.sha256(head).hexdigest(), size=len(head))
    disk.write_bytes(head)
    with pytest.raises(Trouble, match="is qcow2 of version 4"):
        take(site)
    assert site.pool.listVolumes() == []
    assert site.api.registered == []
    assert list((site.settings.data_dir / "downloads").iterdir()) == []


def test_the_largest_virtual_size_is_that_of_the_settings(site: Site) -> None:
    file = site.mirror / "large.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", file, "3G"], check=True)  # noqa: S603, S607  # qemu's
    small = replace(site.place, settings=Settings(libvirt=site.settings.libvirt | {"image_gib": 2}))
    with pytest.raises(Trouble, match="has a virtual size of 3 GiB, and 2 GiB is the most"):
        publishing.publish(small, IMAGE, file, Console(quiet=True))
    assert site.pool.listVolumes() == []


def test_the_checksum_comes_before_the_header(site: Site) -> None:
    file, notes = site.mirror / "nonsense.qcow2", site.settings.data_dir / "uploads"
    file.write_bytes(b"no image")
    with pytest.raises(Damaged, match="is not what was announced"):
        uploads.publish(site.connection, site.pool, IMAGE, file, notes, site._tell, uploads.Wanted("0" * 64))
    with pytest.raises(Trouble, match="is no qcow2 image"):
        publishing.publish(site.place, IMAGE, file, Console(quiet=True), hashlib.sha256(b"no image").hexdigest())
    assert site.pool.listVolumes() == []


def test_a_version_that_an_index_offers_with_another_content_than_before_is_refused(site: Site) -> None:
    mirror_of(site)
    assert take(site) == 1
    mirror_of(site, sha256="0" * 64)
    with pytest.raises(Trouble, match="a version never changes"):
        take(site)
    assert site.api.registered == ["22.04.20240101"]
