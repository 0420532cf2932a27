"""The door of a server, over real sockets: who keeps it waiting leaves, who asks is answered."""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from instar.connection.readiness import Message, Receive, Send, answer
from instar.serving import door as doors
from instar.serving.limits import ConnectionSettings
from instar.serving.server import CannotServe, QuietServer
from instar.stack.certificates import Certificates, local_certificates

SECOND = timedelta(seconds=1)
QUICK: dict[str, Any] = {"handshake": SECOND, "head": SECOND, "body": SECOND, "reading": SECOND, "idle": SECOND}
LARGE = 32 * 1024 * 1024


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """`/slow` takes three seconds, `/large` is more than a client that does not read can be sent."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(3)
    await answer(send, 200, "x" * LARGE if scope["path"] == "/large" else "{}")


@asynccontextmanager
async def served(tls: Certificates | None = None, **settings: Any) -> AsyncIterator[int]:
    """The port of a server with these settings."""
    config = uvicorn.Config(application, host="127.0.0.1", port=0, access_log=False, log_config=None)
    if tls:
        config.ssl_certfile, config.ssl_keyfile = str(tls.certificate), str(tls.key)
    server = QuietServer(config, ConnectionSettings.model_validate(settings))
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listener]))
    port = int(listener.getsockname()[1])
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


async def asks(port: int, ca: Path | None = None, path: str = "/") -> int:
    """The status of a request on a connection of its own."""
    scheme, verify = ("https", ssl.create_default_context(cafile=ca)) if ca else ("http", True)
    async with httpx.AsyncClient(trust_env=False, verify=verify, timeout=5) as http:
        return (await http.get(f"{scheme}://127.0.0.1:{port}{path}")).status_code


async def ended_after(port: int, sends: bytes, drop: bytes = b"") -> float:
    """Seconds until the server ended a connection on which that was sent, then a drop every fifth of a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(sends)
    try:
        while time.monotonic() - began < 10:
            if drop:
                writer.write(drop)
            if reader.at_eof() or writer.transport.is_closing():
                return time.monotonic() - began
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await reader.read(1024)
        raise AssertionError("it was never ended")
    except ConnectionError:
        return time.monotonic() - began
    finally:
        writer.close()


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


@pytest.mark.parametrize(
    ("sends", "drop"),
    [(b"", b""), (b"G", b""), (HEAD, b"X: y\r\n"), (POST, b""), (POST, b"x"), (HEAD + b"\r\n", b"")],
    ids=["silent", "half a head", "head by drops", "no body", "body by drops", "idle after an answer"],
)
async def test_a_connection_that_keeps_us_waiting_is_ended(sends: bytes, drop: bytes) -> None:
    async with served(**QUICK) as port:
        assert 0.5 < await ended_after(port, sends, drop) < 5


async def test_a_handshake_that_does_not_come_is_ended(tmp_path: Path) -> None:
    async with served(local_certificates(tmp_path), **QUICK) as port:
        assert 0.5 < await ended_after(port, b"") < 5


async def test_a_client_that_does_not_take_its_answer_is_ended(caplog: pytest.LogCaptureFixture) -> None:
    async with served(**QUICK) as port:
        with closing(socket.create_connection(("127.0.0.1", port))) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            until = time.monotonic() + 8
            while "taking the answer" not in caplog.text:
                assert time.monotonic() < until
                await asyncio.sleep(0.1)


async def test_a_slow_answer_of_ours_ends_nothing_and_neither_do_many_requests_on_one_connection() -> None:
    async with served(**QUICK) as port:
        assert await asks(port, path="/slow") == 200
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as http:
            began = time.monotonic()
            while time.monotonic() - began < 2.5:
                assert (await http.get("/")).status_code == 200
                await asyncio.sleep(0.3)


@pytest.mark.parametrize("limit", [{"most": 20}, {"per_address": 20}], ids=["in all", "of an address"])
@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
async def test_strangers_who_say_nothing_keep_nobody_out(tmp_path: Path, limit: dict[str, int], secured: bool) -> None:
    tls = local_certificates(tmp_path) if secured else None
    async with served(tls, **limit) as port:
        strangers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        try:
            for _ in range(5):
                assert await asks(port, tls.authority if tls else None) == 200
            await asyncio.sleep(0.1)
            gone = sum(reader.at_eof() or reader.exception() is not None for reader, _ in strangers)
            assert gone >= 40
        finally:
            for _, writer in strangers:
                writer.close()


async def test_one_connection_may_ask_again_and_again_for_longer_than_one_request_may_take() -> None:
    async with served(**QUICK) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.monotonic()
        while time.monotonic() - began < 4:
            writer.write(HEAD + b"\r\n")
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readuntil(b"{}")
            await asyncio.sleep(0.3)
        writer.close()


async def test_of_those_who_wait_the_oldest_leaves() -> None:
    async with served(most=4) as port:
        waiting = []
        for _ in range(4):
            waiting.append(await asyncio.open_connection("127.0.0.1", port))
            await asyncio.sleep(0.1)
        newest = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                assert await waiting[0][0].read() == b""
        assert not any(reader.at_eof() for reader, _ in (*waiting[1:], newest))
        for _, writer in (*waiting, newest):
            writer.close()


async def test_where_all_have_begun_to_ask_who_is_slow_leaves_for_a_newcomer() -> None:
    async with served(most=4) as port:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        for _, writer in slow:
            writer.write(POST)
        await asyncio.sleep(0.3)
        assert await asks(port) == 200
        for _, writer in slow:
            writer.close()


async def test_who_waits_for_an_answer_never_leaves_for_a_newcomer() -> None:
    async with served(most=4) as port:
        asking = [asyncio.create_task(asks(port, path="/slow")) for _ in range(4)]
        await asyncio.sleep(0.5)
        with pytest.raises(httpx.TransportError):
            await asks(port)
        assert await asyncio.gather(*asking) == [200] * 4
        assert await asks(port) == 200


async def test_no_more_files_is_said_and_passes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as port:
        loop = asyncio.get_running_loop()
        accept = loop.sock_accept
        refusals = [OSError(24, "Too many open files")] * 3

        async def refusing(listener: socket.socket) -> tuple[socket.socket, Any]:
            accepted = await accept(listener)
            if refusals:
                accepted[0].close()
                raise refusals.pop()
            return accepted

        monkeypatch.setattr(loop, "sock_accept", refusing)
        # The accept that is under way is still the old one.
        results = [await _or_none(lambda: asks(port)) for _ in range(6)]
        assert results[-1] == 200
        assert caplog.text.count("no connection can be accepted: Too many open files") == 3


async def _or_none(ask: Callable[[], Any]) -> int | None:
    try:
        return int(await ask())
    except httpx.TransportError:
        return None


async def test_what_is_ended_is_said_with_its_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, doors.__name__):
        async with served(**QUICK) as port:
            await ended_after(port, b"G")
    assert "a connection of 127.0.0.1 is ended: it took too long over the head of a request" in caplog.text


async def test_an_address_that_cannot_be_listened_at_is_said() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        config = uvicorn.Config(application, host="127.0.0.1", port=port, log_config=None)
        with pytest.raises(CannotServe, match=f"cannot listen at 127.0.0.1, port {port}: Address already in use"):
            await QuietServer(config).serve()
