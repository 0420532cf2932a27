"""What an upgrade costs in history events without a wish, a pause or a policy: to the event what it did before them."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from instar.domain.records.upgrades import UpgradeStatus
from tests.histories.kept import files, read
from tests.histories.scenes import UPGRADE, nominal, played
from tests.support.wishing import parked, pause, resume, tell
from tests.support.world import World
from tests.workflows.test_c1_c2_pause_and_hold import half_done

BEFORE = {
    "WORKFLOW_EXECUTION_STARTED": 1,
    "ACTIVITY_TASK_SCHEDULED": 40,
    "ACTIVITY_TASK_STARTED": 40,
    "ACTIVITY_TASK_COMPLETED": 40,
    "TIMER_STARTED": 5,
    "TIMER_CANCELED": 5,
    "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES": 1,
    "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED": 1,
    "EXTERNAL_WORKFLOW_EXECUTION_SIGNALED": 1,
    "WORKFLOW_EXECUTION_COMPLETED": 1,
}
"""Ten machines in five batches, by hand, in release 0.1.0."""

TASKS_BEFORE = 42
"""Workflow tasks, of three events each: fewer where a busy machine answers several activities in one."""


def counts(runs: list[WorkflowHistory]) -> tuple[dict[str, int], int]:
    """Events by their names, and how many workflow tasks there were."""
    names = Counter(
        EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for run in runs for event in run.events
    )
    tasks = names["WORKFLOW_TASK_SCHEDULED"]
    return {name: count for name, count in names.items() if not name.startswith("WORKFLOW_TASK_")}, tasks


def test_the_kept_numbers_are_those_of_the_histories_that_never_change() -> None:
    for release in ("0.1.0", "0.2.0"):
        kept = [read(path) for path in files(nominal.__name__, UPGRADE, release)]
        assert counts(kept) == (BEFORE, TASKS_BEFORE), release


async def test_w1_c1_an_upgrade_without_a_policy_costs_no_event_more_than_before(tmp_path: Path) -> None:
    fresh, tasks = counts((await played(nominal.__name__, tmp_path)).runs[UPGRADE])
    for again in ("second", "third"):
        if fresh == BEFORE:
            break
        # The time-skipping server fires timers where a busy machine is late: that only ever adds events.
        (tmp_path / again).mkdir()
        fresh, tasks = counts((await played(nominal.__name__, tmp_path / again)).runs[UPGRADE])
    assert fresh == BEFORE
    assert tasks <= TASKS_BEFORE


def looks(history: WorkflowHistory) -> int:
    """How often a set has looked after its upgrade."""
    asked = (event.activity_task_scheduled_event_attributes.activity_type.name for event in history.events)
    return list(asked).count("upgrade_closed")


async def test_c1_f1_a_parked_upgrade_is_looked_after_once_an_hour_and_costs_its_set_no_more(world: World) -> None:
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    await world.pass_time(timedelta(hours=5))
    history = await world.workflow_history()
    assert 5 <= looks(history) <= 7, "of the first two each after five minutes"
    resume(world)
    await tell(world)
    await world.end_of()


@pytest.mark.parametrize("hours", [1, 3])
async def test_f1_a_parked_upgrade_that_is_terminated_is_noticed_within_the_hour(world: World, hours: int) -> None:
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    await world.pass_time(timedelta(hours=hours))
    await world.upgrade().terminate("by hand")
    await world.pass_time(timedelta(hours=1, seconds=10))
    assert world.record().status is UpgradeStatus.FAULTED
