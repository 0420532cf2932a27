"""Calls over real sockets: where they go, what they take, how long, and what they say of it."""

import asyncio
import gzip
import logging
import socket
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from instar.outbound.allowed import Allowed
from instar.outbound.client import OutboundClient
from instar.outbound.errors import CallFailed, NotAllowed, Unanswered
from instar.outbound.resolver import SystemResolver
from instar.telemetry.metrics import OUTBOUND_CALLS
from instar.telemetry.purposes import Purpose
from tests.support.http_servers import drip, endless, http, reset, server, silence, untrusted
from tests.support.outbound import LOOPBACK, Names, client_of, trusted

GET, POST = (Purpose.HOOK, "GET"), (Purpose.HOOK, "POST")
SECOND = timedelta(seconds=1)
SOON = timedelta(seconds=0.4)


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 8_000 + b"\r\n")
        await writer.drain()


async def endless_hints(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def dripping_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del reader
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_g4_a_call_goes_to_the_address_with_the_name_of_the_url() -> None:
    async with server(http(200, b"yes", "Retry-After: 7")) as served:
        answer = await client_of().call(
            *POST,
            f"http://receiver.test:{served.port}/in?x=1",
            content=b"{}",
            within=SECOND,
            body_at_most=10,
        )
    assert (answer.status, answer.is_success, answer.body, answer.retry_after) == (200, True, b"yes", 7 * SECOND)
    [head] = served.requests
    assert head.startswith(b"POST /in?x=1 HTTP/1.1\r\n")
    assert f"host: receiver.test:{served.port}\r\n".encode() in head.lower()
    assert b"accept-encoding: identity\r\n" in head.lower()


async def test_g4_tls_is_verified_for_the_name_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    tls, authority = trusted(tmp_path, "receiver.test")
    async with server(http(), tls=tls) as served:
        url = f"https://receiver.test:{served.port}/"
        assert (await client_of(ca_file=authority).call(*GET, url, within=SECOND)).status == 200
        with pytest.raises(Unanswered, match="its certificate is not good"):
            await client_of().call(*GET, url, within=SECOND)
        other = client_of({"other.test": ("127.0.0.1",)}, ca_file=authority)
        with pytest.raises(Unanswered, match="its certificate is not good"):
            await other.call(*GET, f"https://other.test:{served.port}/", within=SECOND)
    async with server(http(), tls=untrusted(tmp_path)) as served:
        with pytest.raises(Unanswered, match="its certificate is not good"):
            await client_of().call(*GET, f"https://127.0.0.1:{served.port}/", within=SECOND)


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("10.0.0.1", "127.0.0.1"), ("169.254.169.254",), ("::1",), ("::ffff:127.0.0.1",), ("fe80::1",)],
)
async def test_g4_what_a_name_resolves_to_is_checked_at_each_call(addresses: tuple[str, ...]) -> None:
    client = client_of({"receiver.test": addresses}, allowed=Allowed.of(["receiver.test"]))
    async with server(http()) as served:
        with pytest.raises(NotAllowed, match=r"INSTAR_HOOKS__ALLOW"):
            await client.call(*GET, f"http://receiver.test:{served.port}/", within=SECOND)
    assert served.requests == []


async def test_g4_the_resolved_address_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(http()) as served:
        client = OutboundClient(LOOPBACK, resolver=SystemResolver())
        asked = list[str]()
        real = socket.getaddrinfo

        def rebinding(host: str, *args: Any, **more: Any) -> Any:
            asked.append(str(host))
            return real("127.0.0.1", *args, **more)

        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        assert (await client.call(*GET, f"http://receiver.test:{served.port}/", within=SECOND)).status == 200
    assert asked.count("receiver.test") == 1, "a second look-up could be answered otherwise"


async def test_a_name_with_several_addresses_is_tried_at_each() -> None:
    client = client_of(
        {"receiver.test": ("127.0.0.9", "127.0.0.1")}, allowed=Allowed.of(["receiver.test", "127.0.0.0/8"])
    )
    async with server(http()) as served:
        assert (await client.call(*GET, f"http://receiver.test:{served.port}/", within=SECOND)).status == 200


async def test_g4_redirects_are_not_followed() -> None:
    async with server(http()) as aim, server(http(302, b"", f"Location: http://127.0.0.1:{aim.port}/")) as served:
        answer = await client_of().call(*GET, f"http://127.0.0.1:{served.port}/", within=SECOND)
    assert (answer.status, answer.is_success) == (302, False)
    assert aim.requests == []


@pytest.mark.parametrize("answer", [silence, drip, endless_hints, dripping_body], ids=lambda one: one.__name__)
async def test_g4_an_answer_that_takes_too_long_is_none(answer: Any) -> None:
    async with server(answer) as served:
        began = time.monotonic()
        with pytest.raises(Unanswered, match=r"no whole answer within 0\.4 s"):
            await client_of().call(*GET, f"http://127.0.0.1:{served.port}/", within=SOON, body_at_most=10_000)
        assert time.monotonic() - began < 3


async def test_g4_a_name_server_that_does_not_answer_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_args: object, **_more: object) -> list[object]:
        time.sleep(1.5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    resolver = SystemResolver()
    client = OutboundClient(LOOPBACK, resolver=resolver)
    began = time.monotonic()
    calls = [client.call(*GET, "http://receiver.test/", within=SOON) for _ in range(10)]
    for failed in await asyncio.gather(*calls, asyncio.to_thread(time.monotonic), return_exceptions=True):
        assert isinstance(failed, Unanswered | float)
    assert time.monotonic() - began < 1.4
    resolver.close()


LIES: dict[str, tuple[Any, str]] = {
    "endless": (endless, "longer than 1000 bytes"),
    "a byte too many": (http(200, b"x" * 1001), "longer than 1000 bytes"),
    "too short": (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "broke off"),
    "negative": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "broke off"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "broke off"),
    "compressed": (http(200, gzip.compress(b"\0" * 10_000_000)[:900], "Content-Encoding: gzip"), "compressed"),
    "endless headers": (endless_headers, "broke off"),
    "no http": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "broke off"),
    "reset": (reset, "broke off"),
    "nothing": (b"", "broke off"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_g4_an_answer_that_lies_or_has_no_end_is_none(lie: str) -> None:
    answer, said = LIES[lie]
    async with server(answer) as served:
        with pytest.raises(Unanswered, match=said):
            await client_of().call(*GET, f"http://127.0.0.1:{served.port}/", within=5 * SECOND, body_at_most=1000)


async def test_a_body_that_nobody_asked_for_is_not_read() -> None:
    async with server(endless) as served:
        answer = await client_of().call(*GET, f"http://127.0.0.1:{served.port}/", within=SECOND)
    assert (answer.status, answer.body) == (200, b"")


async def test_what_does_not_listen_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unanswered, match="refused"):
            await client_of().call(*GET, f"http://127.0.0.1:{taken.getsockname()[1]}/", within=SECOND)
    with pytest.raises(Unanswered, match="could not be resolved"):
        await client_of({"known.test": ("127.0.0.1",)}).call(*GET, "https://unknown.test/", within=SECOND)


async def test_g4_no_secret_is_in_a_log_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = list[str]()
    async with server(http(), reset, silence, http(500, b"hunter2")) as served:
        for _ in range(4):
            url = f"http://receiver.test:{served.port}/hunter2?key=hunter2"
            headers, content = {"Authorization": "hunter2"}, b"hunter2"
            try:
                answer = await client_of().call(*POST, url, headers=headers, content=content, within=SOON)
                said.append(repr(answer))
            except Unanswered as error:
                said += [str(error), repr(error)]
    assert len(served.requests) == 4
    assert len(said) == 6
    assert "hunter2" not in "".join([*said, *(record.getMessage() for record in caplog.records)])


async def test_nothing_of_the_environment_leads_a_call_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(http(500)) as proxy, server(http()) as served:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await client_of().call(*GET, f"http://127.0.0.1:{served.port}/", within=SECOND)).status == 200
    assert proxy.requests == []


def spans() -> tuple[Tracer, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("tests"), exporter


def counted(purpose: Purpose, response: str) -> float:
    return float(OUTBOUND_CALLS.labels(purpose, response)._value.get())


@pytest.mark.parametrize(
    ("answer", "allowed", "response", "failed"),
    [
        (http(204), LOOPBACK, "2xx", False),
        (http(503), LOOPBACK, "5xx", True),
        (http(799), LOOPBACK, "none", True),
        (silence, LOOPBACK, "none", True),
        (http(), Allowed(), "notAllowed", True),
    ],
)
async def test_each_call_is_counted_and_is_a_span(answer: Any, allowed: Allowed, response: str, failed: bool) -> None:
    tracer, exporter = spans()
    client = OutboundClient(allowed, resolver=Names({"receiver.test": ("127.0.0.1",)}), tracer=tracer)
    before = counted(Purpose.JUDGE, response)
    async with server(answer) as served:
        with suppress(CallFailed), tracer.start_as_current_span("the activity"):
            url = f"http://receiver.test:{served.port}/secret-path?token=hunter2"
            await client.call(Purpose.JUDGE, "POST", url, within=SOON)
    assert counted(Purpose.JUDGE, response) == before + 1
    call, around = exporter.get_finished_spans()
    assert (call.name, call.kind.name) == ("POST judge", "CLIENT")
    assert call.parent is not None
    assert around.context is not None
    assert call.parent.span_id == around.context.span_id
    assert call.status.is_ok is not failed
    told = call.to_json()
    assert "hunter2" not in told
    assert "secret-path" not in told
    assert all(b"traceparent" not in request.lower() for request in served.requests), "it is no system of ours"
