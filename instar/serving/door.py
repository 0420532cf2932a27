"""The door of a server: it accepts connections, keeps so many at most, and ends those that keep us waiting.

When it is full, whoever has waited longest without a request leaves: a stranger who holds connections open keeps nobody
out, from the same address neither.
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from instar.serving.connections import Connection, Phase, Watched, origin_of
from instar.serving.limits import ConnectionSettings

_log = logging.getLogger(__name__)

BACKLOG = 2048
SWEEP_SECONDS = 0.5
OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_SECONDS = 0.1
"""After the system refused a connection for want of files or memory."""

LEAVE_FIRST = ((Phase.HANDSHAKE, Phase.HEAD), (Phase.BODY, Phase.READING))
"""Who leaves when it is full: whoever has asked for nothing yet, then whoever is slow; nobody whose answer we owe."""


class Door:
    """Open from `open` to `close`; connections that are under way then go on."""

    def __init__(
        self, settings: ConnectionSettings, protocol: Callable[[], Watched], tls: ssl.SSLContext | None
    ) -> None:
        self._settings = settings
        self._protocol = protocol
        self._tls = tls
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._standing: list[asyncio.Task[None]] = []
        self._listeners: Sequence[socket.socket] = ()

    def open(self, listeners: Sequence[socket.socket]) -> None:
        """Accept what comes at these sockets, which become its own."""
        self._listeners = listeners
        for listener in listeners:
            listener.setblocking(False)
            self._standing.append(asyncio.create_task(self._accept(listener)))
        self._standing.append(asyncio.create_task(self._sweep()))

    def close(self) -> None:
        """Accept nobody any more."""
        for task in (*self._standing, *self._tasks):
            task.cancel()
        for listener in self._listeners:
            listener.close()

    async def wait_closed(self) -> None:
        """Return when nothing of it is left but connections."""
        await asyncio.wait([*self._standing, *self._tasks])

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, peer = await loop.sock_accept(listener)
            except OSError as error:
                if error.errno in OUT_OF_FILES:
                    _log.warning(
                        "no connection can be accepted: %s; the one that waits longest is ended", error.strerror
                    )
                    self._leave([connection for connection in self._connections if not connection.over])
                    await asyncio.sleep(PAUSE_SECONDS)
                continue  # a client that gave up meanwhile
            self._admit(accepted, origin_of(peer))
            # One that is there at once is accepted without a pause: others have their turn too.
            await asyncio.sleep(0)

    def _admit(self, accepted: socket.socket, origin: str) -> None:
        loop = asyncio.get_running_loop()
        there = [connection for connection in self._connections if not connection.over]
        same = [connection for connection in there if connection.origin == origin]
        full = len(there) >= self._settings.most
        if len(same) >= self._settings.per_address:
            _log.warning(
                "%s holds %d connections, the most that one address may: the one that waits longest is ended",
                origin,
                len(same),
            )
            there, full = same, True
        if full and not self._leave(there):
            _log.warning("a connection of %s is refused: all %d have requests under way", origin, len(there))
            accepted.close()
            return
        connection = Connection(accepted, origin, loop.time())
        self._connections.add(connection)
        task = loop.create_task(self._begin(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _leave(self, among: list[Connection]) -> bool:
        """End whoever has waited longest; False where nobody waits."""
        now = asyncio.get_running_loop().time()
        for connection in among:
            connection.look(now)
        for phases in LEAVE_FIRST:
            waiting = [connection for connection in among if connection.phase in phases]
            if waiting:
                self._end(min(waiting, key=lambda connection: connection.since))
                return True
        return False

    async def _begin(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        patience = self._settings.handshake.total_seconds() if self._tls else None
        try:
            protocol: Watched
            _, protocol = await loop.connect_accepted_socket(
                self._made_for(connection), connection.socket, ssl=self._tls, ssl_handshake_timeout=patience
            )
        except (OSError, ssl.SSLError) as error:
            self._end(connection)
            connection.socket.close()
            _log.debug("%s: %s", connection.origin, error)
            return
        connection.look(loop.time())
        if connection.over:  # it was to leave, or left, while its handshake ended
            protocol.transport.abort()
            self._connections.discard(connection)

    def _made_for(self, connection: Connection) -> Callable[[], Any]:
        def make() -> Watched:
            protocol = self._protocol()
            protocol.connection = connection
            connection.protocol = protocol
            return protocol

        return make

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in list(self._connections):
                if connection.over:
                    self._connections.discard(connection)
                    continue
                connection.look(now)
                if connection.is_late(now, self._settings):
                    _log.warning("a connection of %s is ended: it took too long over %s", *_who(connection))
                    self._end(connection)

    def _end(self, connection: Connection) -> None:
        connection.end()
        self._connections.discard(connection)


def _who(connection: Connection) -> tuple[str, str]:
    return connection.origin, connection.phase.value
