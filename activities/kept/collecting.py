"""Deleting kept OS disks whose time is over (docs/rules.md P5, R1, C1)."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity

from activities.heartbeats import beating
from activities.translation import translated
from instar.compute.provider import Provider
from instar.domain.messages.scale_set import CollectDue, Collected
from instar.domain.records.operation_keys import operation_key
from instar.domain.steering.retention import kept_until
from instar.store.store import Store

ASKS_AGAIN = timedelta(hours=12)
"""While a set is paused and disks would be due: its end is told, and a word may be lost."""


@dataclass(frozen=True)
class KeptDiskActivities:
    """Asked by a set when the time of its kept disks may be over."""

    provider: Provider
    store: Store

    @activity.defn
    async def collect_due_disks(self, request: CollectDue) -> Collected:
        """Delete what those operations put aside, where its time is over (P5, R1). Nothing while it is paused (C1)."""
        unique_id, now = request.scale_set.unique_id, request.now
        wish = await asyncio.to_thread(self.store.retentions.get, unique_id)
        pause = await asyncio.to_thread(self.store.wishes.pause_of, unique_id)
        until = {one: kept_until(one.ended_at, request.setting, wish) for one in request.disks}
        paused = pause is not None and pause.lasts(now)
        due = [] if paused else [one for one, moment in until.items() if moment <= now]
        if due:
            async with translated(), beating():
                keys = [operation_key(unique_id, one.number, one.key) for one in due]
                await self.provider.discard_os_disks(request.scale_set, keys=keys)
        left = [moment for one, moment in until.items() if one not in due]
        ask_at = max(min(left), now + ASKS_AGAIN) if left and paused else min(left, default=None)
        if pause is not None and paused and pause.until and ask_at:
            ask_at = max(pause.until, min(left))
        return Collected(
            numbers=tuple(one.number for one in due),
            ask_at=ask_at,
            keep=request.setting if wish is None or wish.keep is None else wish.keep,
        )
