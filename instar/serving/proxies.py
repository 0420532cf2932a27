"""Where a request comes from, and what it was sent to: told by its connection, or by a proxy that is trusted."""

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

TOLD_BY_PROXIES = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip"}
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """ASGI middleware: what headers say of a proxy's client is dropped, but from the proxies that are named.

    What is left of these headers may be believed by whatever stands behind.
    """

    def __init__(self, app: ASGIApp, trusted: Callable[[Scope], Sequence[Network]]) -> None:
        """`trusted` tells the proxies at each request."""
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trusted = self._trusted(scope)
        if _is_among(trusted, scope.get("client")):
            believing: Any = ProxyHeadersMiddleware(self._app, [str(network) for network in trusted])  # type: ignore[arg-type]
            await believing(scope, receive, send)
        else:
            kept = [(name, value) for name, value in scope["headers"] if name.lower() not in TOLD_BY_PROXIES]
            await self._app({**scope, "headers": kept}, receive, send)


def _is_among(networks: Sequence[Network], client: tuple[str, int] | None) -> bool:
    try:
        address = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        return False
    return address is not None and any(address in network for network in networks)
