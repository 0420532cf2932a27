"""The audit log is kept for as long as the settings say; once a day what is older is forgotten."""

import asyncio
import logging
from datetime import timedelta

from instar.compute.clock import Clock
from instar.store.errors import StoreError
from instar.store.store import Store

_log = logging.getLogger("instar.audit")

EVERY = timedelta(days=1)


async def forget_daily(store: Store, clock: Clock, kept: timedelta, every: timedelta = EVERY) -> None:
    """Runs until it is cancelled. A store that is away is asked again the next day."""
    while kept:
        try:
            gone = await asyncio.to_thread(store.audit.forget, clock() - kept)
        except StoreError:
            _log.warning("old entries of the audit log could not be removed")
        else:
            _log.info("%d entries of the audit log were older than %s and are gone", gone, kept)
        await asyncio.sleep(every.total_seconds())
