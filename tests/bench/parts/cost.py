"""What a batch of 20 costs: CPU by process and by part of the worker, and counts (docs/performance.md)."""

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.bench.figures import Figures, count, milliseconds, told
from tests.bench.part import Part
from tests.bench.stacks import PREFIX, Stacked, on_a_stack
from tests.bench.usage import TICKS, cpu_seconds
from tests.support.costs import of_upgrade

SETS, SIZE = 20, 100
"""Under load: as many sets at once. Each has five batches of 20."""


async def under_load(stacked: Stacked) -> Figures:
    """CPU milliseconds of one batch: of each process, of the worker's threads, and Temporal's writes by kind."""
    site, pids = stacked.site, stacked.pids
    made = [await site.has_set(f"cost-{number}", SIZE) for number in range(SETS)]
    await site.booted()
    everything = dict(pids) | {"guard": _parent(pids["temporal"])}
    before = {name: cpu_seconds(pid) for name, pid in everything.items()}
    threads, server = _threads(pids["worker"]), _server(pids["temporal"])
    await asyncio.gather(*map(site.start, made))
    for one in made:
        await site.ended(one)
    used = {name: cpu_seconds(pid) - before[name] for name, pid in everything.items()}
    batches = sum(map(site.batches, made))
    figures = {f"cpu_{_name(name)}": milliseconds(1000 * seconds / batches) for name, seconds in used.items()}
    for name, seconds in _threads(pids["worker"]).items():
        figures[f"cpu_worker_{_name(name)}"] = milliseconds(1000 * (seconds - threads[name]) / batches)
    for name, counted in (_server(pids["temporal"]) - server).items():
        figures[f"temporal_{_name(name)}"] = count(counted / batches)
    return figures


async def alone(folder: Path) -> Figures:
    """One upgrade in this process: its counts, and in which parts of the worker its CPU time goes."""
    costs, batches = await of_upgrade(folder, SIZE)
    everything = costs.seconds["all"]
    figures = {_name(name): count(counted) for name, counted in costs.over(batches).items()}
    shares = {name: seconds / everything for name, seconds in costs.seconds.items() if name != "all"}
    shares["SDK, event loop, activities"] = 1 - sum(shares.values())
    return figures | {f"share_of_worker_{_name(name)}": told(100 * share, "%") for name, share in shares.items()}


def measure(_: int) -> Figures:
    """What a batch costs, by process, by part and in counts."""
    loaded, _memory = on_a_stack(under_load)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        return {**loaded, **asyncio.run(alone(Path(name)))}


def _name(words: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", words.lower().replace("'s", "")))


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


PART = Part(
    name="cost",
    help="what a batch of 20 costs: CPU by process and by part of the worker, and counts",
    measure=measure,
)
