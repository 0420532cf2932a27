"""What is asked of instances one by one: manualupgrade, reimage, power, deletion, protection."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError

from instar.compute.errors import NotAllowed
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import VersionScript
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.lifecycle.state import Asked, Rolling, RunningUpgrade, ScaleSetState
from instar.domain.machines.actions import ActionKind, Protection
from instar.domain.machines.instances import PowerState
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.records.operations import OperationKind, OperationStatus
from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from instar.domain.sets.names import WORKFLOW_QUEUE, scale_set_workflow_id
from instar.domain.sets.policies import StartedBy
from tests.support.actions import done
from tests.support.models import IMAGE, NEW, OLD
from tests.support.world import World, a_world
from workflows.rows import ROWS
from workflows.sets.scale_set import ScaleSetWorkflow

PAUSED = {"pauseTimeBetweenBatches": "PT1H"}


async def generations(world: World) -> dict[str, int]:
    return {one: view.generation for one, view in (await world.instances()).items()}


async def changed(world: World, **profile: object) -> None:
    await world.put(automatic=False, document=world.document(**profile))


async def test_manualupgrade_brings_the_named_instances_to_the_model_and_touches_no_other(world: World) -> None:
    await world.has_set(4, mode="Manual")
    await changed(world, osProfile={"customData": "other"})
    before = await world.disks()
    assert await done(world, ActionKind.MANUAL_UPGRADE, "1", "3") == ""
    assert await generations(world) == {"0": 1, "1": 2, "2": 1, "3": 2}
    assert await world.disks() == before


async def test_manualupgrade_of_everyone_leaves_the_current_and_the_protected_alone(world: World) -> None:
    await world.has_set(3, mode="Manual")
    await changed(world, osProfile={"customData": "other"})
    world.script("1", protected=True)
    assert await done(world, ActionKind.MANUAL_UPGRADE) == ""
    assert await generations(world) == {"0": 2, "1": 1, "2": 2}
    await done(world, ActionKind.MANUAL_UPGRADE)
    restarted = [one.instance_id for one in world.fleet.recorder.records() if one.kind is Kind.COMMIT_APPLY]
    assert sorted(restarted) == ["0", "2"], "both at once, each once"


async def test_f4_fresh_settings_reach_every_instance_by_manualupgrade(world: World) -> None:
    await world.has_set(2, mode="Manual")
    secret = {"commandToExecute": "with fresh credentials"}
    properties = {"publisher": "P", "type": "T", "protectedSettings": secret}
    extension = {"name": "setup", "properties": properties}
    await changed(world, extensionProfile={"extensions": [extension]})
    await changed(world, extensionProfile={"extensions": [extension]})
    assert await done(world, ActionKind.MANUAL_UPGRADE) == ""
    assert set((await generations(world)).values()) == {2}, "the same settings again are no new model"
    fresh = properties | {"protectedSettings": {"commandToExecute": "fresher"}}
    await changed(world, extensionProfile={"extensions": [extension | {"properties": fresh}]})
    await done(world, ActionKind.MANUAL_UPGRADE)
    assert set((await generations(world)).values()) == {3}


async def test_t1_after_manualupgrade_the_platform_takes_the_instances_along(world: World) -> None:
    await world.has_set(3, mode="Manual")
    await world.put(automatic=True, document=world.document(licenseType="other"))
    await done(world, ActionKind.MANUAL_UPGRADE, "0", "1")
    world.publish(NEW)
    await world.pass_time(timedelta(hours=3, seconds=1))
    await world.end_of(2)
    assert world.outcomes(2) == {"0": "upgraded", "1": "upgraded", "2": "skipped"}
    assert await world.versions() == {"0": NEW, "1": NEW, "2": OLD}


async def test_p5_reimage_makes_a_new_disk_of_the_same_version_and_keeps_the_old_one_for_24_hours(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    before = await world.disks()
    assert await done(world, ActionKind.REIMAGE, "1") == ""
    found = (await world.instances())["1"]
    assert found.os_disk is not None
    assert (found.os_disk.image.version, found.generation) == (OLD, 1)
    assert found.os_disk.name != before["1"]
    assert [one.name for one in found.previous_os_disks] == [before["1"]]
    assert {one: (await world.disks())[one] for one in ("0", "2")} == {one: before[one] for one in ("0", "2")}
    await world.pass_time(timedelta(hours=23, minutes=59))
    assert (await world.instances())["1"].previous_os_disks
    await world.pass_time(timedelta(minutes=2))
    assert not (await world.instances())["1"].previous_os_disks
    assert world.judgement(100).violations == ()


async def test_reimage_to_an_exact_version_keeps_the_instances_own_model(world: World) -> None:
    await world.has_set(2, mode="Manual")
    world.publish(NEW)
    await changed(world, licenseType="other")
    assert await done(world, ActionKind.REIMAGE, "0", exact_version=NEW) == ""
    assert await world.versions() == {"0": NEW, "1": OLD}
    assert await generations(world) == {"0": 1, "1": 1}


async def test_1_7_reimage_of_the_set_exempts_the_protected_and_of_the_instance_does_not(world: World) -> None:
    await world.has_set(3)
    world.script("1", protected=True)
    before = await world.disks()
    await done(world, ActionKind.REIMAGE)
    assert [one for one, name in (await world.disks()).items() if name != before[one]] == ["0", "2"]
    assert "1 left out: protected from scale-set actions" in world.reasons(1)
    await done(world, ActionKind.REIMAGE, "1", on_instance=True)
    assert (await world.disks())["1"] != before["1"]


async def test_p9_a_disk_that_cannot_be_made_fails_the_operation_and_names_the_instance(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW, VersionScript(disk_fails=("1",)))
    message = await done(world, ActionKind.REIMAGE, exact_version=NEW)
    assert message.startswith("1 of 3 instances failed: 1 (1: instance 1: no OS disk can be made")
    assert await world.versions() == {"0": NEW, "1": OLD, "2": NEW}
    record = world.record()
    assert (record.kind, record.status) == (UpgradeKind.INSTANCE_ACTION, UpgradeStatus.FAULTED)
    assert (record.counts.successful, record.counts.failed) == (2, 1)


async def test_p18_power_is_the_owners_and_a_stopped_machine_is_left_stopped_by_restart(world: World) -> None:
    await world.has_set(3)
    await done(world, ActionKind.POWER_OFF, "0")
    await done(world, ActionKind.DEALLOCATE, "1")
    power = {one: view.power for one, view in (await world.instances()).items()}
    assert power == {"0": PowerState.STOPPED, "1": PowerState.STOPPED, "2": PowerState.RUNNING}
    await done(world, ActionKind.RESTART)
    assert (await world.instances())["0"].power is PowerState.STOPPED
    await done(world, ActionKind.START)
    assert {view.power for view in (await world.instances()).values()} == {PowerState.RUNNING}


async def test_p18_an_upgrade_swaps_who_was_stopped_so_and_leaves_it_stopped(world: World) -> None:
    await world.has_set(5)
    await done(world, ActionKind.POWER_OFF, "3")
    world.publish(NEW)
    started = await world.start()
    assert started.number == 2, "an action takes a number of the same count"
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED
    assert (await world.instances())["3"].power is PowerState.STOPPED
    assert set((await world.versions()).values()) == {NEW}


async def test_f2_an_answer_that_was_lost_restarts_nothing_twice(world: World) -> None:
    await world.has_set(1)
    world.fleet.inject(Fault(kind=FaultKind.ANSWER_LOST, call=Call.POWER))
    operation = await world.ask(ActionKind.RESTART)
    await world.pass_time(timedelta(seconds=30))
    await world.ended(operation)
    assert len([one for one in world.fleet.recorder.records() if one.kind is Kind.START]) == 1


async def test_f2_one_request_is_done_once_also_after_the_set_has_continued_as_new(tmp_path: Path) -> None:
    async with a_world(tmp_path, forgetful_after=60) as world:
        await world.has_set(1, boot=timedelta(0))
        operation = await world.ask(ActionKind.REIMAGE)
        await world.ended(operation)
        first = await world.disks()
        for _ in range(4):
            await world.put(automatic=False)
        runs = await world.client.get_workflow_handle(scale_set_workflow_id(world.scale_set)).describe()
        assert runs.raw_description.workflow_execution_info.first_run_id != runs.run_id, "it has begun anew"
        await world.ask(ActionKind.REIMAGE, operation=operation)
        await done(world, ActionKind.PROTECT, "0", protection=Protection())
        assert await world.disks() == first


async def test_p15_a_set_of_actions_without_measure_is_refused(world: World) -> None:
    await world.has_set(2)
    late = world.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP, instance_id="1"))
    await world.ask(ActionKind.REIMAGE)
    scattered = [str(number) for number in range(0, 60_000, 2)]
    await world.ask(ActionKind.PROTECT, *scattered)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.ask(ActionKind.PROTECT, *scattered)
    assert "others wait already" in str(refused.value.cause)
    world.fleet.release(late)


async def test_deleting_an_instance_lowers_the_capacity_and_nothing_fills_the_gap(world: World) -> None:
    await world.has_set(4)
    await done(world, ActionKind.DELETE, "1", "2", on_instance=True)
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    assert stored.document["sku"]["capacity"] == 2
    await world.put(automatic=False)
    assert list(await world.instances()) == ["0", "3"]
    assert set((await generations(world)).values()) == {1}


async def test_1_7_scale_in_spares_who_is_protected_from_it(world: World) -> None:
    await world.has_set(4)
    await done(world, ActionKind.PROTECT, "3", protection=Protection(from_scale_in=True))
    document = world.document() | {"sku": {"name": "Standard_D2s_v3", "capacity": 3}}
    await world.put(automatic=False, document=document)
    assert list(await world.instances()) == ["0", "1", "3"]


async def test_unknown_instances_fail_the_operation_and_change_nothing(world: World) -> None:
    await world.has_set(2)
    before = await world.disks()
    message = await done(world, ActionKind.REIMAGE, "1", "7")
    assert message == "instances that do not exist (any more): 7"
    assert await world.disks() == before


@pytest.mark.parametrize("kind", [ActionKind.MANUAL_UPGRADE, ActionKind.REIMAGE, ActionKind.RESTART])
async def test_p15_what_would_collide_is_refused_while_an_upgrade_runs(world: World, kind: ActionKind) -> None:
    await world.has_set(5, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.ask(kind, "1")
    assert f"Operation '{kind}' is not allowed because a Rolling Upgrade is in progress" in str(refused.value.cause)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert await done(world, kind, "1") == ""


async def test_p15_an_upgrade_is_refused_while_instances_are_reimaged(world: World) -> None:
    await world.has_set(2)
    world.publish(NEW)
    late = world.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP, instance_id="1"))
    operation = await world.ask(ActionKind.REIMAGE)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.start()
    assert "Operation 'osRollingUpgrade' is not allowed because 'reimage' is in progress" in str(refused.value.cause)
    world.fleet.release(late)
    await world.ended(operation)
    await world.pass_time(timedelta(minutes=1))
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED


async def test_b6_protection_during_an_upgrade_leaves_the_instance_out_of_what_is_to_come(world: World) -> None:
    await world.has_set(5, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=12))
    await done(world, ActionKind.PROTECT, "4", protection=Protection(from_actions=True, from_scale_in=True))
    await world.end_of()
    assert world.outcomes()["4"] == "skipped"
    assert (await world.versions())["4"] == OLD


async def test_p16_an_instance_deleted_in_the_middle_of_its_swap_is_no_failure(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    late = world.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP, instance_id="4"))
    started = await world.start()
    async with world.env.time_skipping_unlocked():  # type: ignore[attr-defined]  # the time-skipping one has it
        await world.until(lambda: world.fleet.hits(late) == 1)
    document = world.document() | {"sku": {"name": "Standard_D2s_v3", "capacity": 4}}
    await world.put(automatic=False, document=document)
    world.fleet.release(late)
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    counts = world.record().counts
    assert (counts.successful, counts.failed) == (4, 0)
    assert world.outcomes()["4"] == "vanished"
    assert world.judgement().violations == ()


async def test_p16_capacity_before_during_and_after_an_upgrade_keeps_the_bound(world: World) -> None:
    await world.has_set(8, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)

    async def sized(capacity: int) -> None:
        document = world.document() | {"sku": {"name": "Standard_D2s_v3", "capacity": capacity}}
        await world.put(automatic=False, document=document)

    await sized(10)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    await sized(14)
    await world.pass_time(timedelta(minutes=11))
    await sized(9)
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    await sized(11)
    assert set((await world.versions()).values()) == {NEW}
    assert len(await world.instances()) == 11
    assert world.judgement().violations == ()
    assert world.record().counts.failed == 0


async def test_f3_what_the_compute_refuses_for_good_ends_the_operation_and_not_the_set(world: World) -> None:
    await world.has_set(2)
    refusing = NotAllowed("no machine may be listed today")
    listing = world.fleet.list_instances

    async def refuse(*_: object) -> None:
        raise refusing

    world.fleet.list_instances = refuse  # type: ignore[method-assign,assignment]  # for this call
    assert await done(world, ActionKind.RESTART) == "no machine may be listed today"
    assert await done_put(world) == "no machine may be listed today"
    world.fleet.list_instances = listing  # type: ignore[method-assign]  # as it was
    assert await done(world, ActionKind.RESTART) == ""


async def done_put(world: World) -> str:
    return (await world.ended(await world.announce())).error_message


async def test_p15_deleting_the_set_ends_what_waits(world: World) -> None:
    await world.has_set(2, policy=PAUSED, mode="Rolling")
    world.publish(NEW)
    await world.start()
    # Into the pause after its first batch: the time-skipping server loses a cancel that comes as something ends.
    await world.pass_time(timedelta(minutes=12))
    waiting = await world.announce(document=world.document(licenseType="other"))
    await world.at_rest()
    deleted = await world.delete()
    await world.end_of()
    assert (await world.ended(deleted)).status is OperationStatus.SUCCEEDED
    cut_short = await world.ended(waiting)
    assert (cut_short.status, cut_short.error_code) == (OperationStatus.CANCELED, "OperationPreempted")
    assert cut_short.error_message == "cut short: the scale set is being deleted"


async def test_f1_a_worker_that_forgets_everything_acts_to_the_same_end(tmp_path: Path) -> None:
    async with a_world(tmp_path, cached_workflows=0) as world:
        await world.has_set(40)
        await changed(world, licenseType="other")
        await done(world, ActionKind.REIMAGE, "1", "2")
        assert set((await generations(world)).values()) == {2}
        history = await world.workflow_history()
        assert len(history.events) < 250, "slices, not instances"


async def test_p15_an_action_that_finds_an_upgrade_running_gives_way_to_it(world: World) -> None:
    await world.has_set(2)
    operation = world.operation(OperationKind.RESTART)
    running = RunningUpgrade(
        number=1, workflow_id="os-upgrade/1", operation_id="", started_by=StartedBy.USER, target=IMAGE
    )
    action = InstanceAction(operation_id=operation, kind=ActionKind.RESTART, everyone=True)
    lock = Rolling(upgrade=running, look_after_at=world.clock() + timedelta(hours=1))
    state = ScaleSetState(scale_set=world.scale_set, lock=lock, actions=(Asked(action=action),), last_number=1)
    handle = await world.client.start_workflow(
        ScaleSetWorkflow.run, state, id="the-set-as-it-may-be", task_queue=WORKFLOW_QUEUE
    )
    ended = await world.ended(operation)
    assert ended.error_message == "a Rolling Upgrade is in progress: os-upgrade/1"
    assert not [one for one in world.fleet.recorder.records() if one.kind is Kind.START]
    await handle.terminate()


async def test_f2_a_reimage_of_several_gives_each_instance_its_own_model(world: World) -> None:
    # More than have a row each: one activity has machines of both models.
    await world.has_set(9, mode="Manual")
    stored = world.document(licenseType="other")
    await world.put(automatic=False, document=stored | {"sku": {"name": "Standard_D2s_v3", "capacity": ROWS + 1}})
    before = await generations(world)
    assert before == {str(one): 1 if one < 9 else 2 for one in range(ROWS + 1)}
    assert await done(world, ActionKind.REIMAGE) == ""
    assert await generations(world) == before
    disks = await world.disks()
    assert all(not name.endswith("_os_0") for name in disks.values())
