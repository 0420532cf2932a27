"""One probe of one machine: the question asked over a socket, and whatever comes back as an answer.

Garbage, silence, slowness and refusal are answers (behaviour.md H7). Only what hinders us to ask at all raises.
"""

import asyncio
import errno
import string
from collections.abc import Iterator
from urllib.parse import quote

import httpx

from compute.errors import Unavailable
from domain.health import HealthSource, Protocol
from domain.probe_answers import Said, connected, read_body, read_status, unanswered

BODY_AT_MOST = 65_536
"""Bytes of an answer that are read: an application's word needs a hundred, custom metrics some more."""

CONNECT_SHARE = 0.9
"""Of a probe's time-out: what the connection, or its TLS handshake, may take. A handshake that ends so is closed at
once; one that is cancelled leaves its socket to the garbage collector."""

OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.ENETUNREACH}
)
"""What says nothing of the machine: no socket, no port or no network is left here."""

_WORDS = {
    errno.ECONNREFUSED: "the connection was refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EHOSTUNREACH: "the machine cannot be reached",
}


def transport() -> httpx.AsyncHTTPTransport:
    """What carries http and https: no proxy, no redirect, no cookie, no connection kept, and any certificate will do.

    The Application Health extension looks at no certificate either: it asks its own machine.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncHTTPTransport(verify=False, trust_env=False, limits=limits)


async def ask(transport: httpx.AsyncHTTPTransport, source: HealthSource, host: str, port: int) -> Said:
    """Ask once, within the source's time-out. Raises Unavailable where no question could be asked."""
    try:
        async with asyncio.timeout(source.timeout.total_seconds()):
            if source.protocol is Protocol.TCP:
                return await _connect(host, port)
            return await _get(transport, source, host, port)
    except (TimeoutError, httpx.TimeoutException):
        return unanswered(source, f"no answer within {source.timeout.total_seconds():g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        causes = [cause for cause in _causes(error) if isinstance(cause, OSError)]
        if ours := [cause for cause in causes if cause.errno in OURS]:
            raise Unavailable(f"no probe can be made: {ours[0]}") from error
        words = (_WORDS[cause.errno] for cause in causes if cause.errno in _WORDS)
        return unanswered(source, next(words, f"no answer that can be read ({type(error).__name__})"))


async def _connect(host: str, port: int) -> Said:
    _, writer = await asyncio.open_connection(host, port)
    writer.transport.abort()
    return connected()


async def _get(transport: httpx.AsyncHTTPTransport, source: HealthSource, host: str, port: int) -> Said:
    path = quote(source.path if source.path.startswith("/") else f"/{source.path}", safe=string.punctuation)
    url = httpx.URL(scheme=source.protocol.value, host=host, port=port, raw_path=path.encode("ascii"))
    steps = {"connect": source.timeout.total_seconds() * CONNECT_SHARE}
    headers = {"User-Agent": "Instar-health", "Accept-Encoding": "identity", "Connection": "close"}
    response = await transport.handle_async_request(
        httpx.Request("GET", url, headers=headers, extensions={"timeout": steps})
    )
    try:
        if not source.reads_bodies:
            return read_status(response.status_code)
        body = b""
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  # an async transport's always is
        async for part in response.stream:
            body += part
            if len(body) > BODY_AT_MOST:
                return unanswered(source, f"the application answered with more than {BODY_AT_MOST} bytes")
        return read_body(response.status_code, body)
    finally:
        await response.aclose()


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error with all that it was raised from."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for one in error.exceptions:
                yield from _causes(one)
        error = error.__cause__ or error.__context__
