"""Limits over many scale sets: Instar's addition (docs/rules.md W4).

A limit has a scope of its own that its path does not say: whoever may change what is there may limit it.
"""

import asyncio
from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.services.dependencies import Services, ServicesDep
from api.services.paging import PagingDep
from api.steering.asked import check_name, may_see
from api.steering.named import answer, body_of, removed, stored
from api.steering.telling import tell_turns
from api.wire.bodies import JsonBody, described
from api.wire.errors import invalid, not_found
from api.wire.moments import moment
from api.wire.preconditions import PreconditionsDep
from instar.domain.access import Need, Role, is_within
from instar.domain.steering.refusals import PolicyRefused
from instar.domain.steering.turns.limits import Limit, parsed
from instar.domain.steering.turns.line import in_order, machines_of, upgrades_of, why
from instar.domain.steering.turns.turns import Turn
from instar.store.steering.named import Named

router = APIRouter(tags=["steering"])

LIMITS = "/instar/limits"
LIMIT = LIMITS + "/{limitName}"
KIND = "Instar/limits"
WHAT = "limit"

Json = dict[str, Any]
Name = Annotated[str, Path(alias="limitName")]
Line = tuple[Collection[Limit], Collection[Turn]]


@router.put(
    LIMIT,
    response_model=None,
    openapi_extra=described({"scope": "/", "upgradesAtOnce": 3, "machinesOutAtOnce": 50, "reason": "one at a time"}),
)
async def put_limit(
    request: Request, services: ServicesDep, name: Name, body: JsonBody, preconditions: PreconditionsDep
) -> Response:
    """Limit how much is upgraded at once at a scope and below it (W4): 201 for a new limit, 200 where it replaces one.

    `upgradesAtOnce` counts upgrades from their first batch to their end, `machinesOutAtOnce` the machines of batches
    that have had no verdict. Others are parked, and go on in the order of their asking. What runs is not stopped.
    """
    check_name(name, "limitName")
    reason = body.pop("reason", None)
    try:
        limit = parsed(name, body)
    except PolicyRefused as refused:
        raise invalid(refused.message, refused.target) from None
    kept = services.store.turns.limits
    services.caller.require(_need(limit.scope, "write"))
    if had := await asyncio.to_thread(kept.find, name):
        services.caller.require(_need(_of(had).scope, "write"))
    one, is_new = await stored(request, services, kept, name, limit.document, reason, preconditions, WHAT)
    await tell_turns(services)
    return answer(await _shown(services, one), created=is_new)


@router.get(LIMITS, response_model=None)
async def list_limits(services: ServicesDep, paging: PagingDep) -> Json:
    """List the limits that concern what one may read, with what is out of each and who waits."""
    line = await asyncio.to_thread(services.store.turns.all)
    found = [
        one for one in await asyncio.to_thread(services.store.turns.limits.all) if may_see(services, _of(one).scope)
    ]
    page = paging.page(found, lambda one: (one.name.lower(),))
    return page.answer(_body(services, one, line) for one in page.items)


@router.get(LIMIT, response_model=None)
async def get_limit(services: ServicesDep, name: Name) -> Response:
    """A limit, who holds how much of it, and who waits for what."""
    one = await asyncio.to_thread(services.store.turns.limits.find, name)
    if one is None or not may_see(services, _of(one).scope):
        raise not_found(f"There is no limit of the name '{name[:80]}'.")
    return answer(await _shown(services, one))


@router.delete(LIMIT, response_model=None)
async def delete_limit(
    request: Request, services: ServicesDep, name: Name, preconditions: PreconditionsDep
) -> Response:
    """Remove a limit (W4): whoever waits for it alone goes on. 204 if there is no such limit, else 200."""
    kept = services.store.turns.limits
    had = await asyncio.to_thread(kept.find, name)
    if had is None or not may_see(services, _of(had).scope):
        preconditions.check("", WHAT)
        return Response(status_code=204)
    services.caller.require(_need(_of(had).scope, "delete"))
    done = await removed(request, kept, name, preconditions, WHAT)
    await tell_turns(services)
    return done


async def _shown(services: Services, one: Named) -> Json:
    return _body(services, one, await asyncio.to_thread(services.store.turns.all))


def _body(services: Services, one: Named, line: Line) -> Json:
    """Totals are of all; by name only those are told that the caller may read."""
    limits, turns = line
    limit = _of(one)
    seen = [turn for turn in in_order(turns) if limit.covers(turn.resource_id) and _may_read(services, turn)]
    holders = [
        {**_told(turn), "machines": turn.machines, "since": moment(turn.since)} for turn in seen if turn.has_slot
    ]
    waiting = [
        {
            **_told(turn),
            "machines": turn.wants,
            "since": moment(turn.since),
            "waitsFor": why(turn, turns, limits),
        }
        for turn in seen
        if turn.waits
    ]
    now = {"upgrades": upgrades_of(limit, turns), "machinesOut": machines_of(limit, turns)}
    return body_of(one, LIMITS, KIND, now=now, holders=holders, waiting=waiting)


def _told(turn: Turn) -> Json:
    return {"id": turn.resource_id, "upgrade": turn.number}


def _of(one: Named) -> Limit:
    return Limit.model_validate({**one.document, "name": one.name})


def _may_read(services: Services, turn: Turn) -> bool:
    return any(is_within(turn.resource_id, grant.scope) for grant in services.caller.grants)


def _need(scope: str, verb: str) -> Need:
    return Need(f"Instar/limits/{verb}", scope, Role.CONTRIBUTOR)
