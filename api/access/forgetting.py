"""What is kept for a time and then forgotten: entries of the audit log, ended operations, the page's sessions.

Every API does so, each hour; several at once do no harm.
"""

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
            _log.warning("what is old (entries of the audit log, operations) could not be removed: tried again later")
        else:
            _log.info("%d entries of the audit log were older than %s and are gone", gone[0], settings.audit_kept)
            if gone[2]:
                _log.info("%d operations had ended more than %s ago and are gone", gone[2], settings.operations_kept)
            if gone[1]:
                _log.warning("%d entries of the audit log were more than INSTAR_AUDIT_ENTRIES and are gone", gone[1])
        await asyncio.sleep(every.total_seconds())


def _forgotten(store: Store, clock: Clock, settings: Settings) -> tuple[int, int, int]:
    """Entries that were too old, entries that were too many, operations."""
    store.page_sessions.forget(clock())
    store.page_links.forget(clock())
    old = store.audit.forget(clock() - settings.audit_kept) if settings.audit_kept else 0
    too_many = store.audit.shorten(settings.audit_entries)
    if not settings.operations_kept:
        return old, too_many, 0
    return old, too_many, store.operations.forget(clock() - settings.operations_kept, store.deployments.operations())
