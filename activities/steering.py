"""What operators wish of an upgrade at this moment, asked before each batch (docs/rules.md C1, C2, G2, G3, W3)."""

import asyncio
from collections.abc import Collection
from datetime import datetime

from instar.domain.messages.os_upgrade import LookRequest
from instar.domain.records.progress import Outcome, Progress
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.next_step import Known, Park, Stop, may_not_begin, next_step
from instar.domain.steering.start_wishes import Limit
from instar.domain.steering.waves import canaries_due
from instar.store.store import Store


async def steered(store: Store, request: LookRequest, now: datetime) -> Park | Stop | None:
    """Whether the next batch may begin; None: it may. What is waited for is told to readers, and taken back (F10)."""
    scale_set = request.scale_set
    binding = store.wishes.binding
    wishes = await asyncio.to_thread(binding, scale_set.unique_id, scale_set.resource_id, now, request.number)
    step = next_step(
        Known(
            now=now,
            wishes=wishes,
            policy=request.plan.rollout,
            goes_back=request.plan.way_back is not None,
            begun=request.batch,
            canary_batches=request.progress.canary_batches if request.progress else 0,
            canaries_due=awaits_canaries(request),
            batch_takes=request.batch_takes or request.boots_within,
            waived=request.plan.waived,
            judged=request.judged,
        )
    )
    if isinstance(step, Park) and step.gate:
        await asyncio.to_thread(store.wishes.ask, scale_set.unique_id, request.number, step.gate, now)
    return step


def awaits_canaries(request: LookRequest) -> bool:
    """Whether canaries come next, as far as is known without a look (W1)."""
    progress = request.progress or Progress()
    due = canaries_due(
        request.plan.rollout,
        begun=request.batch,
        canary_batches=progress.canary_batches,
        due=progress.of(Outcome.PENDING),
    )
    return bool(due)


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
