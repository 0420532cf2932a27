"""A log for machines: one JSON object a line, with the set, the upgrade and the instance that it is about.

Its members are a closed list: what a library hangs on a record is not written, so nothing gets into a log by that way.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from opentelemetry.trace import get_current_span

from instar.domain.sets.names import os_upgrade_number, scale_set_of_workflow
from instar.telemetry.about import what_it_is_about

OF_SDK = ("temporal_activity", "temporal_workflow")
"""Where Temporal's loggers tell what they run in."""


class JsonLines(logging.Formatter):
    """`process`: which of our processes this is."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever is in the message."""
        at = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **_from_sdk(record),
            **what_it_is_about(),
        }
        if trace := _trace():
            line["trace"] = trace
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        # Only ASCII: no text that others made up ends a line, or cannot be written.
        return json.dumps(line)


def _from_sdk(record: logging.LogRecord) -> dict[str, str | int]:
    """What Temporal's own loggers say: a workflow's lines are written outside of any block of ours."""
    found: dict[str, str | int] = {}
    for extra in OF_SDK:
        details = getattr(record, extra, None)
        workflow_id = details.get("workflow_id") if isinstance(details, dict) else None
        if isinstance(workflow_id, str) and workflow_id:
            found["workflow"] = workflow_id
            if name := scale_set_of_workflow(workflow_id):
                found["set"] = name
            if number := os_upgrade_number(workflow_id):
                found["upgrade"] = number
    return found


def _trace() -> str:
    """The trace in which it was written; "" where nothing is traced."""
    context = get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""
