"""Real sockets for a part of the simulated fleet: a loopback port per machine, behind it what its application does.

A port is held from the moment its machine is put on a socket, so that nobody else gets it; whether somebody listens
there follows the machine's image, script and time, as all of the fleet does. In one process at a time; the others find
the ports in the fleet's file.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from instar.compute.clock import Clock, utc_now
from instar.compute.errors import Unavailable
from instar.compute.probing.reach import LOOPBACK
from instar.compute.simulated.answers.applications import Application, Manner, applications, body
from instar.compute.simulated.file.database import Database

FOLLOW_SECONDS = 0.05
"""How late a port opens or closes after its machine."""

REQUEST_SECONDS = 60.0
"""How long a connection is kept whose other end says nothing."""

DRIP_SECONDS = 0.2
BACKLOG = 128

_HEAD_AT_MOST = 16_384
_GARBAGE = b"\x00\xff\xfe no protocol that anybody knows \r\n\r\n" * 8


class MachineSockets:
    """The sockets of some machines. An async context manager: at its end the machines have none any more.

    tls: answer https instead of http. clock: the fleet's.
    """

    def __init__(self, path: Path, *, clock: Clock = utc_now, tls: ssl.SSLContext | None = None) -> None:
        self._database = Database(path, clock)
        self._tls = tls
        self._ports: dict[tuple[str, str], _Port] = {}
        self._following = asyncio.Lock()
        self._follower: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Follow the machines from now on."""
        self._follower = asyncio.create_task(self._follow_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every port."""
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
        for port in self._ports.values():
            await port.close()
        with closing(self._database), self._database.write() as tx:
            for unique_id, instance_id in self._ports:
                tx.execute("DELETE FROM sockets WHERE (unique_id, instance_id) = (?, ?)", (unique_id, int(instance_id)))

    async def put(self, unique_id: str, instance_ids: Iterable[str]) -> dict[str, int]:
        """Give these machines of a set a port each; which one each has."""
        given = {}
        with self._database.write() as tx:
            for instance_id in instance_ids:
                key = (unique_id, instance_id)
                if key not in self._ports:
                    self._ports[key] = _Port(self._tls, partial(self._application, *key))
                port = self._ports[key]
                tx.execute(
                    "INSERT OR REPLACE INTO sockets VALUES (?, ?, ?)",
                    (unique_id, int(instance_id), port.number),
                )
                given[instance_id] = port.number
        await self.follow()
        return given

    async def follow(self) -> None:
        """Open and close ports as their machines are now."""
        async with self._following:
            for unique_id in dict.fromkeys(unique_id for unique_id, _ in self._ports):
                with self._database.read() as connection:
                    found = applications(self._database, connection, unique_id)
                for application in found:
                    if port := self._ports.get((unique_id, application.instance_id)):
                        await port.follow(listens=application.manner is not Manner.CLOSED)

    def _application(self, unique_id: str, instance_id: str) -> Application:
        with self._database.read() as connection:
            [found] = applications(self._database, connection, unique_id, instance_id)
        return found

    async def _follow_for_ever(self) -> None:
        while True:
            with suppress(Unavailable):
                await self.follow()
            await asyncio.sleep(FOLLOW_SECONDS)


class _Port:
    """One machine's port, held by a socket that does not listen; another one listens while the machine does."""

    def __init__(self, tls: ssl.SSLContext | None, application: Callable[[], Application]) -> None:
        self._tls = tls
        self._application = application
        self._held = _bound(0)
        self.number: int = self._held.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def follow(self, *, listens: bool) -> None:
        """Listen from now on, or no longer."""
        if not listens:
            await self._shut()
        elif self._server is None:
            self._server = await asyncio.start_server(
                self._serve, sock=_bound(self.number), ssl=self._tls, backlog=BACKLOG, limit=_HEAD_AT_MOST
            )

    async def close(self) -> None:
        """Give the port back."""
        await self._shut()
        self._held.close()

    async def _shut(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            for writer in tuple(self._open):
                writer.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._answer(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError, Unavailable):
            pass  # whoever asked has left, or asked nothing that can be answered
        finally:
            self._open.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        application = self._application()
        match application.manner:
            case Manner.HEALTHY:
                await _respond(writer, "200 OK", body(application))
            case Manner.UNHEALTHY:
                # Bad to a binary source, which asks for 200 alone; a rich one reads the body of any 2xx.
                await _respond(writer, "202 Accepted", body(application))
            case Manner.INITIALIZING:
                await _respond(writer, "503 Service Unavailable", b"starting")
            case Manner.GARBAGE:
                await _send(writer, _GARBAGE)
            case Manner.SLOW:
                for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n":
                    await _send(writer, bytes([byte]))
                    await asyncio.sleep(DRIP_SECONDS)
            case Manner.SILENCE:
                await reader.read()
            case Manner.CLOSED:
                writer.transport.abort()


def _bound(port: int) -> socket.socket:
    """A socket on a loopback port (0: any) that others of ours may be bound to as well."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((LOOPBACK, port))
    made.setblocking(False)
    return made


async def _respond(writer: asyncio.StreamWriter, status: str, content: bytes) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    await _send(writer, head.encode() + content)


async def _send(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(content)
    await writer.drain()
