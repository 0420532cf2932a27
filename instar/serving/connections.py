"""One connection of a server, and what it keeps us waiting for."""

import contextlib
import ipaddress
import socket
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol

from instar.serving.limits import ConnectionSettings

IPV6_NETWORK = 64
"""Bits of what one household or host gets of IPv6: within it, addresses cost nothing."""


class Phase(Enum):
    """What a connection is at. Everything but `ANSWER` waits for the client."""

    HANDSHAKE = "its TLS handshake"
    HEAD = "the head of a request"
    BODY = "the body of a request"
    ANSWER = "our answer"
    READING = "taking the answer"


class Watched(Protocol):
    """What a door makes of each connection: a protocol of asyncio's that tells what it waits for."""

    connection: "Connection | None"
    transport: Any

    @property
    def is_made(self) -> bool:
        """Whether the handshake is done."""
        ...

    @property
    def request(self) -> Any:
        """Which request it is at; None before the first."""
        ...

    @property
    def phase(self) -> Phase:
        """What it is at."""
        ...


class Watching:
    """To be mixed into one of uvicorn's protocols: it also tells what it waits for and when it is over."""

    transport: Any
    cycle: Any
    flow: Any
    connection: "Connection | None" = None
    is_made = False
    """Whether the handshake is done."""

    @property
    def request(self) -> Any:
        """The newest one and its answer; None before the first. Uvicorn's types do not say that there may be none."""
        return getattr(self, "cycle", None)

    @property
    def phase(self) -> Phase:
        """What it is at."""
        if not self.is_made:
            return Phase.HANDSHAKE
        # Uvicorn takes an answer for given once all of it is in the buffer.
        if self.transport.get_write_buffer_size():
            return Phase.READING
        if self.request is None or self.request.response_complete:
            return Phase.HEAD
        # A body that we do not read is our own delay.
        return Phase.BODY if self.cycle.more_body and not self.flow.read_paused else Phase.ANSWER

    def connection_made(self, transport: Any) -> None:
        """The handshake is done."""
        super().connection_made(transport)  # type: ignore[misc]  # that of uvicorn's protocol
        self.is_made = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        super().connection_lost(exc)  # type: ignore[misc]  # as above
        if self.connection is not None:
            self.connection.over = True


class PlainProtocol(Watching, H11Protocol):
    """A connection that h11 parses, in Python."""


@dataclass(eq=False)
class Connection:
    """From the moment it was accepted until it is over."""

    socket: socket.socket
    origin: str
    """Whose it counts as: see `origin_of`."""
    since: float
    """When its phase began, in the loop's seconds."""
    protocol: Watched | None = None
    over: bool = False
    _seen: tuple[Phase, object] = field(default=(Phase.HANDSHAKE, None))

    @property
    def phase(self) -> Phase:
        """What it is at."""
        return self.protocol.phase if self.protocol else Phase.HANDSHAKE

    def look(self, now: float) -> None:
        """Note when its phase changes: the same phase of another request is another one."""
        current = (self.phase, self.protocol and self.protocol.request)
        if current != self._seen:
            self._seen, self.since = current, now

    def is_late(self, now: float, settings: ConnectionSettings) -> bool:
        """Whether the client takes longer over this phase than it may."""
        return now - self.since > self._given(settings).total_seconds()

    def _given(self, settings: ConnectionSettings) -> timedelta:
        match self.phase:
            case Phase.HANDSHAKE:
                return settings.handshake
            case Phase.HEAD:
                # Uvicorn itself ends one that is idle; this ends one that sends a head drop by drop.
                is_first = self.protocol is None or self.protocol.request is None
                return settings.head if is_first else settings.head + settings.idle
            case Phase.BODY:
                return settings.body
            case Phase.READING:
                return settings.reading
            case Phase.ANSWER:
                return timedelta.max

    def end(self) -> None:
        """End it now, with whatever is under way on it."""
        self.over = True
        if self.protocol and self.protocol.is_made:
            self.protocol.transport.abort()
        else:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


def origin_of(peer: Any) -> str:
    """Whose a connection counts as: the IPv4 address, or the network of an IPv6 address.

    >>> origin_of(("192.0.2.7", 4711)), origin_of(("::ffff:192.0.2.7", 4711, 0, 0))
    ('192.0.2.7', '192.0.2.7')
    >>> origin_of(("2001:db8::7", 4711, 0, 0)), origin_of("")
    ('2001:db8::/64', '')
    """
    try:
        address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    except (ValueError, IndexError):
        return str(peer)
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, IPV6_NETWORK), strict=False))
        address = address.ipv4_mapped
    return str(address)
