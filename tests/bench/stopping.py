"""Ctrl-C, SIGTERM and SIGHUP end a run where it stands, once; whatever it began ends on the way out."""

import signal
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_stopped = False


def stop_where_it_stands() -> None:
    """From now on each of them raises KeyboardInterrupt in the main thread, the first time.

    To be called again after a group of processes has set handlers of its own, which only wait to be asked.
    """
    for signum in SIGNALS:
        signal.signal(signum, _stop)


def _stop(_signum: int, _frame: FrameType | None) -> None:
    global _stopped  # noqa: PLW0603  # a process stops once, and cleans up undisturbed
    if not _stopped:
        _stopped = True
        raise KeyboardInterrupt
