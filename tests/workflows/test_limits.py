"""Where an upgrade stops, and where it does not."""

from datetime import timedelta

from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.machines.instances import PowerState
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from tests.support.models import IMAGE, LOCATION, NEW, OLD
from tests.support.world import World


async def test_p2_more_than_20_percent_unhealthy_before_touches_nothing(world: World) -> None:
    await world.has_set(10)
    world.sick("1", "4", "7")
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_BEFORE
    assert [one.target for one in result.error.details] == [f"web/virtualMachines/{n}" for n in (1, 4, 7)]
    assert set((await world.versions()).values()) == {OLD}
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.in_progress, counts.pending) == (0, 0, 0, 0)


async def test_p2_b3_exactly_20_percent_unhealthy_passes(world: World) -> None:
    await world.has_set(10)
    world.sick("1", "4")
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason


async def test_p3_a_set_that_sickens_during_the_run_stops_it_at_the_end_of_a_batch(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    world.sick("7", "8", "9")
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_DURING
    assert result.reason == "stopped: 3 of 10 instances unhealthy (30 %), limit 20 %"
    assert list((await world.versions()).values()).count(NEW) == 2


async def test_p3_p17_the_look_that_finds_the_batch_healthy_finds_the_set_sick_and_both_are_told(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    for one in ("7", "8", "9"):
        world.script(one, sick_from=world.clock() + timedelta(seconds=20))
    result = await world.upgraded()
    assert result.reason == "stopped: 3 of 10 instances unhealthy (30 %), limit 20 %"
    assert world.decisions() == ["started", "batch", "verdict", "faulted"]
    assert "go on: 0 of 2 attempted instances unhealthy (0 %), limit 20 %" in world.reasons()
    assert list((await world.versions()).values()).count(NEW) == 2


async def test_p9_exactly_at_the_limit_goes_on_and_one_more_stops(world: World) -> None:
    await world.has_set(10, policy={"maxUnhealthyUpgradedInstancePercent": 50})
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    result = await world.upgraded()
    # 1 of 2 after the first batch is exactly 50 %.
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert "go on: 1 of 2 attempted instances unhealthy (50 %), limit 50 %" in world.reasons()


async def test_p18_a_stopped_machine_is_swapped_and_left_stopped(world: World) -> None:
    await world.has_set(10)
    world.stopped("3")
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    three = (await world.instances())["3"]
    assert three.power is PowerState.STOPPED
    assert three.os_disk is not None
    assert three.os_disk.image.version == NEW
    assert world.outcomes()["3"] == "stopped"
    assert world.record().counts.stopped == 1


async def test_p16_vanished_instances_are_no_failures(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    await world.fleet.delete_instance(world.scale_set, "9")
    await world.fleet.delete_instance(world.scale_set, "0")
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    counts = world.record().counts
    assert (counts.successful, counts.failed) == (8, 0)
    assert world.outcomes()["9"] == "vanished"


async def test_p16_instances_that_appear_get_the_newest_by_themselves_and_no_count(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    document = world.store.scale_sets.model(world.scale_set.unique_id, 1)
    await world.put(automatic=False, document=document | {"sku": {"name": "Standard_D2s_v3", "capacity": 12}})
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    versions = await world.versions()
    assert len(versions) == 12
    assert set(versions.values()) == {NEW}
    assert world.record().counts.successful == 10
    assert "10" not in world.outcomes()


async def test_p1_a_newer_version_during_the_run_changes_nothing_in_it(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    world.publish("18.04.202412310")
    await world.end_of(started.number)
    assert set((await world.versions()).values()) == {NEW}


async def test_p1_a_put_during_the_run_is_stored_and_waits(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    document = world.store.scale_sets.model(world.scale_set.unique_id, 1)
    await world.put(automatic=False, document=document | {"tags": {"stage": "two"}})
    await world.end_of(started.number)
    assert {one.generation for one in (await world.instances()).values()} == {1}
    assert world.record().generation == 1


async def test_p19_a_withdrawn_version_stops_before_the_next_batch(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    world.store.images.withdraw(IMAGE.publisher, IMAGE.offer, IMAGE.sku, NEW, LOCATION)
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.FAULTED
    assert "was withdrawn" in result.reason
    assert list((await world.versions()).values()).count(NEW) == 2


async def test_p19_an_unusable_version_stops_with_that_reason(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(withdrawn=True))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert set((await world.versions()).values()) == {OLD}


async def test_f3_a_throttled_compute_is_asked_again_and_nothing_fails(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    late = timedelta(minutes=7)
    world.fleet.inject(Fault(kind=FaultKind.THROTTLED, call=Call.SWAP, instance_id="2", retry_after=late))
    began = await world.look_at_the_clock()
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert await world.look_at_the_clock() - began > late
    assert world.judgement().violations == ()


async def test_f2_an_answer_that_was_lost_swaps_nothing_twice(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    world.fleet.inject(Fault(kind=FaultKind.ANSWER_LOST, call=Call.SWAP, instance_id="2"))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.judgement().violations == ()
    assert [len(one.previous_os_disks) for one in (await world.instances()).values()] == [1] * 5


async def test_h7_a_look_that_could_not_be_made_is_made_again(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    world.fleet.inject(Fault(kind=FaultKind.UNAVAILABLE, call=Call.OBSERVE, times=7))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.record().counts.successful == 5
