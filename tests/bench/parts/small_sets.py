"""Many small sets that are upgraded at once: none is lost, and none waits for others."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass

from tests.bench import scene
from tests.bench.figures import Figures, count, mebibytes, per_second, ratio, seconds
from tests.bench.part import Part
from tests.bench.stacks import Stacked, on_a_stack

TWENTY = 20
"""Machines of each."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How long all took, the time between the first end and the last, and what was given up on the way."""

    seconds: float
    between_ends: float
    batches: int
    lost: Counter[str]


def measure(sets: int) -> Figures:
    """From the first start to the last end."""

    async def all_at_once(stacked: Stacked) -> Seen:
        one = stacked.site
        made = [await one.has_set(f"small-{number}", TWENTY) for number in range(sets)]
        await one.booted()
        began = time.perf_counter()
        await asyncio.gather(*map(one.start, made))
        records = [await one.ended(scale_set) for scale_set in made]
        took = time.perf_counter() - began
        lost = Counter[str]()
        for scale_set in made:
            lost += await one.starved(scale_set)
        ends = [record.ended_at for record in records if record.ended_at]
        return Seen(took, scene.seconds_between(min(ends), max(ends)), max(map(one.batches, made)), lost)

    seen, memory = on_a_stack(all_at_once)
    return {
        "over_ideal": ratio(seen.seconds / (seen.batches * (scene.SWAP + scene.BOOT).total_seconds())),
        "instances_per_second": per_second(sets * TWENTY / seen.seconds),
        "attempts_lost": count(seen.lost["attempts"]),
        "workflow_tasks_timed_out": count(seen.lost["workflow tasks"]),
        "seconds": seconds(seen.seconds),
        "seconds_from_first_end_to_last": seconds(seen.between_ends),
        "worker_peak_mib": mebibytes(memory),
    }


PART = Part(
    name="small_sets",
    help=f"so many sets of {TWENTY} machines upgraded at once, and what was given up meanwhile",
    measure=measure,
    sizes=(1_000,),
)
