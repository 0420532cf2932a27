"""Looking up the addresses of a host, in threads of its own.

The event loop's own threads serve the store: a name server that does not answer must not take those.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from instar.compute.probing.reach import Address, parsed
from instar.outbound.errors import Unanswered

LOOKUPS_AT_ONCE = 16

TRIED_AT_MOST = 4
"""Addresses of one host that are tried one after the other."""


class Resolver(Protocol):
    """Anything that knows the addresses of a name."""

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """At least one, in the order in which they are to be tried. Raises Unanswered."""
        ...


class SystemResolver:
    """As this machine resolves names."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="resolver")

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """At least one, in the order in which they are to be tried. Raises Unanswered."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, _looked_up, host, port)
        except (OSError, UnicodeError):
            raise Unanswered(f"the name {host} could not be resolved") from None
        addresses = tuple(dict.fromkeys(parsed(str(entry[4][0])) for entry in found))
        if not addresses:
            raise Unanswered(f"the name {host} has no address")
        return addresses[:TRIED_AT_MOST]

    def close(self) -> None:
        """Give the threads back; one that still waits for a name server ends with its answer."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _looked_up(host: str, port: int) -> list[tuple[object, object, object, object, tuple[object, ...]]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
