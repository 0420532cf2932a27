"""Sealing of secrets (docs/rules.md F5): what leaves this process for a disk is a token that only a key opens.

The keys are a `KeyFile`'s. `instar keys` rotates them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, Self

from cryptography.fernet import InvalidToken

from instar.store.database.key_file import KeyFile, KeyRing
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

    def __init__(self, keys: Sequence[str] | Callable[[], KeyRing]) -> None:
        """Keys in Fernet's form (32 bytes, URL-safe base64), at least one, or what gives them. Raises SealingError."""
        if callable(keys):
            self._ring = keys
        else:
            fixed = KeyRing.of(keys)
            self._ring = lambda: fixed

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """The keys of a file, as they are at each moment. One that is not there is made. Raises SealingError."""
        return cls(KeyFile(path).ring)

    def seal(self, text: str) -> str:
        """A token for the text; not the same one twice."""
        return self._ring().fernet.encrypt(text.encode()).decode("ascii")

    def open(self, token: str) -> str:
        """The text of a token. Raises SealingError when no key opens it."""
        try:
            return self._ring().fernet.decrypt(token).decode()
        except (InvalidToken, ValueError):
            raise _no_key() from None

    def rotate(self, token: str) -> str:
        """A token for the same text, sealed with the first key. Raises SealingError when no key opens it."""
        try:
            return self._ring().fernet.rotate(token).decode("ascii")
        except (InvalidToken, ValueError):
            raise _no_key() from None


def _no_key() -> SealingError:
    return SealingError(
        "no key of the key file opens this secret: was the key it was sealed with taken out? Put it back from a backup"
    )
