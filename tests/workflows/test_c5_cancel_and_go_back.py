"""Cancel and go back: what an upgrade moved gets its disk back, whatever is killed in between (docs/rules.md C5)."""

from temporalio.worker import Replayer

from instar.compute.simulated.file.faults import Call
from instar.domain.messages.scale_set import CancelUpgrade
from instar.domain.records.operations import OperationKind, OperationStatus
from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from tests.support.heard import heard
from tests.support.held import held, hold, release
from tests.support.models import NEW, OLD
from tests.support.world import World
from workflows.plugin import instar_plugin
from workflows.sets.scale_set import ScaleSetWorkflow


async def cancel_and_go_back(world: World) -> str:
    operation = world.operation(OperationKind.CANCEL)
    request = CancelUpgrade(operation_id=operation, revert=True, reason="errors went up", by="ann")
    await world._update(ScaleSetWorkflow.cancel_upgrade, request, operation)
    await heard(world.upgrade())
    return operation


async def asked_half_way(world: World) -> tuple[str, list[int]]:
    """Two of ten are on the new version, two more are being swapped, and stand still there until they are released."""
    await world.has_set(10)
    world.publish(NEW)
    swap = hold(world, Call.SWAP, "2")
    await world.start()
    await held(world, swap)
    return await cancel_and_go_back(world), swap


async def test_c5_only_what_the_upgrade_moved_goes_back_and_the_operation_ends_with_that(world: World) -> None:
    operation, swap = await asked_half_way(world)
    release(world, swap)
    await world.end_of(1)
    await world.end_of(2)
    assert world.record(1).status is UpgradeStatus.CANCELLED
    assert "cancelled by ann: errors went up" in world.reasons(1)
    record = world.record(2)
    assert (record.kind, record.status) == (UpgradeKind.ROLLBACK, UpgradeStatus.COMPLETED)
    assert set((await world.versions()).values()) == {OLD}
    moved = {one for one, outcome in world.outcomes(2).items() if outcome == "upgraded"}
    assert {"0", "1"} <= moved
    assert moved <= {"0", "1", "2", "3"}
    assert set(world.outcomes(2).values()) == {"upgraded", "skipped"}
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert [one.version for one in world.status().quarantine.versions] == [NEW]
    assert world.judgement().clean
    assert world.judgement().given_back == len(moved)


async def test_c5_a_worker_that_takes_over_in_between_decides_the_same(world: World) -> None:
    operation, swap = await asked_half_way(world)
    waiting = await world.workflow_history()
    release(world, swap)
    await world.end_of(2)
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    await world.at_rest()
    replayer = Replayer(workflows=[], plugins=[instar_plugin(world.client.data_converter.payload_codec)])
    for history in (waiting, await world.workflow_history(), await world.upgrade(2).fetch_history()):
        await replayer.replay_workflow(history)


async def test_c5_asked_by_two_it_is_done_once_and_both_are_told(world: World) -> None:
    first, swap = await asked_half_way(world)
    second, third = await world.cancel(), await cancel_and_go_back(world)
    release(world, swap)
    await world.end_of(2)
    assert set((await world.versions()).values()) == {OLD}
    for operation in (first, second, third):
        assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert world.store.upgrades.last_number(world.scale_set.unique_id) == 2


async def test_c5_an_upgrade_that_moved_nobody_leaves_nothing_to_be_done(world: World) -> None:
    await world.has_set(3, aged=False)
    world.publish(NEW)
    with world.env.auto_time_skipping_disabled():
        await world.start()
        await world.until(lambda: "waits" in world.decisions())
        operation = await cancel_and_go_back(world)
        assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert world.record().status is UpgradeStatus.CANCELLED
    assert world.store.upgrades.get(world.scale_set.unique_id, 2) is None
    assert world.status().quarantine.versions[0].number == 1, "by the cancel, as ever"


async def test_c5_a_deletion_meanwhile_takes_over_and_says_so(world: World) -> None:
    operation, swap = await asked_half_way(world)
    deletion = await world.delete()
    release(world, swap)
    await world.end_of(1)
    assert (await world.ended(deletion)).status is OperationStatus.SUCCEEDED
    cut = await world.ended(operation)
    assert (cut.status, cut.error_code) == (OperationStatus.CANCELED, "OperationPreempted")
