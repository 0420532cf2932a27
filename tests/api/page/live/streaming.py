"""The application behind a real server, and browsers that listen to its streams."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn
from fastapi import FastAPI
from sse_starlette.sse import AppStatus

from instar.serving.limits import ConnectionSettings
from instar.serving.server import QuietServer

PATIENCE = 60.0
STREAM = {"Accept": "text/event-stream"}


@dataclass
class Event:
    event: str = "message"
    data: str = ""
    id: str = ""


@dataclass
class Served:
    server: QuietServer
    url: str
    running: "asyncio.Task[None]"


@asynccontextmanager
async def served(app: FastAPI, connections: ConnectionSettings | None = None) -> AsyncIterator[Served]:
    """On loopback, until the end or until it was told to stop. Its patience with open connections is long."""
    there = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=600)
    server = QuietServer(config, connections)
    running = asyncio.create_task(server.serve(sockets=[there]))
    while not server.started:  # noqa: ASYNC110  # it does not say so
        await asyncio.sleep(0.01)
    try:
        yield Served(server, f"http://127.0.0.1:{there.getsockname()[1]}", running)
    finally:
        server.force_exit = server.should_exit = True
        await asyncio.wait_for(running, PATIENCE)
        # The library notes for the whole process that a server has stopped: other tests have other ones.
        AppStatus.should_exit = False


@dataclass
class Stream:
    response: httpx.Response
    comments: list[str] = field(default_factory=list)
    retry: str = ""
    _events: AsyncIterator[Event] | None = None

    def events(self) -> AsyncIterator[Event]:
        """Those that nobody has taken yet, until its end."""
        if self._events is None:
            self._events = self._read()
        return self._events

    async def _read(self) -> AsyncIterator[Event]:
        event, data, identity = "message", list[str](), ""
        async for line in self.response.aiter_lines():
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if data:
                    yield Event(event, "\n".join(data), identity)
                event, data = "message", []
            elif not name:
                self.comments.append(value)
            elif name == "event":
                event = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                identity = value
            elif name == "retry":
                self.retry = value

    async def until(self, event: str, holding: str = "") -> Event:
        """The first such event."""
        async with asyncio.timeout(PATIENCE):
            async for one in self.events():
                if one.event == event and holding in one.data:
                    return one
        raise AssertionError(f"the stream has ended without {event} {holding}")


@asynccontextmanager
async def opened(http: httpx.AsyncClient, path: str, **headers: str) -> AsyncIterator[Stream]:
    """A stream that is open."""
    async with http.stream("GET", path, headers=STREAM | headers, timeout=PATIENCE) as response:
        yield Stream(response)
