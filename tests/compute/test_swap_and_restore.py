import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from instar.compute.errors import InstanceGone, NothingToRestore, Superseded
from instar.compute.provider import MachineModel, Provider
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import InstanceScript
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.machines.instances import OsDisk, PowerState
from tests.compute.scene import MODEL, NEW, NEXT_MODEL, OLD, SET, Scene, models, restore, swap

MINUTE = timedelta(minutes=1)


def test_the_fleet_keeps_the_shape_of_the_port(scene: Scene) -> None:
    provider: Provider = scene.fleet  # mypy judges this line
    assert provider is scene.fleet


async def test_p4_a_swap_changes_the_os_disk_and_the_model_and_nothing_else(scene: Scene) -> None:
    await scene.make(1)
    before = await scene.instance()
    disk = await scene.swap()
    after = await scene.instance()
    assert (disk.name, disk.image, disk.made_by) == ("web_0_os_1", NEW, "u-1/1")
    assert after.os_disk == disk
    assert (after.generation, before.generation) == (2, 1)
    assert (after.vm_id, after.created_at, after.data_disks) == (before.vm_id, before.created_at, before.data_disks)
    assert len({one.marker for one in after.data_disks}) == 2


async def test_p4_the_machine_gets_the_new_custom_data_and_its_old_ones_with_the_old_disk(scene: Scene) -> None:
    await scene.make(1)

    def digest() -> str:
        rows = scene.fleet._database.connection.execute("SELECT custom_data_digest FROM machines").fetchall()
        return str(rows[0][0])

    assert digest() == hashlib.sha256(b"first").hexdigest()
    await scene.swap()
    assert digest() == hashlib.sha256(b"second").hexdigest()
    await scene.restore()
    assert digest() == hashlib.sha256(b"first").hexdigest()
    assert (await scene.instance()).generation == 1


async def test_p5_previous_disks_are_kept_newest_first(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.disk()
    second = await scene.swap(operation=1)
    third = await scene.swap(operation=2, image=OLD.at("18.04.3"))
    instance = await scene.instance()
    assert instance.os_disk == third
    assert instance.previous_os_disks == (second, first)


async def test_p5_only_disks_put_aside_by_the_named_operations_are_discarded(scene: Scene) -> None:
    await scene.make(2)
    await scene.swap("0", operation=1)
    second = await scene.disk()
    await scene.swap("0", operation=2, image=OLD.at("18.04.3"))
    third = await scene.disk()
    assert await scene.fleet.discard_os_disks(SET, [1, 7]) == 1
    instance = await scene.instance()
    assert (instance.os_disk, instance.previous_os_disks) == (third, (second,))
    assert await scene.fleet.discard_os_disks(SET, [1, 2]) == 1
    assert (await scene.instance()).previous_os_disks == ()
    assert (await scene.instance("1")).os_disk is not None


async def test_p5_a_disk_in_use_is_never_discarded_and_the_failed_one_of_a_rollback_is(scene: Scene) -> None:
    await scene.make(1)
    old = await scene.disk()
    new = await scene.swap()
    await scene.restore()
    assert (await scene.instance()).previous_os_disks == (new,)
    assert await scene.fleet.discard_os_disks(SET, [1]) == 1
    instance = await scene.instance()
    assert (instance.os_disk, instance.previous_os_disks) == (old, ())


async def test_p7_a_restore_gives_the_previous_disk_back_and_keeps_the_failed_one(scene: Scene) -> None:
    await scene.make(1)
    old = await scene.disk()
    new = await scene.swap()
    assert await scene.restore() == old
    assert await scene.restore(attempt=2) == old
    instance = await scene.instance()
    assert (instance.os_disk, instance.previous_os_disks) == (old, (new,))
    assert [one.kind for one in scene.fleet.recorder.records()].count(Kind.COMMIT_RESTORE) == 1


async def test_p7_a_restore_of_a_machine_that_this_upgrade_never_swapped_changes_nothing(scene: Scene) -> None:
    await scene.make(1)
    old = await scene.disk()
    assert await scene.restore() == old
    assert (await scene.instance()).previous_os_disks == ()


async def test_p7_nothing_to_restore_once_the_previous_disk_is_discarded(scene: Scene) -> None:
    await scene.make(1)
    new = await scene.swap()
    await scene.fleet.discard_os_disks(SET, [1])
    with pytest.raises(NothingToRestore):
        await scene.restore()
    instance = await scene.instance()
    assert (instance.os_disk, instance.provisioned) == (new, True)


async def test_f2_a_swap_called_twice_is_done_once(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.swap(attempt=1)
    assert await scene.swap(attempt=1) == first
    assert await scene.swap(attempt=2) == first
    kinds = [one.kind for one in scene.fleet.recorder.records()]
    assert (kinds.count(Kind.STOP), kinds.count(Kind.COMMIT_SWAP)) == (1, 1)
    assert len((await scene.instance()).previous_os_disks) == 1


async def test_f2_an_older_attempt_step_or_operation_is_refused(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap(operation=1, attempt=2)
    with pytest.raises(Superseded):
        await scene.swap(operation=1, attempt=1)
    await scene.restore(operation=1, attempt=1)
    with pytest.raises(Superseded):
        await scene.swap(operation=1, attempt=9)
    newest = await scene.swap(operation=2)
    with pytest.raises(Superseded):
        await scene.restore(operation=1, attempt=9)
    assert await scene.disk() == newest


@pytest.mark.parametrize("call", [Call.SWAP, Call.RESTORE])
async def test_f2_a_late_attempt_is_refused_at_its_commit(scene: Scene, call: Call) -> None:
    await scene.make(1)
    if call is Call.RESTORE:
        await scene.swap()
    work: Callable[..., Coroutine[Any, Any, OsDisk]] = scene.swap if call is Call.SWAP else scene.restore
    late = scene.fleet.inject(Fault(kind=FaultKind.LATE, call=call))
    first = asyncio.create_task(work(attempt=1))
    await asyncio.sleep(0)
    assert scene.fleet.hits(late) == 1
    disk = await work(attempt=2)
    scene.fleet.release(late)
    with pytest.raises(Superseded):
        await first
    instance = await scene.instance()
    assert instance.os_disk == disk
    assert instance.provisioned
    commits = [one for one in scene.fleet.recorder.records() if one.kind == f"commit-{call}"]
    assert len(commits) == 1


async def test_f2_a_late_attempt_that_nobody_overtook_commits(scene: Scene) -> None:
    await scene.make(1)
    late = scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP))
    first = asyncio.create_task(scene.swap())
    await asyncio.sleep(0)
    assert not (await scene.instance()).provisioned
    scene.another().release(late)
    assert (await first).image == NEW


async def test_f1_a_machine_left_stopped_by_a_dead_attempt_is_completed_by_the_next(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP))
    dead = asyncio.create_task(scene.swap())
    await asyncio.sleep(0)
    dead.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dead
    assert not (await scene.instance()).provisioned
    disk = await scene.swap(attempt=2)
    instance = await scene.instance()
    assert (instance.os_disk, instance.provisioned) == (disk, True)
    kinds = [one.kind for one in scene.fleet.recorder.records()]
    assert (kinds.count(Kind.STOP), kinds.count(Kind.COMMIT_SWAP)) == (1, 1)


async def test_f1_a_restore_starts_a_machine_that_a_dead_swap_left_stopped(scene: Scene) -> None:
    await scene.make(1)
    old = await scene.disk()
    scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP))
    dead = asyncio.create_task(scene.swap())
    await asyncio.sleep(0)
    dead.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dead
    assert await scene.restore() == old
    instance = await scene.instance()
    assert (instance.os_disk, instance.provisioned, instance.previous_os_disks) == (old, True, ())


async def test_f2_a_set_made_again_under_the_same_name_starts_afresh(scene: Scene) -> None:
    await scene.make(1)
    again = SET.model_copy(update={"unique_id": "u-2"})
    await scene.swap()
    await scene.make(1, again)
    [instance] = await scene.fleet.list_instances(again)
    assert instance.os_disk is not None
    assert (instance.os_disk.image, instance.vm_id) != (NEW, (await scene.instance()).vm_id)
    assert await scene.fleet.discard_os_disks(again, [1]) == 0
    assert len((await scene.instance()).previous_os_disks) == 1


async def test_p18_a_machine_stopped_by_its_owner_is_swapped_and_stays_stopped(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    await scene.swap()
    instance = await scene.instance()
    assert (instance.power, instance.os_disk is not None and instance.os_disk.image) == (PowerState.STOPPED, NEW)
    assert Kind.STOP not in [one.kind for one in scene.fleet.recorder.records()]


async def test_p16_a_vanished_machine_is_gone_for_every_call_and_its_id_is_never_used_again(scene: Scene) -> None:
    assert await scene.fleet.next_instance_id(SET) == 0
    await scene.make(3)
    await scene.fleet.delete_instance(SET, "2")
    await scene.fleet.delete_instance(SET, "2")
    await scene.fleet.create_instance(SET, "2", OLD, MODEL)
    assert [one.instance_id for one in await scene.fleet.list_instances(SET)] == ["0", "1"]
    assert await scene.fleet.next_instance_id(SET) == 3
    assert await scene.fleet.observe_health(SET, MODEL.health_source, ["2"]) == ()
    for call in (scene.swap("2"), scene.restore("2")):
        with pytest.raises(InstanceGone):
            await call


async def test_creating_a_machine_twice_makes_it_once(scene: Scene) -> None:
    await scene.make(1)
    before = await scene.instance()
    await scene.fleet.create_instance(SET, "0", NEW, NEXT_MODEL)
    assert await scene.instance() == before


async def test_two_fleets_on_one_file_see_the_same_machines_and_the_same_scripts(scene: Scene) -> None:
    await scene.make(2)
    other = scene.another()
    assert await other.list_instances(SET) == await scene.fleet.list_instances(SET)
    await other.swap_os_disk(swap("1"), NEW, NEXT_MODEL)
    assert (await scene.disk("1")).image == NEW
    scene.fleet.inject(Fault(kind=FaultKind.DISK_NOT_MADE, call=Call.SWAP, instance_id="0"))
    assert len(other._database.scripts().faults) == 1
    await other.restore_os_disk(restore("1"), models)
    numbers = [one.number for one in scene.fleet.recorder.records()]
    assert numbers == list(range(1, len(numbers) + 1))


async def test_no_custom_data_in_clear_in_any_file(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    for path in scene.path.parent.iterdir():
        assert b"second" not in path.read_bytes()


@pytest.mark.parametrize("call", [Call.SWAP, Call.RESTORE])
async def test_f2_the_same_attempt_running_twice_at_once_is_done_once(scene: Scene, call: Call) -> None:
    await scene.make(1)
    if call is Call.RESTORE:
        await scene.swap()
    work: Callable[..., Coroutine[Any, Any, OsDisk]] = scene.swap if call is Call.SWAP else scene.restore
    late = scene.fleet.inject(Fault(kind=FaultKind.LATE, call=call))
    first = asyncio.create_task(work())
    await asyncio.sleep(0)
    disk = await work()
    booted = scene.clock.now
    scene.clock.move(MINUTE)
    scene.fleet.release(late)
    assert await first == disk
    [commit] = [one for one in scene.fleet.recorder.records() if one.kind == f"commit-{call}"]
    assert commit.time == booted
    instance = await scene.instance()
    assert (instance.os_disk, instance.provisioned, len(instance.previous_os_disks)) == (disk, True, 1)


async def test_p7_p5_a_restore_takes_the_disk_that_this_upgrade_put_aside_not_an_older_one(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.disk()
    second = await scene.swap(operation=1)
    third = await scene.swap(operation=2, image=OLD.at("18.04.3"))
    assert await scene.restore(operation=2) == second
    instance = await scene.instance()
    assert (instance.os_disk, instance.previous_os_disks) == (second, (third, first))


async def test_f2_a_swap_is_two_transactions_while_nothing_is_planted_and_four_where_it_may_be_cut_off(
    scene: Scene,
) -> None:
    await scene.make(2)
    began: list[str] = []
    scene.fleet._database.connection.set_trace_callback(
        lambda statement: began.append(statement) if statement == "BEGIN IMMEDIATE" else None
    )
    await scene.fleet.swap_os_disk(swap("0"), NEW, MachineModel(generation=2))
    assert len(began) == 2
    scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.RESTORE, instance_id="1"))
    began.clear()
    await scene.fleet.swap_os_disk(swap("1"), NEW, MachineModel(generation=2))
    assert len(began) == 4


async def test_p16_a_list_of_some_names_those_that_are_there_and_is_of_them_as_the_whole_one_is(scene: Scene) -> None:
    await scene.make(12)
    await scene.swap("3")
    whole = {one.instance_id: one for one in await scene.fleet.list_instances(SET)}
    some = await scene.fleet.list_instances(SET, ["10", "3", "99"])
    assert some == (whole["3"], whole["10"])
    assert await scene.fleet.list_instances(SET, []) == ()
