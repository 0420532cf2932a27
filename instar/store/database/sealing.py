"""Sealing of secrets (docs/rules.md F5): what leaves this process for a disk is a token that only a key opens.

The keys stand in a file, one a line. The first seals; every one opens. To rotate: put a new key on top, restart every
process, run `Store.reseal`, and take the old key out.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from instar.private_files import TooOpen, check_key
from instar.store.errors import SealingError


class SealerProtocol(Protocol):
    """Anything that seals. A test's control run passes one that does not."""

    def seal(self, text: str) -> str:
        """A token for the text; not the same one twice."""

    def open(self, token: str) -> str:
        """The text of a token. Raises SealingError when no key opens it."""

    def rotate(self, token: str) -> str:
        """A token for the same text, sealed with the first key. Raises SealingError when no key opens it."""


class Sealer:
    """Seals with Fernet (AES-128-CBC and HMAC-SHA256, of the cryptography library)."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Keys in Fernet's form (32 bytes, URL-safe base64), at least one. Raises SealingError."""
        if not keys:
            raise SealingError("there is no key to seal with")
        fernets = []
        for number, key in enumerate(keys, start=1):
            try:
                fernets.append(Fernet(key))
            except ValueError:
                # Neither the key nor the library's error goes into the text: a nearly right key is a secret too.
                raise SealingError(f"key {number} is none: it must be 32 bytes in URL-safe base64") from None
        self._fernet = MultiFernet(fernets)

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """The keys of a file, one a line, empty lines and those that begin with `#` left out.

        A file that is not there is made, with one new key, readable by its owner alone. It appears whole or not at all,
        and of two processes that make it at once both end up with the same key. Raises SealingError, also for one that
        others may use.
        """
        path = Path(path)
        try:
            if not path.exists():
                _make(path)
            check_key(path)
            lines = path.read_text(encoding="ascii").splitlines()
        except TooOpen as error:
            raise SealingError(f"the key file cannot be used: {error}") from None
        except UnicodeDecodeError:
            raise SealingError(f"the key file {path} holds no keys: it is no text") from None
        except OSError as error:
            raise SealingError(f"the key file {path} cannot be used: {error.strerror}") from error
        keys = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
        try:
            return cls(keys)
        except SealingError as error:
            raise SealingError(f"the key file {path} cannot be used: {error}") from None

    def seal(self, text: str) -> str:
        """A token for the text; not the same one twice."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, token: str) -> str:
        """The text of a token. Raises SealingError when no key opens it."""
        try:
            return self._fernet.decrypt(token).decode()
        except (InvalidToken, ValueError):
            raise _no_key() from None

    def rotate(self, token: str) -> str:
        """A token for the same text, sealed with the first key. Raises SealingError when no key opens it."""
        try:
            return self._fernet.rotate(token).decode("ascii")
        except (InvalidToken, ValueError):
            raise _no_key() from None


def _no_key() -> SealingError:
    return SealingError("no key of the key file opens this secret: was the key it was sealed with taken out?")


def _make(path: Path) -> None:
    # mkstemp opens with O_EXCL and mode 0600. The link is what makes the file appear, whole, and fails when another
    # process was faster: then that one's key counts.
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(Fernet.generate_key().decode("ascii") + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        Path(draft).unlink(missing_ok=True)
