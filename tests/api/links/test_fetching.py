"""Fetching what templates link to: from real servers with TLS, and what is never asked."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest

from api.links.errors import LinkError
from api.links.fetching import Fetcher
from api.links.permitted import Public
from instar.compute.probing.reach import Listening, networks_of
from instar.connection.setting_groups import TemplateLinksSettings
from tests.support.http_servers import Answer, http, reset, server, silence, untrusted
from tests.support.mirrors import certified
from tests.support.outbound import Names

Tls = tuple[ssl.SSLContext, Path]
TOKEN = "?sv=2024&sig=hunter2-signature"


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return certified(tmp_path)


async def long(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body without a length, far longer than it may be."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000)
    await writer.drain()


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte now and then, each well within the time."""
    for _turn in range(60):
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.05)


def fetcher(
    port: int, authority: Path, path: str = "", reach: Any = None, at: tuple[str, ...] = ("127.0.0.1",)
) -> Fetcher:
    hosts: Any = f"localhost:{port}{path}"
    settings = TemplateLinksSettings(hosts=hosts, ca_file=authority)
    return Fetcher(settings, reach or Listening(frozenset({port})), Names({"localhost": at}))


async def asked(fetch: Fetcher, address: str, at_most: int = 1000, seconds: float = 5.0) -> bytes:
    """What the fetcher gives, asked as templates ask: from a thread."""
    return await asyncio.to_thread(fetch, address, at_most, seconds)


async def test_a_document_is_fetched_whole_with_its_query_string(tls: Tls) -> None:
    async with server(http(200, b'{"a": 1}'), tls=tls[0]) as served:
        found = await asked(fetcher(served.port, tls[1]), f"https://localhost:{served.port}/a/b.json{TOKEN}")
    assert found == b'{"a": 1}'
    [head] = served.requests
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == f"get /a/b.json{TOKEN} http/1.1".lower()
    assert f"host: localhost:{served.port}" in lines
    assert "accept-encoding: identity" in lines
    assert not [line for line in lines if line.startswith(("cookie", "authorization"))]


async def test_f5_nothing_of_a_query_string_is_logged_or_told(tls: Tls, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with server(http(200, b"{}"), http(500, b""), reset, tls=tls[0]) as served:
        fetch = fetcher(served.port, tls[1])
        await asked(fetch, f"https://localhost:{served.port}/a{TOKEN}")
        for _ in range(2):
            with pytest.raises(LinkError) as told:
                await asked(fetch, f"https://localhost:{served.port}/a{TOKEN}")
            assert "hunter2" not in str(told.value)
    assert "fetched 2 bytes" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(302, b"", "Location: https://localhost/elsewhere"), "no redirect is followed"),
        (http(404), "the status 404"),
        (http(206, b"{}"), "the status 206"),
        (http(200, b"x" * 1001), "longer than 1000 bytes"),
        (long, "longer than 1000 bytes"),
        (http(200, b"zip", "Content-Encoding: gzip"), "compressed"),
        (silence, "no whole answer within 1 s"),
        (drip, "no whole answer within 1 s"),
        (reset, "broke off"),
        (b"nonsense\r\n\r\n", "no HTTP"),
    ],
)
async def test_what_is_not_the_document_is_refused(tls: Tls, answer: bytes | Answer, said: str) -> None:
    async with server(answer, tls=tls[0]) as served:
        with pytest.raises(LinkError, match=said):
            await asked(fetcher(served.port, tls[1]), f"https://localhost:{served.port}/a", seconds=1)
        assert len(served.times) == 1


async def test_a_server_that_is_not_who_it_says_is_not_believed(tls: Tls, tmp_path: Path) -> None:
    async with server(http(200, b"{}"), tls=untrusted(tmp_path)) as served:
        with pytest.raises(LinkError, match="its certificate is not good"):
            await asked(fetcher(served.port, tls[1]), f"https://localhost:{served.port}/a")
    assert served.requests == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://localhost:{port}/team/a", "https"),
        ("ftp://localhost:{port}/team/a", "https"),
        ("file:///etc/passwd", "https"),
        ("//localhost:{port}/team/a", "https"),
        ("https://user:hunter2@localhost:{port}/team/a", "no user"),
        ("https://localhost:{port}/team/a#b", "fragment"),
        ("https://localhost/team/a", "'localhost' is not among"),
        ("https://other.example:{port}/team/a", "the host 'other.example' is not among"),
        ("https://127.0.0.1:{port}/team/a", "'127.0.0.1' is not among"),
        ("https://localhost.other.example:{port}/team/a", "is not among"),
        ("https://localhost:{port}/teams/a", "is not among"),
        ("https://localhost:{port}/team/../b", "is not among"),
        ("https://localhost:{port}/team/%2e%2E/b", "is not among"),
        ("https://localhost:{port}/team/%252e%252e/b", "is not among"),
        ("https://localhost:{port}/team/..%2fb", "is not among"),
        ("https://localhost:{port}/team/..\\b", "is not among"),
        ("https://localhost:99999/team/a", "no address"),
        ("https://[/team/a", "no address"),
        ("https:///team/a", "https"),
        ("https://localhost:{port}/team/a\nb", "https"),
        ("https://localhost:{port}/team/" + "a" * 9000, "https"),
    ],
)
async def test_what_the_operator_does_not_allow_is_never_asked(tls: Tls, address: str, said: str) -> None:
    async with server(http(200, b"{}"), tls=tls[0]) as served:
        with pytest.raises(LinkError, match=said) as told:
            await asked(fetcher(served.port, tls[1], "/team"), address.format(port=served.port))
        assert "hunter2" not in str(told.value)
        await asked(fetcher(served.port, tls[1], "/team"), f"https://LOCALHOST:{served.port}/team/a")
    assert len(served.times) == 1


async def test_by_default_nothing_is_fetched_and_the_setting_is_named() -> None:
    with pytest.raises(LinkError, match="INSTAR_TEMPLATE_LINKS__HOSTS"):
        await asked(Fetcher(TemplateLinksSettings()), "https://localhost/a")


async def test_an_allowed_host_that_is_somewhere_inside_is_not_asked(tls: Tls) -> None:
    async with server(http(200, b"{}"), tls=tls[0]) as served:
        for reach in (Public(), Public(networks_of(["127.0.0.0/8"]))):
            with pytest.raises(LinkError, match="loopback address, and nothing is fetched from those"):
                await asked(fetcher(served.port, tls[1], reach=reach), f"https://localhost:{served.port}/a")
    assert served.times == []


async def test_one_address_that_may_not_be_asked_is_enough(tls: Tls) -> None:
    with pytest.raises(LinkError, match=r"10.0.0.1 is no public address: INSTAR_TEMPLATE_LINKS__NETWORKS"):
        await asked(fetcher(1, tls[1], reach=Public(), at=("93.184.216.34", "10.0.0.1")), "https://localhost:1/a")


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("10.9.0.1", True),
        ("::ffff:10.9.0.1", True),
        ("10.8.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("fe80::1%eth0", False),
        ("fd12:3456::1", False),
        ("0.0.0.1", False),
    ],
)
def test_addresses_are_public_or_named_and_some_never_asked(host: str, may: bool) -> None:
    for networks in (["10.9.0.0/16"], ["10.9.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "::1/128"]):
        assert (Public(networks_of(networks)).why_not(host, 443) == "") is may
