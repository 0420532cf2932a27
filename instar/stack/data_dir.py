"""A data directory belongs to one `instar up` at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from instar.errors import Trouble

LOCK_NAME = "instar.lock"


@contextmanager
def claimed(directory: Path) -> Iterator[Path]:
    """The directory, absolute, made if absent, private to the user, and ours until the end.

    The lock is the kernel's: it goes with the process, however that ends, and no stale file is left to remove.
    Raises Trouble if the directory cannot be written, or if another process has it.
    """
    directory = directory.expanduser().absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Trouble(
            f"cannot write in the data directory {directory}: {error.strerror}; choose another with --data-dir DIR",
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode(errors="replace").strip()
            raise Trouble(
                f"the data directory {directory} is used by another instar (process {holder or 'unknown'}); "
                "stop that one, or choose another directory with --data-dir DIR",
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        yield directory
    finally:
        os.close(lock)
