"""Where traces are sent, and that nothing of them is there where they are off."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from api.app import telemetry
from instar.connection.telemetry.json_lines import _trace
from instar.connection.telemetry.settings import TracesSettings
from instar.connection.telemetry.traces import SENT_WITHIN_SECONDS, Traces
from instar.connection.telemetry.tracing import traced

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECRET = "hunter2"


@contextmanager
def collector(status: int = 200) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    got: list[tuple[str, bytes]] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Takes) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", got
        finally:
            server.shutdown()
            thread.join()


def test_what_is_left_at_the_end_is_sent_as_otlp() -> None:
    with collector() as (url, got):
        with traced(TracesSettings(endpoint=url), "worker") as traces:
            assert traces is not None
            with traces.tracer.start_as_current_span("a step"):
                pass
        [(path, body)] = got
    assert path == "/v1/traces"
    [of_process] = ExportTraceServiceRequest.FromString(body).resource_spans
    assert [span.name for span in of_process.scope_spans[0].spans] == ["a step"]
    assert {one.key: one.value.string_value for one in of_process.resource.attributes}[
        "service.name"
    ] == "instar-worker"


def test_a_collector_that_is_away_keeps_no_process_from_its_end() -> None:
    began = time.monotonic()
    with traced(TracesSettings(endpoint="http://127.0.0.1:9"), "api") as traces:
        assert traces is not None
        with traces.tracer.start_as_current_span("lost"):
            pass
    assert time.monotonic() - began < SENT_WITHIN_SECONDS + 2


def test_without_a_setting_nothing_of_it_is_loaded() -> None:
    with traced(TracesSettings(), "worker") as traces:
        assert traces is None
    loaded = "any(m.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for m in sys.modules)"
    check = f"import sys, worker.__main__, api.__main__; sys.exit({loaded})"
    subprocess.run([sys.executable, "-c", check], check=True)  # noqa: S603  # our own modules


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [("http://c:4318/", "http://c:4318"), ("https://c/v1/traces", "https://c"), ("", "")],
)
def test_the_endpoint_is_the_collectors(given: str, endpoint: str) -> None:
    assert TracesSettings(endpoint=given).endpoint == endpoint


@pytest.mark.parametrize("wrong", ["collector:4318", "ftp://c", "http://"])
def test_what_is_no_url_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="must be a URL"):
        TracesSettings(endpoint=wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "much"])
def test_a_share_is_between_0_and_1(wrong: float) -> None:
    with pytest.raises(ValueError, match="ratio"):
        TracesSettings(ratio=wrong)


async def ask(ratio: float, path: str, **headers: str) -> InMemorySpanExporter:
    spans = InMemorySpanExporter()
    traces = Traces(ratio, "api", spans, SimpleSpanProcessor(spans))
    app = FastAPI(telemetry=telemetry(traces.provider))

    @app.get("/sets/{name}")
    async def get(name: str) -> str:
        if name == "broken":
            raise HTTPException(503, SECRET)
        return f"{name} {_trace()}"

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", headers=headers) as client:
        await client.get(path)
    return spans


async def test_a_request_is_a_span_in_its_callers_trace_and_tells_no_secret() -> None:
    spans = await ask(1.0, "/sets/web?api-version=1", traceparent=CALLER, authorization=f"Bearer {SECRET}")
    [span] = spans.get_finished_spans()
    assert span.name == "GET /sets/{name}"
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == CALLER.split("-")[1]
    attributes = dict(span.attributes or {})
    assert (attributes["url.path"], attributes["http.response.status_code"]) == ("/sets/web", 200)
    assert SECRET not in span.to_json()


@pytest.mark.parametrize("path", ["/page/login/back", "/page//login/back/"])
async def test_the_code_of_a_login_is_in_no_span(path: str) -> None:
    [span] = (await ask(1.0, f"{path}?code={SECRET}&state={SECRET}")).get_finished_spans()
    assert (span.attributes or {})["url.query"] == "REDACTED"
    assert SECRET not in span.to_json()


async def test_a_stranger_does_not_decide_what_is_sent() -> None:
    assert not (await ask(0.0, "/sets/web", traceparent=CALLER)).get_finished_spans()


async def test_a_servers_fault_is_an_error_without_its_text() -> None:
    [span] = (await ask(1.0, "/sets/broken")).get_finished_spans()
    assert not span.status.is_ok
    assert SECRET not in span.to_json()


def test_without_traces_no_request_has_a_span_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    app = FastAPI(telemetry=telemetry(None))
    assert not app._native_telemetry.enabled()
    assert not app._telemetry["auto_configure"]
