"""What operators wish of an upgrade at this moment, asked before each batch (docs/rules.md C1, C2, G2, G3, W3)."""

import asyncio
from collections.abc import Collection
from datetime import datetime

from instar.domain.decisions.before_batch import known_before
from instar.domain.messages.os_upgrade import LookRequest
from instar.domain.records.progress import Progress
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.next_step import Park, Stop, may_not_begin, next_step
from instar.domain.steering.start_wishes import Limit
from instar.store.store import Store


async def steered(store: Store, request: LookRequest, now: datetime) -> Park | Stop | None:
    """Whether the next batch may begin; None: it may. What is waited for is told to readers, and taken back (F10)."""
    scale_set = request.scale_set
    binding = store.wishes.binding
    wishes = await asyncio.to_thread(binding, scale_set.unique_id, scale_set.resource_id, now, request.number)
    progress, batch_takes = request.progress or Progress(), request.batch_takes or request.boots_within
    known = known_before(request.plan, progress, request.batch, wishes, now, batch_takes, request.judged)
    step = next_step(known)
    if isinstance(step, Park) and step.gate:
        await asyncio.to_thread(store.wishes.ask, scale_set.unique_id, request.number, step.gate, now)
    return step


async def say_parked(store: Store, request: LookRequest, reason: str, now: datetime) -> None:
    """Tell readers what the upgrade waits for; "": it goes on. Written only where it differs (F10)."""
    await asyncio.to_thread(store.waits.say, request.scale_set.unique_id, request.number, reason, now)


async def why_not_begun(
    store: Store,
    scale_set: ScaleSetIdentity,
    now: datetime,
    waived: Collection[Limit] = (),
    *,
    goes_back: bool = False,
) -> str:
    """Why no upgrade of a set may begin now, as a sentence; empty if one may (C1, C2, C4). `goes_back`: a rollback."""
    wishes = await asyncio.to_thread(store.wishes.binding, scale_set.unique_id, scale_set.resource_id, now)
    park = may_not_begin(wishes, waived, goes_back=goes_back)
    return "" if park is None else park.reason
