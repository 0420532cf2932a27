"""What owners do to machines beside upgrades, and what a cancel asks (P14, P18, B4, B6; docs/rules.md B6, K4)."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from instar.compute.errors import InstanceGone, NotBegun, Superseded
from instar.compute.libvirt import disks, owners
from instar.compute.provider import Effect, Fence, Step
from instar.domain.machines.instances import PowerAction, PowerState
from instar.domain.machines.placement import Placement
from tests.libvirt.scene import MODEL, NEW, NEWER, OLD, SCRIPT, Scene, models


def power(scene: Scene, operation: int = 1, attempt: int = 1) -> Effect:
    return scene.effect(operation, attempt, step=Step.POWER)


def with_step(effect: Effect, step: Step, attempt: int = 1) -> Effect:
    return replace(effect, fence=Fence(effect.fence.operation, step, attempt))


async def state(scene: Scene) -> tuple[PowerState, bool]:
    [one] = await scene.fleet.list_instances(scene.scale_set)
    return one.power, bool(scene.domain().isActive())


RUNS, IS_STOPPED = (PowerState.RUNNING, True), (PowerState.STOPPED, False)


async def test_p18_a_machine_is_stopped_started_and_restarted_as_its_owner_wants(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.set_power(power(scene, 1), PowerAction.STOP)
    assert await state(scene) == IS_STOPPED
    await scene.fleet.set_power(power(scene, 2), PowerAction.RESTART)
    assert await state(scene) == IS_STOPPED
    await scene.fleet.set_power(power(scene, 3), PowerAction.START)
    assert await state(scene) == RUNS
    first = scene.domain().ID()
    await scene.fleet.set_power(power(scene, 4), PowerAction.RESTART)
    assert await state(scene) == RUNS
    assert scene.domain().ID() != first


async def test_f2_a_wish_is_fulfilled_once(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.set_power(power(scene), PowerAction.STOP)
    scene.domain().create()
    await scene.fleet.set_power(power(scene, attempt=2), PowerAction.STOP)
    assert await state(scene) == RUNS
    await scene.fleet.set_power(power(scene, 2), PowerAction.RESTART)
    runs = scene.domain().ID()
    await scene.fleet.set_power(power(scene, 2, attempt=2), PowerAction.RESTART)
    assert scene.domain().ID() == runs
    scene.domain().shutdown()
    await scene.fleet.set_power(power(scene, 3), PowerAction.START)
    scene.domain().shutdown()
    await scene.fleet.set_power(power(scene, 3, attempt=2), PowerAction.START)
    assert await state(scene) == IS_STOPPED
    with pytest.raises(Superseded):
        await scene.fleet.set_power(power(scene, 1, attempt=3), PowerAction.STOP)


@pytest.mark.parametrize(("action", "end"), [(PowerAction.STOP, IS_STOPPED), (PowerAction.RESTART, RUNS)])
async def test_f1_a_stop_that_was_killed_is_ours_until_it_is_done_again(
    scene: Scene, action: PowerAction, end: tuple[PowerState, bool]
) -> None:
    await scene.has(1)
    assert owners.begin_power(scene.connection, scene.host, power(scene), action)
    disks.ask_to_stop(scene.connection, scene.host, power(scene))
    assert await state(scene) == (PowerState.RUNNING, False)
    await scene.fleet.set_power(power(scene, attempt=2), action)
    assert await state(scene) == end


async def test_another_model_is_applied_to_the_disk_that_is_there(scene: Scene) -> None:
    await scene.has(1)
    runs, disk = scene.domain().ID(), scene.record().os_disk.name
    model = replace(NEWER, extensions=(SCRIPT,))
    await scene.fleet.apply_model(scene.effect(step=Step.APPLY), model)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.generation, one.extensions[0].name, one.provisioned) == (2, "script", True)
    assert (scene.domain().ID(), scene.record().os_disk.name) == (runs, disk)


async def test_p14_a_model_that_was_not_applied_is_not_applied_by_a_cancel(scene: Scene) -> None:
    await scene.has(1)
    with pytest.raises(NotBegun):
        await scene.fleet.apply_model(scene.effect(step=Step.END_APPLY), NEWER)
    with pytest.raises(Superseded):
        await scene.fleet.apply_model(scene.effect(attempt=2, step=Step.APPLY), NEWER)
    assert scene.record().generation == 1
    await scene.fleet.apply_model(scene.effect(2, step=Step.APPLY), NEWER)
    await scene.fleet.apply_model(scene.effect(2, step=Step.END_APPLY), NEWER)
    assert scene.record().generation == 2


async def test_b6_what_an_instance_is_protected_from_is_kept_through_a_swap(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.protect(scene.scale_set, "0", from_actions=True, from_scale_in=False)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.protected, one.protected_from_scale_in) == (True, False)
    await scene.fleet.protect(scene.scale_set, "0", from_actions=False, from_scale_in=True)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.protected, one.protected_from_scale_in) == (False, True)
    with pytest.raises(InstanceGone):
        await scene.fleet.protect(scene.scale_set, "9", from_actions=True, from_scale_in=True)


async def test_b4_zone_and_update_domain_are_kept(scene: Scene) -> None:
    await scene.fleet.create_instance(scene.scale_set, "0", OLD, MODEL, Placement("2", 3))
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.zone, one.update_domain) == ("2", 3)


async def test_p4_an_extension_that_cannot_run_here_is_a_failed_one_and_stops_those_after_it(scene: Scene) -> None:
    await scene.has(1)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert [(each.name, each.error, each.kind) for each in one.extensions] == [
        ("health", "", "Microsoft.ManagedServices.ApplicationHealthLinux")
    ]
    bad = replace(NEWER, extensions=(SCRIPT, *NEWER.extensions))
    await scene.fleet.swap_os_disk(scene.effect(), NEW, bad)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert [(each.name, each.error) for each in one.extensions] == [
        ("script", "libvirt machines run no extensions: Contoso.Script was not run")
    ]
    await scene.fleet.restore_os_disk(scene.restore(), models)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert [(each.name, each.error) for each in one.extensions] == [("health", "")]


async def test_p14_a_swap_of_which_nothing_was_begun_is_not_begun_by_a_cancel(scene: Scene) -> None:
    await scene.has(1)
    before = scene.volumes()
    with pytest.raises(NotBegun):
        await scene.fleet.swap_os_disk(with_step(scene.effect(), Step.END_SWAP), NEW, NEWER)
    with pytest.raises(Superseded):
        await scene.fleet.swap_os_disk(scene.effect(attempt=2), NEW, NEWER)
    assert scene.volumes() == before
    assert await state(scene) == RUNS


async def test_p14_whether_a_swap_was_begun_is_told_while_others_wait_for_their_turn(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    async with AsyncExitStack() as turns:
        for _ in range(scene.fleet.settings.starts_at_once):
            await turns.enter_async_context(scene.fleet._starting)
        async with asyncio.timeout(5):
            with pytest.raises(NotBegun):
                await scene.fleet.restore_os_disk(with_step(scene.restore(1), Step.END_RESTORE), models)
            with pytest.raises(NotBegun):
                await scene.fleet.swap_os_disk(with_step(scene.effect(2), Step.END_SWAP), NEW, NEWER)


@pytest.mark.parametrize("begun", range(1, 5))
async def test_p14_a_swap_that_was_begun_comes_to_its_end(scene: Scene, begun: int) -> None:
    await scene.has(1)
    for step in scene.swap_steps(scene.effect())[:begun]:
        step()
    disk = await scene.fleet.swap_os_disk(with_step(scene.effect(), Step.END_SWAP), NEW, NEWER)
    assert disk.name == scene.os_volume(1)
    assert await state(scene) == RUNS


async def test_p14_a_restore_of_which_nothing_was_begun_is_not_begun_by_a_cancel(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    scene.restore_steps(scene.restore())[0]()
    with pytest.raises(NotBegun):
        await scene.fleet.restore_os_disk(with_step(scene.restore(), Step.END_RESTORE), models)
    assert scene.record().os_disk.name == scene.os_volume(1)
    assert await state(scene) == RUNS


@pytest.mark.parametrize("begun", range(2, 5))
async def test_p14_a_restore_that_was_begun_comes_to_its_end(scene: Scene, begun: int) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    for step in scene.restore_steps(scene.restore())[:begun]:
        step()
    disk = await scene.fleet.restore_os_disk(with_step(scene.restore(), Step.END_RESTORE), models)
    assert disk.name == scene.os_volume(0)
    assert await state(scene) == RUNS
