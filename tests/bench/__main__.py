"""`python -m tests.bench [--json FILE] [--sizes 100,1000]`: measure, print a table, write the figures."""

import argparse
import asyncio
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from tests.bench import bare_loop, cost, idle, parked, requests, scene
from tests.bench.site import PeakMemory, Site, processes, site, stack

Figures = dict[str, float]
console = Console()

BOUNDS = {
    "upgrade.1000.over_ideal": 1.10,
    "upgrade.1000.over_bare_loop": 1.10,
    "upgrade.10000.over_ideal": 1.35,
    "upgrade.10000.over_bare_loop": 1.35,
    "idle.1000.percent_of_a_core_for_the_sets": 5,
    "parked.1000.percent_of_a_core_for_the_worker": 3,
    "parked.1000.percent_of_a_core_for_all": 3,
}
"""Shown beside the figures, never asserted."""

MOST_EVENTS = 150


def measured(measure: Callable[[Site], Coroutine[Any, Any, Figures]]) -> tuple[Figures, float]:
    """One measurement on a stack of its own; gives the worker's peak memory in MiB too."""
    with tempfile.TemporaryDirectory(prefix="instar-bench-") as name:
        folder = Path(name)
        with stack(folder) as (_, worker), PeakMemory(worker) as memory:

            async def run() -> Figures:
                async with site(folder) as one:
                    return await measure(one)

            figures = asyncio.run(run())
        return figures, memory.mib


def upgrade(size: int) -> Figures:
    """One upgrade over the ideal and over the bare loop."""

    async def measure(one: Site) -> Figures:
        scale_set = await one.has_set("one", size)
        await one.booted()
        await one.start(scale_set)
        record = await one.ended(scale_set)
        batches = one.batches(scale_set)
        return {
            "seconds": scene.seconds_between(record.started_at, record.ended_at),
            "batches": batches,
            "events_per_batch": await one.events(scale_set) / batches,
        }

    found, memory = measured(measure)
    with tempfile.TemporaryDirectory(prefix="instar-bench-") as name:
        bare = asyncio.run(bare_loop.run(Path(name), size))
    ideal = found["batches"] * (scene.SWAP + scene.BOOT).total_seconds()
    return {
        "over_ideal": found["seconds"] / ideal,
        "over_bare_loop": found["seconds"] / bare,
        "events_per_batch": found["events_per_batch"],
        "seconds": found["seconds"],
        "ideal_seconds": ideal,
        "bare_loop_seconds": bare,
        "batches": found["batches"],
        "worker_peak_mib": memory,
    }


def many_sets() -> Figures:
    """Many sets at once."""

    async def measure(one: Site) -> Figures:
        sets = [await one.has_set(f"set-{number}", scene.SET_SIZE) for number in range(scene.SETS)]
        await one.booted()
        began = time.perf_counter()
        await asyncio.gather(*map(one.start, sets))
        for scale_set in sets:
            await one.ended(scale_set)
        return {"seconds": time.perf_counter() - began}

    found, memory = measured(measure)
    per_second = scene.SETS * scene.SET_SIZE / found["seconds"]
    return {"instances_per_second": per_second, "worker_peak_mib": memory, "seconds": found["seconds"]}


def api() -> Figures:
    """`rollingUpgrades/latest` beside a bare route; the time of one request over the other's."""

    with tempfile.TemporaryDirectory(prefix="instar-bench-") as name, stack(Path(name)) as (ports, _worker):

        async def prepare() -> str:
            async with site(Path(name)) as one:
                scale_set = await one.has_set("one", 100)
                await one.booted()
                await one.start(scale_set)
                await one.ended(scale_set)
                return scale_set.resource_id

        path = asyncio.run(prepare()) + "/rollingUpgrades/latest?api-version=2024-11-01"
        with ApiClient(Login.read(Path(name) / "data" / FILE)) as client:
            token = client.token()
        with requests.bare_route() as bare_port:
            bare = asyncio.run(requests.pace(bare_port, "/bare"))
            latest = asyncio.run(requests.pace(ports.api, path, token))
    return {
        "over_bare_route": bare.per_second / latest.per_second,
        "requests_per_second": latest.per_second,
        "p99_ms": latest.p99_ms,
        "bare_requests_per_second": bare.per_second,
        "bare_p99_ms": bare.p99_ms,
    }


def idle_sets() -> Figures:
    """A thousand sets with automatic upgrades on and nothing to do."""
    with tempfile.TemporaryDirectory(prefix="instar-bench-") as name:
        folder = Path(name)
        with processes(folder) as (_, pids):

            async def run() -> Figures:
                async with site(folder, idle.DELAYS) as one:
                    return await idle.measure(one, {part: pids[part] for part in ("worker", "temporal")})

            return asyncio.run(run())


def parked_upgrades(count: int) -> Figures:
    """So many upgrades that wait at a gate."""
    with tempfile.TemporaryDirectory(prefix="instar-bench-") as name:
        folder = Path(name)
        with processes(folder) as (_, pids):

            async def run() -> Figures:
                async with site(folder, parked.delays(count)) as one:
                    return await parked.measure(one, pids, count)

            return asyncio.run(run())


def costs() -> Figures:
    """What a batch costs, by process, by part and in counts."""
    with tempfile.TemporaryDirectory(prefix="instar-bench-") as name:
        folder = Path(name)
        with processes(folder) as (_, pids):

            async def run() -> Figures:
                async with site(folder) as one:
                    return await cost.measure(one, pids)

            figures = asyncio.run(run())
        return figures | asyncio.run(cost.parts(folder))


def small_sets(count: int) -> Figures:
    """So many sets of 20 at once."""
    figures, memory = measured(lambda one: cost.thousand(one, count))
    return figures | {"worker_peak_mib": memory}


def main() -> None:
    """Measure one after the other, so that none slows another."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--sizes", default=",".join(map(str, scene.SIZES)), help="machines of the single upgrades")
    choices = ("upgrade", "many_sets", "api", "idle", "parked", "cost", "small_sets")
    parser.add_argument("--only", choices=choices, help="one of the parts")
    parser.add_argument("--small-sets", type=int, default=cost.THOUSAND, help="sets of 20 that are upgraded at once")
    parser.add_argument("--parked", type=int, default=parked.THOUSAND, help="upgrades that are parked")
    asked = parser.parse_args()
    parts: list[tuple[str, str, Callable[[], Figures]]] = [
        ("upgrade", f"upgrade.{size}", lambda size=size: upgrade(size))  # type: ignore[misc]
        for size in map(int, asked.sizes.split(","))
    ]
    parts += [("many_sets", "many_sets", many_sets), ("api", "api.latest", api), ("idle", "idle.1000", idle_sets)]
    parts += [("parked", f"parked.{asked.parked}", partial(parked_upgrades, asked.parked))]
    parts += [("cost", "cost", costs), ("small_sets", "small_sets", partial(small_sets, asked.small_sets))]
    figures: Figures = {}
    for part, prefix, measure in parts:
        if asked.only in (None, part):
            console.print(f"measuring {prefix} …", style="dim")
            figures |= {f"{prefix}.{name}": round(value, 3) for name, value in measure().items()}
    machine = {"cpus": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
    show(figures)
    if asked.json:
        asked.json.write_text(json.dumps(figures | {"settings": scene.SETTINGS, "machine": machine}, indent=2) + "\n")


def show(figures: Figures) -> None:
    """The table."""
    table = Table("figure", "value", "at most")
    for name, value in figures.items():
        most = MOST_EVENTS if name.endswith("events_per_batch") else BOUNDS.get(name)
        shown = "" if most is None else f"{most:g}"
        style = "red" if most is not None and value > most else None
        table.add_row(name, f"{value:,.3f}".rstrip("0").rstrip("."), shown, style=style)
    console.print(table)


if __name__ == "__main__":
    main()
