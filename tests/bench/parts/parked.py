"""What upgrades cost that are parked at a gate: CPU of every process, over what the same processes use with none.

Parked, each is one workflow with one timer (docs/rules.md C2, G3); a freeze over a fleet leaves a thousand of them.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from instar.compute.clock import utc_now
from instar.domain.delays import Delays
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.store.steering.rollout_policies import DEFAULT
from tests.bench import scene
from tests.bench.figures import Figures, count, percent_of_a_core
from tests.bench.part import Part
from tests.bench.site import Site
from tests.bench.stacks import Stacked, on_a_stack
from tests.bench.usage import cpu_seconds

THOUSAND = 1_000
MADE_AT_ONCE = 4
SETTLING = timedelta(seconds=60)
EMPTY = timedelta(seconds=60)
WINDOW = timedelta(seconds=180)


def delays(upgrades: int) -> Delays:
    """With which fewer of them are looked after as often together as a thousand are."""
    return Delays(look_after_upgrade=Delays().look_after_upgrade * upgrades / THOUSAND)


async def _all_parked(stacked: Stacked, upgrades: int) -> Figures:
    """Percent of one core: of each process with all parked, with none, and what the parked ones add."""
    site, pids = stacked.site, stacked.pids
    site.store.rollout_policies.put(
        DEFAULT, RolloutPolicy.model_validate({"approval": "first"}), "bench", utc_now(), "", lambda _: None
    )
    await asyncio.sleep(10)
    empty = await _window(pids, EMPTY)
    sets = await _parked(site, upgrades)
    await asyncio.sleep(SETTLING.total_seconds())
    events = await _events(site, sets)
    busy = await _window(pids, WINDOW)
    figures = {f"{name}_percent_of_a_core": percent_of_a_core(percent) for name, percent in busy.items()}
    figures |= {f"{name}_percent_without_them": percent_of_a_core(percent) for name, percent in empty.items()}
    figures["percent_of_a_core_for_the_worker"] = percent_of_a_core(busy["worker"] - empty["worker"])
    figures["percent_of_a_core_for_all"] = percent_of_a_core(sum(busy.values()) - sum(empty.values()))
    hours = len(sets) * WINDOW.total_seconds() / 3600
    for name, before, after in zip(("an_upgrade", "a_set"), events, await _events(site, sets), strict=True):
        figures[f"events_per_hour_of_{name}"] = count((after - before) / hours)
    return figures


def measure(upgrades: int) -> Figures:
    """So many upgrades that wait at a gate."""
    figures, _memory = on_a_stack(lambda stacked: _all_parked(stacked, upgrades), delays(upgrades))
    return figures


async def _window(pids: Mapping[str, int], duration: timedelta) -> dict[str, float]:
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    await asyncio.sleep(duration.total_seconds())
    used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    return {name: 100 * seconds / duration.total_seconds() for name, seconds in used.items()}


async def _parked(site: Site, upgrades: int) -> list[ScaleSetIdentity]:
    gate = asyncio.Semaphore(MADE_AT_ONCE)

    async def made(number: int) -> ScaleSetIdentity:
        async with gate:
            return await site.has_set(f"parked-{number}", 1)

    sets = list(await asyncio.gather(*map(made, range(upgrades))))
    await site.booted()
    for begin in range(0, len(sets), MADE_AT_ONCE):
        await asyncio.gather(*map(site.start, sets[begin : begin + MADE_AT_ONCE]))
    for one in sets:
        await scene.until(partial(_is_parked, site, one), f"{one.name} parked")
    return sets


def _is_parked(site: Site, one: ScaleSetIdentity) -> bool:
    return site.store.waits.of_upgrade(one.unique_id, 1) is not None


async def _events(site: Site, sets: list[ScaleSetIdentity]) -> tuple[int, int]:
    """Of the upgrades, and of their sets' own workflows."""
    of_upgrades = of_sets = 0
    for one in sets:
        described = await site.client.get_workflow_handle(os_upgrade_workflow_id(one, 1)).describe()
        of_upgrades += described.history_length
        of_sets += await site.events_of_set(one)
    return of_upgrades, of_sets


PART = Part(
    name="parked",
    help="so many upgrades that wait at a gate",
    measure=measure,
    sizes=(THOUSAND,),
    bounds={"1000.percent_of_a_core_for_the_worker": 3, "1000.percent_of_a_core_for_all": 3},
)
