"""One writer at a time per machine, among all processes that work with a hypervisor: libvirt has no compare-and-swap.

A gate is held for one look and what is written after it, never while a guest shuts down. It is the kernel's lock on a
file, which goes with whoever holds it, and where processes of several hosts share a store, a lock there that all of
them see: by the first the processes of one host take turns, so that each host asks for the second once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

PORTS = "ports"
"""The gate of choosing a port of the loopback."""


class Lock(Protocol):
    """A lock by name that other hosts see."""

    def held(self, name: str) -> AbstractContextManager[None]:
        """Wait for it and hold it. Raises compute's Unavailable when it is not had, or was lost while it was held."""
        ...

    def close(self) -> None:
        """Give up what it is held by."""
        ...


class Gates:
    """Locks by name: files in a directory that is made at first use, and `shared` among hosts."""

    def __init__(self, directory: Path, shared: Lock | None = None) -> None:
        self.directory = directory
        self._shared = shared

    def close(self) -> None:
        """Nobody asks for a gate any more."""
        if self._shared is not None:
            self._shared.close()

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Wait for the gate of that name and hold it. Blocks: for worker threads only. Raises Unavailable."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        gate = os.open(self.directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            with self._shared.held(name) if self._shared is not None else nullcontext():
                yield
        finally:
            os.close(gate)
