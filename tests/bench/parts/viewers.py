"""What those who look on cost a running upgrade.

The same upgrade twice, each on a stack of its own: alone, and with all of them. Times are by the upgrade's own record,
CPU seconds of the processes while it runs.
"""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from instar.client.api_token import FILE, Login
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.bench import scene
from tests.bench.figures import Figures, milliseconds, per_second, ratio, seconds, told
from tests.bench.looking_on import ROOM, Seen, looking_on
from tests.bench.part import Part
from tests.bench.site import Site, processes, site
from tests.bench.stacks import PREFIX
from tests.bench.usage import cpu_seconds


@dataclass(frozen=True, slots=True)
class LookedAt:
    """How long an upgrade took, the CPU seconds of each process meanwhile, and what was seen of it."""

    seconds: float
    cpu_seconds: Mapping[str, float]
    seen: Seen = field(default_factory=Seen)


def measure(size: int) -> Figures:
    """An upgrade of so many machines with all who look on, over the same one alone."""
    alone, looked_at = run(size, viewers=False), run(size, viewers=True)
    slowest = sorted(looked_at.seen.slowest_ms)
    return {
        "over_alone": ratio(looked_at.seconds / alone.seconds),
        "worker_cpu_over_alone": ratio(looked_at.cpu_seconds["worker"] / alone.cpu_seconds["worker"]),
        "seconds": seconds(looked_at.seconds),
        "alone_seconds": told(alone.seconds, "s"),
        **{f"{name}_cpu_seconds": seconds(used) for name, used in looked_at.cpu_seconds.items()},
        **{f"alone_{name}_cpu_seconds": told(used, "s") for name, used in alone.cpu_seconds.items()},
        "answers_per_second": per_second(looked_at.seen.answers / looked_at.seconds),
        "events_per_second": told(looked_at.seen.events / looked_at.seconds, "1/s"),
        "answer_p99_ms": milliseconds(slowest[int(len(slowest) * 0.99)]),
    }


def run(size: int, *, viewers: bool) -> LookedAt:
    """One upgrade, on a fresh stack."""
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX) as name,
        patch.dict(os.environ, ROOM),
        processes(Path(name)) as (ports, pids),
    ):

        async def upgrade() -> LookedAt:
            async with site(Path(name)) as one:
                scale_set = await one.has_set("one", size)
                await one.booted()
                login = Login.read(Path(name) / "data" / FILE)
                if not viewers:
                    return await upgraded(one, scale_set, pids, Seen())
                async with looking_on(ports.api, login, scale_set.resource_id) as seen:
                    return await upgraded(one, scale_set, pids, seen)

        return asyncio.run(upgrade())


async def upgraded(one: Site, scale_set: ScaleSetIdentity, pids: Mapping[str, int], seen: Seen) -> LookedAt:
    """Start it, and wait for its end."""
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    await one.start(scale_set)
    record = await one.ended(scale_set)
    used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    return LookedAt(scene.seconds_between(record.started_at, record.ended_at), used, seen)


PART = Part(
    name="viewers",
    help="an upgrade beside 100 clients that poll and 200 open pages, over the same one alone",
    measure=measure,
    sizes=(10_000,),
    bounds={"*.over_alone": 1.02},
)
