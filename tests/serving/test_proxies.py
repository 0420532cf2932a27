"""Whose word counts on where a request comes from."""

import pytest
from starlette.types import Message

from instar.compute.probing.reach import networks_of
from instar.serving.proxies import TrustedProxies

TOLD = [
    (b"host", b"10.0.0.5:8080"),
    (b"x-forwarded-for", b"192.0.2.9"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"instar.example"),
    (b"Forwarded", b"for=192.0.2.9"),
]


async def behind(client: tuple[str, int] | None, *proxies: str) -> Message:
    """The scope that the application gets of a request with these headers."""
    seen: list[Message] = []

    async def application(scope: Message, _receive: object, _send: object) -> None:
        seen.append(scope)

    middleware = TrustedProxies(application, lambda _scope: networks_of(proxies))
    scope = {"type": "http", "client": client, "scheme": "http", "headers": list(TOLD)}

    async def nothing(*_: object) -> Message:
        return {}

    await middleware(scope, nothing, nothing)  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize("client", [("10.0.0.5", 1), ("127.0.0.1", 1), ("::1", 1), ("nonsense", 0), None])
async def test_a_stranger_is_not_believed(client: tuple[str, int] | None) -> None:
    scope = await behind(client, "10.9.0.0/16")
    assert scope["headers"] == [(b"host", b"10.0.0.5:8080")]
    assert (scope["client"], scope["scheme"]) == (client, "http")


@pytest.mark.parametrize("proxies", [["10.0.0.0/8"], ["10.0.0.5"], ["192.168.0.0/16", "10.0.0.5/32"]])
async def test_a_trusted_proxy_is_believed(proxies: list[str]) -> None:
    scope = await behind(("10.0.0.5", 1), *proxies)
    assert (scope["client"][0], scope["scheme"]) == ("192.0.2.9", "https")
    assert (b"x-forwarded-host", b"instar.example") in scope["headers"]
