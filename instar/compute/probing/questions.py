"""One probe of one machine: the question asked over a socket, and whatever comes back as an answer.

Garbage, silence, slowness and refusal are answers (docs/rules.md H7). Only what hinders us to ask at all raises.

Each probe has a connection of its own and is closed at once, so plain streams and h11 do what a client with a pool does
in a fifth of the time: what a probe waits for us must not be taken for the machine's slowness.
"""

import asyncio
import errno
import socket
import ssl
import string
from urllib.parse import quote

import h11

from instar.compute.errors import Unavailable
from instar.compute.probing.reach import Reach, parsed
from instar.domain.health.probe_answers import Said, connected, read_body, read_status, unanswered
from instar.domain.health.sources import HealthSource, Protocol

BODY_AT_MOST = 65_536
"""Bytes of an answer that are read: an application's word needs a hundred, custom metrics some more."""

HEAD_AT_MOST = 65_536
CHUNK = 65_536

STARVED = 0.5
"""A time-out that fires so much of itself too late tells of this process, not of the machine."""

OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.ENETUNREACH}
)
"""What says nothing of the machine: no socket, no port or no network is left here."""

_WORDS = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EHOSTUNREACH: "the machine cannot be reached",
}


def any_certificate() -> ssl.SSLContext:
    """TLS that looks at no certificate, as the Application Health extension, which asks its own machine, does not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def ask(tls: ssl.SSLContext, source: HealthSource, reach: Reach, host: str, port: int) -> Said:
    """Ask once, within the source's time-out. Raises Unavailable where no question could be asked, or none may be."""
    if why := reach.why_not(host, port):
        raise Unavailable(f"no probe is made: {why}")
    host = str(parsed(host))
    loop, longest = asyncio.get_running_loop(), source.timeout.total_seconds()
    began = loop.time()
    try:
        async with asyncio.timeout(longest):
            if source.protocol is Protocol.TCP:
                return await _connect(host, port)
            return await _get(tls if source.protocol is Protocol.HTTPS else None, source, host, port)
    except TimeoutError:
        if loop.time() - began > longest * (1 + STARVED):
            raise Unavailable("this process was too busy, or stood still, while it looked") from None
        return unanswered(source, f"no answer within {longest:g} s")
    except h11.ProtocolError:
        return unanswered(source, "the application answered something that is no HTTP")
    except ssl.SSLError:
        return unanswered(source, "no TLS connection was made")
    except OSError as error:
        if error.errno in OURS:
            raise Unavailable(f"no probe can be made: {error}") from error
        return unanswered(source, _WORDS.get(error.errno or 0, f"no connection was made ({type(error).__name__})"))


async def _connect(host: str, port: int) -> Said:
    _, writer = await asyncio.open_connection(host, port, flags=socket.AI_NUMERICHOST)
    writer.transport.abort()
    return connected()


async def _get(tls: ssl.SSLContext | None, source: HealthSource, host: str, port: int) -> Said:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, flags=socket.AI_NUMERICHOST)
    try:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_AT_MOST)
        writer.write(_question(http, source, host, port))
        return await _answer(http, reader, source)
    finally:
        writer.transport.abort()


def _question(http: h11.Connection, source: HealthSource, host: str, port: int) -> bytes:
    path = quote(source.path if source.path.startswith("/") else f"/{source.path}", safe=string.punctuation)
    name = f"[{host}]" if ":" in host else host
    headers = [
        ("Host", f"{name}:{port}"),
        ("User-Agent", "Instar-health"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    request = http.send(h11.Request(method="GET", target=path, headers=headers)) or b""
    return request + (http.send(h11.EndOfMessage()) or b"")


async def _answer(http: h11.Connection, reader: asyncio.StreamReader, source: HealthSource) -> Said:
    status, body = 0, b""
    while True:
        match http.next_event():
            case h11.NEED_DATA:
                http.receive_data(await reader.read(CHUNK))
            case h11.Response() as response if not source.reads_bodies:
                return read_status(response.status_code)
            case h11.Response() as response:
                status = response.status_code
            case h11.Data() as part:
                body += part.data
                if len(body) > BODY_AT_MOST:
                    return unanswered(source, f"the application answered with more than {BODY_AT_MOST} bytes")
            case h11.EndOfMessage():
                return read_body(status, body)
            case h11.InformationalResponse():
                continue
            case _:
                return unanswered(source, "the connection was closed without an answer")
