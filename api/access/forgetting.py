"""What is kept for a time and then forgotten: entries of the audit log, sessions of the page and links to it."""

import asyncio
import logging
from datetime import timedelta

from instar.compute.clock import Clock
from instar.connection.settings import Settings
from instar.store.errors import StoreError
from instar.store.store import Store

_log = logging.getLogger("instar.audit")

EVERY = timedelta(hours=1)


async def forget_regularly(store: Store, clock: Clock, settings: Settings, every: timedelta = EVERY) -> None:
    """Runs until it is cancelled. A store that is away is asked again the next time."""
    while True:
        try:
            gone = await asyncio.to_thread(_forgotten, store, clock, settings)
        except StoreError:
            _log.warning("old entries of the audit log could not be removed")
        else:
            _log.info("%d entries of the audit log were older than %s and are gone", gone[0], settings.audit_kept)
            if gone[1]:
                _log.warning("%d entries of the audit log were more than INSTAR_AUDIT_ENTRIES and are gone", gone[1])
        await asyncio.sleep(every.total_seconds())


def _forgotten(store: Store, clock: Clock, settings: Settings) -> tuple[int, int]:
    store.page_sessions.forget(clock())
    store.page_links.forget(clock())
    old = store.audit.forget(clock() - settings.audit_kept) if settings.audit_kept else 0
    return old, store.audit.shorten(settings.audit_entries)
