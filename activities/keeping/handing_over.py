"""Leaving the looks of a set that has nothing to do to those that are made for it (docs/rules.md T2)."""

import asyncio
from contextlib import suppress
from datetime import datetime

from temporalio import activity

from activities.keeping.words import Words
from instar.domain.looks.kept import KeptLook, Pace
from instar.domain.messages.keepers import Keeps
from instar.domain.messages.scale_set import Resolution, ResolveUpgrade
from instar.domain.sets.names import LOOKS
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.looks.looks import Look
from instar.store.store import Store


async def left_to_others(
    store: Store, request: ResolveUpgrade, model: ScaleSetModel, resolution: Resolution
) -> Resolution:
    """Write down what a look came to; whether looks are made for the set from now on.

    What begins an upgrade ends that: the set looks by itself afterwards. A start by hand that begins none says nothing.
    """
    unique_id, status = request.scale_set.unique_id, request.status
    if resolution.plan is not None:
        await asyncio.to_thread(store.looks.forget, unique_id)
        return resolution
    if status is None or request.at is None:
        return resolution
    status = status.model_copy(update={"last_look": resolution.reason})
    if next_at := status.next_look_at:
        await _leave(store, _look(request, model, resolution, request.at, next_at))
        status = status.model_copy(update={"next_look_at": None})
    await asyncio.to_thread(store.statuses.write, unique_id, status, request.at)
    return resolution.model_copy(update={"watched": next_at is not None})


def _look(
    request: ResolveUpgrade, model: ScaleSetModel, resolution: Resolution, at: datetime, next_at: datetime
) -> Look:
    settled = resolution.settled
    if settled is not None and settled != request.settled:
        settled = settled.model_copy(update={"until": at + request.delays.look_in_full})
    return Look(
        unique_id=request.scale_set.unique_id,
        location=request.scale_set.location,
        line=model.image.line,
        looked_at=at,
        outcome=resolution.reason,
        next_at=next_at,
        kept=KeptLook(pace=Pace.of(request.delays), settled=settled, held=request.held),
    )


async def _leave(store: Store, look: Look) -> None:
    if await asyncio.to_thread(store.looks.leave, look):
        # Whoever makes looks sleeps until what was the first until now; a lost word is said again by the sweep.
        with suppress(RuntimeError):
            await Words(activity.client()).begin(Keeps(what=LOOKS), wake=True)
