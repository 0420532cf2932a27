"""What a batch of 20 costs: CPU by process and by part of the worker, and counts (docs/performance.md)."""

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.bench.idle import TICKS, cpu_seconds
from tests.bench.site import Site
from tests.support.costs import of_upgrade

SETS, SIZE = 20, 100
"""Under load: as many sets at once. Each has five batches of 20."""

THOUSAND, TWENTY = 1_000, 20

Figures = dict[str, float]


async def measure(site: Site, pids: Mapping[str, int], sets: int = SETS, size: int = SIZE) -> Figures:
    """CPU milliseconds of one batch: of each process, of the worker's threads, and Temporal's writes by kind."""
    made = [await site.has_set(f"cost-{number}", size) for number in range(sets)]
    await site.booted()
    everything = dict(pids) | {"guard": _parent(pids["temporal"])}
    before = {name: cpu_seconds(pid) for name, pid in everything.items()}
    threads, server = _threads(pids["worker"]), _server(pids["temporal"])
    await asyncio.gather(*map(site.start, made))
    for one in made:
        await site.ended(one)
    used = {name: cpu_seconds(pid) - before[name] for name, pid in everything.items()}
    batches = sum(map(site.batches, made))
    figures = {f"cpu_ms.{name}": 1000 * seconds / batches for name, seconds in used.items()}
    for name, seconds in _threads(pids["worker"]).items():
        figures[f"cpu_ms.worker.{name}"] = 1000 * (seconds - threads[name]) / batches
    for name, count in (_server(pids["temporal"]) - server).items():
        figures[f"temporal.{name}"] = count / batches
    return figures


async def parts(folder: Path) -> Figures:
    """One upgrade in this process: its counts, and in which parts of the worker its CPU time goes."""
    costs, batches = await of_upgrade(folder, SIZE)
    everything = costs.seconds["all"]
    figures = {f"count.{name}": count for name, count in costs.over(batches).items()}
    shares = {name: seconds for name, seconds in costs.seconds.items() if name != "all"}
    figures |= {f"percent_of_worker.{name}": 100 * seconds / everything for name, seconds in shares.items()}
    figures["percent_of_worker.SDK, event loop, activities"] = 100 * (1 - sum(shares.values()) / everything)
    return figures


async def thousand(site: Site, sets: int = THOUSAND) -> Figures:
    """So many sets of 20 at once: none is lost, none waits for others (no attempt of an activity was given up)."""
    made = [await site.has_set(f"small-{number}", TWENTY) for number in range(sets)]
    await site.booted()
    began = time.perf_counter()
    await asyncio.gather(*map(site.start, made))
    records = [await site.ended(one) for one in made]
    seconds = time.perf_counter() - began
    starved = Counter[str]()
    for one in made:
        starved += await site.starved(one)
    ended = [record.ended_at for record in records if record.ended_at]
    return {
        "sets": sets,
        "seconds": seconds,
        "instances_per_second": sets * TWENTY / seconds,
        "seconds_from_first_end_to_last": (max(ended) - min(ended)).total_seconds(),
        "attempts_lost": starved["attempts"],
        "workflow_tasks_timed_out": starved["workflow tasks"],
    }


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _threads(pid: int) -> dict[str, float]:
    """CPU seconds of the event loop, of Python's other threads (store, workflow code), and of the SDK's own."""
    seconds = dict.fromkeys(("event loop", "threads", "SDK's core"), 0.0)
    for thread in Path(f"/proc/{pid}/task").iterdir():
        name, _, fields = (thread / "stat").read_text().partition("(")[2].rpartition(")")
        used = [int(one) for one in fields.split()[11:13]]
        kind = "event loop" if thread.name == str(pid) else "SDK's core" if name.startswith(_CORE) else "threads"
        seconds[kind] += sum(used) / TICKS
    return seconds


_CORE = ("tokio", "temporal-", "workflow-pro")

_COUNTED = re.compile(r'^(persistence_requests|service_requests)\{.*operation="(\w+)".*\} (\S+)$')
_NAMED = {
    "UpdateWorkflowExecution": "writes of workflows",
    "CreateTasks": "writes of tasks",
    "RecordActivityTaskHeartbeat": "heartbeats",
    "RespondActivityTaskFailed": "failed attempts",
    "RespondWorkflowTaskCompleted": "workflow tasks",
    "RespondActivityTaskCompleted": "activities",
}


def _server(pid: int) -> Counter[str]:
    """What the server says that it did; nothing where only root could ask (its network is its own)."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    url = f"http://127.0.0.1:{words[words.index('--metrics-port') + 1]}/metrics"
    ask = [sys.executable, "-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())", url]
    enter = shutil.which("nsenter")
    inside = [enter, "-t", str(pid), "-n", *ask] if enter else ask
    asked = subprocess.run(inside, capture_output=True, text=True, check=False)  # noqa: S603  # our own server
    counts = Counter[str]()
    for line in asked.stdout.splitlines():
        found = _COUNTED.match(line)
        if found and found[2] in _NAMED and 'service_name="frontend"' not in line:
            counts[_NAMED[found[2]]] += int(float(found[3]))
    return counts
