"""A cancel while machines are swapped or restored: nothing begins, what was begun comes to its end (P14)."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities import heartbeats
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import ExtensionScript, VersionScript
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.messages.os_upgrade import UpgradeResult
from instar.domain.records.upgrades import UpgradeRecord, UpgradeStatus
from tests.support.models import NEW, OLD
from tests.support.world import World, a_world

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def throttled(world: World, call: Call, instance_id: str = "") -> int:
    """Every such call is refused, and told to come back in an hour."""
    return world.fleet.inject(
        Fault(kind=FaultKind.THROTTLED, call=call, instance_id=instance_id, times=1000, retry_after=HOUR)
    )


def held(world: World, call: Call, instance_id: str) -> int:
    """That call stands still before its commit until it is released."""
    return world.fleet.inject(Fault(kind=FaultKind.LATE, call=call, instance_id=instance_id))


async def struck(world: World, fault: int) -> None:
    """Wait, in real time, until the fault has shown."""
    await until(lambda: world.fleet.hits(fault) > 0)


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(1500):
        if happened():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


async def cancelled_at_once(world: World) -> UpgradeResult:
    """Cancel, and see that the end does not wait for what refuses."""
    began = await world.look_at_the_clock()
    await world.cancel()
    result = await world.end_of()
    assert result.status is UpgradeStatus.CANCELLED
    assert await world.look_at_the_clock() - began < MINUTE
    return result


def swapped(world: World) -> list[str]:
    return [one.instance_id for one in world.fleet.recorder.records() if one.kind is Kind.COMMIT_SWAP]


async def test_p14_a_throttled_swap_is_not_begun_after_a_cancel(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    fault = throttled(world, Call.SWAP)
    await world.start()
    await struck(world, fault)
    await cancelled_at_once(world)
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.in_progress, counts.pending) == (0, 0, 0, 10)
    assert swapped(world) == []
    assert set((await world.versions()).values()) == {OLD}
    assert set(world.outcomes().values()) == {"pending"}


async def test_p14_a_begun_swap_comes_to_its_end_and_counts_and_a_throttled_one_stays_pending(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    throttle, hold = throttled(world, Call.SWAP, "1"), held(world, Call.SWAP, "0")
    await world.start()
    await struck(world, throttle)
    await struck(world, hold)
    await world.cancel()
    await asyncio.sleep(3)
    assert (await world.upgrade().describe()).close_time is None, "it waits for the begun swap"
    world.fleet.release(hold)
    result = await world.end_of()
    assert result.status is UpgradeStatus.CANCELLED
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.in_progress, counts.pending) == (0, 1, 0, 9)
    assert swapped(world) == ["0"]
    assert world.outcomes()["0"] == "failed"
    assert [one.target for one in (result.error.details if result.error else ())] == ["web/virtualMachines/0"]
    assert (await world.instances())["0"].provisioned
    assert world.judgement().violations == ()


async def test_p14_one_row_of_many_machines_ends_what_it_began_and_begins_no_more(world: World) -> None:
    await world.has_set(100)
    world.publish(NEW)
    throttle = throttled(world, Call.SWAP, "7")
    await world.start()
    await struck(world, throttle)
    await cancelled_at_once(world)
    counts = world.record().counts
    assert (counts.failed + counts.successful, counts.in_progress, counts.pending) == (19, 0, 81)
    assert len(swapped(world)) == 19
    assert world.outcomes()["7"] == "pending"


async def test_p9_p14_a_disk_that_could_not_be_made_stays_a_failure(world: World) -> None:
    await world.has_set(100)
    world.publish(NEW, VersionScript(disk_fails=("3",)))
    throttle = throttled(world, Call.SWAP, "7")
    await world.start()
    await struck(world, throttle)
    await cancelled_at_once(world)
    assert (world.outcomes()["3"], world.outcomes()["7"]) == ("failed", "pending")


async def test_p14_what_a_cancelled_row_knows_of_its_failures_is_kept(world: World) -> None:
    await world.has_set(100)
    world.publish(NEW, VersionScript(disk_fails=("3",)))
    throttle, hold = throttled(world, Call.SWAP, "7"), held(world, Call.SWAP, "5")
    await world.start()
    await struck(world, throttle)
    await struck(world, hold)
    await world.cancel()
    await asyncio.sleep(3)  # until the row has heard of it
    world.fleet.release(hold)
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    rows = world.store.upgrades.instances(world.scale_set.unique_id, 1)
    assert rows["3"].reason.startswith("instance 3: no OS disk can be made from")
    assert world.outcomes()["7"] == "pending"
    assert len(swapped(world)) == 18


async def by_the_platform_with_nobody_healthy(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await world.put(automatic=True)


async def test_p14_a_throttled_restore_is_not_begun_after_a_cancel(world: World) -> None:
    await by_the_platform_with_nobody_healthy(world)
    fault = throttled(world, Call.RESTORE)
    await world.pass_time(timedelta(hours=3, minutes=6))
    await struck(world, fault)
    await cancelled_at_once(world)
    counts = world.record().counts
    assert (counts.failed, counts.rolled_back, counts.rollback_failed, counts.pending) == (2, 0, 0, 8)
    versions = await world.versions()
    assert (versions["0"], versions["1"]) == (NEW, NEW)


async def test_p14_a_begun_restore_comes_to_its_end(world: World) -> None:
    await by_the_platform_with_nobody_healthy(world)
    fault, hold = throttled(world, Call.RESTORE, "1"), held(world, Call.RESTORE, "0")
    await world.pass_time(timedelta(hours=3, minutes=4))
    # No virtual time passes while a call stands still.
    passing = asyncio.create_task(world.pass_time(2 * MINUTE))
    await struck(world, fault)
    await struck(world, hold)
    await world.cancel()
    await asyncio.sleep(0.2)
    world.fleet.release(hold)
    await passing
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    versions = await world.versions()
    assert (versions["0"], versions["1"]) == (OLD, NEW)
    counts = world.record().counts
    assert (counts.failed, counts.in_progress, counts.pending) == (2, 0, 8)


async def test_p14_the_rollback_of_a_breach_is_not_cut_off_by_a_cancel(world: World) -> None:
    await world.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    world.publish(NEW, VersionScript(never_healthy="all"))
    fault = world.fleet.inject(Fault(kind=FaultKind.THROTTLED, call=Call.RESTORE, times=4, retry_after=10 * MINUTE))
    await world.start()
    await world.pass_time(7 * MINUTE)
    await struck(world, fault)
    await world.cancel()
    result = await world.end_of()
    assert result.status is UpgradeStatus.FAULTED
    assert set((await world.versions()).values()) == {OLD}
    assert world.record().counts.rolled_back == 2


async def test_f1_p14_a_worker_that_dies_during_the_cancel_leaves_the_right_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the real server: the time-skipping one never gives up an attempt that was asked to cancel.
    async with a_world(tmp_path, forgetful_after=10_000) as world:
        await asyncio.sleep(2)  # until its cache knows the search attributes
        await world.has_set(10, boot=timedelta(0))
        world.publish(NEW)
        throttle, hold = throttled(world, Call.SWAP, "1"), held(world, Call.SWAP, "0")
        # A dead worker is one whose heartbeats stop: it learns of no cancel, and the server gives its attempt up.
        monkeypatch.setattr(heartbeats, "FIRST_SECONDS", 3600.0)
        await world.start()
        await struck(world, throttle)
        await struck(world, hold)
        monkeypatch.undo()
        await world.cancel()
        result = await world.upgrade().result()
        assert result.status is UpgradeStatus.CANCELLED
        assert swapped(world) == ["0"]
        assert (world.record().counts.in_progress, world.record().counts.pending) == (0, 9)
        assert world.outcomes()["1"] == "pending"
        world.fleet.release(hold)
        await asyncio.sleep(0.2)
        assert swapped(world) == ["0"], "the lost attempt does nothing any more"
        assert all(one.os_disk and one.provisioned for one in (await world.instances()).values())
        assert world.judgement().violations == ()


async def test_p14_extensions_of_a_begun_swap_run_to_their_end(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    hold = held(world, Call.SWAP, "0")
    world.fleet.script_extensions(ExtensionScript(name="health", fails="exit code 1", instances=("0",)))
    await world.start()
    await struck(world, hold)
    await world.cancel()
    await asyncio.sleep(0.2)
    world.fleet.release(hold)
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    instance = (await world.instances())["0"]
    assert ([one.error for one in instance.extensions], instance.provisioned) == (["exit code 1"], True)


async def begun(world: World, activity: str) -> int:
    """How many such activities the upgrade has asked for."""
    history = await world.upgrade().fetch_history()
    return sum(one.activity_task_scheduled_event_attributes.activity_type.name == activity for one in history.events)


class HeldRecord:
    """The write of one decision takes its time: what follows it has not begun yet."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
        self.reached, self.release = threading.Event(), threading.Event()
        write = world.store.upgrades.write

        def slow(record: UpgradeRecord, *more: Any) -> list[str]:
            if record.decisions[-1].action == action:
                self.reached.set()
                self.release.wait(20)
            return write(record, *more)

        monkeypatch.setattr(world.store.upgrades, "write", slow)


async def test_p14_a_batch_that_was_decided_and_not_begun_is_not_begun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.has_set(10)
    world.publish(NEW)
    record = HeldRecord(world, monkeypatch, "batch")
    await world.start()
    await until(record.reached.is_set)
    await world.cancel()
    record.release.set()
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    assert await begun(world, "swap_os_disks") == 0
    assert swapped(world) == []
    assert (world.record().counts.failed, world.record().counts.pending) == (0, 10)


async def test_p14_a_rollback_that_was_decided_and_not_begun_is_not_begun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await by_the_platform_with_nobody_healthy(world)
    record = HeldRecord(world, monkeypatch, "rollback")
    await world.pass_time(timedelta(hours=3, minutes=4))
    # No virtual time passes while the record is written.
    passing = asyncio.create_task(world.pass_time(2 * MINUTE))
    await until(record.reached.is_set)
    await world.cancel()
    record.release.set()
    await passing
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    assert await begun(world, "restore_os_disks") == 0
    assert list((await world.versions()).values()).count(NEW) == 2
    counts = world.record().counts
    assert (counts.failed, counts.rolled_back, counts.rollback_failed, counts.pending) == (2, 0, 0, 8)
