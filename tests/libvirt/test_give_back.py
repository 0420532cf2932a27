"""A kept disk given back by an operation of its own, on libvirt's mock driver (docs/rules.md R2, R3, F1, F2, P14)."""

import pytest

from instar.compute.errors import NotBegun, NothingToRestore, Superseded
from instar.compute.libvirt import disks
from instar.compute.provider import Made, Step
from instar.domain.machines.instances import PowerState
from tests.libvirt.scene import MODEL, NEW, NEWER, OLD, ON_OLD, Scene, models

STEPS = range(1, 5)


async def test_r2_a_later_operation_gives_back_what_an_earlier_one_put_aside(scene: Scene) -> None:
    await scene.has(1)
    [before] = await scene.fleet.list_instances(scene.scale_set)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    disk = await scene.fleet.give_back_os_disk(scene.give_back(2), ON_OLD, models)
    [after] = await scene.fleet.list_instances(scene.scale_set)
    assert (disk, after.generation) == (before.os_disk, MODEL.generation)
    assert (after.os_disk, after.vm_id, after.data_disks) == (disk, before.vm_id, before.data_disks)
    [kept] = after.previous_os_disks
    left = (kept.name, kept.replaced_by, kept.generation)
    assert left == (scene.os_volume(1), f"{scene.scale_set.unique_id}/2", NEWER.generation), "R3"
    assert f"volume='{scene.os_volume(0)}'" in scene.xml()
    assert scene.domain().isActive()


@pytest.mark.parametrize("killed_after", STEPS)
async def test_f1_killed_after_any_step_it_comes_to_its_end(scene: Scene, killed_after: int) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    for step in scene.give_back_steps(scene.give_back(2))[:killed_after]:
        step()
    [meanwhile] = await scene.fleet.list_instances(scene.scale_set)
    assert meanwhile.power is PowerState.RUNNING
    disk = await scene.fleet.give_back_os_disk(scene.give_back(2, attempt=2), ON_OLD, models)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.os_disk, disk.name, one.provisioned) == (disk, scene.os_volume(0), True)
    assert [kept.name for kept in one.previous_os_disks] == [scene.os_volume(1)]
    assert scene.domain().isActive()


async def test_f2_done_again_it_is_done_once_and_a_late_attempt_is_refused(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    late = scene.give_back_steps(scene.give_back(2, attempt=1))
    late[0]()
    first = await scene.fleet.give_back_os_disk(scene.give_back(2, attempt=2), ON_OLD, models)
    started = scene.record().started_at
    assert await scene.fleet.give_back_os_disk(scene.give_back(2, attempt=3), ON_OLD, models) == first
    assert scene.record().started_at == started
    with pytest.raises(Superseded):
        late[2]()
    with pytest.raises(Superseded):
        await scene.fleet.give_back_os_disk(scene.give_back(1), ON_OLD, models)


async def test_p14_after_a_cancel_only_what_was_begun_comes_to_its_end(scene: Scene) -> None:
    await scene.has(2)
    ends = [scene.effect(2, instance_id=one, step=Step.END_GIVE_BACK) for one in ("0", "1")]
    for one in ("0", "1"):
        await scene.fleet.swap_os_disk(scene.effect(1, instance_id=one), NEW, NEWER)
    for step in scene.give_back_steps(scene.give_back(2))[:2]:
        step()
    assert (await scene.fleet.give_back_os_disk(ends[0], ON_OLD, models)).image == OLD
    with pytest.raises(NotBegun):
        await scene.fleet.give_back_os_disk(ends[1], ON_OLD, models)
    assert scene.record("1").os_disk.image == NEW
    assert scene.domain("1").isActive()


async def test_p18_a_machine_that_its_owner_stopped_stays_stopped(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    scene.domain().shutdown()
    assert (await scene.fleet.give_back_os_disk(scene.give_back(2), ON_OLD, models)).image == OLD
    assert not scene.domain().isActive()


async def test_f3_a_disk_that_vanishes_while_the_machine_is_stopped_for_it_leaves_the_machine_running(
    scene: Scene,
) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    for step in scene.give_back_steps(scene.give_back(2))[:2]:
        step()
    assert not scene.domain().isActive()
    scene.pool.storageVolLookupByName(scene.os_volume(0)).delete(0)
    with pytest.raises(NothingToRestore, match="no longer in the storage pool"):
        await scene.fleet.give_back_os_disk(scene.give_back(2, attempt=2), ON_OLD, models)
    assert scene.domain().isActive()
    assert scene.record().os_disk.image == NEW


async def test_r2_a_disk_of_another_generation_is_another_disk(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    with pytest.raises(NothingToRestore, match=r"18\.04\.1 with model generation 2 is kept"):
        await scene.fleet.give_back_os_disk(scene.give_back(2), Made(OLD, NEWER.generation), models)
    assert scene.domain().isActive()


async def test_p5_a_disk_given_back_outlives_the_collection_of_the_operation_that_had_put_it_aside(
    scene: Scene,
) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    await scene.fleet.give_back_os_disk(scene.give_back(2), ON_OLD, models)
    assert await scene.fleet.discard_os_disks(scene.scale_set, [1]) == 0
    assert await scene.fleet.discard_os_disks(scene.scale_set, [2]) == 1
    assert scene.os_volume(0) in scene.volumes()
    assert not disks.prepare_restore(scene.connection, scene.host, scene.give_back(3), ON_OLD)
