"""On libvirt too a number that is given again is another operation (docs/rules.md F7)."""

import pytest

from instar.compute.errors import Overtaken
from instar.compute.provider import Made, Step
from instar.domain.machines.instances import PowerAction, PowerState
from instar.domain.records.operation_keys import operation_key
from tests.libvirt.scene import LINE, NEW, NEWER, OLD, Scene, models

NEWEST = LINE.at("18.04.3")


async def test_f7_a_number_given_again_moves_the_machine_and_keeps_the_disk_of_the_first(scene: Scene) -> None:
    scene.publish(NEWEST)
    await scene.has(1)
    first = await scene.fleet.swap_os_disk(scene.effect(2, drawn="aaaaaaaa-1"), NEW, NEWER)
    second = await scene.fleet.swap_os_disk(scene.effect(2, drawn="bbbbbbbb-2"), NEWEST, NEWER)
    [machine] = await scene.fleet.list_instances(scene.scale_set)
    assert machine.os_disk == second
    assert second.image == NEWEST
    assert (first.name, second.name) == (scene.os_volume("2_aaaaaaaa"), scene.os_volume("2_bbbbbbbb"))
    assert [disk.name for disk in machine.previous_os_disks] == [first.name, scene.os_volume(0)]
    assert {first.name, second.name} <= scene.volumes()
    assert (machine.last_operation, machine.last_key) == (2, "bbbbbbbb-2")
    assert second.name in scene.xml()


async def test_f7_the_same_key_alone_is_not_done_without_its_image_and_generation(scene: Scene) -> None:
    scene.publish(NEWEST)
    await scene.has(1)
    first = await scene.fleet.swap_os_disk(scene.effect(2), NEW, NEWER)
    again = await scene.fleet.swap_os_disk(scene.effect(2), NEWEST, NEWER)
    assert (again.image, scene.record().os_disk.name) == (NEWEST, again.name)
    assert first.name != again.name
    made = Made(NEWEST, NEWER.generation)
    for attempt in (1, 2):
        back = await scene.fleet.restore_os_disk(scene.restore(2, attempt), models, made)
        assert back == first


async def test_f7_a_restore_takes_what_its_own_operation_put_aside(scene: Scene) -> None:
    scene.publish(NEWEST)
    await scene.has(1)
    first = await scene.fleet.swap_os_disk(scene.effect(2, drawn="a"), NEW, NEWER)
    await scene.fleet.swap_os_disk(scene.effect(2, drawn="b"), NEWEST, NEWER)
    back = await scene.fleet.restore_os_disk(scene.effect(2, step=Step.RESTORE, drawn="b"), models)
    assert back == first


async def test_f7_what_lost_its_number_to_another_is_overtaken(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(2, drawn="a"), NEW, NEWER)
    await scene.fleet.swap_os_disk(scene.effect(2, drawn="b"), OLD, NEWER)
    before = scene.xml()
    for late in (scene.effect(2, 9, drawn="a"), scene.effect(1, drawn="z"), scene.effect(2, 9)):
        with pytest.raises(Overtaken):
            await scene.fleet.swap_os_disk(late, NEW, NEWER)
    assert scene.xml() == before


async def test_f7_collecting_by_keys_tells_two_operations_of_one_number_apart(scene: Scene) -> None:
    await scene.has(1)
    first = await scene.fleet.swap_os_disk(scene.effect(2, drawn="a"), NEW, NEWER)
    await scene.fleet.swap_os_disk(scene.effect(2, drawn="b"), OLD, NEWER)
    unique_id = scene.scale_set.unique_id
    assert await scene.fleet.discard_os_disks(scene.scale_set, [2]) == 0
    assert await scene.fleet.discard_os_disks(scene.scale_set, keys=[operation_key(unique_id, 2, "a")]) == 1
    assert scene.os_volume(0) not in scene.volumes()
    assert await scene.fleet.discard_os_disks(scene.scale_set, keys=[operation_key(unique_id, 2, "b")]) == 1
    assert first.name not in scene.volumes()


async def test_f7_power_given_again_under_one_number_is_done_again(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.set_power(scene.effect(2, step=Step.POWER, drawn="a"), PowerAction.STOP)
    await scene.fleet.set_power(scene.effect(2, step=Step.POWER, drawn="b"), PowerAction.START)
    [machine] = await scene.fleet.list_instances(scene.scale_set)
    assert machine.power is PowerState.RUNNING
