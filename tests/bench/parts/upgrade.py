"""One upgrade of one set: over the ideal, and over the bare loop."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench import bare_loop, scene
from tests.bench.figures import Figures, count, mebibytes, ratio, seconds, told
from tests.bench.part import Part
from tests.bench.stacks import PREFIX, Stacked, on_a_stack


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What was seen of it: how long by its own record, in how many batches, with how many history events."""

    seconds: float
    batches: int
    events: int

    @property
    def ideal_seconds(self) -> float:
        """All that no orchestrator can save: each batch is swapped at once, and boots."""
        return self.batches * (scene.SWAP + scene.BOOT).total_seconds()


async def prepared(stacked: Stacked, size: int) -> ScaleSetIdentity:
    """One set of that size, on the older version."""
    scale_set = await stacked.site.has_set("one", size)
    await stacked.site.booted()
    return scale_set


async def upgraded(stacked: Stacked, scale_set: ScaleSetIdentity) -> Upgrade:
    """From its start to its end."""
    one = stacked.site
    await one.start(scale_set)
    record = await one.ended(scale_set)
    return Upgrade(
        seconds=scene.seconds_between(record.started_at, record.ended_at),
        batches=one.batches(scale_set),
        events=await one.events(scale_set),
    )


def measure(size: int) -> Figures:
    """Instar, then the bare loop."""

    async def instar(stacked: Stacked) -> Upgrade:
        return await upgraded(stacked, await prepared(stacked, size))

    found, memory = on_a_stack(instar)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        bare = asyncio.run(bare_loop.run(Path(name), size))
    return {
        "over_ideal": ratio(found.seconds / found.ideal_seconds),
        "over_bare_loop": ratio(found.seconds / bare),
        "events_per_batch": count(found.events / found.batches),
        "seconds": seconds(found.seconds),
        "ideal_seconds": told(found.ideal_seconds, "s"),
        "bare_loop_seconds": told(bare, "s"),
        "batches": told(found.batches),
        "worker_peak_mib": mebibytes(memory),
    }


PART = Part(
    name="upgrade",
    help="one upgrade of one set of so many machines, over the ideal and over a bare loop",
    measure=measure,
    sizes=scene.SIZES,
    quick=(100,),
    bounds={
        "1000.over_ideal": 1.10,
        "1000.over_bare_loop": 1.10,
        "10000.over_ideal": 1.15,
        "10000.over_bare_loop": 1.05,
        "10000.events_per_batch": 110,
        "*.events_per_batch": 60,
    },
)
