"""Machines that vanish, appear, are stopped or replaced while an upgrade runs (docs/rules.md P12, P16, P18, P3)."""

import asyncio
from datetime import timedelta
from typing import Any

from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.compute.simulated.file.faults import Call
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.machines.instances import PowerState
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from tests.support.held import eventually, held, hold, release
from tests.support.models import IMAGE, NEW, OLD
from tests.support.world import World

PAUSED = {"pauseTimeBetweenBatches": "PT10M"}


OTHER = {"osProfile": {"customData": "b3RoZXI="}}
"""A change that machines see."""


async def grow(world: World, size: int, **profile: Any) -> None:
    """Scale out with a PUT."""
    sku = {"sku": {"name": "Standard_D2s_v3", "capacity": size}}
    await world.put(automatic=False, document=world.document(**profile) | sku)


async def by_the_platform(world: World) -> None:
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))


async def assert_vanished(world: World, instance_id: str, *, successful: int, failed: int = 0) -> None:
    """Completed without it: no failure, and in no count."""
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.outcomes()[instance_id] == "vanished"
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.in_progress, counts.pending) == (successful, failed, 0, 0)
    assert world.record().rollback_error == ""


async def test_p16_one_that_vanishes_during_its_swap_is_no_failure(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    swap = hold(world, Call.SWAP, "0")
    await world.start()
    await held(world, swap)
    await world.fleet.delete_instance(world.scale_set, "0")
    release(world, swap)
    await assert_vanished(world, "0", successful=4)


async def test_p16_one_that_vanishes_during_its_health_wait_is_no_failure(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await world.start()
    await world.pass_time(timedelta(minutes=2))
    await world.fleet.delete_instance(world.scale_set, "0")
    await assert_vanished(world, "0", successful=4)
    took = (world.record().ended_at or world.record().started_at) - world.record().started_at
    assert took < timedelta(minutes=6), "nobody is left to wait for"


async def test_p16_one_that_vanishes_during_its_rollback_is_no_failure(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await by_the_platform(world)
    restore = hold(world, Call.RESTORE, "0")
    await held(world, restore)
    await world.fleet.delete_instance(world.scale_set, "0")
    release(world, restore)
    await assert_vanished(world, "0", successful=4)


async def test_p16_one_that_vanishes_during_its_second_wait_is_no_failure(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await by_the_platform(world)
    world.publish(OLD, VersionScript(boot=timedelta(minutes=4)))
    await world.pass_time(timedelta(minutes=6))
    assert set((await world.versions()).values()) == {OLD}
    await world.fleet.delete_instance(world.scale_set, "0")
    await assert_vanished(world, "0", successful=4)


async def test_p16_p3_those_that_appeared_count_in_the_look_before_a_batch(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW, VersionScript(never_healthy=("10", "11", "12")))
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    await grow(world, 13)
    result = await world.end_of()
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_DURING
    assert result.reason == "stopped: 3 of 13 instances unhealthy (23.1 %), limit 20 %"
    assert "10" not in world.outcomes()
    assert world.record().counts.failed == 0


async def test_p16_p4_those_that_appeared_get_the_newest_model(world: World) -> None:
    await world.has_set(2, mode="Manual")
    await grow(world, 3, **OTHER)
    assert {one: machine.generation for one, machine in (await world.instances()).items()} == {"0": 1, "1": 1, "2": 2}


async def test_p4_the_pinned_model_is_applied_with_the_disk(world: World) -> None:
    await world.has_set(2, mode="Manual")
    await grow(world, 2, **OTHER)
    world.publish(NEW)
    await world.upgraded()
    assert {one.generation for one in (await world.instances()).values()} == {2}
    assert world.record().generation == 2


async def test_p12_one_that_came_to_the_target_since_is_not_touched(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    # Somebody brings a waiting machine to the target: under another name than this upgrade's.
    other = Effect(world.scale_set, Fence(0, Step.SWAP, 1), "9")
    await world.fleet.swap_os_disk(other, IMAGE.at(NEW), MachineModel(generation=1))
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.outcomes()["9"] == "current"
    assert world.record().counts.successful == 10
    nine = (await world.instances())["9"]
    assert nine.os_disk is not None
    assert nine.os_disk.made_by == other.key


async def test_b6_one_that_came_under_protection_since_is_left_out(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    world.script("9", protected=True)
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.outcomes()["9"] == "skipped"
    assert (await world.versions())["9"] == OLD


async def test_p18_one_that_its_owner_stops_during_its_health_wait_is_reported_apart_and_not_waited_for(
    world: World,
) -> None:
    await world.has_set(5)
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await world.start()
    await world.pass_time(timedelta(minutes=1))
    world.stopped("0")
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.outcomes()["0"] == "stopped"
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.stopped) == (5, 0, 1)
    took = (world.record().ended_at or world.record().started_at) - world.record().started_at
    assert took < timedelta(minutes=5)


async def test_p18_p2_stopped_machines_are_outside_the_pre_check(world: World) -> None:
    await world.has_set(10)
    world.stopped("0", "1", "2", "3", "4")
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    machines = await world.instances()
    assert [machines[one].power for one in ("0", "4", "5")] == [PowerState.STOPPED] * 2 + [PowerState.RUNNING]
    assert world.record().counts.stopped == 5


async def test_b2_the_batch_is_chosen_on_a_look_of_its_own(world: World) -> None:
    await world.has_set(10, policy=PAUSED | {"maxUnhealthyInstancePercent": 50})
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    # Two of ten are out since the first batch: the second one may be of one machine only.
    world.sick("8", "9")
    await world.pass_time(timedelta(minutes=7))
    assert list((await world.versions()).values()).count(NEW) == 3
    assert "at most 2 of 10 (20 %) may be out of service, 2 already are" in world.reasons()


async def test_p15_starts_at_the_same_moment_start_one_upgrade(world: World) -> None:
    await world.has_set(5, policy=PAUSED)
    world.publish(NEW)
    away = hold(world, Call.SWAP, "0")
    answers = await asyncio.gather(*(world.start() for _ in range(4)), return_exceptions=True)
    assert len([one for one in answers if isinstance(one, BaseException)]) == 3
    await eventually(lambda: bool(world.fleet.hits(away[0])))
    assert world.store.upgrades.last_number(world.scale_set.unique_id) == 1
    operation = await world.cancel()
    release(world, away)
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED


async def test_p16_p9_one_that_vanished_since_its_batch_is_in_no_count_of_an_upgrade_that_stops(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW, VersionScript(never_healthy=("2", "3")))
    await world.start()
    # In the second batch's health wait, somebody deletes one of the first.
    await world.pass_time(timedelta(minutes=13))
    await world.fleet.delete_instance(world.scale_set, "0")
    result = await world.end_of()
    assert result.reason == "stopped: 2 of 3 attempted instances unhealthy (66.7 %), limit 20 %"
    assert world.outcomes()["0"] == "vanished"
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.pending) == (1, 2, 6)


async def test_p11_the_pause_is_between_batches_and_none_follows_the_last(world: World) -> None:
    await world.has_set(3, policy=PAUSED)
    world.publish(NEW)
    await world.upgraded()
    record = world.record()
    assert record.ended_at is not None
    assert timedelta(minutes=20) < record.ended_at - record.started_at < timedelta(minutes=25)


async def test_p16_one_that_vanishes_while_it_waits_for_the_last_batch_is_in_no_count(world: World) -> None:
    await world.has_set(3, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=13))
    assert world.decisions().count("batch") == 2
    await world.fleet.delete_instance(world.scale_set, "2")
    await assert_vanished(world, "2", successful=2)


async def test_p16_p14_one_that_vanishes_during_a_swap_that_is_cancelled_is_no_failure(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    swap = hold(world, Call.SWAP, "0")
    await world.start()
    await held(world, swap)
    await world.cancel()
    await world.fleet.delete_instance(world.scale_set, "0")
    release(world, swap)
    await world.at_rest(world.upgrade())
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    assert world.outcomes()["0"] == "vanished"
    assert (world.record().counts.failed, world.record().counts.pending) == (0, 4)


async def test_p16_p14_one_that_vanishes_during_a_rollback_that_is_cancelled_is_no_failure(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await by_the_platform(world)
    restores = hold(world, Call.RESTORE, "0", "1")
    await held(world, restores)
    await world.cancel()
    # One before its restore could be committed, the other after it: in the last look of the second wait.
    await world.fleet.delete_instance(world.scale_set, "0")
    release(world, restores[1:])
    await eventually(lambda: world.judgement().restores == 1)
    await world.fleet.delete_instance(world.scale_set, "1")
    release(world, restores[:1])
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    assert (world.outcomes()["0"], world.outcomes()["1"]) == ("vanished", "vanished")
    assert world.record().counts.failed == 0
