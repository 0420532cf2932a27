"""How long a set's previous disks are kept: Instar's addition (docs/rules.md R1, P5)."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import ValidationError

from api.access.reasons import noted, reason_of
from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.ways_back import Kept, retention_document
from api.steering.asked import only, until_of, who
from api.wire.bodies import JsonBody, described
from api.wire.errors import invalid, scale_set_not_found
from instar.domain.steering.retention import Retention
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["steering"])

KEPT_DISKS = SCALE_SET + "/instar/retention"

Json = dict[str, Any]


@router.put(
    KEPT_DISKS,
    response_model=None,
    openapi_extra=described(
        {"keepPreviousDisks": "P7D", "until": "2126-12-01T06:00:00Z", "reason": "over the holidays"}
    ),
)
async def put_kept_disks(request: Request, services: ServicesDep, stored: StoredDep, body: JsonBody) -> Json:
    """Keep the previous disks of a set for so long after an upgrade's end, or until a moment, or both (R1).

    It counts for the disks that are kept now, too. The whole wish is replaced: what is left out is as the setting says.
    """
    only(body, ("keepPreviousDisks", "until", "reason"))
    now = services.clock()
    until = until_of(body, now)
    given = body.get("keepPreviousDisks")
    if given is None and until is None:
        raise invalid("'keepPreviousDisks' or 'until' must say how long previous disks are kept.", "keepPreviousDisks")
    reason = noted(request, reason_of(body, needed=True))
    try:
        wish = Retention(keep=given, until=until, reason=reason, by=who(services), since=now)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise invalid(f"'keepPreviousDisks' {told}.", "keepPreviousDisks") from None
    if not await asyncio.to_thread(services.store.retentions.put, stored.identity.unique_id, wish):
        raise scale_set_not_found(stored.identity.name, stored.resource_group)
    await services.gateway.nudge(stored.identity, kept_disks=True)
    return await _shown(services, stored)


@router.get(KEPT_DISKS, response_model=None)
async def get_kept_disks(services: ServicesDep, stored: StoredDep) -> Json:
    """How long the previous disks of a set are kept, by whose wish; by the setting where nobody wished anything."""
    return await _shown(services, stored)


@router.delete(KEPT_DISKS, response_model=None)
async def delete_kept_disks(services: ServicesDep, stored: StoredDep) -> Response:
    """Keep them as the setting says again. 204 if nothing else was wished, else 200."""
    had = await asyncio.to_thread(services.store.retentions.delete, stored.identity.unique_id)
    if had:
        await services.gateway.nudge(stored.identity, kept_disks=True)
    return Response(status_code=200 if had else 204)


async def _shown(services: Services, stored: StoredScaleSet) -> Json:
    keep = services.delays.keep_previous_disks
    kept = await asyncio.to_thread(Kept.of, services.store, stored.identity, (), services.clock(), keep)
    return retention_document(stored, kept)
