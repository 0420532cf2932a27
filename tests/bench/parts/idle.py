"""What sets cost that have automatic upgrades on and nothing to do: CPU of the worker and of the Temporal server.

A few sets look as often together as a thousand do by default (one in 45 minutes each), and as often in full.
"""

import asyncio
from datetime import timedelta

from instar.domain.delays import Delays
from tests.bench.figures import Figures, percent_of_a_core, told
from tests.bench.part import Part
from tests.bench.stacks import Stacked, on_a_stack
from tests.bench.usage import cpu_seconds

THOUSAND = 1_000
SETS = 20
SETTLING = timedelta(seconds=90)
WINDOW = timedelta(seconds=120)

_DEFAULT = Delays()
_SCALE = SETS / THOUSAND
DELAYS = Delays(
    first_trigger=timedelta(0),
    look_least=_DEFAULT.look_least * _SCALE,
    look_most=_DEFAULT.look_most * _SCALE,
    look_in_full=_DEFAULT.look_in_full * _SCALE,
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
    empty = await window(WINDOW / 2)
    sets = [await site.has_set(f"idle-{number}", 2, automatic=True) for number in range(SETS)]
    await asyncio.sleep(SETTLING.total_seconds())
    events = [await site.events_of_set(one) for one in sets]
    busy = await window(WINDOW)
    per_set = sum([await site.events_of_set(one) for one in sets]) - sum(events)
    figures = {f"{name}_percent_of_a_core": percent_of_a_core(percent) for name, percent in busy.items()}
    figures |= {f"{name}_percent_without_sets": percent_of_a_core(percent) for name, percent in empty.items()}
    figures["percent_of_a_core_for_the_sets"] = percent_of_a_core(sum(busy.values()) - sum(empty.values()))
    figures["looks_per_second"] = told(per_set / EVENTS_PER_LOOK / WINDOW.total_seconds(), "1/s")
    return figures


def measure(_: int) -> Figures:
    """A thousand sets with automatic upgrades on and nothing to do."""
    figures, _memory = on_a_stack(_idle, DELAYS)
    return figures


EVENTS_PER_LOOK = 11
"""A timer, an activity and two workflow tasks."""

PART = Part(
    name="idle",
    help="a thousand sets with automatic upgrades on and nothing to do",
    measure=measure,
    sizes=(THOUSAND,),
    bounds={"*.percent_of_a_core_for_the_sets": 5},
)
