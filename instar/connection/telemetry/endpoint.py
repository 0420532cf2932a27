"""`GET /metrics`: ours and Temporal's, for Prometheus, at an address of its own and without a token."""

import asyncio
from collections.abc import Iterator

from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from instar.connection.readiness import Application, Message, Receive, Send, live
from instar.connection.telemetry.temporal_runtime import TemporalMetrics
from instar.telemetry.counting import begin_at_zero

PATH = "/metrics"

OTHERWISE = b"Metrics are at /metrics.\n"


class Metrics:
    """An ASGI application: `/metrics`, and 404 for what else there is, or the answers of another application."""

    def __init__(
        self, *collectors: Collector, temporal: TemporalMetrics | None = None, otherwise: Application | None = None
    ) -> None:
        begin_at_zero()
        self._collectors = _All(collectors)
        self._temporal = temporal
        self._otherwise = otherwise

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "http" and scope["path"] == PATH:
            await self._show(scope, send)
        elif self._otherwise is not None:
            await self._otherwise(scope, receive, send)
        elif scope["type"] == "http":
            await _answer(send, 404, OTHERWISE, "text/plain; charset=utf-8")
        elif scope["type"] == "lifespan":
            await live(receive, send)

    async def _show(self, scope: Message, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"Only GET.\n", "text/plain; charset=utf-8")
            return
        # In a thread: it may read the store, and whoever works here is not to wait for that.
        ours = await asyncio.to_thread(generate_latest, self._collectors)
        theirs = await self._temporal.text() if self._temporal else b""
        await _answer(send, 200, ours + theirs, CONTENT_TYPE_PLAIN_0_0_4)


class _All(Collector):
    def __init__(self, collectors: tuple[Collector, ...]) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        for one in self._collectors:
            yield from one.collect()


async def _answer(send: Send, status: int, body: bytes, content_type: str) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
