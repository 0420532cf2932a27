"""Kept OS disks: which ones, for how long, and never one that could still be needed (docs/rules.md P5, P8)."""

from datetime import datetime, timedelta

from instar.compute.simulated.file.faults import Call
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.operation_keys import operation_key
from instar.domain.records.upgrades import UpgradeStatus
from tests.support.held import held, hold, release
from tests.support.models import NEW, OLD
from tests.support.world import World

NEWER = "18.04.202403030"
DAY = timedelta(hours=24)
ROLLING_BACK_BREACH = {"rollbackFailedInstancesOnPolicyBreach": True}


async def pass_to(world: World, moment: datetime) -> None:
    """Let virtual time come to that moment."""
    await world.pass_time(moment - await world.look_at_the_clock())


async def kept(world: World) -> dict[str, list[str]]:
    """Versions of the kept disks of each machine, newest first."""
    return {
        one: [disk.image.version for disk in machine.previous_os_disks]
        for one, machine in (await world.instances()).items()
    }


def end(world: World, number: int = 1) -> datetime:
    """When an upgrade ended."""
    ended_at = world.record(number).ended_at
    assert ended_at is not None
    return ended_at


async def test_p5_the_day_counts_from_the_end_of_the_upgrade_that_replaced_the_disk(world: World) -> None:
    await world.has_set(3, policy={"pauseTimeBetweenBatches": "PT2H"})
    world.publish(NEW)
    await world.upgraded()
    assert end(world) - world.record().started_at > timedelta(hours=4)
    await pass_to(world, end(world) + DAY - timedelta(minutes=1))
    assert await kept(world) == {"0": [OLD], "1": [OLD], "2": [OLD]}
    await pass_to(world, end(world) + DAY + timedelta(minutes=1))
    assert await kept(world) == {"0": [], "1": [], "2": []}


async def test_p5_a_newer_swap_adds_to_the_list_and_each_disk_has_its_own_day(world: World) -> None:
    await world.has_set(2)
    world.publish(NEW)
    await world.upgraded()
    await world.pass_time(timedelta(hours=10, minutes=1))
    world.publish(NEWER)
    await world.upgraded()
    assert await kept(world) == {"0": [NEW, OLD], "1": [NEW, OLD]}
    await pass_to(world, end(world, 1) + DAY + timedelta(minutes=1))
    assert await kept(world) == {"0": [NEW], "1": [NEW]}
    await pass_to(world, end(world, 2) + DAY + timedelta(minutes=1))
    assert await kept(world) == {"0": [], "1": []}
    assert set((await world.versions()).values()) == {NEWER}
    assert world.judgement().violations == ()


async def test_p5_no_disk_that_a_running_upgrade_could_restore_is_deleted(world: World) -> None:
    await world.has_set(5, policy=ROLLING_BACK_BREACH)
    world.publish(NEW)
    await world.upgraded()
    # The second upgrade stands in its swap, then in its health wait, when the first one's day is over.
    await pass_to(world, end(world) + DAY - timedelta(minutes=3))
    world.publish(NEWER, VersionScript(never_healthy="all"))
    swap = hold(world, Call.SWAP, "0")
    await world.start()
    await held(world, swap)
    release(world, swap)
    await pass_to(world, end(world) + DAY + timedelta(minutes=1))
    assert (await kept(world))["0"] == [NEW, OLD], "nothing is collected while something rolls (C1)"
    assert (await world.end_of(2)).status is UpgradeStatus.FAULTED
    assert world.record(2).counts.rolled_back == 1
    assert set((await world.versions()).values()) == {NEW}
    await pass_to(world, end(world, 2) + timedelta(minutes=2))
    assert (await kept(world))["0"] == [NEWER]
    assert world.judgement().violations == ()


async def test_p5_the_new_disk_of_a_failed_instance_is_kept_for_a_day_like_any_other(world: World) -> None:
    await world.has_set(10, policy=ROLLING_BACK_BREACH)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await world.upgraded()
    failed = {"0": [NEW], "1": [NEW]} | {str(one): [] for one in range(2, 10)}
    await pass_to(world, end(world) + DAY - timedelta(minutes=1))
    assert await kept(world) == failed
    await pass_to(world, end(world) + DAY + timedelta(minutes=1))
    assert not any((await kept(world)).values())
    assert set((await world.versions()).values()) == {OLD}
    assert world.judgement().violations == ()


async def test_p5_f1_the_disks_of_a_terminated_upgrade_have_their_day_too(world: World) -> None:
    await world.has_set(5, policy={"pauseTimeBetweenBatches": "PT1H"})
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=12))
    await world.upgrade().terminate("by hand")
    await world.pass_time(timedelta(minutes=4))
    assert world.record().status is UpgradeStatus.FAULTED
    await pass_to(world, end(world) + DAY - timedelta(minutes=1))
    assert (await kept(world))["0"] == [OLD]
    await pass_to(world, end(world) + DAY + timedelta(minutes=1))
    assert (await kept(world))["0"] == []


async def test_p8_a_restore_that_fails_is_counted_apart_and_the_new_disk_stays(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW, VersionScript(never_healthy=("1",)))
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, minutes=2))
    # Somebody deletes the previous disks behind Instar's back.
    key = operation_key(world.scale_set.unique_id, 1, world.record().key)
    await world.fleet.discard_os_disks(world.scale_set, keys=[key])
    result = await world.end_of()
    assert result.status is UpgradeStatus.FAULTED, "1 of 4 attempted is more than 20 %"
    counts = world.record().counts
    assert (counts.failed, counts.rollback_failed, counts.rolled_back, counts.in_progress) == (1, 1, 0, 0)
    assert world.outcomes()["1"] == "rollbackFailed"
    assert "need a person: 1" in world.record().rollback_error
    assert (
        "no OS disk put aside by this upgrade is kept"
        in world.store.upgrades.instances(world.scale_set.unique_id, 1)["1"].reason
    )
    assert (await world.versions())["1"] == NEW
