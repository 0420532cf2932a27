"""What sets cost that have automatic upgrades on and nothing to do: CPU of the worker and of the Temporal server.

A hundred sets, with their real workflows, are looked at as often together as ten thousand are by default (one in 45
minutes each), and as often in full. They look by themselves as often, too: each in its turn is told to, since all of
them began in the same minutes. The rounds of looks are as far apart as by default, so that each has as many sets as one
of ten thousand has. What is not measured: a store with as many rows.
"""

import asyncio
from datetime import datetime, timedelta

from instar.compute.clock import utc_now
from instar.domain.delays import Delays
from instar.domain.messages.scale_set import NudgeLook
from instar.domain.sets.names import scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench.figures import Figures, count, percent_of_a_core, told
from tests.bench.part import Part
from tests.bench.site import Site
from tests.bench.stacks import Stacked, on_a_stack
from tests.bench.usage import cpu_seconds

TEN_THOUSAND = 10_000
SETS = 100
SETTLING = timedelta(seconds=120)
WINDOW = timedelta(seconds=240)

_DEFAULT = Delays()
_SCALE = SETS / TEN_THOUSAND
DELAYS = Delays(
    first_trigger=timedelta(0),
    look_least=_DEFAULT.look_least * _SCALE,
    look_most=_DEFAULT.look_most * _SCALE,
    look_in_full=_DEFAULT.look_in_full * _SCALE,
    look_by_itself=_DEFAULT.look_by_itself * _SCALE,
)


async def _idle(stacked: Stacked) -> Figures:
    """Percent of one core: of either process, with and without what it costs with no sets at all."""
    site = stacked.site
    pids = {name: stacked.pids[name] for name in ("worker", "temporal")}

    async def window(duration: timedelta) -> dict[str, float]:
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        await asyncio.sleep(duration.total_seconds())
        used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        return {name: 100 * seconds / duration.total_seconds() for name, seconds in used.items()}

    await asyncio.sleep(10)
    empty = await window(WINDOW / 4)
    sets = [await site.has_set(f"idle-{number}", 2, automatic=True) for number in range(SETS)]
    await asyncio.sleep(SETTLING.total_seconds())
    looks = Looks(site, sets)
    events = [await site.events_of_set(one) for one in sets]
    beside = [asyncio.create_task(looks.count()), asyncio.create_task(by_themselves(site, sets))]
    busy = await window(WINDOW)
    for one in beside:
        one.cancel()
    # What failed meanwhile is no measurement.
    for ended in await asyncio.gather(*beside, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    by_workflows = sum([await site.events_of_set(one) for one in sets]) - sum(events)
    figures = {f"{name}_percent_of_a_core": percent_of_a_core(percent) for name, percent in busy.items()}
    figures |= {f"{name}_percent_without_sets": percent_of_a_core(percent) for name, percent in empty.items()}
    figures["percent_of_a_core_for_the_sets"] = percent_of_a_core(sum(busy.values()) - sum(empty.values()))
    figures["looks_per_second"] = told(looks.made / WINDOW.total_seconds(), "1/s")
    figures["events_per_set_and_day"] = count(by_workflows / SETS * _SCALE * (timedelta(days=1) / WINDOW))
    return figures


async def by_themselves(site: Site, sets: list[ScaleSetIdentity]) -> None:
    """Each set looks by itself, after two to three days on average of the time that is measured here."""
    pause = DELAYS.look_by_itself * 1.25 / len(sets)
    for one in sets:
        handle = site.client.get_workflow_handle(scale_set_workflow_id(one))
        await handle.signal("nudge_look", NudgeLook(at_once=True))
        await asyncio.sleep(pause.total_seconds())


class Looks:
    """Counts the looks that are made for sets, by what readers are told of them."""

    def __init__(self, site: Site, sets: list[ScaleSetIdentity]) -> None:
        self._site, self._sets = site, [one.unique_id for one in sets]
        self.made = 0

    async def count(self) -> None:
        """For ever. Asked more often than the shortest time between two looks at a set."""
        before = self._looked()
        while True:
            await asyncio.sleep(DELAYS.look_least.total_seconds() / 2)
            after = self._looked()
            self.made += sum(after[one] != before[one] for one in self._sets)
            before = after

    def _looked(self) -> dict[str, datetime | None]:
        found = self._site.store.overviews.of(self._sets, utc_now())
        return {one.stored.identity.unique_id: one.status.last_look_at for one in found}


def measure(_: int) -> Figures:
    """Ten thousand sets with automatic upgrades on and nothing to do, by a hundred that are as busy."""
    figures, _memory = on_a_stack(_idle, DELAYS)
    return figures


PART = Part(
    name="idle",
    help="ten thousand sets with automatic upgrades on and nothing to do",
    measure=measure,
    sizes=(TEN_THOUSAND,),
    bounds={"*.percent_of_a_core_for_the_sets": 3, "*.events_per_set_and_day": 10},
)
