"""What a person says at a gate of the running upgrade: Instar's addition (docs/rules.md G3)."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from api.access.reasons import noted, reason_of
from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.wishes import approval_body
from api.steering.asked import only, who
from api.steering.telling import tell_set
from api.wire.bodies import OptionalJsonBody, described
from api.wire.errors import not_allowed
from instar.domain.steering.wishes import Approval, Gate
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["steering"])

Json = dict[str, Any]


@router.post(SCALE_SET + "/instar/approve", response_model=None, openapi_extra=described({"reason": "canary is fine"}))
async def approve(request: Request, services: ServicesDep, stored: StoredDep, body: OptionalJsonBody) -> Json:
    """Let the running upgrade pass the gate at which it waits (G3). 409 while it waits at none."""
    only(body, ("reason",))
    return await _said(services, stored, noted(request, reason_of(body)), approved=True)


@router.post(SCALE_SET + "/instar/reject", response_model=None, openapi_extra=described({"reason": "errors went up"}))
async def reject(request: Request, services: ServicesDep, stored: StoredDep, body: OptionalJsonBody) -> Json:
    """End the running upgrade at the gate at which it waits, as cancelled (G3). 409 while it waits at none."""
    only(body, ("reason",))
    return await _said(services, stored, noted(request, reason_of(body, needed=True)), approved=False)


async def _said(services: Services, stored: StoredScaleSet, reason: str, *, approved: bool) -> Json:
    """The first word at a gate counts: asked twice, the first answer is shown. Raises ArmError 409."""
    number, gate = await _gate(services, stored)
    word = Approval(gate=gate, approved=approved, by=who(services), at=services.clock(), reason=reason)
    said = await asyncio.to_thread(services.store.wishes.approve, stored.identity.unique_id, number, word)
    if said.approved is not approved:
        raise not_allowed(f"The upgrade was {said.sentence} already.")
    await tell_set(services, stored.identity)
    return approval_body(said)


async def _gate(services: Services, stored: StoredScaleSet) -> tuple[int, Gate]:
    """The number of the running upgrade and the gate at which it waits, or waited last."""
    latest = await asyncio.to_thread(services.store.upgrades.latest, stored.identity.unique_id)
    if latest is None or latest.status.ended:
        raise not_allowed(f"No upgrade of the scale set '{stored.identity.name}' runs.")
    at = await asyncio.to_thread(services.store.wishes.asked, stored.identity.unique_id, latest.number)
    if at is None:
        raise not_allowed(f"Upgrade {latest.number} of the scale set '{stored.identity.name}' waits for no approval.")
    return latest.number, at
