"""Whose signature a followed index must have. gpgv checks it, GnuPG's verifier, as apt does with its own indexes."""

import base64
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Self

from instar.client.origins import Refused
from instar.errors import Nonsense, Trouble

KEY_BYTES_AT_MOST = 1 << 20
CHECK_SECONDS = 60.0
"""For one document; gpgv needs well below one."""

FRAME = [
    b"-----BEGIN PGP SIGNED MESSAGE-----",
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----END PGP SIGNATURE-----",
]
_FRAME_LINES = re.compile(rb"^-----(?:BEGIN|END) PGP [A-Z ]+-----", re.MULTILINE)
_KEY_BLOCK = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----\n(?:[^\n]+: [^\n]*\n)*\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL
)
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")

STATUS = "[GNUPG:] "
NOT_GOOD = {
    "BADSIG": "it was changed after it was signed",
    "ERRSIG": "it is signed with another key",
    "EXPSIG": "its signature has expired",
    "EXPKEYSIG": "the key that signed it has expired",
    "REVKEYSIG": "the key that signed it has been revoked",
}
_HASH, _PRIMARY = 8, 10
"""Which words of VALIDSIG name the hash function and the primary key."""

STRONG_HASHES = {"8", "9", "10", "12", "14"}
"""OpenPGP's numbers of SHA-256, SHA-384, SHA-512, SHA3-256 and SHA3-512."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Whose signature counts."""

    key: Path
    """A file of public keys, armored or not."""

    fingerprint: str
    """Of the primary key, in upper-case hexadecimal digits."""

    @classmethod
    def of(cls, key: Path, fingerprint: str) -> Self:
        """A publisher with that key. Raises Nonsense if there is no fingerprint."""
        digits = re.sub(r"[\s:]", "", fingerprint).upper().removeprefix("0X")
        if not _FINGERPRINT.fullmatch(digits):
            raise Nonsense(
                f"--key needs the --fingerprint of the publisher's key, its 40 (or 64) hexadecimal digits: "
                f"gpg --show-keys {key} shows those of the file, the publisher says which are right"
            )
        return cls(key, digits)


UBUNTU = Publisher(
    Path(__file__).parent / "ubuntu-cloud-images.asc",
    "D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81",
)
"""`UEC Image Automatic Signing Key <cdimage@ubuntu.com>`, of 2009, without an end."""


def signed_text(document: bytes, publisher: Publisher) -> bytes:
    """What the publisher signed of a clear-signed document: only this may be believed.

    Raises Refused if it is not signed by that publisher; Trouble where gpgv or the key is missing.
    """
    if _FRAME_LINES.findall(document) != FRAME or not (
        document.startswith(FRAME[0]) and document.rstrip().endswith(FRAME[-1])
    ):
        raise Refused("it is not clear-signed")
    gpgv = shutil.which("gpgv")
    if gpgv is None:
        raise Trouble("gpgv is not installed, so no signature can be checked: apt-get install gpgv")
    with tempfile.TemporaryDirectory(prefix="instar-gpgv-") as home:
        folder = Path(home)
        (folder / "key.gpg").write_bytes(_public_keys(publisher.key))
        (folder / "document").write_bytes(document)
        text, status = _checked(gpgv, folder, len(document))
    _refuse_unless_good(status, publisher.fingerprint)
    return text


def _checked(gpgv: str, folder: Path, at_most: int) -> tuple[bytes, str]:
    with tempfile.TemporaryFile() as status:
        command = (gpgv, "--homedir", folder, "--keyring", folder / "key.gpg", "--output", "-")
        with subprocess.Popen(  # noqa: S603  # no shell
            (*command, "--status-fd", str(status.fileno()), folder / "document"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(status.fileno(),),
        ) as checking:
            watchdog = Timer(CHECK_SECONDS, checking.kill)
            watchdog.start()
            try:
                text = checking.stdout.read(at_most + 1) if checking.stdout else b""
                if len(text) > at_most:
                    checking.kill()
                    text = b""
                checking.wait()
            finally:
                watchdog.cancel()
        status.seek(0)
        return text, status.read().decode(errors="replace")


def _refuse_unless_good(status: str, fingerprint: str) -> None:
    """Judge gpgv's status lines: one good signature, by that publisher, and no other."""
    lines = [line.removeprefix(STATUS).split() for line in status.splitlines() if line.startswith(STATUS)]
    said = [line for line in lines if line]
    for words in said:
        if words[0] in NOT_GOOD:
            raise Refused(NOT_GOOD[words[0]])
    good = [words for words in said if words[0] == "GOODSIG"]
    valid = [words for words in said if words[0] == "VALIDSIG"]
    if len(good) != 1 or len(valid) != 1 or len(valid[0]) <= _PRIMARY:
        raise Refused("it has no signature that can be checked, or more than a single one")
    if valid[0][_HASH] not in STRONG_HASHES:
        raise Refused("its signature is made with a hash function that is not safe any more")
    if valid[0][_PRIMARY] != fingerprint:
        raise Refused(f"it is signed with another key ({valid[0][_PRIMARY]})")


def _public_keys(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(KEY_BYTES_AT_MOST + 1)
    except OSError as error:
        raise Trouble(f"the key {file} cannot be read: {error.strerror or error}") from None
    if len(content) > KEY_BYTES_AT_MOST:
        raise Trouble(f"the key {file} has more than {KEY_BYTES_AT_MOST} bytes: it is no key")
    if b"-----BEGIN PGP" not in content:
        return content
    blocks = _KEY_BLOCK.findall(content.decode(errors="replace").replace("\r", ""))
    if not blocks:
        raise Trouble(f"{file} has no public key: gpg --export --armor writes one")
    try:
        return b"".join(base64.b64decode(_without_checksum(block), validate=True) for block in blocks)
    except ValueError as error:
        raise Trouble(f"the key {file} is damaged: {error}") from None


def _without_checksum(block: str) -> str:
    return "".join(line for line in block.split("\n") if not line.startswith("="))
