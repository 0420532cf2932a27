"""One measurement on a stack of its own, from its start to its end."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from instar.domain.delays import Delays
from tests.bench import scene
from tests.bench.process_tree import PeakTogether
from tests.bench.site import Site, processes, site

T = TypeVar("T")
PREFIX = "instar-bench-"
"""Of the folders that are used, and removed."""


@dataclass(frozen=True)
class Stacked:
    """What is there to measure: a client, and the process id of each process by name."""

    site: Site
    pids: Mapping[str, int]


def on_a_stack(measure: Callable[[Stacked], Coroutine[Any, Any, T]], delays: Delays = scene.DELAYS) -> tuple[T, float]:
    """What `measure` gives on a fresh stack; and the worker's peak memory in MiB."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        with processes(folder) as (_, pids), PeakTogether([pids["worker"]]) as memory:

            async def run() -> T:
                async with site(folder, delays) as one:
                    return await measure(Stacked(one, pids))

            given = asyncio.run(run())
        return given, memory.mib
