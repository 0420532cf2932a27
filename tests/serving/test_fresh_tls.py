"""A certificate that is renewed while it is shown: short-lived ones, a moved clock, real handshakes."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from instar.serving.door import Door
from instar.serving.limits import ConnectionSettings
from instar.serving.tls import FreshTls, TlsFiles
from instar.stack.certificates import GOOD_FOR, Certificates, local_certificates
from instar.stack.guard.relay import demanding, relaying_to

NOW = datetime.now(UTC)
LATER = NOW + GOOD_FOR - timedelta(days=29)


@pytest.fixture
def files(tmp_path: Path) -> Certificates:
    return local_certificates(tmp_path / "tls", for_clients=True)


def renewed(files: Certificates) -> None:
    local_certificates(files.key.parent, clock=lambda: LATER, for_clients=True)


def serving(files: Certificates) -> tuple[ssl.SSLContext, TlsFiles]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context, TlsFiles(files.certificate, files.key)


def end_of(certificate: bytes) -> datetime:
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc


def shown(context: ssl.SSLContext) -> datetime:
    """When the certificate is over that a client is shown: a handshake without a socket."""
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    found = client.getpeercert(binary_form=True)
    assert found
    return end_of(found)


def test_a_renewed_certificate_is_shown_from_the_next_handshake_on(files: Certificates) -> None:
    context, pair = serving(files)
    fresh = FreshTls(context, pair, lambda: LATER)
    before = shown(context)
    fresh.look()
    assert shown(context) == before
    renewed(files)
    fresh.look()
    assert shown(context) > before
    assert shown(context) > LATER + timedelta(days=700)


@pytest.mark.parametrize("fault", ["half a pair", "no pem", "gone", "over"])
def test_files_that_cannot_be_served_with_change_nothing_and_are_told_once(
    files: Certificates, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    context, pair = serving(files)
    before, kept = shown(context), files.certificate.read_bytes()
    now = NOW
    fresh = FreshTls(context, pair, lambda: now)
    old_key = files.key.read_bytes()
    match fault:
        case "half a pair":
            local_certificates(files.key.parent, clock=lambda: NOW + GOOD_FOR)
            files.certificate.write_bytes(kept)
        case "no pem":
            files.certificate.write_text("nothing")
        case "gone":
            files.key.unlink()
        case _:
            local_certificates(files.key.parent, clock=lambda: NOW - GOOD_FOR - timedelta(days=1))
    for _ in range(3):
        fresh.look()
    assert shown(context) == before
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    assert "not renewed, and the one before is still shown" in told[0]
    # Once they are whole, they count.
    files.key.write_bytes(old_key)
    files.certificate.write_bytes(kept)
    now = LATER
    renewed(files)
    fresh.look()
    assert shown(context) > before


def test_who_should_have_renewed_it_is_told_once_a_day(files: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    context, pair = serving(files)
    now = NOW
    fresh = FreshTls(context, pair, lambda: now)
    for day in range(int(GOOD_FOR / timedelta(days=1)) - 20, int(GOOD_FOR / timedelta(days=1)) + 2):
        for hour in (0, 5, 10):
            now = NOW + timedelta(days=day, hours=hour)
            fresh.look()
    told = [record.message for record in caplog.records]
    assert len(told) in {15, 16}
    assert "is over on" in told[0]
    assert "has been over since" in told[-1]
    assert f"renew {files.certificate} and {files.key}, no restart is needed" in told[0]


@asynccontextmanager
async def guarded(files: Certificates) -> AsyncIterator[int]:
    """The port of the guard of a server that sends back what it gets; it looks at its files all the time."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65536):
            writer.write(part)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    listener = socket.create_server(("127.0.0.1", 0))
    context = demanding(files.certificate, files.key, files.authority)
    fresh = FreshTls(context, TlsFiles(files.certificate, files.key, files.authority), lambda: NOW)
    door = Door(ConnectionSettings(), relaying_to(server.sockets[0].getsockname()[1]), context)
    door.open([listener])
    looking = asyncio.create_task(fresh.keep(0.01))
    try:
        yield int(listener.getsockname()[1])
    finally:
        looking.cancel()
        door.close()
        server.close()


async def opened(port: int, files: Certificates) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context(cafile=files.authority)
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(files.certificate, files.key)
    return await asyncio.open_connection("127.0.0.1", port, ssl=context)


async def echoed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"PRI")
    return await asyncio.wait_for(reader.readexactly(3), 10)


@pytest.mark.parametrize("new_authority", [False, True])
async def test_connections_outlive_the_renewal_and_new_ones_see_the_new_certificate(
    files: Certificates, *, new_authority: bool
) -> None:
    async with guarded(files) as port:
        old = await opened(port, files)
        assert await echoed(*old) == b"PRI"
        # Another one that is good now: what is made LATER is not yet.
        files.certificate.unlink()
        if new_authority:
            files.authority_key.unlink()
        local_certificates(files.key.parent, for_clients=True)
        want = x509.load_pem_x509_certificate(files.certificate.read_bytes()).serial_number
        for _ in range(200):
            try:
                new = await opened(port, files)
            except ssl.SSLError:  # the guard has not looked yet: the client knows the new authority only
                await asyncio.sleep(0.02)
                continue
            found = new[1].get_extra_info("ssl_object").getpeercert(binary_form=True)
            assert found
            if x509.load_der_x509_certificate(found).serial_number == want:
                break
            new[1].close()
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the renewed certificate was never shown")
        assert await echoed(*new) == b"PRI"
        assert await echoed(*old) == b"PRI"
        for _, writer in (old, new):
            writer.close()
