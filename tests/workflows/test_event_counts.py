"""What an upgrade costs in history events: to the event without a wish, a pause or a policy, and at any size."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.upgrades import UpgradeStatus
from tests.histories.kept import files, read
from tests.histories.scenes import UPGRADE, nominal, played
from tests.support.models import NEW
from tests.support.wishing import parked, pause, resume, tell
from tests.support.world import World
from tests.workflows.test_c1_c2_pause_and_hold import half_done
from workflows.rows import few_slices

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
"""Ten machines in five batches, by hand, in release 0.1.0 and until one look judged and chose."""

NOW = BEFORE | {
    "ACTIVITY_TASK_SCHEDULED": 28,
    "ACTIVITY_TASK_STARTED": 28,
    "ACTIVITY_TASK_COMPLETED": 28,
    "MARKER_RECORDED": 1,
    "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES": 2,
}
"""The same since: six looks instead of twelve, and six writes; the marker says so, once a run."""

TWO_LOOKS = "0.2.0-two-looks"
"""Histories of this release before that."""

EVENTS_OF_A_BATCH = 60
"""At the most, with its part of what an upgrade costs once, in a set of up to 1,000 machines where nobody fails."""

EVENTS_OF_A_LARGE_BATCH = 110
"""The same with 10,000."""

TASKS_NOW, TASKS_BEFORE = 31, 42
"""Workflow tasks, of three events each: fewer where a busy machine answers several activities in one."""


def counts(runs: list[WorkflowHistory]) -> tuple[dict[str, int], int]:
    """Events by their names, and how many workflow tasks there were."""
    names = Counter(
        EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for run in runs for event in run.events
    )
    tasks = names["WORKFLOW_TASK_SCHEDULED"]
    return {name: count for name, count in names.items() if not name.startswith("WORKFLOW_TASK_")}, tasks


def test_the_kept_numbers_are_those_of_the_histories_that_never_change() -> None:
    for release in ("0.1.0", TWO_LOOKS):
        kept = [read(path) for path in files(nominal.__name__, UPGRADE, release)]
        assert counts(kept) == (BEFORE, TASKS_BEFORE), release
    now, tasks = counts([read(path) for path in files(nominal.__name__, UPGRADE)])
    assert now == NOW
    assert tasks <= TASKS_NOW


async def test_w1_c1_an_upgrade_without_a_policy_costs_no_event_more_than_that(tmp_path: Path) -> None:
    fresh, tasks = counts((await played(nominal.__name__, tmp_path)).runs[UPGRADE])
    for again in ("second", "third"):
        if fresh == NOW:
            break
        # The time-skipping server fires timers where a busy machine is late: that only ever adds events.
        (tmp_path / again).mkdir()
        fresh, tasks = counts((await played(nominal.__name__, tmp_path / again)).runs[UPGRADE])
    assert fresh == NOW
    assert tasks <= TASKS_NOW


async def events_of_a_batch(world: World, size: int) -> float:
    """Of an upgrade of that many machines, all healthy: its events over its batches."""
    await world.has_set(size)
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    assert world.record().counts.successful == size
    events = len((await world.upgrade().fetch_history()).events)
    return events / world.decisions().count("batch")


@pytest.mark.parametrize("size", [5, 20, 100, 1_000])
async def test_a_batch_costs_as_many_events_in_a_large_set_as_in_a_small_one(world: World, size: int) -> None:
    assert await events_of_a_batch(world, size) < EVENTS_OF_A_BATCH


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_and_some_more_in_one_of_ten_thousand(world: World) -> None:
    assert await events_of_a_batch(world, 10_000) < EVENTS_OF_A_LARGE_BATCH


def test_what_the_worst_case_of_a_batch_is() -> None:
    """Each row answers in a workflow task of its own: look, write, rows, health wait, three events and a task each."""
    for size, most in ((1, 60), (1_023, 60), (2_000, 110), (1_000_000, 110)):
        rows = len(few_slices(InstanceIds(ranges=f"1-{size}")))
        assert (3 + 3) * (3 + rows) + 2 <= most


async def test_p17_n1_a_noted_verdict_is_written_as_the_upgrade_stood_then(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    await world.upgraded()
    told = []
    for event in (await world.upgrade().fetch_history()).events:
        what = event.activity_task_scheduled_event_attributes
        if what.activity_type.name == "record_upgrades":
            [given] = await world.client.data_converter.decode(what.input.payloads)
            told += [
                (one["counts"], one["instances"])
                for one in given["records"]
                if one["decisions"][0]["action"] == "verdict"
            ]
    assert [(counts["successful"], counts["in_progress"], counts["pending"]) for counts, _ in told] == [
        (2 * batch, 0, 10 - 2 * batch) for batch in range(1, 6)
    ]
    assert [[(one["ids"], one["batch"], one["outcome"]) for one in changed] for _, changed in told] == [
        [(f"{2 * batch - 2}-{2 * batch - 1}", batch, "upgraded")] for batch in range(1, 6)
    ]


async def test_p17_whatever_is_noted_is_written_before_it_is_acted_on(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    await world.upgraded()
    every = world.store.upgrades.decisions(world.scale_set.unique_id, 1)
    decided = {one.batch: one.sequence for one in every if one.action == "batch"}
    written, asked, acted = 0, dict[int, int](), 0
    for event in (await world.upgrade().fetch_history()).events:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            what = event.activity_task_scheduled_event_attributes
            if what.activity_type.name.startswith("record_upgrade"):
                [given] = await world.client.data_converter.decode(what.input.payloads)
                asked[event.event_id] = max(
                    one["sequence"] for record in given.get("records", [given]) for one in record["decisions"]
                )
            elif what.activity_type.name == "swap_os_disks":
                [given] = await world.client.data_converter.decode(what.input.payloads)
                begun = decided[given["batch"]]
                assert written >= begun, f"batch {given['batch']} begins before anybody can read of it"
                acted += 1
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            done = event.activity_task_completed_event_attributes.scheduled_event_id
            written = max(written, asked.get(done, 0))
    assert acted == 10
    assert written == len(every) == 12


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
