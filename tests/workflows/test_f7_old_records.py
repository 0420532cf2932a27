"""Records put back from a backup, machines that went on: nothing is done to them by old records (docs/rules.md F7)."""

import asyncio
import uuid
from pathlib import Path

from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.domain.decisions.reconciliation import adoption
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instances import Instance
from instar.domain.messages.reconciliation import Reconcile
from instar.domain.records.operations import Operation, OperationStatus
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.scale_sets import ScaleSetModel
from tests.support.backup import kept, put_back
from tests.support.models import IMAGE, NEW, arm
from tests.support.world import World
from workflows.sets.scale_set import ScaleSetWorkflow

NEWER, NEWEST = "18.04.202403030", "18.04.202404040"


async def restored(world: World, folder: Path, copy: Path) -> None:
    """The data directory is put back: the store is as it was, and the set's workflow of then begins from it."""
    await world.at_rest()
    await world.its_workflow().terminate("the data directory is put back")
    put_back(copy, folder / "store.sqlite")


async def reconcile(world: World) -> None:
    """What `instar reconcile SET --apply` does."""
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    machines = list((await world.instances()).values())
    known = world.store.fleet_marks.known(world.scale_set.unique_id, {one.last_operation for one in machines})
    assert known is not None
    capacity = ScaleSetModel.from_arm(stored.document, stored.generation).capacity
    found = adoption(known, capacity, machines, "web")
    adopted = world.store.reconciliations.adopt(world.scale_set.unique_id, found, world.clock())
    request = Reconcile(
        operation_id=str(uuid.uuid4()),
        last_number=found.last_number,
        generation=adopted.generation,
        machine_generation=adopted.machine_generation,
        mode=ScaleSetModel.from_arm(adopted.document, adopted.generation).upgrade_policy.mode,
        collect=found.collect,
    )
    await world._update(ScaleSetWorkflow.reconcile, request, request.operation_id)
    world.store.reconciliations.finish(world.scale_set.unique_id, found)
    await world.until(lambda: world.status().held == "")
    await world.at_rest()


def data(machines: dict[str, Instance]) -> dict[str, tuple[str, ...]]:
    """The content of each machine's data disks."""
    return {one: tuple(disk.marker for disk in machine.data_disks) for one, machine in machines.items()}


async def put(world: World, size: int, **tags: str) -> Operation:
    return await world.put(automatic=False, document=arm(size) | {"tags": tags})


async def test_f7_a_number_given_again_is_refused_and_after_reconcile_machines_really_move(
    world: World, tmp_path: Path
) -> None:
    await world.has_set(5)
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    copy = kept(tmp_path / "store.sqlite")
    world.publish(NEWER)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    await restored(world, tmp_path, copy)
    for version in (NEWER, NEWEST):
        world.publish(version)
    assert world.store.upgrades.last_number(world.scale_set.unique_id) == 1
    refused = await world.ended(await world.start_without_waiting())
    assert refused.status is OperationStatus.FAILED
    assert "saw operation 2, and the records know none after 1" in refused.error_message
    assert set((await world.versions()).values()) == {NEWER}
    await world.until(lambda: "'instar reconcile web'" in world.status().held)

    await reconcile(world)
    started = await world.start()
    assert started.number > 2
    await world.until(lambda: "batch" in world.decisions(started.number))
    for _ in range(600):
        if NEWEST in (await world.versions()).values():
            break
        await asyncio.sleep(0.02)
    assert NEWEST in (await world.versions()).values(), "its first batch is really moved"
    assert world.record(started.number).key


async def test_f7_an_upgrade_that_resumes_from_old_records_ends_without_blame(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    await world.start()
    await world.until(lambda: "batch" in world.decisions())
    later = MachineModel(generation=1)
    for one in range(10):  # what upgrade 2 did after the backup was made
        effect = Effect(world.scale_set, Fence(2, Step.SWAP, 1), str(one), drawn="later")
        await world.fleet.swap_os_disk(effect, IMAGE.at(NEWER), later)
    result = await world.end_of(1)
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.RECORDS_BEHIND
    assert "records" in result.reason
    record = world.record()
    assert (record.counts.failed, record.counts.rolled_back, record.counts.rollback_failed) == (0, 0, 0)
    assert Outcome.FAILED not in world.outcomes().values()
    assert set((await world.versions()).values()) == {NEWER}
    await world.until(lambda: world.status().held != "")
    assert world.status().quarantine.versions == ()
    assert world.status().quarantine.left_behind == ()


async def test_f7_a_patch_of_tags_deletes_no_machine_that_old_records_do_not_know(world: World, tmp_path: Path) -> None:
    await world.has_set(3)
    copy = kept(tmp_path / "store.sqlite")
    assert (await put(world, 6)).status is OperationStatus.SUCCEEDED
    before = data(await world.instances())
    assert len(before) == 6
    await restored(world, tmp_path, copy)
    patched = await put(world, 3, owner="me")
    assert patched.status is OperationStatus.FAILED
    assert "instances 3-5 are there, and the records have asked for no id above 2" in patched.error_message
    assert data(await world.instances()) == before

    await reconcile(world)
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    assert (stored.document["sku"]["capacity"], stored.document["tags"]) == (6, {"owner": "me"})
    assert (await put(world, 6, owner="you")).status is OperationStatus.SUCCEEDED
    assert data(await world.instances()) == before
    assert (await put(world, 7)).status is OperationStatus.SUCCEEDED
    assert sorted(await world.instances()) == ["0", "1", "2", "3", "4", "5", "6"]


async def test_f7_held_nothing_that_has_a_number_is_done_and_what_a_person_names_is(
    world: World, tmp_path: Path
) -> None:
    await world.has_set(2)
    copy = kept(tmp_path / "store.sqlite")
    assert (await world.ended(await world.ask(ActionKind.RESTART, "0"))).status is OperationStatus.SUCCEEDED
    await restored(world, tmp_path, copy)
    for kind in (ActionKind.RESTART, ActionKind.REIMAGE, ActionKind.MANUAL_UPGRADE):
        ended = await world.ended(await world.ask(kind, "1"))
        assert ended.status is OperationStatus.FAILED
        assert "saw operation 1, and the records know none after 0" in ended.error_message
    deleted = await world.ended(await world.ask(ActionKind.DELETE, "1"))
    assert deleted.status is OperationStatus.SUCCEEDED
    assert sorted(await world.instances()) == ["0"]


async def test_f7_a_held_set_is_deleted_when_somebody_says_so(world: World, tmp_path: Path) -> None:
    await world.has_set(3)
    copy = kept(tmp_path / "store.sqlite")
    await put(world, 6)
    await restored(world, tmp_path, copy)
    assert (await put(world, 3, owner="me")).status is OperationStatus.FAILED
    assert (await world.ended(await world.delete())).status is OperationStatus.SUCCEEDED
    assert await world.instances() == {}


async def test_f7_keys_are_drawn_outside_of_workflows(world: World) -> None:
    """What a workflow draws comes again when its history is put back from a backup; what an activity drew does not."""
    await world.has_set(3)
    world.publish(NEW)
    await world.upgraded()
    await world.ended(await world.ask(ActionKind.REIMAGE))
    events = (await world.workflow_history()).events
    codec = world.client.data_converter.payload_codec
    assert codec is not None
    answers = [
        (await codec.decode([payload]))[0].data.decode()
        for event in events
        if event.HasField("activity_task_completed_event_attributes")
        for payload in event.activity_task_completed_event_attributes.result.payloads
    ]
    keys = [world.record(number).key for number in (1, 2)]
    assert keys[0] != keys[1]
    for key in keys:
        assert any(key in answer for answer in answers)
