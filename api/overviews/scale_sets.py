"""All scale sets at a glance, of every subscription that the caller may read: Instar's addition (P17).

Answered from the store, in a fixed number of queries for a page of any size. The compute is asked only for versions.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.overviews.bodies import set_body
from api.overviews.machines import glances_of
from api.services.dependencies import Services, ServicesDep
from api.services.paging import PagingDep
from api.wire.errors import invalid
from api.wire.queries import wanted
from instar.domain.access import Need, Role
from instar.domain.scopes import ROOT, WANTED, spelt
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.columns import folded

router = APIRouter(tags=["overviews"])

ALL_SETS = "/instar/scaleSets"
READ = "Microsoft.Compute/virtualMachineScaleSets/read"
LOOKED_AT_ONCE = 1_000
"""Sets whose readers are looked at: whoever may read few of many is asked for in as many queries as it takes."""

Json = dict[str, Any]
Scope = Annotated[
    str, Query(description="a subscription, a resource group or a scale set, by its id: only what is there or below")
]
Expand = Annotated[str, Query(alias="$expand", description="versions: how many machines are on which version")]


def _readable(services: Services, place: str, after: str, most: int) -> list[ScaleSetIdentity]:
    """The next sets there that the caller may read: a query for each thousand that are looked through for them."""
    found: list[ScaleSetIdentity] = []
    at_once = most  # enough for whoever may read all
    while True:
        looked_at = services.store.set_listing.identities(place, after=after, most=at_once)
        found += [one for one in looked_at if services.caller.may(Need(READ, one.resource_id, Role.READER))]
        if len(found) >= most or len(looked_at) < at_once:
            return found[:most]
        after, at_once = folded(looked_at[-1].resource_id), LOOKED_AT_ONCE


@router.get(ALL_SETS, response_model=None)
async def list_sets(services: ServicesDep, paging: PagingDep, scope: Scope = ROOT, expand: Expand = "") -> Json:
    """List the scale sets that the caller may read: what runs, what keeps each back, what is next.

    `versions` is missing of a set whose machines the compute did not list within ten seconds; `health`, which comes
    with it, also of one that was not looked at by then. `overLimit`: so many are unhealthy that no upgrade begins (P2).
    """
    try:
        place = spelt(scope)
    except ValueError:
        raise invalid(f"The value of parameter 'scope' is invalid: {WANTED}.", "scope") from None
    besides = wanted("$expand", expand, ("versions", "health"))
    found = await asyncio.to_thread(_readable, services, place, paging.after_text, paging.size + 1)
    page = paging.page_of(found, lambda one: folded(one.resource_id))
    unique_ids = [one.unique_id for one in page.items]
    now = services.clock()
    overviews = await asyncio.to_thread(services.store.overviews.of, unique_ids, now)
    stored = [one.stored for one in overviews] if besides else []
    glances = await glances_of(services, stored, health="health" in besides)
    return page.answer(set_body(one, glances.get(one.stored.identity.unique_id), now) for one in overviews)
