"""Mutual TLS in front of a port that has no protection of its own, over real sockets."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from instar.serving.door import Door
from instar.serving.limits import ConnectionSettings
from instar.stack.certificates import Certificates, local_certificates
from instar.stack.guard.relay import demanding, relaying_to

MUCH = 4 * 1024 * 1024


@asynccontextmanager
async def guarded(files: Certificates) -> AsyncIterator[int]:
    """The port of the guard of a server that sends back whatever it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    listener = socket.create_server(("127.0.0.1", 0))
    context = demanding(files.certificate, files.key, files.authority)
    door = Door(ConnectionSettings(), relaying_to(server.sockets[0].getsockname()[1]), context)
    door.open([listener])
    try:
        yield int(listener.getsockname()[1])
    finally:
        door.close()
        server.close()


def showing(authority: Path, shown: Certificates | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["h2"])
    if shown:
        context.load_cert_chain(shown.certificate, shown.key)
    return context


async def echoed(port: int, context: ssl.SSLContext | None, sends: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        writer.write(sends)
        return await asyncio.wait_for(reader.readexactly(len(sends)), 30)
    finally:
        writer.close()


async def test_who_has_the_key_is_passed_on_both_ways_whatever_the_size(tmp_path: Path) -> None:
    files = local_certificates(tmp_path, for_clients=True)
    async with guarded(files) as port:
        context = showing(files.authority, files)
        assert await echoed(port, context, b"PRI") == b"PRI"
        much = bytes(range(256)) * (MUCH // 256)
        assert await echoed(port, context, much) == much
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        writer.close()
        assert await reader.read() == b""


@pytest.mark.parametrize("who", ["nobody", "a stranger", "no tls", "a server"])
async def test_nobody_else_gets_a_byte_through(tmp_path: Path, who: str) -> None:
    files = local_certificates(tmp_path / "ours", for_clients=True)
    stranger = local_certificates(tmp_path / "theirs", for_clients=True)
    server = local_certificates(tmp_path / "ours2")
    shown = {"nobody": None, "a stranger": stranger, "a server": server}
    async with guarded(files) as port:
        context = None if who == "no tls" else showing(files.authority, shown[who])
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await echoed(port, context, b"PRI")


async def test_a_server_that_is_away_ends_the_connection(tmp_path: Path) -> None:
    files = local_certificates(tmp_path, for_clients=True)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = closed.getsockname()[1]
    listener = socket.create_server(("127.0.0.1", 0))
    door = Door(ConnectionSettings(), relaying_to(nowhere), demanding(files.certificate, files.key, files.authority))
    door.open([listener])
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await echoed(listener.getsockname()[1], showing(files.authority, files), b"PRI")
    door.close()
