"""A receiver of webhooks on loopback: remembers what it gets, and answers what a test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from instar.domain.telling.cloud_events import Links
from instar.domain.telling.webhooks import ALL, Webhook
from instar.store.store import Store
from instar.store.webhooks.webhooks import Place, StoredWebhook
from tests.support.http_servers import http
from tests.support.outbound import client_of
from worker.outside import Outside

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="


@dataclass
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    @property
    def type(self) -> str:
        return str(self.event["type"]).removeprefix("instar.")


Answers = Callable[[Got], int | tuple[int, str] | bytes | None]
"""The status for a request, and its headers, or all of an answer; None is silence."""

ALLOWED = http(200, b'{"allowed": true}')
DENIED = http(200, b'{"allowed": false, "reason": "burning"}')
"""Answers of judges."""


@dataclass
class Receiver:
    """What listens."""

    answers: Answers = lambda _got: 204
    port: int = 0
    got: list[Got] = field(default_factory=list)
    taken: list[Got] = field(default_factory=list)
    """Those that were answered with 2xx."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=hunter2"

    @property
    def types(self) -> list[str]:
        return [one.type for one in self.taken]


@asynccontextmanager
async def receiver(
    answers: Answers = lambda _got: 204,
) -> AsyncIterator[Receiver]:
    """Listen until the block ends."""
    made, writers = Receiver(answers), set[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(OSError, EOFError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
            got = Got(lines[0].split(" ")[1], headers, await reader.readexactly(int(headers.get("content-length", 0))))
            made.got.append(got)
            answer = made.answers(got)
            if answer is None:
                await reader.read()
                return
            if isinstance(answer, bytes):
                made.taken.append(got)
                writer.write(answer)
                await writer.drain()
                writer.close()
                return
            status, more = answer if isinstance(answer, tuple) else (answer, "")
            if 200 <= status < 300:
                made.taken.append(got)
            writer.write(f"HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n{more}\r\n".encode())
            await writer.drain()
        writers.discard(writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        listening.close()
        for writer in tuple(writers):
            writer.transport.abort()
        await listening.wait_closed()
        await asyncio.sleep(0)


def outside() -> Outside:
    """Calls of a worker in tests: loopback is allowed."""
    links = Links(api="https://instar.test", temporal="https://temporal.test")
    return Outside(receivers=client_of(), hooks=client_of(), links=links)


def has_webhook(
    store: Store, url: str, now: Any, *, name: str = "chat", scope: str = "/", events: tuple[str, ...] = (ALL,)
) -> StoredWebhook:
    """One that is written down."""
    webhook = Webhook(id="", name=name, scope=scope, events=events, origin=url.split("/hook", maxsplit=1)[0])
    stored, _ = store.webhooks.put(webhook, Place(url, SECRET), now, expected_etag=0, quotas={})
    return stored
