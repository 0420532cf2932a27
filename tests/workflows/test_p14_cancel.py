"""A cancel in each phase of an upgrade: what was begun comes to its end, nothing new begins (docs/rules.md P14)."""

from datetime import timedelta

import pytest

from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from tests.support.held import Cancel, by_hand, eventually, held, hold, in_temporal, release
from tests.support.models import NEW, OLD
from tests.support.world import World
from workflows.upgrades.batch_work import UNCONFIRMED, UNCONFIRMED_BACK

PAUSED = {"pauseTimeBetweenBatches": "PT10M"}
cancels = pytest.mark.parametrize("cancel", [by_hand, in_temporal])


async def by_the_platform(world: World) -> None:
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))


async def assert_cancelled(
    world: World, *, at_once: bool = False, successful: int = 0, failed: int = 0, pending: int = 0
) -> None:
    """Cancelled, every machine with an OS disk and in service, and those counts. At once: it waits for no timer."""
    result = await (world.end_without_timers() if at_once else world.end_of())
    assert result.status is UpgradeStatus.CANCELLED, result.reason
    assert result.error is not None
    assert result.error.code == ErrorCode.CANCELED
    assert len(result.error.details) == failed
    record = world.record()
    assert record.last_action == "Cancel"
    counts = record.counts
    assert (counts.successful, counts.failed, counts.pending) == (successful, failed, pending)
    assert counts.in_progress == 0
    assert all(one.os_disk and one.provisioned for one in (await world.instances()).values())
    assert world.judgement().violations == ()


@cancels
async def test_p14_a_cancel_during_the_pre_check_begins_no_batch(world: World, cancel: Cancel) -> None:
    await world.has_set(5)
    world.publish(NEW)
    away = world.fleet.inject(Fault(kind=FaultKind.UNAVAILABLE, call=Call.OBSERVE, times=2))
    await world.start()
    await eventually(lambda: world.fleet.hits(away) > 0)
    await cancel(world)
    await assert_cancelled(world, pending=5)
    assert world.decisions() == ["started", "cancelled"]
    assert set((await world.versions()).values()) == {OLD}


@cancels
async def test_p14_a_cancel_while_the_next_batch_is_selected_begins_no_swap(world: World, cancel: Cancel) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    # The pause ends while no look can be made.
    away = world.fleet.inject(Fault(kind=FaultKind.UNAVAILABLE, call=Call.OBSERVE, times=50))
    await world.pass_time(timedelta(minutes=6))
    assert world.fleet.hits(away) > 0
    await cancel(world)
    await assert_cancelled(world, successful=2, pending=8)
    assert world.decisions().count("batch") == 1


@cancels
async def test_p14_a_cancel_during_a_swap_lets_it_come_to_its_end(world: World, cancel: Cancel) -> None:
    await world.has_set(10)
    world.publish(NEW)
    swaps = hold(world, Call.SWAP, "0", "1")
    await world.start()
    await held(world, swaps)
    await cancel(world)
    release(world, swaps)
    # Swapped, but they boot for half a minute yet: not confirmed healthy.
    await assert_cancelled(world, failed=2, pending=8)
    assert [one for one, version in (await world.versions()).items() if version == NEW] == ["0", "1"]
    assert world.decisions().count("batch") == 1


async def test_p14_whoever_is_confirmed_healthy_at_the_last_look_is_successful(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(boot=timedelta(0), never_healthy=("1",)))
    swaps = hold(world, Call.SWAP, "0", "1")
    await world.start()
    await held(world, swaps)
    await world.cancel()
    release(world, swaps)
    await assert_cancelled(world, successful=1, failed=1, pending=8)


@cancels
async def test_p14_a_cancel_in_the_health_wait_ends_it_at_once_and_begins_no_rollback(
    world: World, cancel: Cancel
) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await by_the_platform(world)
    await world.pass_time(timedelta(minutes=1))
    await cancel(world)
    await assert_cancelled(world, at_once=True, failed=2, pending=8)
    assert world.judgement().restores == 0
    assert list((await world.versions()).values()).count(NEW) == 2
    assert "kept as they are: cancelled" in world.reasons()


@cancels
async def test_p14_whoever_boots_when_it_is_cancelled_is_unconfirmed_and_is_offered_the_version_again(
    world: World, cancel: Cancel
) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(boot=timedelta(minutes=3)))
    await by_the_platform(world)
    await world.pass_time(timedelta(minutes=1))
    await cancel(world)
    await assert_cancelled(world, at_once=True, failed=2, pending=8)
    assert "2 not confirmed healthy (0-1), kept as they are: cancelled" in world.reasons()
    error = world.record().error
    assert error is not None
    assert all(one.message.startswith(f"{UNCONFIRMED}: ") for one in error.details), error.details
    await eventually(lambda: len(world.status().quarantine.versions) == 1)
    assert world.status().quarantine.behind(NEW).ranges == ""


@cancels
@pytest.mark.parametrize("minutes", [2, 7])
async def test_p14_a_cancel_while_an_instance_initializes_ends_the_wait_at_once(
    world: World, cancel: Cancel, minutes: int
) -> None:
    settings = {"protocol": "http", "port": 80, "requestPath": "/", "intervalInSeconds": 5, "gracePeriod": 7200}
    await world.has_set(5, health={"typeHandlerVersion": "2.0", "settings": settings})
    world.publish(NEW, VersionScript(initializing=timedelta(hours=1)))
    await world.start()
    # Within the five minutes, and past them: then what is left is the grace period.
    await world.pass_time(timedelta(minutes=minutes))
    await cancel(world)
    await assert_cancelled(world, at_once=True, failed=1, pending=4)


@cancels
async def test_p14_a_cancel_during_a_rollback_lets_begun_restores_come_to_their_end(
    world: World, cancel: Cancel
) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await by_the_platform(world)
    restores = hold(world, Call.RESTORE, "0", "1")
    await held(world, restores)
    await cancel(world)
    release(world, restores)
    await assert_cancelled(world, at_once=True, failed=2, pending=8)
    assert set((await world.versions()).values()) == {OLD}
    assert world.judgement().restores == 2


@cancels
async def test_p14_a_cancel_in_the_second_wait_ends_it_at_once(world: World, cancel: Cancel) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await by_the_platform(world)
    # Slow on the old disk as well, so that the second wait lasts.
    world.publish(OLD, VersionScript(boot=timedelta(minutes=4)))
    await world.pass_time(timedelta(minutes=6))
    assert set((await world.versions()).values()) == {OLD}
    await cancel(world)
    await assert_cancelled(world, at_once=True, failed=2, pending=8)
    # They boot on the disk that they had: nobody knows that they need a person.
    counts = world.record().counts
    assert (counts.rolled_back, counts.rollback_failed, world.record().rollback_error) == (2, 0, "")
    rows = world.store.upgrades.instances(world.scale_set.unique_id, 1)
    assert all(rows[one].reason.startswith(f"{UNCONFIRMED_BACK}: ") for one in ("0", "1"))


@cancels
async def test_p14_a_cancel_in_the_pause_ends_it_at_once(world: World, cancel: Cancel) -> None:
    await world.has_set(10, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    await cancel(world)
    await assert_cancelled(world, at_once=True, successful=2, pending=8)


@cancels
async def test_p14_a_cancel_while_a_breach_is_rolled_back_lets_it_finish_first(world: World, cancel: Cancel) -> None:
    await world.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    world.publish(NEW, VersionScript(never_healthy="all"))
    restores = hold(world, Call.RESTORE, "0", "1")
    await world.start()
    world.publish(OLD, VersionScript(boot=timedelta(minutes=4)))
    await held(world, restores)
    assert world.record().status is UpgradeStatus.ROLLING_BACK
    await cancel(world)
    release(world, restores)
    # The breach came first, so it ends Faulted; the second wait was waited out, so both are rolled back.
    assert (await world.end_of()).status is UpgradeStatus.FAULTED
    assert world.record().counts.rolled_back == 2
    assert set((await world.versions()).values()) == {OLD}


async def test_p15_deleting_the_set_waits_for_begun_swaps_and_refuses_starts_meanwhile(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    swaps = hold(world, Call.SWAP, "0", "1")
    await world.start()
    await held(world, swaps)
    operation = await world.delete()
    assert len(await world.instances()) == 10
    with pytest.raises(Exception, match="Workflow update failed") as refused:
        await world.start()
    assert "because the scale set is being deleted" in str(refused.value.__cause__)
    release(world, swaps)
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert await world.instances() == {}
    assert {one.kind for one in world.fleet.recorder.records()} >= {"commit-swap"}


async def test_p14_the_operation_of_a_cancel_ends_when_the_upgrade_has_and_the_first_reason_stays(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    swaps = hold(world, Call.SWAP, "0", "1")
    await world.start()
    await held(world, swaps)
    operations = [await world.cancel(), await world.cancel()]
    await world.delete()
    for one in operations:
        row = world.store.operations.get(one)
        assert row is not None
        assert row.status is OperationStatus.IN_PROGRESS
    release(world, swaps)
    assert (await world.end_of()).reason == "cancelled: cancelled by a user"
    for one in operations:
        assert (await world.ended(one)).status is OperationStatus.SUCCEEDED
