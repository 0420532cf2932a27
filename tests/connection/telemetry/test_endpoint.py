"""`/metrics` and nothing else, at its own address."""

from collections.abc import Iterator
from http import HTTPStatus

import httpx
import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from instar.connection.readiness import Readiness
from instar.connection.telemetry.endpoint import Metrics
from instar.connection.telemetry.temporal_runtime import TemporalMetrics
from instar.serving.aside import serving_at
from instar.serving.server import CannotServe
from instar.stack.ports import choose_ports


def free_port() -> int:
    return choose_ports({"port": 0})["port"]


class One(Collector):
    def __init__(self, name: str) -> None:
        self._name = name

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(self._name, "A gauge.", 1)


class Sdk(TemporalMetrics):
    async def text(self) -> bytes:
        return b"# TYPE temporal_x gauge\ntemporal_x 3\n"


async def ask(app: Metrics, path: str, method: str = "GET") -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        return await client.request(method, path)


async def test_ours_and_temporals_are_one_page() -> None:
    answer = await ask(Metrics(One("a"), One("b"), temporal=Sdk("")), "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    names = [family.name for family in text_string_to_metric_families(answer.text)]
    assert names == ["a", "b", "temporal_x"]


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), ("/metrics/x", "GET", 404), ("/metrics", "POST", 405)]
)
async def test_nothing_else_is_answered(path: str, method: str, status: int) -> None:
    assert (await ask(Metrics(One("a")), path, method)).status_code == status


async def test_beside_a_workers_probes_both_are_answered() -> None:
    app = Metrics(One("a"), otherwise=Readiness())
    assert (await ask(app, "/healthz")).status_code == HTTPStatus.OK
    assert (await ask(app, "/readyz")).status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "a 1.0" in (await ask(app, "/metrics")).text


async def test_an_sdk_that_does_not_answer_leaves_ours() -> None:
    nowhere = TemporalMetrics(f"http://127.0.0.1:{free_port()}/metrics")
    answer = await ask(Metrics(One("a"), temporal=nowhere), "/metrics")
    assert answer.status_code == HTTPStatus.OK
    assert answer.text.endswith("a 1.0\n")


async def test_it_is_served_where_it_is_asked_for_and_a_taken_port_is_told() -> None:
    port = free_port()
    async with serving_at(Metrics(One("a")), f"127.0.0.1:{port}"), httpx.AsyncClient(trust_env=False) as client:
        assert "a 1.0" in (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        with pytest.raises(CannotServe, match=f"port {port}"):
            async with serving_at(Metrics(One("b")), f"127.0.0.1:{port}"):
                raise AssertionError("it is taken")
    async with serving_at(Metrics(One("a")), ""):
        pass
