"""Pausing a scale set's upgrades, and letting them go on: Instar's addition (docs/rules.md C1)."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.access.reasons import noted, reason_of
from api.services.dependencies import SCALE_SET, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.wishes import pause_body
from api.steering.asked import only, until_of, who
from api.steering.telling import tell_set
from api.wire.bodies import JsonBody, described
from api.wire.errors import not_found, scale_set_not_found
from instar.domain.steering.wishes import Pause

router = APIRouter(tags=["steering"])

PAUSE = SCALE_SET + "/instar/pause"

Json = dict[str, Any]


@router.post(
    PAUSE,
    response_model=None,
    openapi_extra=described({"reason": "storage is being moved", "until": "2126-12-01T06:00:00Z"}),
)
async def pause(request: Request, services: ServicesDep, stored: StoredDep, body: JsonBody) -> Json:
    """Pause the upgrades of a set (C1): the batch in work comes to its end, then nothing new begins.

    With nothing running the next upgrade does not begin. Asked again, the newest reason and end count. Without `until`
    it lasts until somebody resumes.
    """
    only(body, ("reason", "until"))
    now = services.clock()
    wish = Pause(
        reason=noted(request, reason_of(body, needed=True)), by=who(services), since=now, until=until_of(body, now)
    )
    if not await asyncio.to_thread(services.store.wishes.pause, stored.identity.unique_id, wish):
        raise scale_set_not_found(stored.identity.name, stored.resource_group)
    await tell_set(services, stored.identity)
    return pause_body(stored, wish)


@router.get(PAUSE, response_model=None)
async def get_pause(services: ServicesDep, stored: StoredDep) -> Json:
    """Who paused a set, since when, why, until when. 404 while it is not paused."""
    wish = await asyncio.to_thread(services.store.wishes.pause_of, stored.identity.unique_id)
    if wish is None or not wish.lasts(services.clock()):
        raise not_found(f"The scale set '{stored.identity.name}' is not paused.")
    return pause_body(stored, wish)


@router.post(SCALE_SET + "/instar/resume", status_code=204, response_model=None)
async def resume(services: ServicesDep, stored: StoredDep) -> Response:
    """Let the upgrades of a paused set go on (C1). 204 also where it was not paused. A body is ignored."""
    was_paused = await asyncio.to_thread(services.store.wishes.resume, stored.identity.unique_id)
    await tell_set(services, stored.identity)
    if was_paused:
        await services.gateway.nudge(stored.identity, kept_disks=True)
    return Response(status_code=204)
