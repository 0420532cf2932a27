"""What a disk and a clock do to processes that run: no room, no writing, and a time that was before."""

import asyncio
import resource
import shutil
from contextlib import suppress
from pathlib import Path

from tests.processes.site import APIS, WORKERS, Site

ROOM_BYTES = {"full disk": 64 * 1024, "read-only disk": 0}
"""How long a file may be written: a few pages of a transaction are, and then no more; or none at all."""

LASTS_SECONDS = 6.0
BACK_SECONDS = 45
"""Longer than a heartbeat time-out."""

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


async def no_room(site: Site, what: str) -> None:
    """Every write of the workers and APIs beyond that is refused for some seconds. Whoever is started anew has room.

    By the limit of a process and not by a file system of its own, which only root could make: SQLite hears EFBIG.
    """
    limited: list[int] = []
    for name in site.names(*WORKERS, *APIS):
        pid = site.pid(name)
        with suppress(ProcessLookupError):
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (ROOM_BYTES[what], most))
            limited.append(pid)
    await asyncio.sleep(LASTS_SECONDS)
    for pid in limited:
        with suppress(ProcessLookupError):
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


class Clock:
    """The wall clock of the workers and APIs (the Temporal server, which asks the kernel itself, keeps its own)."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_text("+0")

    def env(self) -> dict[str, str]:
        """What processes are started with; nothing where libfaketime is not there."""
        if LIBRARY is None:
            return {}
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            # What is measured is not set by anybody.
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    async def set_back(self) -> None:
        """For some seconds, and then it is right again."""
        self._set(f"-{BACK_SECONDS}s")
        await asyncio.sleep(2 * LASTS_SECONDS)
        self._set("+0")

    def _set(self, offset: str) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(offset)
        shutil.move(fresh, self._file)
