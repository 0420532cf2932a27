"""Pauses of a set and holds at a scope: nothing new begins, nothing is lost (docs/rules.md C1, C2)."""

from datetime import timedelta

import pytest
from temporalio.worker import Replayer

from instar.domain.records.upgrades import UpgradeStatus
from tests.support.models import GROUP, NEW, OLD
from tests.support.wishing import hold, parked, pause, resume, tell
from tests.support.world import StartRefused, World
from workflows.plugin import instar_plugin
from workflows.upgrades.os_upgrade import OsUpgradeWorkflow

FIVE_EACH = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50}


async def half_done(world: World) -> None:
    """Ten machines, the first half swapped and in its health wait."""
    await world.has_set(10, policy=FIVE_EACH)
    world.publish(NEW)
    await world.start()
    await world.until(lambda: list(world.decisions()).count("batch") == 1)


async def on_new(world: World) -> int:
    return list((await world.versions()).values()).count(NEW)


async def test_c1_a_pause_lets_the_batch_end_and_begins_nothing_new(world: World) -> None:
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    assert await on_new(world) == 5
    assert world.decisions()[-3:] == ["batch", "verdict", "parked"]
    await world.pass_time(timedelta(hours=5, minutes=1))
    assert await on_new(world) == 5
    assert world.decisions().count("parked") == 1, "the same sentence is written once"
    wait = world.store.waits.of_upgrade(world.scale_set.unique_id, 1)
    assert wait is not None
    assert "paused by ann" in wait.reason
    assert "disk is full" in wait.reason


async def test_c1_a_resumed_upgrade_goes_on_at_once_and_completes(world: World) -> None:
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    resume(world)
    await tell(world)
    await world.until(lambda: world.decisions().count("batch") == 2)
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED
    assert await on_new(world) == 10
    assert world.store.waits.of_upgrade(world.scale_set.unique_id, 1) is None
    assert world.judgement(50).violations == ()


async def test_c1_a_pause_ends_by_itself_at_its_moment(world: World) -> None:
    await half_done(world)
    pause(world, until=world.clock() + timedelta(hours=1))
    await world.pass_time(timedelta(minutes=58))
    assert await on_new(world) == 5
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED
    assert world.decisions().count("parked") == 1


async def test_c1_a_lost_word_only_delays(world: World) -> None:
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    resume(world)
    await world.pass_time(timedelta(hours=2, minutes=1))
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED


async def test_c1_a_parked_upgrade_costs_ten_events_an_hour_at_most(world: World) -> None:
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    before = len((await world.upgrade().fetch_history()).events)
    await world.pass_time(timedelta(hours=8, minutes=1))
    await world.at_rest(world.upgrade())
    assert len((await world.upgrade().fetch_history()).events) - before <= 80


async def test_c1_a_cancel_ends_a_parked_upgrade_at_once(world: World) -> None:
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    await world.cancel()
    result = await world.end_without_timers()
    assert result.status is UpgradeStatus.CANCELLED
    assert await on_new(world) == 5


async def test_c1_a_parked_upgrade_replays(world: World) -> None:
    """What a worker does that takes over from one that was killed."""
    await half_done(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    waiting = await world.upgrade().fetch_history()
    resume(world)
    await tell(world)
    await world.end_of()
    replayer = Replayer(workflows=[], plugins=[instar_plugin(world.client.data_converter.payload_codec)])
    for history in (waiting, await world.upgrade().fetch_history()):
        await replayer.replay_workflow(history)


async def test_c1_a_pause_with_nothing_running_holds_the_next_upgrade(world: World) -> None:
    await world.has_set(4)
    world.publish(NEW)
    pause(world)
    with pytest.raises(StartRefused, match="paused by ann"):
        await world.start()
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=6, minutes=1))
    assert set((await world.versions()).values()) == {OLD}
    status = world.store.statuses.get(world.scale_set.unique_id)
    assert status is not None
    assert "paused by ann" in status.last_look
    resume(world)
    await world.nudge()
    await world.pass_time(timedelta(hours=1))
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED


async def test_c2_a_hold_at_a_scope_above_parks_what_runs_and_its_release_lets_it_go_on(world: World) -> None:
    await half_done(world)
    hold(world, scope=GROUP)
    hold(world, "elsewhere", scope=f"{GROUP}2")
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    wait = world.store.waits.of_upgrade(world.scale_set.unique_id, 1)
    assert wait is not None
    assert "held by 'freeze'" in wait.reason
    assert "elsewhere" not in wait.reason
    assert world.record().status is UpgradeStatus.ROLLING_FORWARD, "parked, not Faulted"
    world.store.wishes.release("FREEZE", world.clock())
    await tell(world)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED


async def test_c2_a_start_by_hand_is_refused_with_the_name_and_the_reason(world: World) -> None:
    await world.has_set(4)
    world.publish(NEW)
    hold(world)
    with pytest.raises(StartRefused, match=r"'freeze' on / by bob .* code freeze"):
        await world.start()


async def test_c2_two_holds_are_waited_for_one_after_the_other(world: World) -> None:
    await half_done(world)
    hold(world, "first", until=world.clock() + timedelta(hours=1))
    hold(world, "second")
    await world.pass_time(timedelta(minutes=90))
    await parked(world)
    assert await on_new(world) == 5
    world.store.wishes.release("second", world.clock())
    await tell(world)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED


async def test_c1_a_word_without_a_wish_changes_nothing(world: World) -> None:
    await half_done(world)
    for _ in range(3):
        await world.upgrade().signal(OsUpgradeWorkflow.look_again)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert "parked" not in world.decisions()
