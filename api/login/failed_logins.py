"""Log-ins that failed: counted by address, told in the log, and noted in the audit log where a client is known."""

import asyncio
import logging

from fastapi import Request

from api.access.caller import Caller
from api.access.noting import entry_of, noted
from api.access.principals import Principal
from api.services.dependencies import Services
from instar.domain.legible import legible
from instar.serving.connections import origin_of

_log = logging.getLogger("instar.audit")

ACTION = "Instar/tokens/action"
"""As ARM would name it."""


async def refused_login(request: Request, services: Services, client_id: str) -> int:
    """Tell of one. Seconds until that address may try again; 0 while its failures are few."""
    origin = origin_of(request.client or ())
    _log.warning("a log-in of client %s from %s failed", legible(client_id) or "(none)", origin)
    if seconds := services.access.refusals.wait(f"log-in from {origin}"):
        return seconds
    known = await asyncio.to_thread(services.store.credentials.get, client_id)
    # Of clients that do not exist there are as many as strangers can think of.
    if known is not None:
        caller = Caller(Principal(known.client_id, known.name, ()))
        await noted(services.store, entry_of(caller, ACTION, request.url.path, 401, services.clock()))
    return 0
