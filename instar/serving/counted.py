"""Counts what is answered: by method and status, never by path, which a stranger makes up."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from instar.telemetry.metrics import REQUEST_SECONDS, REQUESTS, one_of

METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")
EVENTS = b"text/event-stream"
"""An answer that lasts as long as somebody listens: its seconds would say nothing of how fast we are."""


class CountedRequests:
    """An ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and count the answer once it is whole or broken off."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, method = time.monotonic(), one_of(METHODS, scope["method"])
        status, is_stream = "", False

        async def counted(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = str(message["status"])
                is_stream = any(EVENTS in value for _, value in message.get("headers", ()))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            # Without a status nobody was answered: the client had gone.
            REQUESTS.labels(method, status).inc()
            if not is_stream:
                REQUEST_SECONDS.labels(method).observe(time.monotonic() - began)
