"""One writer at a time per machine, among all processes of this host: libvirt itself has no compare-and-swap.

A gate is held for one look and what is written after it, never while a guest shuts down. It is the kernel's lock on a
file, so it goes with whoever holds it. Workers on different hosts rely on the fence alone (see docs/libvirt.md).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PORTS = "ports"
"""The gate of choosing a port of the loopback."""


class Gates:
    """Locks by name, as files in a directory that is made at first use."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Wait for the gate of that name and hold it. Blocks: for worker threads only."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        gate = os.open(self._directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)
