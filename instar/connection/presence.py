"""Who uses a data directory: each worker and API shares a lock on it, a restore has it alone.

The lock is the kernel's: it goes with the process, however that ends. A restore that was killed leaves its mark: then
records of two moments may lie side by side, and nobody works on them until the restore was repeated.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_log = logging.getLogger(__name__)

LOCK = "in-use.lock"

MARK = "restore.unfinished"
"""A file that is there while a restore puts files in their places; it names the folder of what was there before."""


class BeingRestored(Exception):
    """The directory is being restored just now, or a restore of it was broken off. The text says which."""


class InUse(Exception):
    """A worker or an API uses the directory."""


class Presence:
    """A share in a data directory, until it is closed."""

    def __init__(self, lock: int | None) -> None:
        self._lock = lock

    def close(self) -> None:
        """Give it up. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None


def enter(data_dir: Path) -> Presence:
    """A share in a directory that is there. Raises BeingRestored."""
    try:
        lock = _opened(data_dir)
    except OSError as error:
        # A directory that is full or read-only may serve where database and keys have places of their own.
        _log.warning("no restore will notice that %s is in use: %s", data_dir, error.strerror)
        check_whole(data_dir)
        return Presence(None)
    return _shared(lock, data_dir)


def _shared(lock: int, data_dir: Path) -> Presence:
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        check_whole(data_dir)
    except BlockingIOError:
        os.close(lock)
        raise BeingRestored(f"a restore of {data_dir} is under way") from None
    except BaseException:
        os.close(lock)
        raise
    return Presence(lock)


def look_on(data_dir: Path) -> Presence:
    """A share for whoever only looks, and makes nothing: none where nobody was ever there. Raises BeingRestored."""
    try:
        lock = os.open(data_dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        with suppress(OSError):
            check_whole(data_dir)
        return Presence(None)
    return _shared(lock, data_dir)


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Nobody enters until the end. Raises InUse, and OSError where the directory cannot be written."""
    lock = _opened(data_dir)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(f"a worker or an API uses {data_dir}") from None
        yield
    finally:
        os.close(lock)


def check_whole(data_dir: Path) -> None:
    """Raises BeingRestored where a restore was broken off."""
    if (data_dir / MARK).exists():
        raise BeingRestored(f"a restore of {data_dir} was broken off: run `instar restore BACKUP` again")


def _opened(data_dir: Path) -> int:
    return os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
