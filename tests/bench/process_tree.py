"""A process with all that it started: what they use together, and their end."""

import os
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

EVERY_SECONDS = 1.0
GONE = (FileNotFoundError, ProcessLookupError, PermissionError)
"""What is read of a process that has just ended."""


def tree(root: int) -> list[int]:
    """The process, and all below it that there are now."""
    found = [root]
    for pid in found:
        with suppress(*GONE):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (thread / "children").read_text().split())
    return found


def kill(root: int) -> None:
    """End it with all below it, whatever sessions they made for themselves; nothing of it begins anything more."""
    stopped: set[int] = set()
    while more := set(tree(root)) - stopped:
        for pid in more:
            _send(pid, signal.SIGSTOP)
        stopped |= more
    for pid in stopped:
        _send(pid, signal.SIGKILL)


def _send(pid: int, signum: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signum)


def resident_mib(pids: Iterable[int]) -> float:
    """Memory of these together; what several share is counted once (proportional set size)."""
    kibibytes = 0
    for pid in pids:
        with suppress(*GONE):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kibibytes += int(line.split()[1])
    return kibibytes / 1024


class PeakTogether:
    """A context: the most memory that these processes, with all below them, had at once; looked at once a second."""

    def __init__(self, roots: Iterable[int]) -> None:
        self.mib = 0.0
        self._roots = tuple(roots)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            began = time.thread_time()
            self.mib = max(self.mib, resident_mib({pid for root in self._roots for pid in tree(root)}))
            # Hundreds of processes take long to look at: never more than a twentieth of the time.
            if self._stop.wait(max(EVERY_SECONDS, 20 * (time.thread_time() - began))):
                return
