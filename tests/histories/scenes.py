"""The scenes whose histories are kept: what happens in each, and what a run of it leaves on the server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from instar.compute.clock import utc_now
from instar.compute.simulated.file.scripts import FleetDefaults, VersionScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import os_upgrade_workflow_id, scale_set_workflow_id
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.support.models import NEW
from tests.support.servers import binary, register_search_attributes
from tests.support.virtual_clock import VirtualClock
from tests.support.world import World, a_world
from worker.composition import workers
from workflows.plugin import instar_plugin

UPGRADE, SCALE_SET = "os-upgrade", "scale-set"

AT_REST = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_TIMER_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)
"""Last events of a history to which nothing is being added."""

SUGGEST_AFTER = 100
"""Events after which the server of the last scene suggests to continue as new; by default it is 4096."""

Scene = Callable[[World], Awaitable[None]]


@dataclass(frozen=True)
class Recorded:
    """What one scene left: each workflow's runs, the oldest first."""

    runs: dict[str, list[WorkflowHistory]]


async def nominal(world: World) -> None:
    """Started by hand, every machine healthy."""
    await world.has_set(10)
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED


async def rolled_back(world: World) -> None:
    """Started by the platform; one machine of the third batch never becomes healthy and gets its disk back."""
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy=("5",)))
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert world.outcomes()["5"] == "rolledBack"


async def cancelled(world: World) -> None:
    """Cancelled in the first health wait."""
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await world.start()
    await world.pass_time(timedelta(minutes=1))
    operation = await world.cancel()
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    await world.ended(operation)


async def breached(world: World) -> None:
    """Nobody becomes healthy, and the policy asks for the previous disks."""
    await world.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    world.publish(NEW, VersionScript(never_healthy="all"))
    assert (await world.upgraded()).status is UpgradeStatus.FAULTED
    assert world.record().counts.rolled_back == 2


async def continued_as_new(world: World) -> None:
    """Both workflows go on in a fresh run, the upgrade between batches."""
    await world.has_set(10)
    world.publish(NEW)
    world.fleet.set_defaults(FleetDefaults(swap=timedelta(0), boot=timedelta(0)))
    for _ in range(10):
        await world.put(automatic=False)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED


async def large_batches(world: World) -> None:
    """Two batches of ten machines, all healthy."""
    await world.has_set(20, policy={"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50})
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED


SCENES: dict[str, Scene] = {
    one.__name__: one for one in (nominal, rolled_back, cancelled, breached, continued_as_new, large_batches)
}


async def played(name: str, folder: Path) -> Recorded:
    """Play a scene on a server of its own and take its histories."""
    # In clear: keys that seal them would have to be kept beside them.
    stage = _real_time_world(folder) if name == continued_as_new.__name__ else a_world(folder, sealed=False)
    async with stage as world:
        await SCENES[name](world)
        ids = {
            UPGRADE: os_upgrade_workflow_id(world.scale_set, 1),
            SCALE_SET: scale_set_workflow_id(world.scale_set),
        }
        return Recorded({kind: await _runs(world.client, one) for kind, one in ids.items()})


async def _runs(client: Client, workflow_id: str) -> list[WorkflowHistory]:
    first = (await client.get_workflow_handle(workflow_id).describe()).raw_description
    run_id = first.workflow_execution_info.first_run_id or first.workflow_execution_info.execution.run_id
    runs = []
    while run_id:
        runs.append(await _at_rest(client, workflow_id, run_id))
        run_id = runs[-1].events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return runs


async def _at_rest(client: Client, workflow_id: str, run_id: str) -> WorkflowHistory:
    before = -1
    for _ in range(200):
        history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
        if history.events[-1].event_type in AT_REST and len(history.events) == before:
            return history
        before = len(history.events)
        await asyncio.sleep(0.2)
    raise AssertionError(f"{workflow_id} does not come to rest")


class _Hastened:
    """A server in real time whose machines live faster: a sleep moves their clock on instead of waiting."""

    def __init__(self, env: WorkflowEnvironment) -> None:
        self.client = env.client
        self._ahead = timedelta(0)

    def clock(self) -> datetime:
        return utc_now() + self._ahead

    async def sleep(self, duration: timedelta) -> None:
        self._ahead += duration

    async def get_current_time(self) -> datetime:
        return self.clock()

    @asynccontextmanager
    async def time_skipping_unlocked(self) -> AsyncIterator[None]:
        yield


@asynccontextmanager
async def _real_time_world(folder: Path) -> AsyncIterator[World]:
    """The time-skipping server cannot be told when to suggest a continue-as-new; the development server can."""
    dynamic = ("--dynamic-config-value", f"limit.historyCount.suggestContinueAsNew={SUGGEST_AFTER}")
    async with await WorkflowEnvironment.start_local(
        plugins=[instar_plugin(None)], dev_server_existing_path=binary("temporal"), dev_server_extra_args=dynamic
    ) as env:
        await register_search_attributes(env.client)
        # The namespace's cache learns of the attributes a moment later.
        await asyncio.sleep(2)
        hastened = _Hastened(env)
        store = Store.open(f"sqlite:///{folder / 'store.sqlite'}", Sealer.from_file(folder / "seal.keys"))
        fleet = SimulatedFleet(folder / "fleet.sqlite", clock=hastened.clock)
        try:
            async with AsyncExitStack() as working:
                for one in workers(env.client, fleet, store, clock=hastened.clock, looks_for=timedelta(0)):
                    await working.enter_async_context(one)
                clock = cast("Any", hastened.clock)
                world_env = cast("WorkflowEnvironment", hastened)
                yield World(env=world_env, clock=_Seen(clock), fleet=fleet, store=store)
        finally:
            fleet.close()
            store.close()


class _Seen(VirtualClock):
    """Asks the hastened clock instead of remembering."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock())
        self._clock = clock

    def __call__(self) -> datetime:
        return self._clock()
