"""Workflows that somebody closed by hand (docs/rules.md F1), and messages that arrive twice (F2)."""

import asyncio
import contextlib
from datetime import timedelta

import pytest

from api.services.scale_set_gateway import ScaleSetGateway
from api.wire.errors import ArmError
from instar.domain.messages.scale_set import StartUpgrade, UpgradeStarted
from instar.domain.records.operations import OperationKind, OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.names import scale_set_workflow_id
from tests.support.held import eventually
from tests.support.models import NEW
from tests.support.world import World

PAUSED = {"pauseTimeBetweenBatches": "PT1H"}
FIVE_MINUTES = timedelta(minutes=5)
PATIENCE = 600
"""Tries, ten in a second."""


@pytest.mark.parametrize("minutes", [1, 6, 11, 14])
async def test_f1_a_terminated_upgrade_is_noticed_within_five_minutes_and_the_set_is_free(
    world: World, minutes: int
) -> None:
    await world.has_set(5, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=minutes))
    await world.upgrade().terminate("by hand")
    terminated = await world.look_at_the_clock()
    await world.pass_time(FIVE_MINUTES + timedelta(seconds=2))
    record = world.record()
    assert record.status is UpgradeStatus.FAULTED
    assert record.ended_at is not None
    assert record.ended_at - terminated <= FIVE_MINUTES + timedelta(seconds=1)
    assert record.error is not None
    assert record.error.code == ErrorCode.TERMINATED
    assert record.error.message == "stopped: the upgrade's workflow was closed from outside (terminated)"
    assert world.decisions()[-1] == "faulted"
    assert (await world.start()).number == 2


async def test_f1_the_operation_of_a_terminated_upgrade_ends_as_failed(world: World) -> None:
    await world.has_set(5, policy=PAUSED)
    world.publish(NEW)
    operation = await start(world)
    await world.pass_time(timedelta(minutes=12))
    await world.upgrade().terminate("by hand")
    await world.pass_time(FIVE_MINUTES)
    ended = await world.ended(operation)
    assert ended.status is OperationStatus.FAILED
    assert ended.error_message == "the upgrade was closed from outside (TERMINATED)"


async def test_f1_a_terminated_upgrade_of_the_platform_is_noticed_as_well(world: World) -> None:
    automatic = {"enableAutomaticOSUpgrade": True, "useRollingUpgradePolicy": True}
    await world.has_set(5, policy=PAUSED, automatic=automatic)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, minutes=2))
    await world.upgrade().terminate("by hand")
    await world.pass_time(FIVE_MINUTES)
    assert world.record().status is UpgradeStatus.FAULTED


async def test_f1_an_upgrade_that_runs_long_is_looked_after_again_and_again_and_left_alone(world: World) -> None:
    await world.has_set(5, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=33))
    assert world.record().status is UpgradeStatus.ROLLING_FORWARD
    await world.upgrade().terminate("by hand")
    await world.pass_time(FIVE_MINUTES)
    assert world.record().status is UpgradeStatus.FAULTED


async def test_f1_an_upgrade_whose_set_has_no_workflow_any_more_comes_to_its_end(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    operation = await start(world)
    await world.client.get_workflow_handle(scale_set_workflow_id(world.scale_set)).terminate("by hand")
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert world.record().status is UpgradeStatus.COMPLETED
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED


async def test_f1_p15_a_set_whose_own_workflow_was_terminated_takes_the_lock_of_its_upgrade_over(world: World) -> None:
    await world.has_set(5, policy=PAUSED)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=12))
    await world.client.get_workflow_handle(scale_set_workflow_id(world.scale_set)).terminate("by hand")
    gateway = ScaleSetGateway(world.client, world.store, world.delays)
    with pytest.raises(ArmError) as refused:
        await gateway.send(world.scale_set, StartUpgrade(operation_id=world.operation(OperationKind.OS_UPGRADE)))
    assert refused.value.status == 409
    assert "a Rolling Upgrade is in progress" in refused.value.message
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    await gateway.send(world.scale_set, StartUpgrade(operation_id=world.operation(OperationKind.OS_UPGRADE)))
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED


async def test_f1_an_upgrade_that_the_server_has_never_heard_of_is_recorded_as_faulted_and_frees_the_set(
    world: World,
) -> None:
    await world.has_set(5)
    world.publish(NEW)
    await world.upgraded()
    ended = world.record()
    # As after a restore of the store beside a new Temporal server.
    await world.client.get_workflow_handle(scale_set_workflow_id(world.scale_set)).terminate("by hand")
    lost = {"number": 2, "status": UpgradeStatus.ROLLING_FORWARD, "ended_at": None, "operation_id": ""}
    world.store.upgrades.write(ended.model_copy(update=lost))
    gateway = ScaleSetGateway(world.client, world.store, world.delays)
    with pytest.raises(ArmError):
        await gateway.send(world.scale_set, StartUpgrade(operation_id=world.operation(OperationKind.OS_UPGRADE)))
    await eventually(lambda: world.record(2).status is UpgradeStatus.FAULTED)
    error = world.record(2).error
    assert error is not None
    assert (error.code, error.message) == (
        ErrorCode.TERMINATED,
        "stopped: the upgrade's workflow was closed from outside (not_found)",
    )
    # The end is on record before the set is free: the next start is refused until then.
    for _ in range(PATIENCE):
        with contextlib.suppress(ArmError):
            await gateway.send(world.scale_set, StartUpgrade(operation_id=world.operation(OperationKind.OS_UPGRADE)))
            break
        await asyncio.sleep(0.1)
    assert (await world.end_of(3)).status is UpgradeStatus.COMPLETED


async def test_f2_one_request_made_twice_starts_one_upgrade(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    operation = await start(world)
    await world.end_of()
    # The same request again under an update id that this run does not know, as after a continue-as-new.
    handle = world.client.get_workflow_handle(scale_set_workflow_id(world.scale_set))
    again: UpgradeStarted = await handle.execute_update(
        "start_upgrade", StartUpgrade(operation_id=operation), id="another", result_type=UpgradeStarted
    )
    assert again.number == 1
    assert world.store.upgrades.last_number(world.scale_set.unique_id) == 1


async def start(world: World) -> str:
    """Start by hand; the operation's id."""
    await world.start()
    [row] = world.store.operations.running(world.scale_set.unique_id)
    assert row.kind is OperationKind.OS_UPGRADE
    return row.id
