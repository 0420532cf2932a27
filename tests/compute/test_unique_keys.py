"""A number that is given again is another operation: it moves machines, and has its own disks (docs/rules.md F7)."""

import pytest

from instar.compute.errors import Overtaken, Superseded
from instar.compute.provider import Effect, Fence, Made, Step
from instar.domain.machines.instances import PowerAction, PowerState
from instar.domain.records.operation_keys import operation_key
from tests.compute.scene import MODEL, NEW, NEXT_MODEL, OLD, SET, Scene, models

NEWEST = OLD.at("18.04.3")


def effect(operation: int, drawn: str, step: Step = Step.SWAP, attempt: int = 1) -> Effect:
    return Effect(SET, Fence(operation, step, attempt), "0", drawn=drawn)


async def test_f7_a_number_given_again_moves_the_machine_and_keeps_the_disk_of_the_first(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.fleet.swap_os_disk(effect(2, "aaaaaaaa-1"), NEW, NEXT_MODEL)
    second = await scene.fleet.swap_os_disk(effect(2, "bbbbbbbb-2"), NEWEST, NEXT_MODEL)
    machine = await scene.instance()
    assert machine.os_disk == second
    assert (second.image, second.made_by) == (NEWEST, "u-1/2/bbbbbbbb-2")
    assert [disk.name for disk in machine.previous_os_disks] == [first.name, "web_0_os_0"]
    assert (first.name, second.name) == ("web_0_os_2_aaaaaaaa", "web_0_os_2_bbbbbbbb")
    assert (machine.last_operation, machine.last_key) == (2, "bbbbbbbb-2")


async def test_f7_the_same_key_alone_is_not_done_without_its_image_and_generation(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.fleet.swap_os_disk(effect(2, ""), NEW, NEXT_MODEL)
    again = await scene.fleet.swap_os_disk(effect(2, ""), NEWEST, NEXT_MODEL)
    assert (first.image, again.image, (await scene.disk()).image) == (NEW, NEWEST, NEWEST)
    older_model = await scene.fleet.swap_os_disk(effect(2, "", attempt=2), NEWEST, MODEL)
    assert (await scene.instance()).generation == MODEL.generation
    assert len({first.name, again.name, older_model.name}) == 3
    kept = [disk.name for disk in (await scene.instance()).previous_os_disks]
    assert kept == [again.name, first.name, "web_0_os_0"]


async def test_f7_a_swap_of_the_same_key_image_and_generation_is_done_once(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.fleet.swap_os_disk(effect(2, "a"), NEW, NEXT_MODEL)
    again = await scene.fleet.swap_os_disk(effect(2, "a", attempt=2), NEW, NEXT_MODEL)
    assert first == again
    assert len((await scene.instance()).previous_os_disks) == 1


async def test_f7_a_number_given_again_restores_what_it_put_aside_itself(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.fleet.swap_os_disk(effect(2, "a"), NEW, NEXT_MODEL)
    await scene.fleet.swap_os_disk(effect(2, "b"), NEWEST, NEXT_MODEL)
    back = await scene.fleet.restore_os_disk(effect(2, "b", Step.RESTORE), models)
    assert back == first
    assert await scene.fleet.restore_os_disk(effect(2, "b", Step.RESTORE, 2), models) == first


async def test_f7_under_release_0_1_too_a_restore_takes_only_the_disk_of_its_own_image_for_its_own(
    scene: Scene,
) -> None:
    await scene.make(1)
    first = await scene.fleet.swap_os_disk(effect(2, ""), NEW, NEXT_MODEL)
    await scene.fleet.swap_os_disk(effect(2, ""), NEWEST, NEXT_MODEL)
    made = Made(NEWEST, NEXT_MODEL.generation)
    for attempt in (1, 2):
        back = await scene.fleet.restore_os_disk(effect(2, "", Step.RESTORE, attempt), models, made)
        assert back == first


async def test_f7_what_lost_its_number_to_another_is_overtaken_and_changes_nothing(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.swap_os_disk(effect(2, "a"), NEW, NEXT_MODEL)
    await scene.fleet.swap_os_disk(effect(2, "b"), NEWEST, NEXT_MODEL)
    before = await scene.instance()
    for late in (effect(2, "a", Step.RESTORE, 9), effect(1, "z"), effect(2, "", attempt=9)):
        with pytest.raises(Overtaken):
            await scene.fleet.swap_os_disk(late, NEW, NEXT_MODEL)
    assert await scene.instance() == before


async def test_f2_an_attempt_overtaken_by_a_newer_one_of_its_own_operation_is_not_overtaken_by_an_operation(
    scene: Scene,
) -> None:
    await scene.make(1)
    await scene.fleet.swap_os_disk(effect(2, "a", attempt=2), NEW, NEXT_MODEL)
    with pytest.raises(Superseded) as refused:
        await scene.fleet.swap_os_disk(effect(2, "a", attempt=1), NEW, NEXT_MODEL)
    assert not isinstance(refused.value, Overtaken)


async def test_f7_power_given_again_under_one_number_is_done_again_and_each_key_once(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.set_power(effect(2, "a", Step.POWER), PowerAction.STOP)
    await scene.fleet.set_power(effect(2, "b", Step.POWER), PowerAction.START)
    assert (await scene.instance()).power is PowerState.RUNNING
    await scene.fleet.set_power(effect(3, "c", Step.POWER), PowerAction.STOP)
    await scene.fleet.set_power(effect(3, "c", Step.POWER, 2), PowerAction.START)
    assert (await scene.instance()).power is PowerState.STOPPED, "once for each key, whatever came after it"


async def test_f7_collecting_by_keys_tells_two_operations_of_one_number_apart(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.fleet.swap_os_disk(effect(2, "a"), NEW, NEXT_MODEL)
    await scene.fleet.swap_os_disk(effect(2, "b"), NEWEST, NEXT_MODEL)
    assert await scene.fleet.discard_os_disks(SET, [2]) == 0, "a number alone names what drew nothing"
    assert await scene.fleet.discard_os_disks(SET, keys=[operation_key("u-1", 2, "a")]) == 1
    assert [disk.name for disk in (await scene.instance()).previous_os_disks] == [first.name]
    assert await scene.fleet.discard_os_disks(SET, keys=[operation_key("u-1", 2, "b")]) == 1
    assert (await scene.disk()).image == NEWEST


async def test_f7_machines_of_release_0_1_go_on_under_operations_with_keys(scene: Scene) -> None:
    await scene.make(1)
    old = await scene.fleet.swap_os_disk(effect(1, ""), NEW, NEXT_MODEL)
    assert old.name == "web_0_os_1"
    await scene.fleet.swap_os_disk(effect(2, "b"), NEWEST, NEXT_MODEL)
    assert await scene.fleet.discard_os_disks(SET, [1]) == 1
    assert [disk.name for disk in (await scene.instance()).previous_os_disks] == [old.name]
