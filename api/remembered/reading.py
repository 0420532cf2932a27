"""A request that only reads has one view of the store while it is quick (`instar.store.database.snapshots`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from instar.store.database.database import Database
from instar.store.database.snapshots import LASTS_SECONDS, Snapshot


@asynccontextmanager
async def reading_once(database: Database) -> AsyncIterator[None]:
    """All that is read of the store in this task is read in one transaction.

    One that lasts longer than a second, as when the machines are asked, has another one then.
    """
    loop = asyncio.get_running_loop()
    with database.snapshot() as snapshot:
        timer = _Timer(loop, snapshot)
        try:
            yield
        finally:
            timer.cancel()
            # The end of a transaction of a database far away may take long, and nobody need wait for it.
            if snapshot.is_open and not (database.is_here and snapshot.close_at_once()):
                loop.run_in_executor(None, snapshot.close)
            elif not snapshot.is_open:
                snapshot.close_at_once()


class _Timer:
    """Ends what is read through every second: whoever waits for something else reads nothing, and would keep it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, snapshot: Snapshot) -> None:
        self._loop = loop
        self._snapshot = snapshot
        self._set()

    def cancel(self) -> None:
        self._handle.cancel()

    def _set(self) -> None:
        self._handle = self._loop.call_later(LASTS_SECONDS, self._ring)

    def _ring(self) -> None:
        if self._snapshot.is_open and self._snapshot.age >= LASTS_SECONDS:
            self._loop.run_in_executor(None, self._snapshot.end)
        self._set()
