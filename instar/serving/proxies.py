"""Where a request comes from, and what it was sent to: told by its connection, or by a proxy that is trusted."""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

TOLD_BY_PROXIES = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-proto", b"x-real-ip"}
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@lru_cache(maxsize=8)
def proxies_of(given: tuple[str, ...]) -> tuple[Network, ...]:
    """Addresses and networks (`10.0.0.0/8`). Raises ValueError that says which is none."""
    return tuple(_network(text) for text in given)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is neither an address nor a network such as 10.0.0.0/8") from None


class TrustedProxies:
    """ASGI middleware: what headers say of a proxy's client is dropped, but from the proxies that are named.

    What is left of these headers may be believed by whatever stands behind.
    """

    def __init__(self, app: Application, trusted: Callable[[Message], tuple[str, ...]]) -> None:
        """`trusted` tells the proxies, as `proxies_of` takes them, at each request."""
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trusted = self._trusted(scope)
        if _is_among(proxies_of(trusted), scope.get("client")):
            believing: Any = ProxyHeadersMiddleware(self._app, list(trusted))  # type: ignore[arg-type]
            await believing(scope, receive, send)
        else:
            kept = [(name, value) for name, value in scope["headers"] if name.lower() not in TOLD_BY_PROXIES]
            await self._app({**scope, "headers": kept}, receive, send)


def _is_among(networks: tuple[Network, ...], client: tuple[str, int] | None) -> bool:
    try:
        address = ipaddress.ip_address(client[0]) if client else None
    except ValueError:
        return False
    return address is not None and any(address in network for network in networks)
