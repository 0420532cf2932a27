"""What an upgrade costs in history events without a wish, a pause or a policy: to the event what it did before them."""

from collections import Counter
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from tests.histories.kept import files, read
from tests.histories.scenes import UPGRADE, nominal, played

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
    assert fresh == BEFORE
    assert tasks <= TASKS_BEFORE
