"""What a person says at a gate of the running upgrade: Instar's addition (docs/rules.md G3)."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from api.access.reasons import noted, reason_of
from api.services.dependencies import SCALE_SET, Services, ServicesDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.wishes import approval_body
from api.steering.asked import number_of, only, refuse_another, who
from api.steering.telling import tell_set
from api.wire.bodies import OptionalJsonBody, described
from api.wire.errors import invalid, not_allowed
from instar.domain.steering.wishes import Approval, Gate
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["steering"])

MEMBERS = ("reason", "upgrade", "gate")

Json = dict[str, Any]


@router.post(
    SCALE_SET + "/instar/approve",
    response_model=None,
    openapi_extra=described({"reason": "canary is fine", "upgrade": 7, "gate": "afterCanary"}),
)
async def approve(request: Request, services: ServicesDep, stored: StoredDep, body: OptionalJsonBody) -> Json:
    """Let the running upgrade pass the gate at which it waits (G3). 409 while it waits at none.

    With `upgrade` and `gate` these are meant, and no others that it may have come to since: 409 then.
    """
    only(body, MEMBERS)
    return await _said(services, stored, noted(request, reason_of(body)), body, approved=True)


@router.post(
    SCALE_SET + "/instar/reject",
    response_model=None,
    openapi_extra=described({"reason": "errors went up", "upgrade": 7, "gate": "first"}),
)
async def reject(request: Request, services: ServicesDep, stored: StoredDep, body: OptionalJsonBody) -> Json:
    """End the running upgrade at the gate at which it waits, as cancelled (G3). 409 while it waits at none.

    `upgrade` and `gate` as of an approval.
    """
    only(body, MEMBERS)
    return await _said(services, stored, noted(request, reason_of(body, needed=True)), body, approved=False)


async def _said(services: Services, stored: StoredScaleSet, reason: str, body: Json, *, approved: bool) -> Json:
    """The first word at a gate counts: asked twice, the first answer is shown. Raises ArmError 409."""
    meant, meant_gate = number_of(body, "upgrade"), _gate_of(body)
    await refuse_another(services, stored, meant)
    number, gate = await _gate(services, stored)
    if meant not in (0, number) or meant_gate not in (None, gate):
        raise not_allowed(
            f"Upgrade {number} of the scale set '{stored.identity.name}' waits at the gate '{gate}', not at the one "
            "that was meant. Nothing was done."
        )
    word = Approval(gate=gate, approved=approved, by=who(services), at=services.clock(), reason=reason)
    said = await asyncio.to_thread(services.store.wishes.approve, stored.identity.unique_id, number, word)
    if said.approved is not approved:
        raise not_allowed(f"The upgrade was {said.sentence} already.")
    await tell_set(services, stored.identity)
    return approval_body(said)


def _gate_of(body: Json) -> Gate | None:
    """The gate that is meant; None for whichever it waits at. Raises ArmError 400."""
    given = body.get("gate")
    if given is None:
        return None
    if not isinstance(given, str) or given not in list(Gate):
        raise invalid(f"'gate' must be one of {', '.join(Gate)}; leave it out for the one that is waited at.", "gate")
    return Gate(given)


async def _gate(services: Services, stored: StoredScaleSet) -> tuple[int, Gate]:
    """The number of the running upgrade and the gate at which it waits, or waited last."""
    latest = await asyncio.to_thread(services.store.upgrades.latest, stored.identity.unique_id)
    if latest is None or latest.status.ended:
        raise not_allowed(f"No upgrade of the scale set '{stored.identity.name}' runs.")
    at = await asyncio.to_thread(services.store.wishes.asked, stored.identity.unique_id, latest.number)
    if at is None:
        raise not_allowed(f"Upgrade {latest.number} of the scale set '{stored.identity.name}' waits for no approval.")
    return latest.number, at
