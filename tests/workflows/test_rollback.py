"""Instances that do not become healthy."""

from datetime import timedelta

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from tests.support.models import NEW, OLD
from tests.support.world import World

ROLLING_BACK_BREACH = {"rollbackFailedInstancesOnPolicyBreach": True}


async def by_the_platform(world: World) -> None:
    """Enable, and let the first trigger fire."""
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))


async def test_p7_an_instance_not_healthy_in_five_minutes_gets_its_previous_disk_back(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    await by_the_platform(world)
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    versions = await world.versions()
    assert versions.pop("9") == OLD
    assert set(versions.values()) == {NEW}
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.rolled_back) == (19, 1, 1)
    assert "1 of 4 not healthy within 5 minutes: 9 get the previous disk" in world.reasons()
    assert world.judgement().violations == ()


async def test_p5_the_disk_that_failed_is_kept_for_the_post_mortem(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    await by_the_platform(world)
    await world.end_of()
    kept = (await world.instances())["9"].previous_os_disks
    assert [disk.image.version for disk in kept] == [NEW]


async def test_p6_the_health_wait_is_five_minutes_and_costs_no_more_events_for_more_looks(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    await by_the_platform(world)
    began = world.record().started_at
    await world.end_of()
    took = (world.record().ended_at or began) - began
    assert timedelta(minutes=5) < took < timedelta(minutes=10)
    history = await world.upgrade().fetch_history()
    assert len(history.events) <= 5 * 150


async def test_p7_an_upgrade_started_by_hand_does_not_roll_back(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED
    assert (await world.versions())["9"] == NEW
    assert world.outcomes()["9"] == "failed"


async def test_p7_disable_automatic_rollback_keeps_the_new_disk(world: World) -> None:
    await world.has_set(20, automatic={"enableAutomaticOSUpgrade": True, "disableAutomaticRollback": True})
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    await by_the_platform(world)
    await world.end_of()
    assert (await world.versions())["9"] == NEW


async def test_p8_p9_a_first_batch_of_one_rolled_back_is_still_a_breach(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await by_the_platform(world)
    result = await world.end_of()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_UPGRADED
    assert result.reason == "stopped: 1 of 1 attempted instances unhealthy (100 %), limit 20 %"
    assert set((await world.versions()).values()) == {OLD}
    assert world.record().counts.pending == 4


async def test_p8_not_healthy_after_the_second_wait_needs_a_person(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    await world.put(automatic=True)
    # Healthy before its swap, in the third batch, and sick on any disk from the middle of that batch's health wait on.
    world.script("9", sick_from=world.clock() + timedelta(hours=3, minutes=3))
    await world.pass_time(timedelta(hours=3, seconds=1))
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED
    assert world.outcomes()["9"] == "rollbackFailed"
    counts = world.record().counts
    assert (counts.failed, counts.rollback_failed, counts.rolled_back) == (1, 1, 0)
    assert "need a person: 9" in world.record().rollback_error
    kept = (await world.instances())["9"]
    assert kept.os_disk is not None
    assert (kept.os_disk.image.version, [disk.image.version for disk in kept.previous_os_disks]) == (OLD, [NEW])


async def test_p9_a_disk_that_cannot_be_made_is_a_failure(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(disk_fails=("0",)))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.reason == "stopped: 1 of 2 attempted instances unhealthy (50 %), limit 20 %"
    assert (await world.versions())["0"] == OLD


async def test_p10_a_breach_rolls_back_the_unhealthy_where_the_policy_says_so(world: World) -> None:
    await world.has_set(10, policy=ROLLING_BACK_BREACH)
    world.publish(NEW, VersionScript(never_healthy="all"))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert set((await world.versions()).values()) == {OLD}
    assert world.record().counts.rolled_back == 2
    assert world.judgement().violations == ()


async def test_p13_sick_before_and_after_keeps_the_new_disk_and_says_nothing_of_the_image(world: World) -> None:
    await world.has_set(10)
    world.sick("0")
    world.publish(NEW)
    await by_the_platform(world)
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert (await world.versions())["0"] == NEW
    assert world.outcomes()["0"] == "sickBefore"
    counts = world.record().counts
    assert (counts.successful, counts.failed) == (9, 1)


async def test_h5_initializing_past_five_minutes_is_waited_for_until_its_grace_ends(world: World) -> None:
    rich = {"typeHandlerVersion": "2.0"}
    settings = {"protocol": "http", "port": 80, "requestPath": "/", "intervalInSeconds": 5, "gracePeriod": 1200}
    await world.has_set(5, health=rich | {"settings": settings})
    world.publish(NEW, VersionScript(initializing=timedelta(minutes=12)))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    record = world.record()
    assert record.ended_at is not None
    assert record.ended_at - record.started_at > timedelta(minutes=12 * 5)
    assert record.counts.successful == 5
