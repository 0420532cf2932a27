"""What a keeper does, again and again: attempts of one activity, so that no time costs history (T2, W4, W5).

Each attempt does all there is to do and fails, harmlessly, until nothing is left to be seen to.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.heartbeats import beating
from activities.keeping.rings import RingKeeping
from activities.keeping.set_looks import SetLooks
from activities.keeping.words import Words
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.domain.delays import Delays
from instar.domain.messages.keepers import Keeps
from instar.domain.sets.names import LOOKS, RINGS
from instar.store.store import Store

EVERY = timedelta(minutes=1)
"""So long a dead holder keeps its lease, a lost word delays, and a bake may end later than it could."""

LOOKS_AT_LEAST_AFTER = timedelta(seconds=10)
"""Between two rounds of looks for idle sets: of ten thousand one is due four times a second, and a round costs the same
for forty."""

LOOKS_AT_MOST_AFTER = timedelta(minutes=30)
"""Where nothing is due before: should a word be lost, and nobody sweep."""


def pause_between(delays: Delays) -> timedelta:
    """Between two rounds of looks: where everything is to be quicker than by default, as in a demo, these are, too.

    >>> pause_between(Delays()).total_seconds(), pause_between(Delays(nudge_most=timedelta(0))).total_seconds()
    (10.0, 1.0)
    """
    return min(max(delays.nudge_most / 30, timedelta(seconds=1)), LOOKS_AT_LEAST_AFTER)


@dataclass(frozen=True)
class KeeperActivities:
    """Of turns, of rings, and of the looks of idle sets. `pause`: between two rounds of these at the least."""

    provider: Provider
    store: Store
    clock: Clock = utc_now
    pause: timedelta = LOOKS_AT_LEAST_AFTER

    @activity.defn
    async def see_to(self, keeps: Keeps) -> None:
        """Return once nothing is left to be seen to. Raises ApplicationError, retryable, until then."""
        words, again = Words(activity.client()), EVERY
        async with translated(), beating():
            if keeps.what == LOOKS:
                more, again = await self._looks(words)
            elif keeps.what == RINGS:
                more = await RingKeeping(self.provider, self.store, self.clock, words).see_to(keeps.name)
            else:
                more = await self._turns(words)
        if more:
            raise ApplicationError(
                f"sees to {more}",
                type="KeepsOn",
                category=ApplicationErrorCategory.BENIGN,
                next_retry_delay=again,
            )

    async def _looks(self, words: Words) -> tuple[str, timedelta]:
        """Make the looks that are due; the next moment, in words, and how long that is from now."""
        due = await SetLooks(self.provider, self.store, self.clock, words, self.pause).see_to()
        if due is None:
            return "", EVERY
        wait = min(max(due - self.clock(), self.pause), LOOKS_AT_MOST_AFTER)
        return f"looks for idle sets: the next one is due at {due.isoformat(timespec='seconds')}", wait

    async def _turns(self, words: Words) -> str:
        """Free what the dead hold, and tell whose turn it is; how many upgrades are left, in words."""
        settled = await asyncio.to_thread(self.store.turns.settle)
        # Only while somebody waits does it matter that a workflow was closed without a word.
        asked = settled.turns if any(turn.waits for turn in settled.turns) else ()
        if dead := [turn.key for turn in await words.closed(asked)]:
            settled = await asyncio.to_thread(self.store.turns.settle, dead)
        await words.go_on(settled.granted)
        return f"{len(settled.turns)} upgrades" if settled.turns else ""
