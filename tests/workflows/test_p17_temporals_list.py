"""What Temporal's own list shows of upgrades: how they ended, and where they stand (docs/temporal-page.md)."""

import gc
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.messages.os_upgrade import UpgradeResult
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.names import Attribute
from instar.domain.steering.wishes import Gate
from tests.support.models import NEW
from tests.support.wishing import begun_anew_while_parked, parked, pause, resume, tell
from tests.support.world import World, a_world
from tests.workflows.test_c1_c2_pause_and_hold import half_done
from tests.workflows.test_w2_w3_g3_parked import said
from workflows.upgrades.one_look import ONE_LOOK


async def attributes(world: World) -> dict[str, object]:
    """All search attributes of the first upgrade, by their names."""
    found = (await world.upgrade().describe()).typed_search_attributes
    return {pair.key.name: pair.value for pair in found}


async def listed(world: World) -> tuple[WorkflowExecutionStatus | None, object]:
    """What the list shows of the first upgrade: Temporal's own status, and the phase."""
    return (await world.upgrade().describe()).status, (await attributes(world))[Attribute.PHASE]


async def test_p17_a_faulted_upgrade_is_listed_as_failed_with_its_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    result = await world.upgraded()
    assert await listed(world) == (WorkflowExecutionStatus.FAILED, "Faulted")
    with pytest.raises(WorkflowFailureError) as failed:
        await world.upgrade().result()
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.message, cause.type, cause.non_retryable) == (result.reason, ErrorCode.UNHEALTHY_UPGRADED, True)
    assert [UpgradeResult.model_validate(one) for one in cause.details] == [result]
    assert cause.failure is not None
    assert cause.failure.stack_trace == "", "it is no fault of the program"
    # Its set has learnt of the end by a signal, and goes on.
    await world.until(lambda: bool(world.status().quarantine.versions))
    await world.at_rest(world.its_workflow())
    gc.collect()  # what nobody has asked for is logged as lost when it goes
    assert not [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


async def test_p17_one_that_fails_costs_no_activity_more_than_one_that_completed_would(world: World) -> None:
    await world.has_set(10)
    world.sick("1", "2", "3")
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.FAULTED
    history = await world.upgrade().fetch_history()
    names = [EventType.Name(one.event_type).removeprefix("EVENT_TYPE_") for one in history.events]
    assert names.count("MARKER_RECORDED") == 2  # one that each upgrade has, and one that it fails by
    assert names[-1] == "WORKFLOW_EXECUTION_FAILED"


@pytest.mark.parametrize("by_temporal", [False, True])
async def test_p17_p14_a_cancelled_upgrade_is_no_failure(world: World, by_temporal: bool) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await world.start()
    await world.pass_time(timedelta(minutes=1))
    await (world.upgrade().cancel() if by_temporal else world.cancel())
    assert (await world.end_of()).status is UpgradeStatus.CANCELLED
    assert await listed(world) == (WorkflowExecutionStatus.COMPLETED, "Cancelled")


async def test_p17_a_list_tells_whose_upgrade_it_is_and_where_it_goes(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    await world.upgraded()
    assert await attributes(world) == {
        Attribute.SCALE_SET_ID: world.scale_set.resource_id,
        Attribute.SCALE_SET: "web",
        Attribute.PHASE: "Completed",
        Attribute.TARGET_VERSION: NEW,
        "TemporalChangeVersion": [ONE_LOOK],
    }


async def test_p17_c1_a_list_tells_who_is_parked_and_for_that_time_alone(world: World) -> None:
    await half_done(world)
    assert await listed(world) == (WorkflowExecutionStatus.RUNNING, "RollingForward")
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    assert await listed(world) == (WorkflowExecutionStatus.RUNNING, "Parked")
    resume(world)
    await tell(world)
    await world.until(lambda: world.decisions().count("batch") == 2)
    assert await listed(world) == (WorkflowExecutionStatus.RUNNING, "RollingForward")
    await world.end_of()
    assert await listed(world) == (WorkflowExecutionStatus.COMPLETED, "Completed")


@pytest_asyncio.fixture
async def forgetting(tmp_path: Path) -> AsyncIterator[World]:
    """Its workers forget every workflow after each task, and replay it."""
    async with a_world(tmp_path, cached_workflows=0) as world:
        yield world


async def test_p17_f1_a_worker_that_forgets_everything_ends_it_as_failed_too(forgetting: World) -> None:
    await forgetting.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    forgetting.publish(NEW, VersionScript(never_healthy="all"))
    assert (await forgetting.upgraded()).status is UpgradeStatus.FAULTED
    assert await listed(forgetting) == (WorkflowExecutionStatus.FAILED, "Faulted")


async def test_p17_g3_one_that_has_continued_as_new_while_it_was_parked_is_parked_until_it_goes_on(
    tmp_path: Path,
) -> None:
    async with a_world(tmp_path, forgetful_after=20) as world:
        await begun_anew_while_parked(world)
        assert await listed(world) == (WorkflowExecutionStatus.RUNNING, "Parked")
        said(world, True, Gate.FIRST)
        await tell(world)
        await world.until(lambda: "batch" in world.decisions())
        phases = [
            pair.value
            for pair in (await world.upgrade().describe()).typed_search_attributes
            if pair.key.name == Attribute.PHASE
        ]
        assert phases in (["RollingForward"], ["Completed"])
