import asyncio
import errno
import json
import socket
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from instar.compute.errors import Unavailable
from instar.compute.probing import questions
from instar.compute.probing.prober import Prober, Target
from instar.compute.probing.reach import Listening
from instar.domain.health.sources import HealthSource, Protocol, SourceKind
from instar.domain.machines.instances import HealthObservation, HealthState
from tests.compute.scene import ManualClock
from tests.support.http_servers import HEALTHY, UNHEALTHY, drip, endless, http, reset, server, silence, untrusted

HTTP = HealthSource(kind=SourceKind.APPLICATION_HEALTH, interval=timedelta(0), port=80, path="/health")
"""Its time-out is a second, the shortest there is."""

RICH = HTTP.model_copy(update={"rich": True, "grace_period": timedelta(minutes=10)})
TCP = HTTP.model_copy(update={"protocol": Protocol.TCP, "path": ""})
LOOPBACK = "127.0.0.1"
NOW = ManualClock().now


def of(source: HealthSource, **changes: Any) -> HealthSource:
    return source.model_copy(update=changes)


async def look(source: HealthSource, port: int, since: Any = None) -> HealthObservation:
    [seen] = await Prober(ManualClock()).look([at(port, since=since)], source)
    return seen


def at(port: int, number: int = 7, since: Any = None) -> Target:
    return Target(str(number), LOOPBACK, port, Listening(frozenset({port})), since)


def closed_port() -> int:
    with socket.socket() as made:
        made.bind((LOOPBACK, 0))
        return int(made.getsockname()[1])


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (http(200), HealthState.HEALTHY),
        (http(200, b"whatever"), HealthState.HEALTHY),
        (http(204), HealthState.UNHEALTHY),
        (http(302, b"", "Location: /elsewhere"), HealthState.UNHEALTHY),
        (http(500), HealthState.UNHEALTHY),
        (b"garbage\r\n\r\n", HealthState.UNHEALTHY),
        (b"", HealthState.UNHEALTHY),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 1_000_000 + b"\r\n\r\n", HealthState.UNHEALTHY),
        (reset, HealthState.UNHEALTHY),
    ],
)
async def test_h4_binary_http_is_healthy_by_200_alone(answer: Any, state: HealthState) -> None:
    async with server(answer) as served:
        assert (await look(HTTP, served.port)).state is state
    assert len(served.requests) == 1, "redirects are not followed, nothing is asked twice"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (http(200, HEALTHY), HealthState.HEALTHY),
        (http(203, HEALTHY), HealthState.HEALTHY),
        (http(200, HEALTHY.lower()), HealthState.HEALTHY),
        (http(200, UNHEALTHY), HealthState.UNHEALTHY),
        (http(503, HEALTHY), HealthState.UNKNOWN),
        (http(200), HealthState.UNKNOWN),
        (http(200, b"Healthy"), HealthState.UNKNOWN),
        (http(200, b'{"ApplicationHealthState": "Fine"}'), HealthState.UNKNOWN),
        (http(200, b'{"ApplicationHealthState": 1}'), HealthState.UNKNOWN),
        (http(200, b'["Healthy"]'), HealthState.UNKNOWN),
        (http(200, b"[" * 60_000), HealthState.UNKNOWN),
        (http(200, b'{"ApplicationHealthState": ' + b"9" * 60_000 + b"}"), HealthState.UNKNOWN),
        (http(200, b"\xff\xfe{"), HealthState.UNKNOWN),
        (b"garbage\r\n\r\n", HealthState.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", HealthState.UNKNOWN),
        (endless, HealthState.UNKNOWN),
        (reset, HealthState.UNKNOWN),
    ],
)
async def test_h5_rich_http_is_the_applications_own_word(answer: Any, state: HealthState) -> None:
    async with server(answer) as served:
        seen = await look(RICH, served.port)
    assert (seen.state, seen.instance_id, seen.observed_at) == (state, "7", NOW)


@pytest.mark.parametrize("answer", [silence, drip])
@pytest.mark.parametrize(("source", "state"), [(HTTP, HealthState.UNHEALTHY), (RICH, HealthState.UNKNOWN)])
async def test_h7_silence_and_slowness_are_observations_once_the_time_is_over(
    answer: Any, source: HealthSource, state: HealthState
) -> None:
    loop = asyncio.get_running_loop()
    async with server(answer) as served:
        began = loop.time()
        seen = await look(source, served.port)
    assert (seen.state, seen.detail) == (state, "no answer within 1 s")
    assert 1 <= loop.time() - began < 10


@pytest.mark.parametrize(
    ("source", "state"), [(HTTP, HealthState.UNHEALTHY), (RICH, HealthState.UNKNOWN), (TCP, HealthState.UNHEALTHY)]
)
async def test_h7_a_refused_connection_is_an_observation(source: HealthSource, state: HealthState) -> None:
    seen = await look(source, closed_port())
    assert (seen.state, seen.detail) == (state, "the connection was refused")


async def test_h4_tcp_asks_for_the_handshake_alone() -> None:
    async with server(silence) as served:
        assert (await look(TCP, served.port)).state is HealthState.HEALTHY
        assert (await look(of(TCP, rich=True), served.port)).state is HealthState.HEALTHY


async def test_h5_a_tcp_source_knows_no_unknown() -> None:
    source = of(TCP, rich=True, grace_period=timedelta(minutes=10))
    assert (await look(source, closed_port())).state is HealthState.UNHEALTHY


async def test_h4_https_is_asked_whatever_the_certificate_says(tmp_path: Path) -> None:
    source = of(HTTP, protocol=Protocol.HTTPS)
    async with server(http(200), tls=untrusted(tmp_path)) as served:
        assert (await look(source, served.port)).state is HealthState.HEALTHY
    async with server(http(200)) as plain:
        assert (await look(source, plain.port)).state is HealthState.UNHEALTHY


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/health?deep=1", b"/health?deep=1"),
        ("health", b"/health"),
        ("/a b", b"/a%20b"),
        ("/größe", b"/gr%C3%B6%C3%9Fe"),
    ],
)
async def test_the_path_is_asked_for_as_it_was_given(path: str, asked: bytes) -> None:
    async with server(http(200)) as served:
        assert (await look(of(HTTP, path=path), served.port)).state is HealthState.HEALTHY
    [request] = served.requests
    assert request.startswith(b"GET " + asked + b" HTTP/1.1\r\n")
    assert f"Host: {LOOPBACK}:{served.port}".encode() in request


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with server(http(200)) as served:
        assert (await look(HTTP, served.port)).state is HealthState.HEALTHY


async def test_h6_one_green_answer_is_not_health() -> None:
    source = of(HTTP, number_of_probes=3, interval=timedelta(seconds=0.2))
    async with server(http(200)) as served:
        assert (await look(source, served.port)).state is HealthState.HEALTHY
    assert len(served.times) == 3
    assert all(later - earlier > 0.15 for earlier, later in zip(served.times, served.times[1:], strict=False))


async def test_h6_one_odd_answer_is_not_believed_either_way() -> None:
    source = of(HTTP, number_of_probes=3)
    async with server(http(500), http(200)) as served:
        assert (await look(source, served.port)).state is HealthState.HEALTHY
    assert len(served.times) == 4
    async with server(http(200), http(200), http(500)) as served:
        assert (await look(source, served.port)).state is HealthState.UNHEALTHY


async def test_h6_an_application_that_flaps_is_never_believed() -> None:
    flaps = [http(200, HEALTHY), http(200, UNHEALTHY)] * 5
    for source, state in ((of(HTTP, number_of_probes=2), None), (of(RICH, number_of_probes=2), HealthState.UNKNOWN)):
        flapping = flaps if source.rich else [http(200), http(500)] * 5
        async with server(*flapping) as served:
            seen = await look(source, served.port)
        assert seen.state is (state or HealthState.UNHEALTHY)
        assert seen.detail == "no 2 of 3 answers in a row were equal"


async def test_h5_initializing_while_the_grace_period_lasts() -> None:
    async with server(http(503)) as served:
        seen = await look(RICH, served.port, NOW - timedelta(minutes=9))
        assert (seen.state, seen.settles_by) == (HealthState.INITIALIZING, NOW + timedelta(minutes=1))
        seen = await look(RICH, served.port, NOW - timedelta(minutes=10))
        assert (seen.state, seen.settles_by) == (HealthState.UNKNOWN, None)
        assert seen.detail == "the application answered with status 503, and its grace period is over"
    async with server(http(200, UNHEALTHY)) as served:
        assert (await look(RICH, served.port, NOW)).state is HealthState.UNHEALTHY


@pytest.mark.parametrize(
    ("metrics", "phase", "skip"),
    [
        ('{"rollingUpgrade": {"PhaseOrderingNumber": 0, "SkipUpgrade": false}}', 0, False),
        ('{"RollingUpgrade": {"phaseorderingnumber": "3", "SKIPUPGRADE": "True"}}', 3, True),
        ('{"rollingUpgrade": {"PhaseOrderingNumber": true, "SkipUpgrade": 1}}', None, False),
        ('{"rollingUpgrade": {"PhaseOrderingNumber": 1e400, "SkipUpgrade": "no"}}', None, False),
        ('{"rollingUpgrade": {"PhaseOrderingNumber": 99999999999}}', None, False),
        ('{"rollingUpgrade": [1]}', None, False),
        ("[]", None, False),
        ("nonsense", None, False),
        ("\ud800", None, False),
        ("x" * 5000, None, False),
    ],
)
async def test_b5_custom_metrics_are_read_from_a_healthy_answer(metrics: str, phase: int | None, skip: bool) -> None:
    body = json.dumps({"ApplicationHealthState": "Healthy", "customMetrics": metrics}).encode()
    async with server(http(200, body)) as served:
        seen = await look(RICH, served.port)
    assert (seen.state, seen.phase, seen.skip) == (HealthState.HEALTHY, phase, skip)
    assert seen.custom_metrics == (metrics if len(metrics) < 100 and metrics.isascii() else "")


async def test_b5_custom_metrics_need_the_state_healthy() -> None:
    body = b'{"ApplicationHealthState":"Unhealthy","CustomMetrics":"{\\"rollingUpgrade\\":{\\"SkipUpgrade\\":true}}"}'
    async with server(http(200, body)) as served:
        seen = await look(RICH, served.port)
    assert (seen.state, seen.skip, seen.custom_metrics) == (HealthState.UNHEALTHY, False, "")


async def test_hundreds_are_asked_at_once_and_no_thread_is_started() -> None:
    threads = threading.active_count()
    source = of(RICH, interval=timedelta(seconds=5))
    async with server(http(200, HEALTHY)) as good, server(http(200, UNHEALTHY)) as bad, server(silence) as silent:
        ports = [good.port, bad.port, silent.port, closed_port()] * 75
        targets = [at(port, number) for number, port in enumerate(ports)]
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = await Prober().look(targets, source)
        took = loop.time() - began
    assert [one.instance_id for one in seen] == [one.instance_id for one in targets]
    expected = [HealthState.HEALTHY, HealthState.UNHEALTHY, HealthState.UNKNOWN, HealthState.UNKNOWN] * 75
    assert [one.state for one in seen] == expected
    assert took < 15, "the 75 silent ones are waited for together, not 5 s each"
    assert threading.active_count() == threads


async def test_no_more_of_an_answer_is_read_than_a_word_can_need() -> None:
    async with server(endless) as served:
        assert (await look(RICH, served.port)).detail == "the application answered with more than 65536 bytes"


async def test_no_more_are_asked_at_once_than_there_are_sockets_for() -> None:
    open_now, most = 0, 0

    async def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.02)
        open_now -= 1
        writer.write(http(200))

    async with server(count) as served:
        targets = [at(served.port, number) for number in range(30)]
        prober = Prober(at_once=5)
        looks = await asyncio.gather(prober.look(targets[:10], HTTP), prober.look(targets[10:], HTTP))
    assert {one.state for seen in looks for one in seen} == {HealthState.HEALTHY}
    assert most <= 5


@pytest.mark.parametrize("source", [HTTP, TCP])
async def test_h7_a_look_that_could_not_be_made_says_nothing(
    source: HealthSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    async def no_socket(*_: object, **__: object) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(loop, "create_connection", no_socket)
    with pytest.raises(Unavailable, match="Too many open files"):
        await look(source, 80)


async def test_h7_a_worker_that_stood_still_says_nothing_of_the_machine() -> None:
    async with server(silence) as served:
        asyncio.get_running_loop().call_later(0.2, time.sleep, 2)
        with pytest.raises(Unavailable, match="stood still"):
            await look(HTTP, served.port)


async def test_h7_a_cancelled_look_leaves_nothing_behind() -> None:
    async with server(silence) as served:
        targets = [at(served.port, number) for number in range(20)]
        task = asyncio.create_task(Prober().look(targets, of(HTTP, interval=timedelta(seconds=30))))
        while len(served.requests) < 20:  # noqa: ASYNC110  # the server is a bystander
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) < 25


async def test_h3_a_probe_that_does_not_exist_is_never_healthy() -> None:
    source = HealthSource(kind=SourceKind.LOAD_BALANCER, name="/probes/gone")
    seen = await look(source, 80)
    assert (seen.state, seen.detail) == (
        HealthState.UNHEALTHY,
        "the load balancer's probe '/probes/gone' does not exist",
    )


async def test_h2_without_a_source_nothing_can_be_asked() -> None:
    with pytest.raises(ValueError, match="nothing to ask"):
        await Prober().look([], HealthSource())


def test_what_hinders_us_is_no_fault_of_the_machine() -> None:
    assert errno.ECONNREFUSED not in questions.OURS
    assert errno.EHOSTUNREACH not in questions.OURS
