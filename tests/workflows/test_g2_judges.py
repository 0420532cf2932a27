"""Judges in an upgrade: asked before each batch and all through a bake; they fail closed (G2)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest_asyncio
from temporalio.api.enums.v1 import EventType

from instar.compute.simulated.file.faults import Call
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.outside.judges import JudgeOtherwise
from tests.support.calling import HALVES, has_policy, judge
from tests.support.held import held, hold, release
from tests.support.limiting import has_limit
from tests.support.models import NEW
from tests.support.receivers import ALLOWED, DENIED, Got, has_webhook, outside, receiver
from tests.support.wishing import parked, pause, resume, tell
from tests.support.world import World, a_world


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, outside=outside()) as world:
        yield world


async def on_new(world: World) -> int:
    return list((await world.versions()).values()).count(NEW)


async def events(world: World, kind: str | None = None) -> list[str]:
    history = await world.upgrade().fetch_history()
    names = [EventType.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in history.events]
    return [one for one in names if kind in (None, one)]


async def test_g2_each_judge_is_asked_before_each_batch(world: World) -> None:
    async with receiver(lambda _got: ALLOWED) as there:
        await has_policy(world, judges=(judge(world, there), judge(world, there, name="chaos")))
        assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
        asked = sorted((got.event["batch"], got.event["judge"], got.event["occasion"]) for got in there.got)
    assert asked == [(batch, name, "beforeBatch") for batch in (1, 2) for name in ("chaos", "slo")]
    assert "parked" not in world.decisions()
    assert world.store.waits.of_upgrade(world.scale_set.unique_id, 1) is None


async def test_g2_n1_a_no_parks_it_is_told_and_it_goes_on_with_the_yes(world: World) -> None:
    async with receiver(lambda _got: DENIED) as there, receiver() as chat:
        has_webhook(world.store, chat.url, world.clock(), events=("parked",))
        await has_policy(world, judges=(judge(world, there),))
        await world.start()
        await world.until(lambda: "parked" in world.decisions() and bool(chat.taken))
        assert await on_new(world) == 0
        wait = world.store.waits.of_upgrade(world.scale_set.unique_id, 1)
        assert wait is not None
        assert wait.reason.endswith("says no: burning")
        assert chat.taken[0].event["data"]["message"] == f"parked: {wait.reason}"
        there.answers = lambda _got: ALLOWED
        assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert world.decisions().count("parked") == 1
    assert await on_new(world) == 4


async def test_g2_hours_of_no_cost_no_history(world: World) -> None:
    async with receiver(lambda _got: DENIED) as there:
        await has_policy(world, judges=(judge(world, there),))
        await world.start()
        await world.until(lambda: "parked" in world.decisions())
        await asyncio.sleep(0.5)
        before, asked = len(await events(world)), len(there.got)
        await world.pass_time(timedelta(hours=3))
        assert len(there.got) - asked > 100, "once a minute"
        assert len(await events(world)) == before
        there.answers = lambda _got: ALLOWED
        assert (await world.end_of()).status is UpgradeStatus.COMPLETED


async def test_g2_c1_what_is_wished_meanwhile_is_heeded_before_the_next_batch(world: World) -> None:
    async with receiver(lambda _got: DENIED) as there:
        await has_policy(world, judges=(judge(world, there),))
        await world.start()
        await world.until(lambda: "parked" in world.decisions())
        pause(world)
        await tell(world)
        await world.until(lambda: world.decisions().count("parked") == 2)
        assert "paused by ann" in world.reasons()
        there.answers = lambda _got: ALLOWED
        await world.at_rest(world.upgrade())
        assert await on_new(world) == 0
        resume(world)
        await tell(world)
        assert (await world.end_of()).status is UpgradeStatus.COMPLETED


async def test_g2_a_judge_that_stops_ends_it_and_what_is_done_stays(world: World) -> None:
    async with receiver(lambda got: ALLOWED if got.event["batch"] == 1 else DENIED) as there:
        await has_policy(world, judges=(judge(world, there, otherwise=JudgeOtherwise.STOP),))
        result = await world.upgraded()
    assert result.status is UpgradeStatus.CANCELLED
    assert "judge slo" in result.reason
    assert result.reason.endswith("says no: burning")
    assert await on_new(world) == 2


async def test_g2_a_judge_that_cannot_be_asked_parks_it_too(world: World) -> None:
    async with receiver(lambda _got: None) as there:
        await has_policy(world, judges=(judge(world, there, timeout=timedelta(seconds=1)),))
        await world.start()
        await world.until(lambda: "parked" in world.decisions())
        assert "could not be asked within 1 second" in world.reasons()
        await world.cancel()
        assert (await world.end_without_timers()).status is UpgradeStatus.CANCELLED
    assert await on_new(world) == 0


async def test_g2_p14_a_cancel_does_not_wait_for_a_judge_that_thinks(world: World) -> None:
    async with receiver(lambda _got: None) as there:
        await has_policy(world, judges=(judge(world, there),))
        await world.start()
        await world.until(lambda: bool(there.got))
        wait = world.store.waits.of_upgrade(world.scale_set.unique_id, 1)
        assert wait is not None
        assert wait.reason == "asks its judge: slo"
        await world.cancel()
        assert (await world.end_without_timers()).status is UpgradeStatus.CANCELLED


async def test_g2_w2_a_no_in_a_bake_stops_its_time_until_the_yes(world: World) -> None:
    nos = 0

    def answers(got: Got) -> bytes:
        nonlocal nos
        if got.event["occasion"] == "bake" and len(there.got) > 4 and nos < 30:
            nos += 1
            return DENIED
        return ALLOWED

    async with receiver(answers) as there:
        await has_policy(world, judges=(judge(world, there),), waves=(4,), bake="PT20M")
        assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    told = [one for one in world.decisions() if one in ("bake", "parked")]
    assert told[:3] == ["bake", "parked", "bake"]
    decisions = world.store.upgrades.decisions(world.scale_set.unique_id, 1)
    began, parked, again, *_ = [one for one in decisions if one.action in ("bake", "parked")]
    assert again.at - parked.at >= timedelta(minutes=29)
    assert "its judges say yes again" in again.reason
    ended = next(one for one in decisions if one.action in ("batch", "completed") and one.at > again.at)
    assert ended.at - began.at >= timedelta(minutes=49)


async def test_g2_w2_who_gets_sick_while_a_judge_says_no_in_a_bake_has_failed(world: World) -> None:
    async with receiver(lambda got: DENIED if got.event["occasion"] == "bake" else ALLOWED) as there:
        await has_policy(world, judges=(judge(world, there),), bake="PT1H")
        await world.start()
        await world.pass_time(timedelta(minutes=15))
        await world.until(lambda: "parked" in world.decisions())
        world.sick("0", "1")
        result = await world.end_of()
    assert result.status is UpgradeStatus.FAULTED
    assert "2 not healthy (0-1)" in world.reasons()


async def test_g2_w2_a_judge_that_stops_in_the_last_bake_ends_it(world: World) -> None:
    async with receiver(lambda got: DENIED if got.event["occasion"] == "bake" else ALLOWED) as there:
        await has_policy(world, judges=(judge(world, there, otherwise=JudgeOtherwise.STOP),), finalBake="PT1H")
        result = await world.upgraded()
    assert result.status is UpgradeStatus.CANCELLED
    assert result.reason.endswith("says no: burning")
    assert await on_new(world) == 4


async def test_g2_w4_who_only_asks_its_judges_keeps_its_place_in_the_line(world: World) -> None:
    has_limit(world, upgradesAtOnce=1)
    first, last = world.beside(), world.beside()
    await first.has_set(4, policy=HALVES, name="db")
    await last.has_set(4, policy=HALVES, name="queue")
    async with receiver(lambda _got: ALLOWED) as there:
        await has_policy(world, judges=(judge(world, there),))
        swap = hold(first, Call.SWAP, "0")
        await first.start()
        await held(first, swap)
        for one in (world, last):
            await one.start()
            await parked(one)
        release(first, swap)
        ends = [await one.end_of() for one in (first, world, last)]
    assert [one.status for one in ends] == [UpgradeStatus.COMPLETED] * 3
    ended = world.record().ended_at
    begun = next(one for one in world.store.upgrades.decisions(last.scale_set.unique_id, 1) if one.action == "batch")
    assert ended is not None
    assert begun.at >= ended, "whoever asked later goes on later"
