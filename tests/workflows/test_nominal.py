"""The main job: a set moves to a new version, batch by batch."""

from datetime import timedelta

from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.support.models import NEW, OLD
from tests.support.world import BOOT, World


async def test_p11_a_set_moves_to_the_newest_version_batch_by_batch(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW)
    began = await world.look_at_the_clock()
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert set((await world.versions()).values()) == {NEW}
    assert world.decisions().count("batch") == 5
    assert world.record().counts.successful == 20
    judgement = world.judgement()
    assert judgement.violations == ()
    assert judgement.most_out_at_once == 4
    assert timedelta(0) < await world.look_at_the_clock() - began < 5 * (BOOT + timedelta(seconds=15))


async def test_p12_instances_already_on_the_target_are_not_touched_and_count_as_successful(world: World) -> None:
    await world.has_set(3)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED
    assert world.record().counts.successful == 3
    assert "batch" not in world.decisions()
    assert all(one.os_disk and not one.os_disk.made_by for one in (await world.instances()).values())


async def test_p5_the_previous_disk_is_kept_for_24_hours_after_the_end(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    await world.upgraded()
    kept = [one.previous_os_disks for one in (await world.instances()).values()]
    assert [[disk.image.version for disk in disks] for disks in kept] == [[OLD]] * 3
    await world.pass_time(timedelta(hours=23, minutes=59))
    assert all(one.previous_os_disks for one in (await world.instances()).values())
    await world.pass_time(timedelta(minutes=2))
    assert not any(one.previous_os_disks for one in (await world.instances()).values())
    assert world.judgement().violations == ()


async def test_t1_enabling_starts_the_first_upgrade_after_three_hours_by_the_platform(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    began = await world.look_at_the_clock()
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=2, minutes=59))
    assert world.store.upgrades.latest(world.scale_set.unique_id) is None
    await world.pass_time(timedelta(minutes=2))
    result = await world.end_of(1)
    assert result.status is UpgradeStatus.COMPLETED
    record = world.record()
    assert record.started_by is StartedBy.PLATFORM
    assert record.started_at - began >= timedelta(hours=3)
