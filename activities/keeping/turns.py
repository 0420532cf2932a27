"""Whose turn it is, asked before each batch and told when one has ended (docs/rules.md W4)."""

import asyncio
from collections.abc import Iterable
from datetime import datetime

from temporalio import activity

from activities.keeping.words import Words
from instar.domain.messages.keepers import Keeps
from instar.domain.messages.os_upgrade import LookRequest
from instar.domain.sets.names import TURNS
from instar.domain.steering.next_step import Known, Park, ParkedFor, Stop, next_step
from instar.domain.steering.turns.limits import most_machines
from instar.domain.steering.turns.turns import Turn
from instar.store.store import Store


async def largest(store: Store, request: LookRequest) -> int | None:
    """How many machines the next batch may be of by the limits that cover the set; None: as many as it likes.

    What it was given already is not exceeded, whatever became of the limits since.
    """
    limits = await asyncio.to_thread(store.turns.covering, request.scale_set.resource_id)
    most = most_machines(limits)
    if most is None:
        return None
    turn = await asyncio.to_thread(store.turns.find, request.scale_set.unique_id, request.number)
    given = turn.machines if turn and turn.batch == request.batch + 1 else 0
    return min(most, given or most)


async def has_limits(store: Store, request: LookRequest) -> bool:
    """Whether the upgrade has to ask for its turn."""
    return bool(await asyncio.to_thread(store.turns.covering, request.scale_set.resource_id))


async def not_its_turn(store: Store, request: LookRequest, machines: int, now: datetime) -> Park | Stop | None:
    """Ask for that many machines; None: the batch may begin. Without limits nothing is asked and nothing is written.

    If fewer were given, because a limit was lowered in this moment, it asks again with the next look.
    """
    scale_set = request.scale_set
    if not await has_limits(store, request):
        await _ended(store, scale_set.unique_id, request.number)
        return None
    turn = Turn(
        unique_id=scale_set.unique_id,
        number=request.number,
        resource_id=scale_set.resource_id,
        batch=request.batch + 1,
        since=now,
        wants=machines,
    )
    asked = await asyncio.to_thread(store.turns.ask, turn, now)
    words = Words(activity.client())
    await words.begin(Keeps(what=TURNS))
    await words.go_on(asked.granted)
    if 0 < asked.machines < machines:
        await stand_aside(store, request)
        reason = f"waits for its turn: its limits were lowered to {asked.machines} machines just now"
        return Park(what=ParkedFor.TURN, reason=reason, until=now)
    return next_step(Known(now=now, turn=asked.reason))


async def stand_aside(store: Store, request: LookRequest) -> None:
    """It waits for something else than its turn: others go first."""
    await tell(await asyncio.to_thread(store.turns.stand_aside, request.scale_set.unique_id, request.number))


async def is_back(store: Store, request: LookRequest) -> None:
    """Its batch has had its verdict. What it was given for a later one meanwhile it keeps."""
    scale_set = request.scale_set
    await tell(await asyncio.to_thread(store.turns.is_back, scale_set.unique_id, request.number, request.batch))


async def has_ended(store: Store, unique_id: str, number: int) -> None:
    """An upgrade is over, and so are its leases."""
    await _ended(store, unique_id, number)


async def _ended(store: Store, unique_id: str, number: int) -> None:
    await tell(await asyncio.to_thread(store.turns.end, unique_id, number))


async def tell(granted: Iterable[Turn]) -> None:
    """Tell whose turn it is; the keeper says it again where the word was lost."""
    turns = tuple(granted)
    if turns:
        await Words(activity.client()).go_on(turns)
