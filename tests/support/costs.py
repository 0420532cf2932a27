"""What an upgrade costs, in counts that no busy machine changes, and in which part of the worker its CPU time goes."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import event
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.worker.workflow_sandbox import _runner as sandbox

from instar.compute.simulated.file.database import Database as FleetFile
from instar.compute.simulated.file.database import Transaction as FleetTransaction
from instar.connection.sealed_payloads import SealedPayloads
from instar.store.database.database import Database
from instar.store.store import Store
from tests.support.models import NEW
from tests.support.world import World, a_world

WRITES, READS = "BEGIN IMMEDIATE", "BEGIN"


@dataclass
class Costs:
    """Counts of one thing that was measured, and thread seconds of its parts."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def over(self, parts: float) -> dict[str, float]:
        """Each count, of one part in so many."""
        return {name: count / parts for name, count in self.counts.items()}


async def of_upgrade(folder: Path, size: int) -> tuple[Costs, int]:
    """What one upgrade of a new set of that size costs whose machines boot at once, and its batches."""
    async with a_world(folder) as world:
        await world.has_set(size)
        world.publish(NEW)
        world.fleet.set_defaults(world.fleet.defaults.model_copy(update={"boot": world.fleet.defaults.swap}))
        async with counted(world) as costs:
            result = await world.upgraded()
        if result.status.value != "Completed":
            raise RuntimeError(f"the upgrade is {result.status}")
        history = await world.upgrade().fetch_history()
        kinds = Counter(one.event_type for one in history.events)
        costs.counts |= {
            "history events": len(history.events),
            "history bytes": sum(one.ByteSize() for one in history.events),
            "workflow tasks": kinds[EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED],
            "activities": kinds[EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED],
            "timers": kinds[EventType.EVENT_TYPE_TIMER_STARTED],
        }
        return costs, max(one.batch for one in world.store.upgrades.decisions(world.scale_set.unique_id, 1))


@asynccontextmanager
async def counted(world: World) -> AsyncIterator[Costs]:
    """Whatever is done meanwhile, by workers of this process."""
    costs = Costs()
    with ExitStack() as stack:
        stack.enter_context(_statements(world.store, costs))
        stack.enter_context(_fleet_statements(world, costs))
        stack.enter_context(_payloads(costs))
        stack.enter_context(_threads(costs))
        began = time.process_time()
        yield costs
        costs.seconds["all"] = time.process_time() - began


@contextmanager
def _statements(store: Store, costs: Costs) -> Iterator[None]:
    def seen(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            return  # whoever looks on: activities ask the store from threads
        costs.counts["store: statements"] += 1
        if statement in {WRITES, READS}:
            costs.counts["store: transactions that write" if statement == WRITES else "store: transactions"] += 1

    engine = store.database.engine
    event.listen(engine, "before_cursor_execute", seen)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", seen)


@contextmanager
def _fleet_statements(world: World, costs: Costs) -> Iterator[None]:
    def seen(statement: str) -> None:
        costs.counts["fleet: statements"] += 1
        costs.counts["fleet: transactions that write"] += statement == WRITES

    connection = world.fleet._database.connection
    connection.set_trace_callback(seen)
    try:
        yield
    finally:
        connection.set_trace_callback(None)


@contextmanager
def _payloads(costs: Costs) -> Iterator[None]:
    """Sealed by the worker and by whoever asks it; opened ones are those that were sealed, once more or less."""
    encode, decode = SealedPayloads.encode, SealedPayloads.decode

    async def sealed(codec: SealedPayloads, payloads: Sequence[Payload]) -> list[Payload]:
        with _measured(costs, "sealing"):
            made = await encode(codec, payloads)
        costs.counts["payloads"] += len(made)
        costs.counts["payload bytes"] += sum(one.ByteSize() for one in made)
        return made

    async def opened(codec: SealedPayloads, payloads: Sequence[Payload]) -> list[Payload]:
        with _measured(costs, "sealing"):
            return await decode(codec, payloads)

    with patch.object(SealedPayloads, "encode", sealed), patch.object(SealedPayloads, "decode", opened):
        yield


@contextmanager
def _threads(costs: Costs) -> Iterator[None]:
    """CPU time of the thread that is in that part: nothing in it awaits."""
    with ExitStack() as stack:
        for name in ("reading", "writing"):
            stack.enter_context(_within(Database, name, costs, "store"))
        stack.enter_context(_within(FleetFile, "read", costs, "fleet"))
        for owner, name, part in (
            (FleetFile, "scripts", "fleet"),
            (FleetTransaction, "__exit__", "fleet"),
            (sandbox._Instance, "activate", "workflow code"),
        ):
            stack.enter_context(patch.object(owner, name, _timed(getattr(owner, name), costs, part)))
        yield


def _timed(function: Callable[..., Any], costs: Costs, part: str) -> Callable[..., Any]:
    def timed(*arguments: Any, **more: Any) -> Any:
        with _measured(costs, part):
            return function(*arguments, **more)

    return timed


@contextmanager
def _within(owner: type, name: str, costs: Costs, part: str) -> Iterator[None]:
    manager = getattr(owner, name)

    @contextmanager
    def timed(*arguments: Any) -> Iterator[Any]:
        with _measured(costs, part), manager(*arguments) as entered:
            yield entered

    with patch.object(owner, name, timed):
        yield


@contextmanager
def _measured(costs: Costs, part: str) -> Iterator[None]:
    began = time.thread_time()
    try:
        yield
    finally:
        costs.seconds[part] += time.thread_time() - began
