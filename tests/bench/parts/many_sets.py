"""Many sets that are upgraded at once."""

import asyncio
import time

from tests.bench import scene
from tests.bench.figures import Figures, mebibytes, per_second, ratio, seconds
from tests.bench.part import Part
from tests.bench.stacks import Stacked, on_a_stack


def measure(sets: int) -> Figures:
    """From the first start to the last end."""

    async def all_at_once(stacked: Stacked) -> tuple[float, int]:
        one = stacked.site
        made = [await one.has_set(f"set-{number}", scene.SET_SIZE) for number in range(sets)]
        await one.booted()
        began = time.perf_counter()
        await asyncio.gather(*map(one.start, made))
        for scale_set in made:
            await one.ended(scale_set)
        return time.perf_counter() - began, max(map(one.batches, made))

    (took, batches), memory = on_a_stack(all_at_once)
    return {
        "over_ideal": ratio(took / (batches * (scene.SWAP + scene.BOOT).total_seconds())),
        "instances_per_second": per_second(sets * scene.SET_SIZE / took),
        "worker_peak_mib": mebibytes(memory),
        "seconds": seconds(took),
    }


PART = Part(
    name="many_sets",
    help=f"so many sets of {scene.SET_SIZE} machines upgraded at once",
    measure=measure,
    sizes=(scene.SETS,),
    bounds={"*.over_ideal": 1.5},
)
