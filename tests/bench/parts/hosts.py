"""Many sets at once on SQLite and on PostgreSQL, with one worker and with two: what database and second worker do.

All is on one machine: the server, the workers and the database share its cores. Where they are all busy, a second
worker cannot double anything; so the processor time of each is told beside the rate, for an upgraded instance, and how
much less of it the busier of two workers has: what a second one brings at most where the server has other cores.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from temporalio.client import Client
from temporalio.envconfig import ClientConfig

from api.services.scale_set_gateway import ScaleSetGateway
from instar.compute.simulated.fleet import SimulatedFleet
from instar.connection.client import LOCAL_CONFIG
from instar.connection.sealed_payloads import SealedPayloads
from instar.stack.processes import ProcessGroup
from instar.stack.stack import Ports, start_stack
from instar.store.database.key_file import KeyFile
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.bench import scene
from tests.bench.figures import Better, Figure, Figures, count, per_second, ratio
from tests.bench.part import Part
from tests.bench.process_tree import tree
from tests.bench.site import Site
from tests.bench.stacks import PREFIX
from tests.bench.usage import TICKS, cpu_seconds
from tests.support.models import OLD
from tests.support.postgres import PostgresServer
from workflows.plugin import instar_plugin

MACHINES = 50
"""Of each set."""

SQLITE, POSTGRES = "sqlite", "postgres"


@dataclass(frozen=True)
class Ran:
    """One run: its rate, and what it cost."""

    per_second: float
    cpu: dict[str, float]
    """Milliseconds of processor for an instance, by process."""
    transactions: float
    """Of PostgreSQL for an instance; 0 on SQLite."""
    busy: float
    """Cores that were busy with these processes, on average."""

    @property
    def all_cpu(self) -> float:
        """Of all processes together."""
        return sum(self.cpu.values())

    @property
    def busiest(self) -> float:
        """Of the worker that had the most to do."""
        return max(spent for name, spent in self.cpu.items() if name.startswith("worker"))


def measure(sets: int) -> Figures:
    """Four runs, and their ratios."""
    ran = {}
    for kind in (SQLITE, POSTGRES):
        for workers in (1, 2):
            with database(kind) as url:
                ran[kind, workers] = run(sets, workers, url)
    figures: dict[str, Figure] = {
        "postgres_over_sqlite": ratio(ran[SQLITE, 1].per_second / ran[POSTGRES, 1].per_second),
        "two_workers_over_one": ratio(ran[POSTGRES, 2].per_second / ran[POSTGRES, 1].per_second, Better.HIGHER),
        "two_workers_over_one_sqlite": ratio(ran[SQLITE, 2].per_second / ran[SQLITE, 1].per_second, Better.HIGHER),
        "postgres_over_sqlite_in_cpu": ratio(ran[POSTGRES, 1].all_cpu / ran[SQLITE, 1].all_cpu),
        "two_workers_at_most": ratio(ran[POSTGRES, 1].busiest / ran[POSTGRES, 2].busiest, Better.HIGHER),
        "two_workers_at_most_sqlite": ratio(ran[SQLITE, 1].busiest / ran[SQLITE, 2].busiest, Better.HIGHER),
        "transactions_per_instance": count(ran[POSTGRES, 1].transactions),
    }
    for (kind, workers), one in ran.items():
        name = f"{kind}_{workers}"
        figures[f"{name}_instances_per_second"] = per_second(one.per_second)
        figures[f"{name}_busy_cores"] = Figure(one.busy, "cores", Better.NEITHER)
        for process, spent in one.cpu.items():
            figures[f"{name}_{process}_cpu"] = Figure(spent, "ms", Better.NEITHER)
    return figures


def run(sets: int, workers: int, url: str) -> Ran:
    """So many sets upgraded at once."""
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, stack(Path(name), workers, url) as roots:
        return asyncio.run(_run(Path(name), sets, url, roots))


async def _run(folder: Path, sets: int, url: str, roots: dict[str, Callable[[], float]]) -> Ran:
    async with site(folder, url) as one:
        made = [await one.has_set(f"set-{number}", MACHINES) for number in range(sets)]
        await one.booted()
        before, committed = {name: spent() for name, spent in roots.items()}, _committed(url)
        began = time.perf_counter()
        await asyncio.gather(*map(one.start, made))
        for scale_set in made:
            await one.ended(scale_set)
        took = time.perf_counter() - began
        spent = {name: spent() - before[name] for name, spent in roots.items()}
    instances = sets * MACHINES
    return Ran(
        per_second=instances / took,
        cpu={name: 1000 * value / instances for name, value in spent.items()},
        transactions=(_committed(url) - committed) / instances,
        busy=sum(spent.values()) / took,
    )


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of a fresh PostgreSQL; "" for a file of SQLite. Raises RuntimeError where there is no such server."""
    if kind == SQLITE:
        yield ""
        return
    if not PostgresServer.can_run():
        raise RuntimeError("this machine has no PostgreSQL server (initdb, postgres)")
    with (
        PostgresServer.made() as server,
        tempfile.TemporaryDirectory(prefix=PREFIX) as folder,
        server.running(Path(folder) / "log") as process,
    ):
        yield f"{server.url}/postgres?application_name={process.pid}"


@contextmanager
def stack(folder: Path, workers: int, url: str) -> Iterator[dict[str, Callable[[], float]]]:
    """As `instar up` starts it, with so many workers; what each process has used so far, by its name."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    env = {**os.environ, **({"INSTAR_DATABASE_URL": url} if url else {})}
    with ProcessGroup(folder / "logs", print) as group:
        start_stack(group, data, Ports.chosen(0, 0, 0), env)
        [worker] = [child for child in group._children if child.name == "worker"]
        for number in range(2, workers + 1):
            more = {name: value for name, value in worker.env.items() if name != "INSTAR_METRICS__WORKER"}
            group.start(f"worker_{number}", worker.command, more, patience=worker.patience)
            log = folder / "logs" / f"worker_{number}.log"
            group.wait_until(lambda log=log: "worker ready" in log.read_text(), f"worker {number}", 120.0)  # type: ignore[misc]
        pids = {child.name: child.process.pid for child in group._children}
        server = int(Path(f"/proc/{pids['temporal']}/task/{pids['temporal']}/children").read_text().split()[0])
        spent: dict[str, Callable[[], float]] = {
            name: lambda pid=pid: cpu_seconds(pid)  # type: ignore[misc]
            for name, pid in (pids | {"temporal": server}).items()
        }
        if url:
            spent[POSTGRES] = lambda: _cpu_of_postgres(int(url.rpartition("=")[2]))
        yield spent


def _cpu_of_postgres(pid: int) -> float:
    """Of its server, and of its processes: those that have ended are in the server's own count."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / TICKS
    return ended + sum(cpu_seconds(one) for one in tree(pid))


def _committed(url: str) -> int:
    if not url:
        return 0
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        [[found]] = connection.execute("SELECT sum(xact_commit) FROM pg_stat_database").fetchall()
    return int(found)


@asynccontextmanager
async def site(folder: Path, url: str) -> AsyncIterator[Site]:
    """A client of the stack, with the older version published."""
    data = folder / "data"
    plugin = instar_plugin(SealedPayloads(KeyFile(data / "seal.keys")))
    config = ClientConfig.load_client_connect_config(config_file=str(data / LOCAL_CONFIG))
    client = await Client.connect(**config, plugins=[plugin])
    sealer = Sealer.from_file(data / "seal.keys")
    with (
        closing(Store.open(url or f"sqlite:///{data / 'store.sqlite'}", sealer)) as store,
        closing(SimulatedFleet(data / "fleet.sqlite")) as fleet,
    ):
        scene.script(fleet)
        one = Site(client, store, fleet, ScaleSetGateway(client, store, scene.DELAYS))
        one.publish(OLD)
        yield one


PART = Part(
    name="hosts",
    help=f"so many sets of {MACHINES} at once on SQLite and PostgreSQL, with one worker and with two",
    measure=measure,
    sizes=(20,),
    bounds={"*.postgres_over_sqlite": 1.0},
)
