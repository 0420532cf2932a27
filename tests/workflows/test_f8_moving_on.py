"""Sets that began under release 0.1 go on under their own code, and move on (docs/rules.md F8)."""

from datetime import timedelta
from typing import Any

from temporalio.common import WorkflowIDReusePolicy

from instar.compute.simulated.file.faults import Call
from instar.domain.machines.actions import ActionKind
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import MOVE_ON, WORKFLOW_QUEUE, WorkflowType, scale_set_workflow_id
from tests.support.models import NEW
from tests.support.world import World
from tests.workflows.test_f10_way_out import failing, resized, struck
from workflows.release_0_1.state import ScaleSetState

PAUSED = {"pauseTimeBetweenBatches": "PT1H"}


async def an_old_set(world: World, size: int, **model: Any) -> None:
    """A set whose workflow is that of release 0.1, in the middle of its life."""
    await world.has_set(size, **model)
    await world.its_workflow().terminate("to begin as release 0.1 does")
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    state = ScaleSetState(
        scale_set=world.scale_set,
        delays=world.delays,
        pending_generation=stored.generation,
        applied_generation=stored.generation,
        machine_generation=stored.machine_generation,
        brought_generation=stored.machine_generation,
    )
    await world.client.start_workflow(
        WorkflowType.SCALE_SET_0_1.value,
        state,
        id=scale_set_workflow_id(world.scale_set),
        task_queue=WORKFLOW_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )


async def kind_of(world: World) -> str:
    return (await world.its_workflow().describe()).workflow_type


async def moved_on(world: World) -> None:
    await world.its_workflow().signal(MOVE_ON)
    for _ in range(400):
        if await kind_of(world) == WorkflowType.SCALE_SET:
            return
        await world.pass_time(timedelta(seconds=1))
    raise AssertionError("it does not move on")


async def test_f8_an_idle_set_moves_on_and_lives_on(world: World) -> None:
    await an_old_set(world, 5)
    assert await kind_of(world) == WorkflowType.SCALE_SET_0_1
    await moved_on(world)
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    assert (await world.put(automatic=False, document=resized(world, 7))).status is OperationStatus.SUCCEEDED
    assert len(await world.instances()) == 7
    deleted = await world.delete()
    assert (await world.ended(deleted)).status is OperationStatus.SUCCEEDED


async def test_f8_p15_an_upgrade_that_runs_keeps_the_lock_and_goes_on(world: World) -> None:
    await an_old_set(world, 10, policy=PAUSED)
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=12))
    await moved_on(world)
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.judgement().violations == ()
    assert (await world.start()).number == started.number + 1


async def test_f8_t1_the_deadline_of_the_first_upgrade_is_kept(world: World) -> None:
    await an_old_set(world, 3, mode="Manual")
    world.publish(NEW)
    began = await world.look_at_the_clock()
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=2))
    await moved_on(world)
    await world.pass_time(timedelta(hours=1, minutes=1))
    await world.end_of()
    assert timedelta(hours=3) <= world.record().started_at - began < timedelta(hours=3, minutes=2)


async def test_f8_f10_a_set_that_is_wedged_moves_on_and_is_wedged_no_more(world: World) -> None:
    await an_old_set(world, 3, mode="Manual")
    faults = failing(world, Call.CREATE)
    grown = await world.announce(document=resized(world, 6))
    await struck(world, faults)
    deleted = await world.delete()
    await moved_on(world)
    await world.pass_time(timedelta(minutes=2))
    assert (await world.ended(deleted)).status is OperationStatus.SUCCEEDED
    assert (await world.ended(grown)).status is not OperationStatus.IN_PROGRESS
    assert await world.instances() == {}


async def test_f8_f2_an_action_under_way_goes_on_by_its_number(world: World) -> None:
    await an_old_set(world, 3, mode="Manual")
    faults = failing(world, Call.POWER, "1")
    restart = await world.ask(ActionKind.RESTART)
    await struck(world, faults)
    await moved_on(world)
    for one in faults:
        world.fleet.withdraw(one)
    await world.pass_time(timedelta(minutes=2))
    assert (await world.ended(restart)).status is OperationStatus.SUCCEEDED
    starts = [one.instance_id for one in world.fleet.recorder.records() if one.kind == "start"]
    assert sorted(starts) == ["0", "1", "2"], "each once"
