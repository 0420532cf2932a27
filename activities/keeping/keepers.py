"""What a keeper does, again and again: attempts of one activity, so that no time costs history (docs/rules.md W4, W5).

Each attempt does all there is to do and fails, harmlessly, until nothing is left to be seen to.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.heartbeats import beating
from activities.keeping.rings import RingKeeping
from activities.keeping.words import Words
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.domain.messages.keepers import Keeps
from instar.domain.sets.names import RINGS
from instar.store.store import Store

EVERY = timedelta(minutes=1)
"""So long a dead holder keeps its lease, a lost word delays, and a bake may end later than it could."""


@dataclass(frozen=True)
class KeeperActivities:
    """Of turns, and of rings."""

    provider: Provider
    store: Store
    clock: Clock = utc_now

    @activity.defn
    async def see_to(self, keeps: Keeps) -> None:
        """Return once nothing is left to be seen to. Raises ApplicationError, retryable, until then."""
        words = Words(activity.client())
        async with translated(), beating():
            if keeps.what == RINGS:
                more = await RingKeeping(self.provider, self.store, self.clock, words).see_to(keeps.name)
            else:
                more = await self._turns(words)
        if more:
            raise ApplicationError(
                f"sees to {more}",
                type="KeepsOn",
                category=ApplicationErrorCategory.BENIGN,
                next_retry_delay=EVERY,
            )

    async def _turns(self, words: Words) -> str:
        """Free what the dead hold, and tell whose turn it is; how many upgrades are left, in words."""
        settled = await asyncio.to_thread(self.store.turns.settle)
        # Only while somebody waits does it matter that a workflow was closed without a word.
        asked = settled.turns if any(turn.waits for turn in settled.turns) else ()
        if dead := [turn.key for turn in await words.closed(asked)]:
            settled = await asyncio.to_thread(self.store.turns.settle, dead)
        await words.go_on(settled.granted)
        return f"{len(settled.turns)} upgrades" if settled.turns else ""
