"""Holding upgrades at a scope: Instar's addition (docs/rules.md C2).

A hold has a scope of its own that its path does not say: whoever may change what is there may hold it and release it.
"""

import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from api.access.reasons import noted, reason_of
from api.services.dependencies import Services, ServicesDep
from api.services.paging import PagingDep
from api.shapes.wishes import hold_body
from api.steering.asked import check_name, may_see, only, until_of, who
from api.steering.telling import tell_all_below
from api.wire.bodies import JsonBody, described
from api.wire.errors import ArmError, invalid, not_found
from instar.domain.access import Need, Role
from instar.domain.scopes import spelt
from instar.domain.steering.wishes import Hold
from instar.store.errors import QuotaExceeded

router = APIRouter(tags=["steering"])

HOLDS = "/instar/holds"
HOLD = HOLDS + "/{holdName}"
HOLDS_AT_MOST = 1_000
"""All are read before each batch."""

SCOPE_AT_MOST = 500
"""Characters."""

_SET = re.compile(r"(/[^/]+){4}/providers/Microsoft\.Compute/virtualMachineScaleSets/[^/]+", re.IGNORECASE)

Json = dict[str, Any]
Name = Annotated[str, Path(alias="holdName")]


@router.put(
    HOLD,
    response_model=None,
    openapi_extra=described({"scope": "/", "reason": "code freeze", "until": "2126-12-01T06:00:00Z"}),
)
async def put_hold(request: Request, services: ServicesDep, name: Name, body: JsonBody) -> Response:
    """Hold every upgrade at a scope and below it (C2): 201 for a new hold, 200 where it replaces one.

    None begins, by hand neither; those that run wait before their next batch. Scaling, power, reads, cancels and
    rollbacks go on. `scope` is `/`, a subscription, a resource group or a scale set.
    """
    only(body, ("scope", "reason", "until"))
    check_name(name, "holdName")
    scope, now = _scope_of(body), services.clock()
    services.caller.require(_need(scope, "write"))
    had = await asyncio.to_thread(services.store.wishes.hold_named, name)
    if had is not None:
        services.caller.require(_need(had.scope, "write"))
    reason = noted(request, reason_of(body, needed=True))
    wish = Hold(name=name, scope=scope, reason=reason, by=who(services), since=now, until=until_of(body, now))
    try:
        held = await asyncio.to_thread(services.store.wishes.hold, wish, HOLDS_AT_MOST)
    except QuotaExceeded:
        raise ArmError(
            409,
            "QuotaExceeded",
            f"There are {HOLDS_AT_MOST} holds, and no more may be: release one that is needed no more.",
        ) from None
    await tell_all_below(services, *filter(None, (had, wish)))
    await services.gateway.look_at_webhooks(held.told)
    return JSONResponse(hold_body(wish), 201 if held.is_new else 200)


@router.get(HOLDS, response_model=None)
async def list_holds(services: ServicesDep, paging: PagingDep) -> Json:
    """List the holds that concern what one may read, those that have ended by themselves too."""
    found = [hold for hold in await asyncio.to_thread(services.store.wishes.holds) if may_see(services, hold.scope)]
    page = paging.page(found, lambda hold: (hold.name.lower(),))
    return page.answer(hold_body(hold) for hold in page.items)


@router.get(HOLD, response_model=None)
async def get_hold(services: ServicesDep, name: Name) -> Json:
    """A hold: where, who, since when, why, until when."""
    return hold_body(await _existing(services, name))


@router.delete(HOLD, response_model=None)
async def release_hold(services: ServicesDep, name: Name) -> Response:
    """Release what is held (C2): upgrades go on where they stopped. 204 if there is no such hold, else 200."""
    had = await asyncio.to_thread(services.store.wishes.hold_named, name)
    if had is None or not may_see(services, had.scope):
        return Response(status_code=204)
    services.caller.require(_need(had.scope, "delete"))
    ended = await asyncio.to_thread(services.store.wishes.release, name, services.clock())
    await tell_all_below(services, had)
    await services.gateway.look_at_webhooks(ended.told if ended else ())
    return Response(status_code=200)


async def _existing(services: Services, name: str) -> Hold:
    """Raises ArmError 404, also for one that concerns nothing that the caller may read."""
    hold = await asyncio.to_thread(services.store.wishes.hold_named, name)
    if hold is None or not may_see(services, hold.scope):
        raise not_found(f"There is no hold of the name '{name[:80]}'.")
    return hold


def _need(scope: str, verb: str) -> Need:
    return Need(f"Instar/holds/{verb}", scope, Role.CONTRIBUTOR)


def _scope_of(body: Json) -> str:
    """Raises ArmError 400 for what no scale set can be at or below."""
    given = body.get("scope")
    try:
        scope = spelt(given) if isinstance(given, str) and len(given) <= SCOPE_AT_MOST else ""
    except ValueError:
        scope = ""
    if not scope or ("/providers/" in scope.lower() and not _SET.fullmatch(scope)):
        raise invalid(
            "'scope' must be '/', a subscription ('/subscriptions/ID'), a resource group or a scale set, by its id.",
            "scope",
        )
    return scope
