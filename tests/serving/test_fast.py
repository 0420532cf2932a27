"""The fast parser: what it is bounded by, what it leaves out, and that all works without it."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from instar.serving import fast
from instar.serving.connections import PlainProtocol
from instar.serving.fast_protocol import UNHEARD_AT_MOST, FastProtocol
from instar.serving.server import QuietServer

Message = dict[str, Any]


class Heard:
    """An application that keeps what it was asked."""

    def __init__(self) -> None:
        self.headers: list[dict[bytes, bytes]] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.headers.append(dict(scope["headers"]))
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def served(heard: Heard) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(heard, host="127.0.0.1", port=0, access_log=False, log_config=None)
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    [door] = server.servers
    port = door._listeners[0].getsockname()[1]  # type: ignore[attr-defined]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(60):
            yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await serving


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As where these cannot be installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in names else real(name))


@pytest.mark.parametrize("missing", [(), ("httptools",)])
async def test_one_connection_asks_again_and_again_whichever_parser_there_is(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    without(monkeypatch, *missing)
    assert fast.protocol_class() is (PlainProtocol if missing else FastProtocol)
    heard = Heard()
    async with served(heard) as (reader, writer):
        for body in (b"", b"x" * 200_000, b"y"):
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"ok"
    assert [len(body) for body in heard.bodies] == [0, 200_000, 1]


def test_the_loop_is_the_fast_one_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert fast.run(loop()).startswith("uvloop")
    without(monkeypatch, "uvloop")
    assert fast.run(loop()).startswith("asyncio")


ENDLESS = {
    "a head of many headers": (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-More: %s\r\n" % (b"a" * 1000)),
    "one header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-More: ", b"a" * 1000),
    "a path": (b"GET /", b"a" * 1000),
    "trailers": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n",
        b"X-More: %s\r\n" % (b"a" * 1000),
    ),
    "one trailer": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\nX-More: ",
        b"a" * 1000,
    ),
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_goes_on_for_ever_is_ended(what: str) -> None:
    first, piece = ENDLESS[what]
    heard, sent = Heard(), 0
    async with served(heard) as (reader, writer):
        writer.write(first)
        with suppress(ConnectionError):  # it is ended while more comes
            while not reader.at_eof() and not writer.transport.is_closing():
                assert sent < 200 * UNHEARD_AT_MOST
                writer.write(piece)
                sent += len(piece)
                await writer.drain()
                await asyncio.sleep(0)
    assert not heard.bodies


async def test_trailers_add_nothing_to_the_head() -> None:
    heard = Heard()
    async with served(heard) as (reader, writer):
        writer.write(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n"
            b"Authorization: Bearer x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
        )
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    assert list(heard.headers[0]) == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
async def test_what_is_no_request_reaches_nobody(sent: bytes) -> None:
    heard = Heard()
    async with served(heard) as (reader, writer):
        writer.write(sent)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400"), head
    assert not heard.bodies
