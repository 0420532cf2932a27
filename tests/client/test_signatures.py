"""Whose signature is believed: real keys, made here, and the one that signs Ubuntu's images."""

import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pysequoia import Cert

from instar.client import signatures
from instar.client.origins import Refused
from instar.client.signatures import UBUNTU, Publisher, signed_text
from instar.errors import Nonsense, Trouble
from tests.support.mirrors import Signer

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(shutil.which("gpgv") is None, reason="gpgv is not installed: apt-get install gpgv")

TEXT = b'{\n "a": "- dashes and trailing blanks  ",\n "b": 1\n}'
SHOWN = TEXT + b"\n\n"
"""With the line that ends it, and the one in front of the signature."""


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


def publisher(folder: Path, signer: Signer, key: Cert | bytes | None = None) -> Publisher:
    file = folder / "key"
    file.write_bytes(bytes(key or signer.public))
    return Publisher(file, signer.fingerprint)


def test_what_a_publisher_signed_is_what_is_believed(tmp_path: Path, signer: Signer) -> None:
    assert signed_text(signer.signed(TEXT), publisher(tmp_path, signer)) == SHOWN


def test_keys_may_be_armored_and_beside_others(tmp_path: Path, signer: Signer) -> None:
    armored = str(signer.public)
    headed = armored.replace("BLOCK-----\n", "BLOCK-----\nComment: of a test\nVersion: 1\n", 1).replace("\n", "\r\n")
    for content in (armored, headed, str(Signer().public) + "\n" + armored):
        key = publisher(tmp_path, signer, content.encode())
        assert signed_text(signer.signed(TEXT), key) == SHOWN


def test_another_publishers_signature_does_not_count_though_its_key_is_in_the_file(
    tmp_path: Path, signer: Signer
) -> None:
    other = Signer()
    both = publisher(tmp_path, signer, bytes(signer.public) + bytes(other.public))
    with pytest.raises(Refused, match=f"signed with another key \\({other.fingerprint}\\)"):
        signed_text(other.signed(TEXT), both)
    with pytest.raises(Refused, match="signed with another key"):
        signed_text(other.signed(TEXT), publisher(tmp_path, signer))


def test_what_is_not_wholly_signed_is_refused(tmp_path: Path, signer: Signer) -> None:
    good, key = signer.signed(TEXT), publisher(tmp_path, signer)
    with pytest.raises(Refused, match="changed after it was signed"):
        signed_text(good.replace(b'"b": 1', b'"b": 2'), key)
    for unsigned in (
        TEXT,
        b"",
        b"\xff\x00" * 100,
        good + b"{}",
        b"{}\n" + good,
        good + good,
        good[: good.index(b"-----BEGIN PGP SIGNATURE")],
        good.replace(b"-----END PGP SIGNATURE-----", b""),
        good.replace(b"SIGNED MESSAGE", b"MESSAGE"),
    ):
        with pytest.raises(Refused, match="is not clear-signed"):
            signed_text(unsigned, key)


def test_a_frame_without_a_signature_in_it_is_refused(tmp_path: Path, signer: Signer) -> None:
    good, key = signer.signed(TEXT), publisher(tmp_path, signer)
    start, end = good.index(b"-----BEGIN PGP SIGNATURE"), good.index(b"-----END PGP SIGNATURE")
    for within in (b"-----BEGIN PGP SIGNATURE-----\n\n", b"-----BEGIN PGP SIGNATURE-----\n\naGVsbG8=\n"):
        with pytest.raises(Refused, match="no signature that can be checked"):
            signed_text(good[:start] + within + good[end:], key)


def test_a_key_that_was_revoked_is_refused(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(Refused, match="has been revoked"):
        signed_text(signer.signed(TEXT), publisher(tmp_path, signer, signer.revoked()))


def test_a_key_that_has_expired_is_refused(tmp_path: Path) -> None:
    brief = Signer()
    document = brief.signed(TEXT)
    ends = datetime.now(UTC) + timedelta(seconds=1)  # gpgv has the machine's clock
    key = publisher(tmp_path, brief, brief.public.set_expiration(ends, brief.key.certifier()))
    time.sleep(2.1)
    with pytest.raises(Refused, match="the key that signed it has expired"):
        signed_text(document, key)


VALID = "[GNUPG:] VALIDSIG {0} 2026-11-30 1795999174 0 4 0 1 {1} 01 {0}"
GOOD = "[GNUPG:] GOODSIG 1A5D6C4C7DB87C81 A Publisher\n" + VALID
MINE = UBUNTU.fingerprint


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("", "no signature that can be checked"),
        ("gpgv: Good signature", "no signature that can be checked"),
        (VALID.format(MINE, 10), "no signature that can be checked"),
        ("[GNUPG:] GOODSIG 1A5D6C4C7DB87C81 A Publisher", "no signature that can be checked"),
        ("[GNUPG:] GOODSIG 1 A\n[GNUPG:] VALIDSIG 1 2", "no signature that can be checked"),
        (GOOD.format(MINE, 10) + "\n" + GOOD.format(MINE, 10), "or more than a single one"),
        (GOOD.format(MINE, 10) + "\n" + VALID.format("0" * 40, 10), "or more than a single one"),
        (GOOD.format(MINE, 10) + "\n[GNUPG:] ERRSIG 1", "signed with another key"),
        (GOOD.format(MINE, 10) + "\n[GNUPG:] EXPSIG 1 A", "its signature has expired"),
        (GOOD.format(MINE, 1), "a hash function that is not safe"),
        (GOOD.format(MINE, 2), "a hash function that is not safe"),
        (GOOD.format("0" * 40, 10), "signed with another key"),
        (GOOD.format(MINE[:-1], 10), "signed with another key"),
    ],
)
def test_only_a_single_good_signature_of_that_key_counts(status: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        signatures._refuse_unless_good(status, MINE)
    signatures._refuse_unless_good(GOOD.format(MINE, 10), MINE)


def test_what_is_longer_than_the_document_is_not_read(tmp_path: Path, signer: Signer) -> None:
    key = publisher(tmp_path, signer)
    (tmp_path / "key.gpg").write_bytes(key.key.read_bytes())
    (tmp_path / "document").write_bytes(signer.signed(TEXT))
    assert signatures._checked(shutil.which("gpgv") or "", tmp_path, len(SHOWN))[0] == SHOWN
    assert signatures._checked(shutil.which("gpgv") or "", tmp_path, len(SHOWN) - 1)[0] == b""


def test_a_key_that_cannot_be_one_is_named(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    document = signer.signed(TEXT)
    damaged = str(signer.public).replace("\n\n", "\n\n!!!", 1)
    for content, why in (
        (b"x" * ((1 << 20) + 1), "it is no key"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n", "has no public key"),
        (damaged.encode(), "is damaged"),
    ):
        with pytest.raises(Trouble, match=why):
            signed_text(document, publisher(tmp_path, signer, content))
    for nonsense in (b"\0", b"no key at all\n"):
        with pytest.raises(Refused):
            signed_text(document, publisher(tmp_path, signer, nonsense))
    with pytest.raises(Trouble, match="cannot be read: No such file"):
        signed_text(document, Publisher(tmp_path / "missing", signer.fingerprint))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Trouble, match="apt-get install gpgv"):
        signed_text(document, publisher(tmp_path, signer))


def test_a_fingerprint_may_be_written_as_gnupg_shows_it(tmp_path: Path) -> None:
    shown = "D2EB 4462 6FDD C30B 513D  5BB7 1A5D 6C4C 7DB8 7C81"
    assert Publisher.of(tmp_path, shown).fingerprint == UBUNTU.fingerprint
    assert Publisher.of(tmp_path, "0x" + UBUNTU.fingerprint.lower()).fingerprint == UBUNTU.fingerprint
    for nonsense in ("", "7DB87C81", "x" * 40, UBUNTU.fingerprint + "0"):
        with pytest.raises(Nonsense, match="--key needs the --fingerprint"):
            Publisher.of(tmp_path, nonsense)


def test_the_key_that_is_shipped_is_the_one_that_signs_ubuntus_images(tmp_path: Path) -> None:
    [key] = Cert.split_bytes(UBUNTU.key.read_bytes())
    assert key.fingerprint.upper() == UBUNTU.fingerprint
    (tmp_path / "key.gpg").write_bytes(signatures._public_keys(UBUNTU.key))
    published, signature = HERE / "ubuntu" / "SHA256SUMS", HERE / "ubuntu" / "SHA256SUMS.gpg"
    checked = subprocess.run(  # noqa: S603  # no shell
        ["gpgv", "--status-fd", "1", "--keyring", tmp_path / "key.gpg", signature, published],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    signatures._refuse_unless_good(checked.stdout, UBUNTU.fingerprint)
