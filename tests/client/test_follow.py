"""What `images follow` takes of a mirror and what not, over real connections: after a refusal nothing is left."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from instar.client import downloads, follow
from instar.client.api_token import Login
from instar.client.images import Place
from instar.client.origins import Origins, Refused
from instar.client.signatures import Publisher
from instar.connection.settings import Settings
from instar.domain.images.images import ImageReference
from instar.errors import Trouble
from tests.support.mirrors import Answers, Mirror, Signer, certified, mirror

pytestmark = pytest.mark.skipif(shutil.which("gpgv") is None, reason="gpgv is not installed: apt-get install gpgv")

INDEX, PRODUCTS, DISK = "streams/v1/index.sjson", "streams/v1/ubuntu.sjson", "server/jammy.img"
CONTENT = b"a disk" * 50_000
ENTRY = {"datatype": "image-downloads", "path": "streams/v1/ubuntu.json"}


@dataclass
class Scene:
    """A mirror, another one, and who follows."""

    folder: Path
    mirror: Mirror
    other: Mirror
    plain: Mirror
    signer: Signer
    place: Place
    source: follow.Source
    entry: dict[str, Any] = field(default_factory=lambda: dict(ENTRY))
    item: dict[str, Any] = field(default_factory=dict)
    published: list[tuple[str, bytes, str]] = field(default_factory=list)

    def offer(self) -> None:
        """Sign and serve what the fields say."""
        product = {
            "arch": "amd64",
            "os": "ubuntu",
            "version": "22.04",
            "release_title": "22.04 LTS",
            "versions": {"20240101": {"label": "release", "items": {"disk1.img": self.item}}},
        }
        self.mirror.files[INDEX] = self.signer.signed({"index": {"ubuntu": self.entry}})
        self.mirror.files[PRODUCTS] = self.signer.signed({"products": {"p": product}})

    def look(self) -> int:
        return len(follow.take_newest(self.place, self.source, Console(quiet=True)))

    def allowing(self, hosts: tuple[str, ...] = (), plain: tuple[str, ...] = ()) -> None:
        self.source = replace(self.source, origins=Origins.of(str(self.source.origins.root), hosts, plain))

    @property
    def left(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "data").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def scene(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    tls, authority = certified(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    (tmp_path / "key").write_bytes(bytes(signer.public))
    place = Place(Settings(data_dir=tmp_path / "data"), Login("http://api", "t", "me", "s", "s"), "s", "westeurope")
    with mirror(tls) as near, mirror(tls) as far, mirror() as plain:
        source = follow.Source(
            Origins.of(near.url()), Publisher(tmp_path / "key", signer.fingerprint), frozenset({"22.04"}), "amd64"
        )
        made = Scene(tmp_path, near, far, plain, signer, place, source)
        made.item = {
            "ftype": "disk1.img",
            "path": DISK,
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "size": len(CONTENT),
        }
        for served in (near, far, plain):
            served.files[DISK] = CONTENT
        made.offer()

        def publish(_: Place, image: ImageReference, file: Path, __: Console, sha256: str) -> None:
            made.published.append((str(image), file.read_bytes(), sha256))

        monkeypatch.setattr(follow, "publish", publish)
        monkeypatch.setattr(follow, "_is_complete", lambda *_: False)
        yield made


def test_a_signed_index_and_what_it_names_are_taken(scene: Scene) -> None:
    assert scene.look() == 1
    assert scene.published == [("Canonical:UbuntuServer:22.04-LTS:22.04.20240101", CONTENT, scene.item["sha256"])]
    assert scene.mirror.asked == [f"/{path}" for path in (INDEX, PRODUCTS, DISK)]
    assert scene.left == []


def changed_disk(**given: Any) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        scene.item |= given
        scene.offer()

    return change


def disk_answer(answer: Callable[[Answers], None]) -> Callable[[Scene], None]:
    return lambda scene: scene.mirror.files.update({DISK: answer})


def index_answer(answer: Callable[[Answers], None]) -> Callable[[Scene], None]:
    return lambda scene: scene.mirror.files.update({INDEX: answer})


def redirect(to: Callable[[Scene], str], path: str) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        scene.mirror.files[path] = lambda asked: asked.answer(302, b"", ("Location", to(scene)))

    return change


def other_disk(scene: Scene) -> None:
    changed_disk(path=scene.other.url() + DISK)(scene)


def other_document(scene: Scene) -> None:
    scene.other.files["ubuntu.sjson"] = scene.mirror.files[PRODUCTS]
    scene.entry["path"] = scene.other.url() + "ubuntu.json"
    scene.offer()


def plain_disk(scene: Scene) -> None:
    changed_disk(path=scene.plain.url() + DISK)(scene)


def without_scheme(scene: Scene) -> None:
    changed_disk(path=f"//127.0.0.1:{scene.other.server_port}/{DISK}")(scene)


def document_path(path: str) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        scene.entry["path"] = path
        scene.offer()

    return change


def many_documents(scene: Scene) -> None:
    entries = {str(number): scene.entry for number in range(33)}
    scene.mirror.files[INDEX] = scene.signer.signed({"index": entries})


def signed_by_another(path: str) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        _, _, text = bytes(scene.mirror.files[path]).partition(b"\n\n")  # type: ignore[arg-type]
        scene.mirror.files[path] = Signer().signed(text.partition(b"\n-----BEGIN")[0])

    return change


def tampered(path: str) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        content = scene.mirror.files[path]
        assert isinstance(content, bytes)
        scene.mirror.files[path] = content.replace(b"ubuntu", b"debian")

    return change


def unsigned(path: str) -> Callable[[Scene], None]:
    return lambda scene: scene.mirror.files.update({path: json.dumps({"index": {}, "products": {}}).encode()})


def revoked(scene: Scene) -> None:
    (scene.folder / "key").write_bytes(bytes(scene.signer.revoked()))


def endless(asked: Answers) -> None:
    asked.without_length()
    while True:
        asked.send(bytes(1 << 16))


def endless_with_length(asked: Answers) -> None:
    asked.answer(200, b"", length=len(CONTENT))
    while True:
        asked.send(bytes(1 << 16))


def too_long(asked: Answers) -> None:
    asked.without_length()
    asked.send(CONTENT + b"!")


def says_too_long(asked: Answers) -> None:
    asked.answer(200, b"", length=len(CONTENT) + 1)


def too_short(asked: Answers) -> None:
    asked.answer(200, CONTENT[:-1])


def zipped(asked: Answers) -> None:
    asked.answer(200, b"zipped", ("Content-Encoding", "gzip"))


def a_part(asked: Answers) -> None:
    asked.answer(206, CONTENT)


def silent(asked: Answers) -> None:
    asked.rfile.read(1)


def dripping(asked: Answers) -> None:
    asked.without_length()
    for byte in CONTENT:
        asked.send(bytes([byte]))
        time.sleep(0.05)


def dripping_head(asked: Answers) -> None:
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
        asked.send(bytes([byte]))
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (other_disk, "which is another server: it is not fetched"),
        (other_document, "which is another server"),
        (without_scheme, "which is another server"),
        (plain_disk, "is without TLS"),
        (redirect(lambda scene: scene.other.url() + DISK, DISK), "which is another server"),
        (redirect(lambda scene: scene.mirror.url("127.0.0.1") + DISK, DISK), "which is another server"),
        (redirect(lambda scene: scene.plain.url() + DISK, DISK), "is without TLS"),
        (redirect(lambda scene: scene.other.url() + INDEX, INDEX), "which is another server"),
        (redirect(lambda _: "file:///etc/passwd", DISK), "is not at an http server"),
        (redirect(lambda scene: scene.mirror.url("me:secret@localhost") + DISK, DISK), "a user name or a password"),
        (redirect(lambda _: "https://[nonsense", DISK), "which is another server"),
        (redirect(lambda _: "https://localhost:port/", DISK), "broken off: Invalid URL in location header"),
        (document_path("../ubuntu.json"), "names a document outside of the mirror"),
        (document_path("a/%2e%2e/%2E%2E/ubuntu.json"), "names a document outside of the mirror"),
        (document_path("a\\..\\ubuntu.json"), "names a document outside of the mirror"),
        (document_path("missing.json"), "is answered with 404"),
        (many_documents, "it names 33 documents"),
        (changed_disk(path="../../etc/passwd"), "has no amd64 disk"),
        (changed_disk(path="server/%2e%2e/%2e%2e/x"), "has no amd64 disk"),
        (changed_disk(path="x\r\nHost: elsewhere"), "has no amd64 disk"),
        (changed_disk(path="y" * 2000), "has no amd64 disk"),
        (changed_disk(size=None), "only those with a path, a size and a sha256 count"),
        (changed_disk(size=0), "has no amd64 disk"),
        (changed_disk(size=-1), "has no amd64 disk"),
        (changed_disk(size=True), "has no amd64 disk"),
        (changed_disk(size=1e6), "has no amd64 disk"),
        (changed_disk(sha256=None), "has no amd64 disk"),
        (changed_disk(sha256="../" + "a" * 61), "has no amd64 disk"),
        (changed_disk(size=1 << 40), "64 GiB is the most"),
        (changed_disk(sha256="0" * 64), "its checksum is .*, not 000000000000"),
        (changed_disk(size=10), "is longer than 10 bytes"),
        (lambda scene: (changed_disk(size=10)(scene), disk_answer(endless)(scene)), "is longer than the 10 bytes"),
        (disk_answer(endless), "is longer than the 300000 bytes"),
        (disk_answer(endless_with_length), "its checksum is"),
        (disk_answer(too_long), "is longer than the 300000 bytes"),
        (disk_answer(says_too_long), "is longer than 300000 bytes"),
        (disk_answer(too_short), "has 299999 bytes, and the index says 300000"),
        (disk_answer(zipped), "is sent compressed"),
        (disk_answer(a_part), "answered with a part of it"),
        (index_answer(endless), "no index is"),
        (index_answer(zipped), "is sent compressed"),
        (lambda scene: scene.mirror.files.pop(INDEX), "is answered with 404"),
        (unsigned(INDEX), "is not clear-signed"),
        (unsigned(PRODUCTS), "is not clear-signed"),
        (tampered(INDEX), "changed after it was signed"),
        (tampered(PRODUCTS), "changed after it was signed"),
        (signed_by_another(INDEX), "signed with another key"),
        (signed_by_another(PRODUCTS), "signed with another key"),
        (revoked, "has been revoked"),
        (lambda scene: scene.mirror.files.update({INDEX: scene.signer.signed(b"[\n" * 100_000)}), "it is no JSON"),
        (lambda scene: scene.mirror.files.update({INDEX: scene.signer.signed(b"\xff{}")}), "it is no JSON"),
        (lambda scene: scene.mirror.files.update({INDEX: scene.signer.signed([])}), "no simplestreams index"),
    ],
)
def test_what_is_refused_leaves_nothing_behind(scene: Scene, spoil: Callable[[Scene], object], why: str) -> None:
    spoil(scene)
    with pytest.raises(Trouble, match=why):
        scene.look()
    assert scene.published == []
    assert scene.left == []
    assert scene.other.asked == scene.plain.asked == []


@pytest.mark.parametrize("spoil", [disk_answer(silent), index_answer(silent)])
def test_a_server_that_says_nothing_is_given_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Scene], None]
) -> None:
    monkeypatch.setattr(downloads, "SILENCE_SECONDS", 2.0)
    spoil(scene)
    with pytest.raises(Trouble, match="nothing came for 2 s"):
        scene.look()
    assert scene.published == []
    assert scene.left == []


@pytest.mark.parametrize(
    ("limit", "spoil"),
    [
        ("START_SECONDS", disk_answer(dripping)),
        ("START_SECONDS", disk_answer(dripping_head)),
        ("INDEX_SECONDS", index_answer(dripping)),
        ("INDEX_SECONDS", index_answer(dripping_head)),
    ],
)
def test_a_server_that_drips_is_given_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, limit: str, spoil: Callable[[Scene], None]
) -> None:
    monkeypatch.setattr(downloads, limit, 1.0)
    monkeypatch.setattr(downloads, "SLOWEST", 1 << 40)
    spoil(scene)
    with pytest.raises(Refused, match="did not come within 1 s: it is too slow"):
        scene.look()
    assert scene.published == []
    assert scene.left == []


def test_an_endless_body_is_ended_at_once(scene: Scene) -> None:
    disk_answer(endless)(scene)
    with pytest.raises(Refused):
        scene.look()
    time.sleep(0.2)
    assert scene.mirror.sent < len(CONTENT) + (16 << 20)  # the rest is in the buffers of two sockets


def test_redirects_have_an_end(scene: Scene) -> None:
    redirect(lambda scene: scene.mirror.url() + DISK, DISK)(scene)
    with pytest.raises(Refused, match="more than 5 redirects"):
        scene.look()
    assert scene.mirror.asked.count(f"/{DISK}") == 6


def test_a_connection_that_breaks_before_the_first_byte_leaves_no_empty_file(scene: Scene) -> None:
    disk_answer(lambda asked: asked.answer(200, b"", length=len(CONTENT)))(scene)
    with pytest.raises(Trouble, match="was broken off"):
        scene.look()
    assert scene.left == []


def test_a_host_that_is_named_may_be_led_to(scene: Scene) -> None:
    changed_disk(path=scene.other.url("127.0.0.1") + DISK)(scene)
    scene.allowing(hosts=("127.0.0.1",))
    assert scene.look() == 1
    assert scene.other.asked == [f"/{DISK}"]
    assert [content for _, content, _ in scene.published] == [CONTENT]


def test_a_redirect_to_a_host_that_is_named_is_followed(scene: Scene) -> None:
    redirect(lambda scene: scene.other.url("127.0.0.1") + DISK, DISK)(scene)
    scene.allowing(hosts=("127.0.0.1",))
    assert scene.look() == 1


def test_a_host_that_is_named_is_not_asked_without_tls_for_it(scene: Scene) -> None:
    plain_disk(scene)
    scene.allowing(hosts=("localhost",))
    with pytest.raises(Refused, match="--allow-http localhost takes it all the same"):
        scene.look()
    assert scene.plain.asked == []
    scene.allowing(plain=("localhost",))
    assert scene.look() == 1
    assert scene.plain.asked == [f"/{DISK}"]


def test_a_server_that_nobody_vouches_for_is_not_asked(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Trouble, match=r"cannot read https://localhost.*certificate"):
        scene.look()
    assert scene.mirror.asked == []


def test_without_a_signature_only_when_that_is_said_and_then_loudly(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (INDEX, PRODUCTS):
        signed = scene.mirror.files[path]
        assert isinstance(signed, bytes)
        text = signed.partition(b"\n\n")[2].partition(b"\n-----BEGIN")[0]
        scene.mirror.files[path.replace(".sjson", ".json")] = text
        del scene.mirror.files[path]
    with pytest.raises(Trouble, match="404"):
        scene.look()
    scene.source = replace(scene.source, publisher=None)
    follow.follow(scene.place, scene.source, None, Console(width=300))
    assert f"WARNING: the signature of {scene.mirror.url()} is not checked" in capsys.readouterr().out
    assert [content for _, content, _ in scene.published] == [CONTENT]


def test_a_download_that_was_broken_off_goes_on_where_it_was(scene: Scene) -> None:
    def breaks(asked: Answers) -> None:
        asked.answer(200, CONTENT[:1000], length=len(CONTENT))

    disk_answer(breaks)(scene)
    with pytest.raises(Trouble, match="was broken off"):
        scene.look()
    assert scene.left == [f"{scene.item['sha256']}.part"]
    scene.mirror.files[DISK] = CONTENT
    assert scene.look() == 1
    assert scene.mirror.ranges == ["bytes=1000-"]
    assert [content for _, content, _ in scene.published] == [CONTENT]
    assert scene.left == []


@pytest.mark.parametrize(("left", "asked"), [(CONTENT, 0), (CONTENT[:-1] + b"!", 0), (CONTENT + b"!", 0), (b"", 1)])
def test_what_an_earlier_look_left_is_checked_as_well(scene: Scene, left: bytes, asked: int) -> None:
    folder = scene.folder / "data" / "downloads"
    folder.mkdir(parents=True)
    (folder / f"{scene.item['sha256']}.part").write_bytes(left)
    if left in {CONTENT, b""}:
        assert scene.look() == 1
    else:
        with pytest.raises(Refused):
            scene.look()
        assert scene.published == []
    assert scene.mirror.asked.count(f"/{DISK}") == asked
    assert scene.left == []


def test_a_mirror_whose_disk_became_shorter_is_asked_anew(scene: Scene) -> None:
    folder = scene.folder / "data" / "downloads"
    folder.mkdir(parents=True)
    (folder / f"{scene.item['sha256']}.part").write_bytes(CONTENT[:1000])
    disk_answer(lambda asked: asked.answer(416, b""))(scene)
    with pytest.raises(Refused, match="shorter than what was fetched of it before"):
        scene.look()
    assert scene.left == []


def test_a_disk_that_is_no_image_is_not_kept_and_one_that_could_not_be_sent_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: Any) -> None:
        raise Refused("it has a backing file")

    def breaks(*_: Any) -> None:
        raise Trouble("the upload was broken off")

    with monkeypatch.context() as refusing:
        refusing.setattr(follow, "publish", refuses)
        with pytest.raises(Refused):
            scene.look()
    assert scene.left == []
    with monkeypatch.context() as breaking:
        breaking.setattr(follow, "publish", breaks)
        with pytest.raises(Trouble):
            scene.look()
    assert scene.left == [f"{scene.item['sha256']}.img"]
    assert scene.look() == 1
    assert scene.mirror.asked.count(f"/{DISK}") == 2


def test_what_has_no_room_is_not_begun(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, len(CONTENT) - 1))
    with pytest.raises(Trouble, match="has no room"):
        scene.look()
    assert f"/{DISK}" not in scene.mirror.asked
