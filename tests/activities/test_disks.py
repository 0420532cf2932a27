"""A slice of machines in one activity: what its end says, and what a cancel does to it (docs/rules.md P14, F1)."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.disks import DiskActivities
from instar.compute.provider import MachineModel
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import VersionScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import RestoreSlice, SliceOutcome, SwapSlice
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.support.looks import plan
from tests.support.models import IMAGE, NEW, OLD, arm
from tests.support.stores import open_store

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u-1", location="here")
PLAN = plan().model_copy(update={"target": IMAGE.at(NEW)})
ASKED = ActivityCancellationDetails(cancel_requested=True)
STOPPING = ActivityCancellationDetails(worker_shutdown=True)


@dataclass
class Bench:
    """Machines 0 to 3 on the old version, and the activities that work on them."""

    fleet: SimulatedFleet
    store: Store

    @property
    def activities(self) -> DiskActivities:
        return DiskActivities(self.fleet, self.store)

    async def swap(self, env: ActivityEnvironment, *, begin: bool = True) -> SliceOutcome:
        return await env.run(self.activities.swap_os_disks, swap_slice(begin=begin))

    async def begun(self, env: ActivityEnvironment, fault: int) -> "asyncio.Task[SliceOutcome]":
        """A swap of the slice in which that fault has shown."""
        task = asyncio.create_task(self.swap(env))
        while not self.fleet.hits(fault):  # noqa: ASYNC110  # the fault shows in the fleet's file
            await asyncio.sleep(0.01)
        return task

    def inject(self, kind: FaultKind, instance_id: str, call: Call = Call.SWAP, times: int = 1) -> int:
        return self.fleet.inject(Fault(kind=kind, call=call, instance_id=instance_id, times=times))

    async def versions(self) -> list[str]:
        found = await self.fleet.list_instances(SET)
        return [one.os_disk.image.version if one.os_disk else "" for one in found]


def swap_slice(*, begin: bool = True) -> SwapSlice:
    return SwapSlice(scale_set=SET, number=1, batch=1, plan=PLAN, ids=InstanceIds(ranges="0-3"), begin=begin)


def told(outcome: SliceOutcome) -> tuple[str, str, str]:
    return outcome.done.ranges, outcome.failed.ranges, outcome.not_begun.ranges


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = open_store(tmp_path / "store.sqlite", Sealer.from_file(tmp_path / "keys"))
    store.scale_sets.create(SET, "s", "rg", arm(4), datetime(2026, 1, 1, tzinfo=UTC))
    with SimulatedFleet(tmp_path / "fleet.sqlite", pace=NoPace()) as fleet:
        for number in range(4):
            await fleet.create_instance(SET, str(number), IMAGE.at(OLD), MachineModel(generation=1))
        yield Bench(fleet, store)
    store.close()


async def test_p14_a_cancel_lets_what_was_begun_come_to_its_end_and_tells_it(bench: Bench) -> None:
    env = ActivityEnvironment()
    bench.inject(FaultKind.THROTTLED, "2")
    hold = bench.inject(FaultKind.LATE, "1")
    task = await bench.begun(env, hold)
    env.cancel(cancellation_details=ASKED)
    await asyncio.sleep(0.1)
    assert not task.done()
    bench.fleet.release(hold)
    assert told(await task) == ("0-1,3", "", ""), "nothing is said of the one that was to be tried again"
    assert await bench.versions() == [NEW, NEW, OLD, NEW]


async def test_f1_a_worker_that_stops_leaves_the_rest_to_the_next_attempt(bench: Bench) -> None:
    env = ActivityEnvironment()
    hold = bench.inject(FaultKind.LATE, "1")
    task = await bench.begun(env, hold)
    env.cancel(cancellation_details=STOPPING)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bench.versions() == [NEW, OLD, NEW, NEW]
    again = ActivityEnvironment()
    again.info = dataclasses.replace(again.info, attempt=2)
    assert told(await bench.swap(again)) == ("0-3", "", "")


async def test_p14_a_worker_that_stops_during_a_cancel_does_not_wait_for_what_was_begun(bench: Bench) -> None:
    env = ActivityEnvironment()
    hold = bench.inject(FaultKind.LATE, "1")
    task = await bench.begun(env, hold)
    env.cancel(cancellation_details=ASKED)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told(await bench.swap(ActivityEnvironment(), begin=False)) == ("0-3", "", "")


async def test_p14_to_begin_nothing_ends_what_was_begun_and_names_the_others(bench: Bench) -> None:
    bench.fleet.script_version(IMAGE.at(NEW), VersionScript(disk_fails=("3",)))
    bench.inject(FaultKind.THROTTLED, "0")
    bench.inject(FaultKind.ANSWER_LOST, "2")
    bench.inject(FaultKind.UNAVAILABLE, "1")
    with pytest.raises(ApplicationError, match="3 of 4 to be tried again"):
        await bench.swap(ActivityEnvironment())
    outcome = await bench.swap(ActivityEnvironment(), begin=False)
    assert told(outcome) == ("2", "3", "0-1")
    assert await bench.versions() == [OLD, OLD, NEW, OLD]


async def test_p14_an_attempt_goes_on_from_what_the_last_one_told(bench: Bench) -> None:
    env = ActivityEnvironment()
    known = SliceOutcome(not_begun=InstanceIds(ranges="0"), done=InstanceIds(ranges="1"))
    env.info = dataclasses.replace(env.info, attempt=2, heartbeat_details=[known.model_dump(mode="json")])
    assert told(await bench.swap(env)) == ("1-3", "", "0")
    assert await bench.versions() == [OLD, OLD, NEW, NEW]


async def test_p14_a_restore_that_is_to_begin_nothing_names_those_not_begun(bench: Bench) -> None:
    await bench.swap(ActivityEnvironment())
    ids = InstanceIds(ranges="0-3")
    request = RestoreSlice(scale_set=SET, number=1, batch=1, plan=PLAN, ids=ids)
    bench.inject(FaultKind.THROTTLED, "1", Call.RESTORE)
    with pytest.raises(ApplicationError, match="1 of 4 to be tried again") as raised:
        await ActivityEnvironment().run(bench.activities.restore_os_disks, request)
    assert raised.value.next_retry_delay == timedelta(seconds=1)
    end = request.model_copy(update={"begin": False})
    outcome = await ActivityEnvironment().run(bench.activities.restore_os_disks, end)
    assert told(outcome) == ("0,2-3", "", "1")
    assert await bench.versions() == [OLD, NEW, OLD, OLD]
