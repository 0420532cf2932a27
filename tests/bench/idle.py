"""What sets cost that have automatic upgrades on and nothing to do: CPU of the worker and of the Temporal server.

A hundred sets, with their real workflows, are looked at as often together as ten thousand are by default (one in 45
minutes each), and as often in full. They look by themselves as often, too: each in its turn is told to, since all of
them began in the same minutes. The rounds of looks are as far apart as by default, so that each has as many sets as one
of ten thousand has. What is not measured: a store with as many rows.
"""

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from instar.compute.clock import utc_now
from instar.domain.delays import Delays
from instar.domain.messages.scale_set import NudgeLook
from instar.domain.sets.names import scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench.site import Site

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

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(site: Site, pids: Mapping[str, int]) -> dict[str, float]:
    """Percent of one core: of either process, with and without what it costs with no sets at all."""

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
    by_workflows = sum([await site.events_of_set(one) for one in sets]) - sum(events)
    figures = {f"{name}_percent_of_a_core": percent for name, percent in busy.items()}
    figures |= {f"{name}_percent_without_sets": percent for name, percent in empty.items()}
    figures["percent_of_a_core_for_the_sets"] = sum(busy.values()) - sum(empty.values())
    figures["looks_per_second"] = looks.made / WINDOW.total_seconds()
    figures["events_per_set_and_day"] = by_workflows / SETS * _SCALE * (timedelta(days=1) / WINDOW)
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
