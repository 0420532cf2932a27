"""The log of a process: on standard error, and bounded, so that what strangers send over and over fills no disk."""

import logging
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass

from temporalio import activity, workflow

from instar.connection.telemetry.json_lines import JsonLines
from instar.connection.telemetry.settings import LogFormat

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

LINES_AT_MOST = 20
"""Warnings and errors of one kind that are written within `WITHIN_SECONDS`; the others are counted."""

WITHIN_SECONDS = 60.0

KINDS_AT_MOST = 1000
"""Kinds that are remembered; messages that others put together could be of endless kinds."""


@dataclass
class _Window:
    began: float
    written: int = 0
    left_out: int = 0


class Bounded(logging.Filter):
    """Lets warnings and errors of one kind through a few times a minute, and says how many it kept back.

    A kind is a logger, a level and a text before its values are put in. What is told of one's own doing (`INFO` and
    below) always passes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._windows: OrderedDict[tuple[str, int, str], _Window] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        if record.levelno < logging.WARNING:
            return True
        kind, now = (record.name, record.levelno, str(record.msg)), time.monotonic()
        window = self._windows.get(kind)
        if window is None or now - window.began > WITHIN_SECONDS:
            left_out = window.left_out if window else 0
            window = self._windows[kind] = _Window(now)
            self._windows.move_to_end(kind)
            if len(self._windows) > KINDS_AT_MOST:
                self._windows.popitem(last=False)
            if left_out:
                record.msg = f"(and {left_out} more such lines before) {record.getMessage()}"
                record.args = None
        window.written += 1
        if window.written <= LINES_AT_MOST:
            return True
        window.left_out += 1
        return False


def log_to_stderr(process: str = "", form: LogFormat = LogFormat.TEXT) -> None:
    """What a process of ours begins with. `process` is named in each line where these are for machines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Bounded())
    handler.setFormatter(JsonLines(process) if form is LogFormat.JSON else logging.Formatter(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if form is LogFormat.JSON:
        # Members of a line say what these would put behind its sentence.
        activity.logger.activity_info_on_message = False
        workflow.logger.workflow_info_on_message = False
    # It tells each call's URL.
    logging.getLogger("httpx").setLevel(logging.WARNING)
