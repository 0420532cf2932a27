"""Which processes have a file open, as Linux tells it; elsewhere nobody is found.

An idle Temporal server holds no lock on its SQLite file: only that it has it open gives it away.
"""

import os
from collections.abc import Iterable
from pathlib import Path

PROCESSES = Path("/proc")


def users_of(files: Iterable[Path]) -> list[str]:
    """Each as `program (process N)`, ours left out; of other users' processes only root is told."""
    wanted = {(file.stat().st_dev, file.stat().st_ino) for file in files if file.exists()}
    if not wanted or not PROCESSES.is_dir():
        return []
    processes = (int(process.name) for process in PROCESSES.iterdir() if process.name.isdecimal())
    return [f"{_name(pid)} (process {pid})" for pid in sorted(processes) if pid != os.getpid() and _has(pid, wanted)]


def _has(pid: int, wanted: set[tuple[int, int]]) -> bool:
    try:
        opened = list((PROCESSES / str(pid) / "fd").iterdir())
    except OSError:
        return False
    for one in opened:
        try:
            seen = one.stat()
        except OSError:
            continue
        if (seen.st_dev, seen.st_ino) in wanted:
            return True
    return False


def _name(pid: int) -> str:
    try:
        return (PROCESSES / str(pid) / "comm").read_text().strip()
    except OSError:
        return "a program"
