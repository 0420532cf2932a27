"""One trace from a request through the set's workflow and the upgrade's to what is done to machines."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.worker import Replayer

from instar.connection.telemetry.traces import Traces
from instar.domain.records.upgrades import UpgradeStatus
from tests.support.models import NEW
from tests.support.world import World, a_world
from workflows.plugin import instar_plugin


class Spans(InMemorySpanExporter):
    def of_trace(self, trace_id: int) -> set[str]:
        return {span.name for span in self.get_finished_spans() if _trace(span) == trace_id}

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.get_finished_spans() if span.name == name]


def _trace(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.trace_id)


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def traces(spans: Spans) -> Traces:
    return Traces(1.0, "worker", spans, SimpleSpanProcessor(spans))


@pytest_asyncio.fixture
async def world(tmp_path: Path, traces: Traces) -> AsyncIterator[World]:
    async with a_world(tmp_path, plugins=[traces.plugin()], sealed=False) as world:
        yield world


async def test_what_is_done_for_a_request_is_in_its_trace(world: World, traces: Traces, spans: Spans) -> None:
    await world.has_set(4)
    world.publish(NEW)
    with traces.tracer.start_as_current_span("POST") as request:
        started = await world.start()
    assert (await world.end_of(started.number)).status is UpgradeStatus.COMPLETED
    found = spans.of_trace(request.get_span_context().trace_id)
    assert {
        "POST",
        "StartChildWorkflow:OsUpgradeWorkflow",
        "RunWorkflow:OsUpgradeWorkflow",
        "RunActivity:swap_os_disks",
        "RunActivity:await_health",
        "RunActivity:record_upgrades",
    } <= found
    # The set itself was made before, by another request.
    assert "RunWorkflow:ScaleSet" not in found
    history = await world.upgrade().fetch_history()
    for plugins in ([instar_plugin(None)], [instar_plugin(None), traces.plugin()]):
        await Replayer(workflows=[], plugins=plugins).replay_workflow(history)
        await Replayer(workflows=[], plugins=plugins).replay_workflow(await world.workflow_history())


async def test_what_a_set_does_by_itself_is_no_trace_without_end(world: World, spans: Spans) -> None:
    await world.has_set(4)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))
    await world.end_of()
    [of_upgrade] = spans.named("RunWorkflow:OsUpgradeWorkflow")
    [of_set] = spans.named("RunWorkflow:ScaleSet")
    assert _trace(of_upgrade) != _trace(of_set)
    assert "RunActivity:swap_os_disks" in spans.of_trace(_trace(of_upgrade))
    # Its looks, and whatever else it does by itself, are none of the request's that made it.
    assert not {"RunActivity:resolve_upgrade", "RunActivity:upgrade_closed"} & spans.of_trace(_trace(of_set))
    assert spans.named("RunActivity:resolve_upgrade")
