"""Looks at the catalogue: when, how dear, and what they leave to read (docs/rules.md T2, T6, A4)."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from instar.compute.errors import NotAllowed
from instar.domain.delays import Delays
from instar.domain.machines.instances import Instance
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.support.looking import FIRST, LOOK, looking, until
from tests.support.models import NEW, OLD
from tests.support.world import World


async def test_t2_looks_are_30_to_60_minutes_apart_at_moments_that_are_drawn(world: World) -> None:
    await looking(world)
    looks: list[datetime] = []
    for _ in range(12):
        planned = world.status().next_look_at
        assert planned is not None
        looks.append(planned)
        await world.pass_time(planned - world.clock() + timedelta(seconds=10))
        made = world.status().last_look_at
        assert made is not None
        assert timedelta(0) <= made - planned < timedelta(seconds=10)
    waits = [after - before for before, after in pairwise(looks)]
    assert all(timedelta(minutes=30) <= wait < timedelta(minutes=60, seconds=10) for wait in waits)
    assert len({round(wait.total_seconds()) for wait in waits}) > len(waits) / 2


async def test_t6_the_delays_are_those_that_the_set_was_given(world: World) -> None:
    world.delays = Delays(
        first_trigger=timedelta(seconds=10), look_least=timedelta(seconds=5), look_most=timedelta(seconds=9)
    )
    await world.has_set(3)
    await world.put(automatic=True)
    await world.pass_time(timedelta(seconds=12))
    world.publish(NEW)
    await world.pass_time(timedelta(seconds=9))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t2_a_nudge_brings_the_look_forward_to_within_five_minutes(world: World) -> None:
    await looking(world)
    planned = world.status().next_look_at
    assert planned is not None
    await world.pass_time(planned - world.clock() + timedelta(seconds=1))
    world.publish(NEW)
    await world.nudge()
    await world.pass_time(timedelta(minutes=5, seconds=1))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t2_nudges_one_after_the_other_put_nothing_off_and_cost_one_look(world: World) -> None:
    world.delays = Delays(nudge_most=timedelta(minutes=25))
    await looking(world)
    planned = world.status().next_look_at
    await world.nudge()
    await until(lambda: world.status().next_look_at != planned)
    first = world.status().next_look_at
    for _ in range(5):
        await world.nudge()
    await world.pass_time(timedelta(seconds=1))
    assert world.status().next_look_at == first


async def test_t1_a_nudge_does_not_come_before_the_deadline_of_the_first_upgrade(world: World) -> None:
    await world.has_set(3)
    await world.put(automatic=True)
    world.publish(NEW)
    await world.nudge()
    await world.pass_time(timedelta(hours=2, minutes=59))
    assert world.history() == []
    await world.pass_time(timedelta(minutes=2))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t3_a_nudge_wakes_no_set_whose_automatic_upgrades_are_off(world: World) -> None:
    await looking(world)
    await world.put(automatic=False)
    world.publish(NEW)
    await world.nudge()
    await world.pass_time(timedelta(hours=2))
    assert world.history() == []


async def test_a4_what_a_look_came_to_and_the_next_one_are_written_down(world: World) -> None:
    await looking(world)
    status = world.status()
    assert (status.enabled, status.first_trigger_done) == (True, True)
    assert status.last_look_at is not None
    assert status.next_look_at is not None
    world.publish(NEW)
    await world.pass_time(LOOK)
    await world.end_of(1)
    assert world.status().last_look.startswith(f"upgrade 1 to {NEW} begins")


async def test_t2_an_instance_that_is_not_on_the_newest_is_not_forgotten(world: World) -> None:
    await world.has_set(4)
    world.script("3", protected=True)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(FIRST)
    await world.end_of(1)
    await world.pass_time(timedelta(hours=1))
    assert (await world.versions())["3"] == OLD
    world.script("3", protected=False)
    await world.pass_time(Delays().look_in_full + timedelta(hours=1))
    assert (await world.versions())["3"] == NEW
    assert len(world.history()) == 2


async def test_t2_looks_of_an_idle_set_do_not_list_its_machines_each_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await looking(world)
    listed = 0
    really = world.fleet.list_instances

    async def counted(scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        nonlocal listed
        listed += 1
        return await really(scale_set)

    monkeypatch.setattr(world.fleet, "list_instances", counted)
    await world.pass_time(timedelta(hours=2, minutes=30))
    assert listed == 0
    await world.pass_time(timedelta(days=1))
    assert 3 <= listed <= 4


async def test_t2_a_look_that_fails_for_good_is_said_and_the_next_one_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await looking(world)
    world.publish(NEW)

    async def refused(_scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        raise NotAllowed("no credentials")

    with monkeypatch.context() as patch:
        patch.setattr(world.fleet, "list_instances", refused)
        await world.pass_time(LOOK)
        assert world.status().last_look.startswith("the look failed: NotAllowed: no credentials")
    await world.pass_time(LOOK)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def events(world: World) -> int:
    """History events of the set's own workflow, over all its runs."""
    count = 0
    run_id = (await world.its_workflow().describe()).raw_description.workflow_execution_info.first_run_id
    while run_id:
        history = await world.client.get_workflow_handle(world.its_workflow().id, run_id=run_id).fetch_history()
        count += len(history.events)
        run_id = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return count


async def test_t2_an_idle_set_costs_at_most_10_events_a_day(world: World) -> None:
    days = 10
    await looking(world, size=10)
    before, looks = await events(world), list[datetime | None]()
    for _ in range(days * 4):
        await world.pass_time(timedelta(hours=6))
        looks.append(world.status().last_look_at)
    per_day = (await events(world) - before) / days
    print(f"an idle set costs {per_day:.0f} history events a day")  # noqa: T201  # what docs/operations.md says
    assert 0 < per_day <= 10
    assert len(dict.fromkeys(looks)) == len(looks), "it is looked for it all the same"
