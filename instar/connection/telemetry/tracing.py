"""Whether there are traces: the libraries for them are loaded only then."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from instar.connection.telemetry.settings import TracesSettings

if TYPE_CHECKING:
    from instar.connection.telemetry.traces import Traces


@contextmanager
def traced(settings: TracesSettings, process: str) -> "Iterator[Traces | None]":
    """Traces of this process until the block ends; None where no setting says where to."""
    if not settings.endpoint:
        yield None
        return
    from instar.connection.telemetry.traces import Traces  # noqa: PLC0415  # it costs a third of a second

    traces = Traces.to(settings, process)
    try:
        yield traces
    finally:
        traces.close()
