"""Upgrades of several sets that share limits: who waits, for what, and what ends it (docs/rules.md W4)."""

from collections import Counter
from datetime import timedelta

from temporalio.client import WorkflowExecutionStatus
from temporalio.worker import Replayer

from activities.keeping.words import Words
from instar.domain.messages.keepers import Keeps
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import TURNS
from instar.domain.steering.turns.turns import Turn
from tests.support.limiting import has_limit, has_no_limit, keeper_id
from tests.support.models import GROUP, NEW, OLD
from tests.support.wishing import parked, pause, resume, tell
from tests.support.world import World
from workflows.plugin import instar_plugin

WORKFLOW_TASKS, AN_ACTIVITY = (5, 6, 7), (10, 11, 12)
HALVES = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50}


async def two_sets(world: World, size: int = 4) -> World:
    """Two sets, a newer version, and the second of them."""
    other = world.beside()
    await world.has_set(size, policy=HALVES)
    await other.has_set(size, policy=HALVES, name="db")
    world.publish(NEW)
    return other


async def first_batch(world: World) -> None:
    await world.until(lambda: "batch" in world.decisions())


async def started(world: World, other: World) -> None:
    """The first one runs, and the second one waits for it."""
    await world.start()
    await first_batch(world)
    await other.start()
    await parked(other)


def turn_of(world: World, number: int = 1) -> Turn | None:
    return world.store.turns.find(world.scale_set.unique_id, number)


def waits_for(world: World) -> str:
    wait = world.store.waits.of_upgrade(world.scale_set.unique_id, 1)
    return wait.reason if wait else ""


async def commands(world: World) -> list[int]:
    """Events but for workflow tasks, whose number is that of the worker's wakings."""
    events = (await world.upgrade().fetch_history()).events
    return sorted(one.event_type for one in events if one.event_type not in WORKFLOW_TASKS)


async def keeper_status(world: World) -> WorkflowExecutionStatus | None:
    return (await world.client.get_workflow_handle(keeper_id()).describe()).status


async def test_w4_one_at_a_time_and_the_second_goes_on_as_soon_as_the_first_has_ended(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    assert waits_for(other) == "waits for its turn: 1 of 1 upgrades run (limit 'all')"
    assert other.record().status is UpgradeStatus.ROLLING_FORWARD, "parked, not Faulted"
    assert set((await other.versions()).values()) == {OLD}
    first = await world.end_of()
    begun = other.decisions()
    assert first.status is UpgradeStatus.COMPLETED
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED
    assert "batch" not in begun or begun.index("parked") < begun.index("batch")
    ended = world.record().ended_at
    batches = [one.at for one in world.store.upgrades.decisions(other.scale_set.unique_id, 1) if one.action == "batch"]
    assert ended is not None
    assert ended <= batches[0] <= ended + timedelta(minutes=2)
    assert turn_of(world) is turn_of(other) is None


async def test_w4_without_a_limit_there_is_no_event_and_no_row_more(world: World) -> None:
    other = await two_sets(world)
    await world.upgraded()
    assert world.store.turns.all()[1] == ()
    has_limit(world, upgradesAtOnce=1, machinesOutAtOnce=2)
    await other.upgraded()
    bare, limited = [await commands(one) for one in (world, other)]
    more = Counter(limited)
    more.subtract(bare)
    once_more = dict.fromkeys(AN_ACTIVITY, 2)
    assert +more == once_more, "one whose turn it is at once is written down before it asks: a look and a write"
    assert not -more
    assert len(bare) > 30


async def test_w4_machines_of_two_batches_that_would_be_too_many_are_out_one_after_the_other(world: World) -> None:
    has_limit(world, machinesOutAtOnce=3)
    other = await two_sets(world)
    await world.start()
    await first_batch(world)
    await other.start()
    await parked(other)
    assert waits_for(other) == "waits for its turn: 2 of 3 machines are out and its batch is of 2 (limit 'all')"
    assert {one.status for one in (await world.end_of(), await other.end_of())} == {UpgradeStatus.COMPLETED}
    # In virtual time the next begins in the moment in which the one before is judged.
    moments = sorted(
        (one.at, one.action == "batch", name, one.action)
        for name, each in (("web", world), ("db", other))
        for one in world.store.upgrades.decisions(each.scale_set.unique_id, 1)
        if one.action in {"batch", "verdict"}
    )
    out = ""
    for _, _, name, action in moments:
        assert action == "verdict" or not out, f"{name} begins a batch while {out} has machines out"
        out = name if action == "batch" else ""


async def test_w4_a_batch_larger_than_the_limit_is_cut_to_it(world: World) -> None:
    has_limit(world, machinesOutAtOnce=1)
    await world.has_set(4, policy=HALVES)
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    assert world.decisions().count("batch") == 4
    assert "its limits give it 1 machines" in world.reasons()


async def test_w4_a_holder_that_was_terminated_is_found_and_its_lease_freed(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    await world.upgrade().terminate("by hand")
    await world.its_workflow().terminate("by hand, too: nobody looks after it")
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED
    assert world.record().status is UpgradeStatus.ROLLING_FORWARD, "it never said a word"


async def test_w4_a_holder_whose_set_was_deleted_holds_nothing(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    await world.ended(await world.delete())
    assert turn_of(world) is None
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED


async def test_w4_a_terminated_keeper_is_begun_anew_and_nothing_is_lost(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    await world.client.get_workflow_handle(keeper_id()).terminate("by hand")
    assert (turn_of(world), turn_of(other)) != (None, None), "what it saw to is not its own"
    await Words(world.client).begin(Keeps(what=TURNS))
    assert await keeper_status(world) is WorkflowExecutionStatus.RUNNING
    assert {one.status for one in (await world.end_of(), await other.end_of())} == {UpgradeStatus.COMPLETED}


async def test_w4_the_end_of_one_tells_the_next_without_any_keeper(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    await world.client.get_workflow_handle(keeper_id()).terminate("by hand")
    await world.end_of()
    await other.end_of()
    first, second = world.record().ended_at, other.record().ended_at
    assert first is not None
    assert second is not None
    assert second - first < timedelta(hours=1), "its own look would have been after two"


async def test_w4_paused_in_the_line_it_lets_others_go_first_and_keeps_its_place(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    since = turn_of(other)
    pause(other)
    await tell(other)
    await other.until(lambda: (turn_of(other) or since) != since)
    aside = turn_of(other)
    assert since is not None
    assert aside is not None
    assert (aside.waits, aside.has_slot, aside.since) == (False, False, since.since)
    await world.end_of()
    resume(other)
    await tell(other)
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED


async def test_w4_who_runs_already_counts_at_a_limit_that_is_new_or_whose_leases_were_lost(world: World) -> None:
    other = await two_sets(world)
    await world.start()
    await first_batch(world)
    has_limit(world, upgradesAtOnce=1)
    world.store.turns.settle()
    mine = turn_of(world)
    assert mine is not None
    assert (mine.has_slot, mine.begun, mine.machines) == (True, True, 2)
    await other.start()
    await parked(other)
    assert "1 of 1 upgrades run" in waits_for(other)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED


async def test_w4_a_limit_that_is_deleted_while_somebody_waits_lets_him_go_on(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    has_no_limit(world)
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED
    resume(world)
    await tell(world)
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED


async def test_w4_a_limit_that_is_raised_while_somebody_waits_lets_him_go_on(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    has_limit(world, upgradesAtOnce=2)
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED
    assert world.record().status is UpgradeStatus.ROLLING_FORWARD


async def test_w4_a_paused_upgrade_holds_no_machines(world: World) -> None:
    has_limit(world, machinesOutAtOnce=2)
    other = await two_sets(world)
    await world.start()
    await first_batch(world)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    mine = turn_of(world)
    assert mine is not None
    assert (mine.machines, mine.waits) == (0, False)
    await other.start()
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED
    assert "parked" not in other.decisions()


async def test_w4_between_two_batches_it_holds_no_machines(world: World) -> None:
    has_limit(world, machinesOutAtOnce=2)
    other = world.beside()
    await world.has_set(4, policy=HALVES | {"pauseTimeBetweenBatches": "PT3H"})
    await other.has_set(4, policy=HALVES, name="db")
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=20))
    assert world.decisions().count("verdict") == 1
    mine = turn_of(world)
    assert mine is not None
    assert (mine.machines, mine.waits) == (0, False)
    await other.start()
    await other.pass_time(timedelta(minutes=40))
    assert (await other.end_without_timers()).status is UpgradeStatus.COMPLETED
    assert "parked" not in other.decisions()
    assert world.decisions().count("batch") == 1
    await world.cancel()
    await world.end_of()


async def test_w4_a_limit_elsewhere_concerns_nobody_here(world: World) -> None:
    has_limit(world, upgradesAtOnce=1, scope=f"{GROUP}2")
    other = await two_sets(world)
    await world.start()
    await other.start()
    assert {one.status for one in (await world.end_of(), await other.end_of())} == {UpgradeStatus.COMPLETED}
    assert "parked" not in (*world.decisions(), *other.decisions())


async def test_w4_waiting_costs_ten_events_an_hour_at_most_and_the_keeper_none(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    pause(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    keeper = world.client.get_workflow_handle(keeper_id())
    before = [len((await one.fetch_history()).events) for one in (other.upgrade(), keeper)]
    await world.pass_time(timedelta(hours=6, minutes=1))
    await world.at_rest(other.upgrade())
    after = [len((await one.fetch_history()).events) for one in (other.upgrade(), keeper)]
    assert after[0] - before[0] <= 60
    assert after[1] == before[1]
    assert other.decisions().count("parked") == 1
    resume(world)
    await tell(world)
    assert {one.status for one in (await world.end_of(), await other.end_of())} == {UpgradeStatus.COMPLETED}


async def test_w4_a_cancel_ends_the_waiting_and_gives_the_place_away(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    other = await two_sets(world)
    await started(world, other)
    await other.cancel()
    assert (await other.end_without_timers()).status is UpgradeStatus.CANCELLED
    assert turn_of(other) is None
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED


async def test_w4_the_keeper_ends_once_nothing_is_left_and_replays(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    await world.has_set(2)
    world.publish(NEW)
    await world.upgraded()
    await world.pass_time(timedelta(minutes=3))
    assert await keeper_status(world) is WorkflowExecutionStatus.COMPLETED
    replayer = Replayer(workflows=[], plugins=[instar_plugin(world.client.data_converter.payload_codec)])
    await replayer.replay_workflow(await world.client.get_workflow_handle(keeper_id()).fetch_history())
