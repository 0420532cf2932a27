"""Counts what is answered: by method and status, never by path, which a stranger makes up."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from instar.telemetry.metrics import REQUEST_SECONDS, REQUESTS, one_of

METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")


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
        status = ""

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            # Without a status nobody was answered: the client had gone.
            REQUESTS.labels(method, status).inc()
            REQUEST_SECONDS.labels(method).observe(time.monotonic() - began)
