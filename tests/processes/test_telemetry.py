"""A real `instar up` from outside: metrics of both processes, a log for machines, one trace through API and worker."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from instar.connection.telemetry.state import ABOUT
from tests.connection.telemetry.test_traces import collector
from tests.support.metrics_page import counted, name_of
from tests.support.promql import OF_PROCESSES
from tests.support.running_up import INSTAR, up
from tests.telemetry.test_labels import ALLOWED

OF_TEMPORAL = {
    "namespace",
    "task_queue",
    "workflow_type",
    "activity_type",
    "operation",
    "worker_type",
    "poller_type",
    "eager",
    "status_code",
    "failure_reason",
    "le",
}
"""Labels of the SDK: types, queues and kinds of calls, each a closed list in one installation."""


@dataclass(frozen=True)
class Seen:
    """What was there after one upgrade of 20 machines."""

    pages: dict[str, str]
    """Of worker and API."""
    logs: dict[str, list[str]]
    traces: list[ExportTraceServiceRequest]
    told: list[str]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("up") / "data"
    with collector() as (url, got), pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSTAR_TRACES__ENDPOINT", url)
        patch.setenv("INSTAR_LOG__FORMAT", "json")
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        with up(folder) as (process, told):
            for words in (
                ("init", "web"),
                ("images", "publish", "Canonical", "UbuntuServer", "18.04-LTS", "2.0.0"),
                ("upgrade", "web"),
                ("watch", "web", "--timeout", "120"),
            ):
                command = [str(INSTAR), *words, "--data-dir", str(folder)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own program
                assert done.returncode == 0, done.stdout + done.stderr
            pages = {}
            for line in told:
                if found := re.match(r"metrics +(\S+) \(INSTAR_METRICS__(WORKER|API)\)", line):
                    pages[found[2].lower()] = httpx.get(found[1], trust_env=False).raise_for_status().text
            process.terminate()
            process.wait(60)
        logs = {one: (folder / "logs" / f"{one}.log").read_text().splitlines() for one in ("worker", "api")}
        yield Seen(pages, logs, [ExportTraceServiceRequest.FromString(body) for _, body in got], told)


def value(page: str, name: str, **labels: str) -> float:
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return float(sample.value)
    return 0.0


def test_both_show_their_metrics_where_instar_up_says(seen: Seen) -> None:
    assert set(seen.pages) == {"worker", "api"}
    worker, api = seen.pages["worker"], seen.pages["api"]
    assert value(worker, "instar_upgrades_ended_total", kind="osUpgrade", started_by="User", status="Completed") == 1
    assert value(worker, "instar_instance_outcomes_total", outcome="upgraded") == 20
    assert value(worker, "instar_swap_duration_seconds_count", step="swap") > 0
    assert value(worker, "instar_health_wait_seconds_count") > 0
    assert value(api, "instar_api_requests_total", method="POST", code="202") >= 1
    for page in (worker, api):
        assert value(page, "instar_store_readable") == 1
        assert value(page, "instar_scale_sets", automatic="off") == 1
        assert value(page, "instar_upgrades_running", kind="osUpgrade") == 0
        assert value(page, "process_resident_memory_bytes") > 0
    assert value(worker, "temporal_activity_schedule_to_start_latency_seconds_count") > 0
    assert value(worker, "temporal_worker_task_slots_available") > 0
    assert value(api, "temporal_request_total") > 0


@pytest.mark.parametrize("of", ["worker", "api"])
def test_every_metric_is_a_known_one_with_known_labels_and_values(seen: Seen, of: str) -> None:
    ours = {name_of(one) for one in counted()} | set(ABOUT)
    for family in text_string_to_metric_families(seen.pages[of]):
        of_sdk = family.name.startswith("temporal_")
        for sample in family.samples:
            if of_sdk:
                assert set(sample.labels) <= OF_TEMPORAL, sample
                assert "web" not in " ".join(sample.labels.values()).replace("instar-webhooks", ""), sample
                continue
            base = re.sub(r"_(bucket|sum|count)$", "", sample.name)
            assert base in ours | OF_PROCESSES | {"process_virtual_memory_bytes", "process_start_time_seconds"}, sample
            for label, given in sample.labels.items():
                assert label == "le" or given in list(ALLOWED[label]), sample


@pytest.mark.parametrize("of", ["worker", "api"])
def test_every_line_of_the_log_is_an_object_that_says_what_it_is_about(seen: Seen, of: str) -> None:
    lines = [json.loads(line) for line in seen.logs[of]]
    assert {line["process"] for line in lines} == {of}
    # The URL of a call may be a secret; that of our own metrics is noise.
    assert not [line for line in lines if line["logger"] == "httpx"]
    if of == "worker":
        decisions = [line for line in lines if line.get("activity", "").startswith("record_upgrade")]
        assert len(decisions) > 4
        assert {(line["set"], line["upgrade"]) for line in decisions} == {("web", 1)}
        assert all(len(line["trace"]) == 32 for line in decisions)


def test_one_trace_leads_from_the_request_through_the_workflow_to_the_machines(seen: Seen) -> None:
    of_trace: dict[bytes, set[tuple[str, str]]] = {}
    for request in seen.traces:
        for of_process in request.resource_spans:
            [service] = [one.value.string_value for one in of_process.resource.attributes if one.key == "service.name"]
            for scope in of_process.scope_spans:
                for span in scope.spans:
                    of_trace.setdefault(span.trace_id, set()).add((service, span.name))
    [upgrade] = [spans for spans in of_trace.values() if ("instar-worker", "RunActivity:swap_os_disks") in spans]
    assert any(service == "instar-api" and re.match(r"POST .*instar/upgrade", name) for service, name in upgrade)
    assert ("instar-worker", "RunWorkflow:OsUpgradeWorkflow") in upgrade
    assert not {name for _, name in upgrade if name.startswith("PUT")}
