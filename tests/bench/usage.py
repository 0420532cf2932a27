"""What a process uses: processor time so far, and the most memory while one looks on."""

import os
import subprocess
import threading
from pathlib import Path
from typing import Self

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class PeakMemory:
    """A context: the most resident memory of a process, looked at twice a second."""

    def __init__(self, pid: int) -> None:
        self.mib = 0.0
        self._pid = pid
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
            command = ["ps", "-o", "rss=", "-p", str(self._pid)]
            shown = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            self.mib = max(self.mib, int(shown.stdout.strip() or 0) / 1024)
            if self._stop.wait(0.5):
                return
