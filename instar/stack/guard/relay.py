"""Passing on what comes over mutual TLS to a port that has no protection of its own, byte by byte."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import cast

from instar.serving.connections import Connection, Phase


def demanding(certificate: Path, key: Path, authority: Path) -> ssl.SSLContext:
    """TLS in which the client must show a certificate of that authority, too. Raises OSError, ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority))
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])  # gRPC clients insist on it
    return context


class _Half(asyncio.Protocol):
    """One side: what it receives, the other side is sent; it receives no faster than that is taken."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Half | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Send it on."""
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Then the other side has nobody to talk to."""
        if self.other and self.other.transport:
            self.other.transport.close()

    def pause_writing(self) -> None:
        """It takes no more just now."""
        if self.other and self.other.transport:
            with contextlib.suppress(RuntimeError):
                self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """It takes more again."""
        if self.other and self.other.transport:
            with contextlib.suppress(RuntimeError):
                self.other.transport.resume_reading()


class Relayed(_Half):
    """The side of the client. What it sends first waits until the other side is reached."""

    connection: Connection | None = None
    request: object = None

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port
        self._reaching: asyncio.Task[None] | None = None

    @property
    def is_made(self) -> bool:
        """Whether the handshake is done."""
        return self.transport is not None

    @property
    def phase(self) -> Phase:
        """After the handshake it may be as silent as it likes: it has shown who it is."""
        return Phase.ANSWER if self.is_made else Phase.HANDSHAKE

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Reach the other side."""
        super().connection_made(transport)
        if self.transport is not None:
            self.transport.pause_reading()
            self._reaching = asyncio.create_task(self._reach(self.transport))

    async def _reach(self, transport: asyncio.Transport) -> None:
        try:
            _, inner = await asyncio.get_running_loop().create_connection(_Half, "127.0.0.1", self._port)
        except OSError:
            transport.close()
            return
        inner.other, self.other = self, inner
        if transport.is_closing():
            self.connection_lost(None)
            return
        transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        super().connection_lost(exc)
        if self.connection is not None:
            self.connection.over = True


def relaying_to(port: int) -> Callable[[], Relayed]:
    """What a door makes for each connection that is to be passed on to that port of the loopback."""
    return lambda: Relayed(port)
