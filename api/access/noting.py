"""Entries of the audit log: of requests, and of what a deployment makes in the name of who sent it."""

import asyncio
import logging
from datetime import datetime

from api.access.caller import Caller
from instar.domain.legible import legible
from instar.store.audit import Entry
from instar.store.errors import StoreError
from instar.store.store import Store

_log = logging.getLogger("instar.audit")


def entry_of(  # noqa: PLR0917  # as many as an entry has
    caller: Caller,
    action: str,
    resource: str,
    status: int,
    at: datetime,
    request_id: str = "",
    reason: str = "",
) -> Entry:
    """An entry in which nothing that others wrote can mislead its readers."""
    return Entry(
        at=at,
        principal=legible(caller.principal.subject),
        name=legible(caller.principal.name),
        action=legible(action),
        resource=legible(resource),
        status=status,
        request_id=request_id,
        reason=legible(reason),
    )


async def noted(store: Store, entry: Entry) -> None:
    """Write an entry down. A log that cannot be written stops nobody."""
    try:
        await asyncio.to_thread(store.audit.add, entry)
    except StoreError:
        _log.exception("this could not be written to the audit log")
