"""An HTTP server in a process that has other things to do as well."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any, cast

import uvicorn

from instar.serving.door import BACKLOG, Door
from instar.serving.fast import protocol_class
from instar.serving.limits import ConnectionSettings, fitting

STARTUP_FAILED = 3


class CannotServe(Exception):
    """The address cannot be listened at."""


class QuietServer(uvicorn.Server):
    """A server that leaves the signals, and the end, to the process it is in; its door keeps strangers in bounds.

    Of the configuration, `http`, `timeout_keep_alive`, `limit_concurrency` and `proxy_headers` are set here.
    """

    def __init__(self, config: uvicorn.Config, settings: ConnectionSettings | None = None) -> None:
        settings = settings or ConnectionSettings()
        self._settings = settings.model_copy(update={"most": fitting(settings.most)})
        config.http = protocol_class()
        config.ws = "none"
        config.timeout_keep_alive = max(1, round(settings.idle.total_seconds()))
        # Whose word counts on where a request comes from is `instar.serving.proxies`.
        config.proxy_headers = False
        super().__init__(config)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Until `should_exit`. Raises CannotServe."""
        try:
            await super().serve(sockets)
        except SystemExit as error:
            raise CannotServe(
                f"cannot serve at {self.config.host}, port {self.config.port}: the lines above say why"
            ) from error

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, with a door of our own. Raises CannotServe."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILED)
        config = self.config
        try:
            listeners = sockets or _bound(config.host, config.port)
        except OSError as error:
            await self.lifespan.shutdown()
            why = error.strerror if isinstance(error, socket.gaierror) or not error.errno else os.strerror(error.errno)
            raise CannotServe(f"cannot listen at {config.host}, port {config.port}: {why}") from error
        door = Door(self._settings, self._protocol, config.ssl)
        door.open(listeners)
        # Uvicorn asks no more of its servers than that they can be closed.
        self.servers = cast("list[object]", [door])  # type: ignore[assignment]
        self._log_started_message(listeners)
        self.started = True

    def _protocol(self) -> Any:
        made: Any = self.config.http_protocol_class
        return made(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen at every address of the host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            # A free port is the same for every address.
            chosen = port or (listeners[0].getsockname()[1] if listeners else 0)
            listeners.append(socket.create_server((address[0], chosen, *address[2:]), family=family, backlog=BACKLOG))
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners
