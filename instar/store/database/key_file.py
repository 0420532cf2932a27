"""The keys that seal: a file, one key a line. The first seals; each opens. Whoever has it open sees its changes."""

import fcntl
import logging
import os
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Self

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from instar.private_files import TooOpen, check_key, draft_beside
from instar.store.errors import SealingError

_log = logging.getLogger(__name__)

_MADE = "# made "
"""Begins the comment above a key that says when it was made."""

_FINGERPRINT = b"instar: fingerprint of a sealing key"


class Key:
    """One key in Fernet's form: 32 bytes in URL-safe base64."""

    def __init__(self, text: str, made_at: datetime | None = None) -> None:
        """Raises ValueError for what is no key."""
        self.fernet = Fernet(text)
        self.made_at = made_at
        """None: not known."""
        self._text = text

    def derived(self, purpose: bytes, size: int = 32) -> bytes:
        """A secret of so many bytes for one purpose (HKDF-SHA256): it tells nothing of the key or of others."""
        return HKDF(SHA256(), size, salt=None, info=purpose).derive(urlsafe_b64decode(self._text))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name the key and give nothing of it away."""
        return self.derived(_FINGERPRINT, 8).hex()


class KeyRing:
    """At least one key; the first seals."""

    def __init__(self, keys: Sequence[Key]) -> None:
        """Raises SealingError where there are none."""
        if not keys:
            raise SealingError("there is no key to seal with")
        self.keys = tuple(keys)
        self.fernet = MultiFernet([key.fernet for key in keys])

    @classmethod
    def of(cls, keys: Sequence[str]) -> Self:
        """Raises SealingError."""
        return cls([_key(key, number) for number, key in enumerate(keys, start=1)])

    @classmethod
    def read(cls, lines: Sequence[str]) -> Self:
        """Of the lines of a file: empty ones and those that begin with `#` are no keys. Raises SealingError."""
        keys: list[Key] = []
        made_at = None
        for line in map(str.strip, lines):
            if line.startswith("#"):
                made_at = _moment(line)
            elif line:
                keys.append(_key(line, len(keys) + 1, made_at))
                made_at = None
        return cls(keys)

    def without(self, fingerprints: frozenset[str]) -> "KeyRing":
        """The other keys. Raises SealingError if none is left."""
        return KeyRing([key for key in self.keys if key.fingerprint not in fingerprints])


class KeyFile:
    """The ring as the file holds it now. Changes of the file are seen at the next question; any thread may ask."""

    def __init__(self, path: str | Path) -> None:
        """A file that is not there is made, with one new key, readable by its owner alone.

        It appears whole or not at all, and of two processes that make it at once both end up with the same key. Raises
        SealingError for a file that holds no keys or cannot be read.
        """
        self.path = Path(path)
        self._reading = Lock()
        try:
            if not self.path.exists():
                _make(self.path)
            self._seen: tuple[int, int, int] | None = _stamp(self.path)
        except OSError as error:
            raise self._unusable(error.strerror) from error
        self._ring = self._read()

    def ring(self) -> KeyRing:
        """The keys now. While the file is gone or holds nonsense, those of before; that is logged."""
        try:
            stamp = _stamp(self.path)
        except OSError:
            stamp = None
        if stamp != self._seen:
            with self._reading:
                self._look_again(stamp)
        return self._ring

    def add_first(self, now: datetime) -> Key:
        """Make a key that seals from now on, above those that are there. Raises SealingError."""
        text = Fernet.generate_key().decode("ascii")
        with self._alone():
            self._read()  # nothing is put above nonsense
            self._write([_made_at(now), text, *self._lines()])
        return self.ring().keys[0]

    def drop(self, fingerprints: frozenset[str]) -> None:
        """Take keys out. Raises SealingError, and changes nothing, where one is the one that seals."""
        with self._alone():
            if self._read().keys[0].fingerprint in fingerprints:
                raise SealingError("the key that seals is not taken out: `instar keys rotate` makes another")
            kept: list[str] = []
            for line in self._lines():
                text = line.strip()
                if text and not text.startswith("#") and Key(text).fingerprint in fingerprints:
                    if kept and kept[-1].startswith(_MADE):
                        kept.pop()
                    continue
                kept.append(line)
            self._write(kept)

    def _look_again(self, stamp: tuple[int, int, int] | None) -> None:
        if stamp == self._seen:  # another thread was faster
            return
        try:
            self._ring = self._read()
        except SealingError as error:
            _log.warning("%s; the keys of before stay in use", error)
        else:
            _log.info("%s was changed: %s seals now", self.path, self._ring.keys[0].fingerprint)
        self._seen = stamp  # last: whoever sees it must find the ring

    def _read(self) -> KeyRing:
        try:
            return KeyRing.read(self._lines())
        except SealingError as error:
            raise self._unusable(str(error)) from None

    def _lines(self) -> list[str]:
        try:
            check_key(self.path)
            return self.path.read_text(encoding="ascii").splitlines()
        except TooOpen as error:
            raise SealingError(str(error)) from None
        except UnicodeDecodeError:
            raise SealingError(f"the key file {self.path} holds no keys: it is no text") from None
        except OSError as error:
            raise self._unusable(error.strerror) from error

    def _unusable(self, why: str | None) -> SealingError:
        return SealingError(f"the key file {self.path} cannot be used: {why}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Of those that change the file. The lock is the folder's: the file itself is replaced."""
        try:
            folder = os.open(self.path.resolve().parent, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise self._unusable(error.strerror) from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _write(self, lines: Sequence[str]) -> None:
        # Beside the file that a link may point to; it stays its owner's where root rotates for a service.
        path = self.path.resolve()
        try:
            owner = path.stat()
            draft = draft_beside(path, "".join(f"{line}\n" for line in lines).encode("ascii"))
            try:
                if (owner.st_uid, owner.st_gid) != (draft.stat().st_uid, draft.stat().st_gid):
                    os.chown(draft, owner.st_uid, owner.st_gid)
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise SealingError(f"the key file {self.path} cannot be changed: {error.strerror}") from error


def _key(text: str, number: int, made_at: datetime | None = None) -> Key:
    try:
        return Key(text, made_at)
    except ValueError:
        # Neither the key nor the library's error goes into the text: a nearly right key is a secret too.
        raise SealingError(f"key {number} is none: it must be 32 bytes in URL-safe base64") from None


def _made_at(now: datetime) -> str:
    return f"{_MADE}{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _moment(comment: str) -> datetime | None:
    try:
        return datetime.fromisoformat(comment.removeprefix(_MADE)) if comment.startswith(_MADE) else None
    except ValueError:
        return None


def _stamp(path: Path) -> tuple[int, int, int]:
    found = os.stat(path)  # noqa: PTH116  # asked for each payload, and half the price of Path's own
    return found.st_ino, found.st_mtime_ns, found.st_size


def _make(path: Path) -> None:
    now = datetime.now(UTC)  # noqa: TID251  # an edge, below the compute with its clock
    draft = draft_beside(path, f"{_made_at(now)}\n{Fernet.generate_key().decode('ascii')}\n".encode("ascii"))
    # The link is what makes the file appear, whole, and fails when another process was faster: then that one's key
    # counts.
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)
