"""promtool, and the names in an expression."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from instar.connection.telemetry.state import ABOUT
from tests.support.metrics_page import counted, name_of

OF_PROMETHEUS = {"up"}

OF_TEMPORAL = {
    "temporal_workflow_task_execution_failed_total",
    "temporal_activity_schedule_to_start_latency_seconds_bucket",
    "temporal_workflow_task_schedule_to_start_latency_seconds_bucket",
    "temporal_worker_task_slots_available",
    "temporal_request_failure_total",
    "temporal_request_total",
}
"""Of the SDK, those that rules and the dashboard name: seen in a real process, or in the SDK's documentation."""

OF_PROCESSES = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"}

NAME = re.compile(r"\b((?:instar|temporal|process)_[a-z_]+|up)\b")


def promtool(*words: str | Path) -> str:
    """What it prints. Skips where it is not there; raises AssertionError, with what it says, where it refuses."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (as root: deploy/prometheus-tools.sh)")
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=False)  # noqa: S603  # Prometheus's own program
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def known() -> set[str]:
    """Every name that a process shows."""
    series = set(ABOUT)
    for metric in counted():
        name = name_of(metric)
        series |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if metric._type == "histogram" else {name}
    return series | OF_PROMETHEUS | OF_TEMPORAL | OF_PROCESSES


def names_in(expression: str) -> set[str]:
    """The metrics that an expression names; what stands in quotation marks is no name."""
    return set(NAME.findall(re.sub(r'"[^"]*"', '""', expression)))
