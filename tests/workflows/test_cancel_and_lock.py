"""Cancelling, terminating, deleting, and the lock of a set."""

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.names import Refusal
from tests.support.models import NEW, OLD
from tests.support.world import StartRefused, World, a_world

UNPROTECTED = "some unprotected instances which have imageReference"
PAUSED = {"pauseTimeBetweenBatches": "PT1H"}


async def refusal(world: World) -> str:
    """How a start is refused."""
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.start()
    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == Refusal.OPERATION_NOT_ALLOWED
    return cause.message


async def test_p14_a_cancel_ends_a_health_wait_at_once(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    started = await world.start()
    await world.pass_time(timedelta(minutes=1))
    began = world.clock()
    operation = await world.cancel()
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.CANCELLED
    assert result.error is not None
    assert result.error.code == ErrorCode.CANCELED
    assert await world.look_at_the_clock() - began < timedelta(minutes=1)
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.pending) == (0, 2, 8)
    assert list((await world.versions()).values()).count(NEW) == 2
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED


async def test_p14_a_cancel_ends_a_pause_and_confirmed_instances_stay_successful(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=12))
    await world.cancel()
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.CANCELLED
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.pending) == (2, 0, 8)


async def test_p14_temporals_own_cancel_means_the_same(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    started = await world.start()
    await world.pass_time(timedelta(minutes=1))
    await world.upgrade(started.number).cancel()
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.CANCELLED
    assert world.record().status is UpgradeStatus.CANCELLED
    assert all(one.os_disk for one in (await world.instances()).values())


async def test_p14_a_cancel_during_the_rollback_of_a_breach_lets_it_finish(world: World) -> None:
    await world.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    # Slow on the old disk as well, so that the second wait lasts.
    world.publish(NEW, VersionScript(never_healthy="all"))
    started = await world.start()
    world.publish(OLD, VersionScript(boot=timedelta(minutes=4)))
    await world.pass_time(timedelta(minutes=7))
    assert world.record().status is UpgradeStatus.ROLLING_BACK
    await world.cancel()
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.FAULTED
    assert world.record().counts.rolled_back == 2
    assert set((await world.versions()).values()) == {OLD}


async def test_p14_nothing_to_cancel_is_refused(world: World) -> None:
    await world.has_set(3)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.cancel()
    assert "There is no ongoing Rolling Upgrade to cancel." in str(refused.value.cause)


async def test_p15_a_second_start_is_refused_and_the_first_goes_on(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    assert "a Rolling Upgrade is in progress" in await refusal(world)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED
    assert (await world.start()).number == 2


async def test_p15_deleting_the_set_cancels_waits_and_then_deletes(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=12))
    operation = await world.delete()
    assert (await world.end_of(1)).status is UpgradeStatus.CANCELLED
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert await world.instances() == {}
    assert world.store.scale_sets.by_unique_id(world.scale_set.unique_id) is None


async def test_f1_a_terminated_upgrade_does_not_hold_the_lock(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=12))
    await world.upgrade(started.number).terminate("by hand")
    await world.pass_time(timedelta(minutes=3, seconds=5))
    record = world.record()
    assert record.status is UpgradeStatus.FAULTED
    assert record.error is not None
    assert record.error.code == ErrorCode.TERMINATED
    assert "(terminated)" in record.error.message
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED


async def test_b6_a_start_is_refused_when_no_unprotected_instance_uses_latest(world: World) -> None:
    await world.has_set(2)
    for one in ("0", "1"):
        world.script(one, protected=True)
    with pytest.raises(StartRefused, match=UNPROTECTED):
        await world.start()


async def test_i3_a_start_is_refused_when_the_version_is_pinned(world: World) -> None:
    pinned = {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS", "version": OLD}
    await world.has_set(2, image=pinned)
    with pytest.raises(StartRefused, match=UNPROTECTED):
        await world.start()


async def test_t3_disabling_drops_what_is_pending_and_the_deadline_survives(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    began = await world.look_at_the_clock()
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=2))
    await world.put(automatic=False)
    await world.pass_time(timedelta(minutes=30))
    await world.put(automatic=True)
    await world.pass_time(timedelta(minutes=31))
    record = world.record()
    assert timedelta(hours=3) <= record.started_at - began < timedelta(hours=3, minutes=1)


async def test_f1_a_worker_that_forgets_everything_replays_to_the_same_end(tmp_path: Path) -> None:
    async with a_world(tmp_path, cached_workflows=0) as world:
        await world.has_set(20)
        world.publish(NEW, VersionScript(never_healthy=("9",)))
        await world.put(automatic=True)
        await world.pass_time(timedelta(hours=3, seconds=1))
        assert (await world.end_of()).status is UpgradeStatus.COMPLETED
        assert world.outcomes()["9"] == "rolledBack"
        assert world.judgement().violations == ()


async def test_f1_a_cancel_finds_a_terminated_upgrade_at_once(world: World) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=12))
    await world.upgrade(started.number).terminate("by hand")
    operation = await world.cancel()
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert world.record().status is UpgradeStatus.FAULTED
