import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from pydantic import ValidationError

from instar.compute.errors import DiskNotMade, ImageGone, InstanceGone, Throttled, Unavailable
from instar.compute.simulated.file.faults import Call, Fault, FaultKind, Point
from instar.compute.simulated.file.scripts import InstanceScript, VersionScript
from instar.compute.simulated.flight.recorder import Kind
from tests.compute.scene import BINARY, MODEL, NEW, SET, Scene

MINUTE = timedelta(minutes=1)


def kinds(scene: Scene) -> list[Kind]:
    return [one.kind for one in scene.fleet.recorder.records()]


async def test_f3_throttled_says_when_to_come_back_as_often_as_told(scene: Scene) -> None:
    await scene.make(1)
    fault = scene.fleet.inject(Fault(kind=FaultKind.THROTTLED, call=Call.SWAP, times=2, retry_after=MINUTE))
    for _ in range(2):
        with pytest.raises(Throttled) as raised:
            await scene.swap()
        assert raised.value.retry_after == MINUTE
    assert (await scene.swap()).image == NEW
    assert scene.fleet.hits(fault) == 2


async def test_f3_unavailable_strikes_only_the_instance_and_set_it_is_meant_for(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet.inject(Fault(kind=FaultKind.UNAVAILABLE, call=Call.SWAP, instance_id="1", scale_set="u-1"))
    other_set = scene.fleet.inject(Fault(kind=FaultKind.UNAVAILABLE, call=Call.SWAP, scale_set="u-9"))
    await scene.swap("0")
    with pytest.raises(Unavailable):
        await scene.swap("1")
    await scene.swap("1")
    assert scene.fleet.hits(other_set) == 0


@pytest.mark.parametrize("call", [Call.LIST, Call.OBSERVE, Call.DISCARD, Call.DELETE, Call.CREATE, Call.RESTORE])
async def test_f3_every_call_can_be_unavailable_and_then_did_nothing(scene: Scene, call: Call) -> None:
    await scene.make(1)
    await scene.swap()
    before = kinds(scene)
    scene.fleet.inject(Fault(kind=FaultKind.UNAVAILABLE, call=call))
    fleet = scene.fleet
    calls: dict[Call, Callable[[], Awaitable[object]]] = {
        Call.LIST: lambda: fleet.list_instances(SET),
        Call.OBSERVE: lambda: fleet.observe_health(SET, BINARY),
        Call.DISCARD: lambda: fleet.discard_os_disks(SET, [1]),
        Call.DELETE: lambda: fleet.delete_instance(SET, "0"),
        Call.CREATE: lambda: fleet.create_instance(SET, "5", NEW, MODEL),
        Call.RESTORE: scene.restore,
    }
    with pytest.raises(Unavailable):
        await calls[call]()
    assert kinds(scene) == before


async def test_f2_the_answer_is_lost_after_the_work_and_the_retry_finds_it_done(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.inject(Fault(kind=FaultKind.ANSWER_LOST, call=Call.SWAP))
    scene.fleet.inject(Fault(kind=FaultKind.ANSWER_LOST, call=Call.RESTORE))
    for work, kind in ((scene.swap, Kind.COMMIT_SWAP), (scene.restore, Kind.COMMIT_RESTORE)):
        with pytest.raises(Unavailable):
            await work(attempt=1)
        await work(attempt=2)
        assert kinds(scene).count(kind) == 1


async def test_p9_a_disk_that_cannot_be_made_leaves_the_machine_running_on_its_old_one(scene: Scene) -> None:
    await scene.make(2)
    before = await scene.instance()
    scene.fleet.inject(Fault(kind=FaultKind.DISK_NOT_MADE, call=Call.SWAP, instance_id="0"))
    with pytest.raises(DiskNotMade):
        await scene.swap()
    assert await scene.instance() == before
    assert Kind.STOP not in kinds(scene)
    assert (await scene.swap(attempt=2)).image == NEW


async def test_p9_a_version_whose_disks_fail_for_some_instances(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet.script_version(NEW, VersionScript(disk_fails=("1",)))
    await scene.swap("0")
    with pytest.raises(DiskNotMade):
        await scene.swap("1")


async def test_p19_a_withdrawn_version_stops_new_swaps_but_not_one_that_was_begun(scene: Scene) -> None:
    await scene.make(2)
    begun = scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP))
    runner = asyncio.create_task(scene.swap("0"))
    await asyncio.sleep(0)
    assert scene.fleet.hits(begun) == 1
    runner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await runner
    scene.fleet.script_version(NEW, VersionScript(withdrawn=True))
    with pytest.raises(ImageGone):
        await scene.swap("1")
    assert (await scene.swap("0", attempt=2)).image == NEW


async def test_h7_an_unreachable_machine_makes_the_look_fail_until_it_is_reachable_again(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet.script_instance(SET, "1", InstanceScript(unreachable_until=scene.clock.now + MINUTE))
    with pytest.raises(Unavailable):
        await scene.fleet.observe_health(SET, BINARY)
    with pytest.raises(Unavailable):
        await scene.swap("1")
    assert len(await scene.fleet.observe_health(SET, BINARY, ["0"])) == 1
    scene.clock.move(MINUTE)
    assert len(await scene.fleet.observe_health(SET, BINARY)) == 2
    await scene.swap("1")


async def test_h7_the_whole_compute_can_be_away_for_a_while(scene: Scene) -> None:
    await scene.make(1)
    scene.another().away(scene.clock.now + MINUTE)
    with pytest.raises(Unavailable):
        await scene.fleet.list_instances(SET)
    scene.clock.move(MINUTE)
    assert len(await scene.fleet.list_instances(SET)) == 1


async def test_b6_protection_is_scripted_and_stays_when_something_else_is(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_instance(SET, "0", InstanceScript(protected=True))
    scene.fleet.script_instance(SET, "0", InstanceScript(sick_from=scene.clock.now))
    assert (await scene.instance()).protected


def test_scripting_a_machine_that_does_not_exist_is_an_error(scene: Scene) -> None:
    with pytest.raises(InstanceGone):
        scene.fleet.script_instance(SET, "7", InstanceScript(protected=True))


def test_asking_for_the_hits_of_an_unknown_fault_is_an_error(scene: Scene) -> None:
    with pytest.raises(KeyError):
        scene.fleet.hits(99)


@pytest.mark.parametrize(
    "nonsense",
    [
        {"kind": FaultKind.DIES, "call": Call.SWAP},
        {"kind": FaultKind.UNAVAILABLE, "call": Call.SWAP, "point": Point.BEFORE_LOOK},
        {"kind": FaultKind.LATE, "call": Call.LIST},
        {"kind": FaultKind.DISK_NOT_MADE, "call": Call.RESTORE},
    ],
)
def test_a_fault_that_could_never_strike_is_refused(nonsense: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Fault.model_validate(nonsense)
