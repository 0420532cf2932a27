"""Turns at a real machine, where the processes of one hypervisor are on several hosts: by locks in their store."""

from collections.abc import Iterator
from contextlib import contextmanager

from instar.compute.errors import Unavailable
from instar.store.database.gate_locks import GateLocks
from instar.store.errors import StoreError


class SharedGates:
    """A `instar.compute.libvirt.gates.Lock` in PostgreSQL."""

    def __init__(self, url: str) -> None:
        """Raises Unusable. Connects at the first gate."""
        self._locks = GateLocks(url)

    def close(self) -> None:
        """Close every connection. Idempotent."""
        self._locks.close()

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Wait for the gate of that name and hold it. Raises Unavailable."""
        try:
            with self._locks.held(name):
                yield
        except StoreError as error:
            raise Unavailable(f"no turn at the machine: {error}") from error
