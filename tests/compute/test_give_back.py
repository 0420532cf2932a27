"""A kept disk is given back by an operation of its own, whichever put it aside (docs/rules.md R2, R3, F2, F7)."""

import dataclasses
from typing import Any

import pytest

from instar.compute.errors import InstanceGone, NotBegun, NothingToRestore, Superseded
from instar.compute.provider import Fence, Made, Step
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import InstanceScript
from instar.compute.simulated.flight.judgement import judge
from instar.compute.simulated.flight.recorder import FlightRecord, Kind
from instar.domain.machines.instances import PowerState
from tests.compute.scene import MODEL, NEXT_MODEL, OLD, ON_OLD, SET, Scene, give_back, models, verdict

THIRD = OLD.at("18.04.3")


async def test_r2_a_later_operation_gives_back_what_an_earlier_one_put_aside(scene: Scene) -> None:
    await scene.make(1)
    before = await scene.instance()
    new = await scene.swap(operation=1)
    disk = await scene.give_back(operation=2)
    after = await scene.instance()
    assert disk == before.os_disk == after.os_disk
    assert after.generation == MODEL.generation
    assert (after.vm_id, after.data_disks) == (before.vm_id, before.data_disks)
    counts = scene.fleet.runs(SET, "0")["web_0_os_0"]
    assert (counts.custom_data, counts.extensions) == (2, 2), "what runs on a disk runs again (P7)"
    [kept] = after.previous_os_disks
    assert (kept, kept.replaced_by, kept.generation) == (new, "u-1/2", NEXT_MODEL.generation), "R3"
    assert verdict(scene).clean


async def test_r2_done_twice_it_is_done_once(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    assert await scene.give_back(attempt=1) == await scene.give_back(attempt=2)
    assert verdict(scene).given_back == 1


async def test_r2_of_several_kept_disks_the_one_that_is_named_is_given_back(scene: Scene) -> None:
    await scene.make(1)
    first = await scene.disk()
    second = await scene.swap(operation=1)
    await scene.swap(operation=2, image=THIRD)
    assert await scene.give_back(operation=3) == first
    assert await scene.give_back(operation=4, kept=Made(second.image, NEXT_MODEL.generation)) == second
    with pytest.raises(NothingToRestore, match=r"18\.04\.2 with model generation 1 is kept"):
        await scene.give_back(operation=5, kept=Made(second.image, MODEL.generation))
    assert verdict(scene).clean


async def test_r2_of_two_disks_of_one_version_the_one_put_aside_last_is_given_back(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap(operation=1)
    again = await scene.fleet.swap_os_disk(dataclasses.replace(give_back(operation=2), fence=_swap(2)), OLD, MODEL)
    await scene.swap(operation=3)
    assert await scene.give_back(operation=4) == again


def _swap(operation: int) -> Fence:
    return Fence(operation, Step.SWAP, 1)


async def test_r2_without_such_a_disk_nothing_is_touched(scene: Scene) -> None:
    await scene.make(1)
    new = await scene.swap(operation=1)
    await scene.fleet.discard_os_disks(SET, [1])
    with pytest.raises(NothingToRestore):
        await scene.give_back(operation=2)
    assert (await scene.instance()).os_disk == new
    with pytest.raises(InstanceGone):
        await scene.give_back("7", operation=2)
    assert verdict(scene).clean


async def test_f2_an_overtaken_attempt_is_refused(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap(operation=1)
    await scene.give_back(operation=2, attempt=2)
    with pytest.raises(Superseded):
        await scene.give_back(operation=2, attempt=1)
    with pytest.raises(Superseded, match="operation 1 is older"):
        await scene.give_back(operation=1)


async def test_p14_after_a_cancel_only_what_was_begun_comes_to_its_end(scene: Scene) -> None:
    await scene.make(2)
    for one in ("0", "1"):
        await scene.swap(one)
    ends = dataclasses.replace(give_back(), fence=dataclasses.replace(give_back().fence, step=Step.END_GIVE_BACK))
    with pytest.raises(NotBegun):
        await scene.fleet.give_back_os_disk(ends, ON_OLD, models)
    with pytest.raises(Superseded):
        await scene.give_back(attempt=9)  # a late attempt begins nothing any more
    scene.fleet.inject(Fault(kind=FaultKind.ANSWER_LOST, call=Call.GIVE_BACK, instance_id="1"))
    with pytest.raises(Exception, match="lost"):
        await scene.give_back("1")
    done = await scene.fleet.give_back_os_disk(dataclasses.replace(ends, instance_id="1"), ON_OLD, models)
    assert done.image == OLD
    assert verdict(scene, percent=100).clean


async def test_p18_a_machine_that_its_owner_stopped_stays_stopped(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    await scene.give_back()
    after = await scene.instance()
    assert (after.power, after.os_disk and after.os_disk.image) == (PowerState.STOPPED, OLD)
    assert scene.fleet.runs(SET, "0")["web_0_os_0"].extensions == 1


async def test_p5_a_disk_that_was_given_back_is_not_collected_with_those_of_the_operation_that_had_put_it_aside(
    scene: Scene,
) -> None:
    await scene.make(1)
    await scene.swap(operation=1)
    await scene.give_back(operation=2)
    assert await scene.fleet.discard_os_disks(SET, [1]) == 0
    assert await scene.fleet.discard_os_disks(SET, [2]) == 1
    assert (await scene.disk()).image == OLD
    assert verdict(scene).clean


async def test_r2_the_judge_catches_a_disk_that_was_not_kept_for_the_machine(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    await scene.give_back()
    records = scene.fleet.recorder.records()
    broken = [_with(one, os_disk="somebody's") if one.kind is Kind.COMMIT_GIVE_BACK else one for one in records]
    assert [one.rule for one in judge(broken).violations] == ["R2"]


async def test_r3_the_judge_catches_a_left_disk_that_is_not_kept(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    await scene.give_back()
    records = scene.fleet.recorder.records()
    broken = [_with(one, kept_disks=()) if one.kind is Kind.COMMIT_GIVE_BACK else one for one in records]
    assert [one.rule for one in judge(broken).violations] == ["P5"]


def _with(record: FlightRecord, **facts: Any) -> FlightRecord:
    return dataclasses.replace(record, **facts)
