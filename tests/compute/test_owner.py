"""What the owner does to machines: the model alone, power, protection."""

from datetime import timedelta

import pytest

from instar.compute.errors import InstanceGone, Superseded
from instar.compute.provider import Effect, Fence, Step
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.machines.instances import HealthState, PowerAction, PowerState
from tests.compute.scene import MODEL, NEW, NEXT_MODEL, SET, Scene, models

FIRST = 1


def effect(operation: int = FIRST, step: Step = Step.APPLY, attempt: int = 1) -> Effect:
    return Effect(SET, Fence(operation, step, attempt), "0")


def kinds(scene: Scene) -> list[Kind]:
    return [one.kind for one in scene.fleet.recorder.records()]


async def test_2_5_a_machine_gets_the_model_and_keeps_its_disk(scene: Scene) -> None:
    await scene.make(1)
    before = await scene.instance()
    await scene.fleet.apply_model(effect(), NEXT_MODEL)
    after = await scene.instance()
    assert (after.generation, after.os_disk, after.data_disks) == (2, before.os_disk, before.data_disks)
    assert after.previous_os_disks == ()
    assert kinds(scene)[-3:] == [Kind.STOP, Kind.COMMIT_APPLY, Kind.EXTENSIONS]


async def test_b2_a_machine_is_out_of_service_until_it_has_booted_again(scene: Scene) -> None:
    await scene.make(1)
    assert (await scene.health()).state is HealthState.HEALTHY
    await scene.fleet.apply_model(effect(), NEXT_MODEL)
    assert (await scene.health()).state is HealthState.UNHEALTHY
    scene.clock.move(timedelta(hours=1))
    assert (await scene.health()).state is HealthState.HEALTHY


async def test_f2_the_same_model_again_does_nothing(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.apply_model(effect(), NEXT_MODEL)
    lines = len(kinds(scene))
    await scene.fleet.apply_model(effect(attempt=2), NEXT_MODEL)
    await scene.fleet.apply_model(effect(operation=2), NEXT_MODEL)
    assert len(kinds(scene)) == lines


async def test_f2_an_older_attempt_cannot_undo_a_newer_model(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.apply_model(effect(operation=2), NEXT_MODEL)
    with pytest.raises(Superseded):
        await scene.fleet.apply_model(effect(operation=1), MODEL)
    assert (await scene.instance()).generation == 2


async def test_p18_a_stopped_machine_gets_the_model_and_stays_stopped(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.set_power(effect(1, Step.POWER), PowerAction.STOP)
    await scene.fleet.apply_model(effect(2), NEXT_MODEL)
    after = await scene.instance()
    assert (after.power, after.generation) == (PowerState.STOPPED, 2)


async def test_p7_a_disk_given_back_brings_the_model_that_it_had(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.apply_model(effect(1), NEXT_MODEL)
    await scene.fleet.swap_os_disk(effect(2, Step.SWAP), NEW, MODEL)
    assert (await scene.instance()).generation == 1
    await scene.fleet.restore_os_disk(effect(2, Step.RESTORE), models)
    assert (await scene.instance()).generation == 2


async def test_f1_a_model_half_applied_is_finished_by_the_next_attempt(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.inject(Fault(kind=FaultKind.ANSWER_LOST, call=Call.APPLY))
    with pytest.raises(Exception, match="the answer was lost"):
        await scene.fleet.apply_model(effect(), NEXT_MODEL)
    await scene.fleet.apply_model(effect(attempt=2), NEXT_MODEL)
    assert kinds(scene).count(Kind.COMMIT_APPLY) == 1


async def test_p18_stop_start_and_restart_are_each_done_once(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.set_power(effect(1, Step.POWER), PowerAction.STOP)
    await scene.fleet.set_power(effect(2, Step.POWER), PowerAction.RESTART)
    assert (await scene.instance()).power is PowerState.STOPPED
    for attempt in (1, 2):
        await scene.fleet.set_power(effect(3, Step.POWER, attempt), PowerAction.START)
    for attempt in (1, 2):
        await scene.fleet.set_power(effect(4, Step.POWER, attempt), PowerAction.RESTART)
    assert (await scene.instance()).power is PowerState.RUNNING
    assert kinds(scene).count(Kind.POWER) == 2
    assert kinds(scene).count(Kind.START) == 2


async def test_b6_protection_is_set_and_lifted(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.protect(SET, "0", from_actions=True, from_scale_in=True)
    found = await scene.instance()
    assert (found.protected, found.protected_from_scale_in) == (True, True)
    await scene.fleet.protect(SET, "0", from_actions=False, from_scale_in=False)
    assert not (await scene.instance()).protected_from_scale_in


async def test_p16_nothing_can_be_done_to_a_machine_that_is_gone(scene: Scene) -> None:
    await scene.make(1)
    await scene.fleet.delete_instance(SET, "0")
    with pytest.raises(InstanceGone):
        await scene.fleet.apply_model(effect(), NEXT_MODEL)
    with pytest.raises(InstanceGone):
        await scene.fleet.set_power(effect(step=Step.POWER), PowerAction.START)
    with pytest.raises(InstanceGone):
        await scene.fleet.protect(SET, "0", from_actions=True, from_scale_in=True)
