"""Hooks in an upgrade: before each swap, after each machine is healthy, and closed whatever happens (G1)."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook as Standard
from temporalio.client import WorkflowUpdateFailedError

from activities import heartbeats
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.outside.hooks import HookPoint, Otherwise
from instar.domain.steering.rollout_policy import RolloutPolicy
from tests.support.calling import HALVES, became, has_policy, hook, machines, none_is_open, pair, paired
from tests.support.heard import heard
from tests.support.models import NEW
from tests.support.receivers import SECRET, Got, outside, receiver
from tests.support.seed import SEED
from tests.support.world import World, a_world

BEFORE, AFTER = HookPoint.BEFORE_SWAP, HookPoint.AFTER_HEALTHY
ALL = {"0": 1, "1": 1, "2": 1, "3": 1}


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, outside=outside()) as world:
        yield world


def is_opening(got: Got, *ids: str) -> bool:
    """Of one of these machines, or of any."""
    event = got.event
    return event["at"] == BEFORE and (not ids or event["instance"]["id"] in ids)


async def on_new(world: World) -> list[str]:
    return [one for one, version in (await world.versions()).items() if version == NEW]


async def test_g1_each_machine_is_opened_before_its_swap_and_closed_once_it_is_healthy(world: World) -> None:
    async with receiver() as there:
        await has_policy(world, hooks=pair(world, there))
        result = await world.upgraded()
        assert result.status is UpgradeStatus.COMPLETED
        assert machines(there, BEFORE) == machines(there, AFTER) == ALL
        order = [(got.event["at"], got.event["instance"]["id"], got.event["batch"]) for got in there.got]
        for first, second, batch in ((BEFORE, AFTER, 1), (BEFORE, AFTER, 2)):
            ids = [one for at, one, of in order if of == batch and at == first]
            assert sorted(one for at, one, of in order if of == batch and at == second) == sorted(ids)
        assert [of for _, _, of in order] == [1] * 4 + [2] * 4
        for got in there.got:
            moment = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), UTC)
            signed = Standard(SECRET).sign(got.headers["webhook-id"], moment, got.body.decode())
            assert got.headers["webhook-signature"] == signed
        assert set(became(there).values()) == {""}
    assert "hooks" not in world.decisions(), "a yes is no news"


async def test_g1_a_skipped_machine_is_left_out_with_the_reason_and_counts_for_nothing(world: World) -> None:
    async with receiver(lambda got: 409 if is_opening(got, "1") else 200) as there:
        await has_policy(world, hooks=pair(world, there, otherwise="skip"))
        result = await world.upgraded()
        assert result.status is UpgradeStatus.COMPLETED
        assert world.outcomes()["1"] == "skipped"
        assert sorted(await on_new(world)) == ["0", "2", "3"]
        assert became(there)["1"] == "skipped"
        assert paired(there)
    reasons = world.reasons()
    assert "answered 409: this machine is skipped" in reasons
    assert "0 of 1 attempted instances unhealthy" in reasons


async def test_g1_a_hook_that_stops_ends_the_upgrade_and_nobody_of_the_batch_is_touched(world: World) -> None:
    async with receiver(lambda got: 500 if is_opening(got, "2") else 200) as there:
        await has_policy(world, hooks=pair(world, there, otherwise="stop"))
        result = await world.upgraded()
        assert result.status is UpgradeStatus.CANCELLED
        assert "hook drain" in result.reason
        assert "answered 500: the upgrade stops" in result.reason
        assert sorted(await on_new(world)) == ["0", "1"]
        assert (became(there)["2"], became(there)["0"]) == ("pending", "")
        assert none_is_open(there)


async def test_g1_what_proceeds_without_a_yes_is_told(world: World) -> None:
    async with receiver(lambda got: 404 if is_opening(got) else 200) as there:
        await has_policy(world, hooks=pair(world, there, otherwise="proceed"))
        assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
        assert paired(there)
    assert "answered 404: it goes on all the same (0-1)" in world.reasons()


async def test_g1_a_receiver_that_is_dead_does_what_the_hook_says(world: World) -> None:
    async with receiver(lambda _got: None) as there:
        await has_policy(world, hooks=(hook(world, there, BEFORE, timeout=timedelta(seconds=1), otherwise="skip"),))
        assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    assert set(world.outcomes().values()) == {"skipped"}
    assert await on_new(world) == []
    assert "did not say yes within 1 second" in world.reasons()


async def test_g1_a_drain_that_asks_to_be_asked_again_is_waited_for(world: World) -> None:
    seen = list[str]()

    def answers(got: Got) -> int | tuple[int, str]:
        if not is_opening(got) or got.headers["webhook-id"] in seen:
            return 200
        seen.append(got.headers["webhook-id"])
        return (202, "Retry-After: 1\r\n")

    async with receiver(answers) as there:
        await has_policy(world, hooks=pair(world, there))
        assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
        assert machines(there, BEFORE) == ALL, "under the same id"
        assert paired(there)


async def test_g1_p9_a_failed_machine_and_a_breach_are_closed_and_told_as_that(world: World) -> None:
    async with receiver() as there:
        await has_policy(world, hooks=pair(world, there))
        world.publish(NEW, VersionScript(never_healthy=frozenset({"0", "1"})))
        result = await world.upgraded()
        assert result.status is UpgradeStatus.FAULTED
        assert became(there) == {"0": "failed", "1": "failed"}
        assert paired(there)


async def test_g1_a_machine_that_vanished_is_closed_too(world: World) -> None:
    async with receiver(lambda got: (202, "Retry-After: 1\r\n") if is_opening(got) else 200) as there:
        await has_policy(world, hooks=pair(world, there))
        await world.start()
        await world.until(lambda: len(there.got) == 2)
        await world.fleet.delete_instance(world.scale_set, "1")
        there.answers = lambda _got: 200
        assert (await world.end_of()).status is UpgradeStatus.COMPLETED
        assert became(there)["1"] == "vanished"
        assert paired(there)


async def test_g1_p14_a_cancel_while_hooks_are_called_closes_those_that_were(world: World) -> None:
    async with receiver(lambda got: None if is_opening(got, "1") else 200) as there:
        await has_policy(world, hooks=pair(world, there))
        await world.start()
        await world.until(lambda: len(there.got) == 2)
        await world.cancel()
        result = await world.end_without_timers()
        assert result.status is UpgradeStatus.CANCELLED
        assert became(there) == {"0": "pending", "1": "pending"}
        assert paired(there)
    assert await on_new(world) == []


async def test_g1_p14_a_cancel_in_the_health_wait_closes_the_batch(world: World) -> None:
    async with receiver() as there:
        await has_policy(world, hooks=pair(world, there))
        await world.start()
        await world.until(lambda: "batch" in world.decisions() and len(there.taken) == 2)
        await asyncio.sleep(0.5)
        await world.cancel()
        assert (await world.end_without_timers()).status is UpgradeStatus.CANCELLED
        assert became(there) == {"0": "failed", "1": "failed"}
        assert paired(there)


async def test_g1_after_a_cancel_closing_hooks_that_do_not_answer_are_not_waited_for_long(tmp_path: Path) -> None:
    async with (
        a_world(tmp_path, sealed=False, outside=outside()) as world,
        receiver(lambda got: 200 if is_opening(got) else None) as there,
    ):
        opening, closing = pair(world, there)
        await has_policy(world, hooks=(opening, closing.model_copy(update={"timeout": timedelta(seconds=2)})))
        await world.start()
        await world.until(lambda: len(there.taken) == 2)
        await asyncio.sleep(0.5)
        await world.cancel()
        assert (await world.end_without_timers()).status is UpgradeStatus.CANCELLED
        assert machines(there, AFTER) == {"0": 1, "1": 1}
        events = [one.SerializeToString() for one in (await world.upgrade().fetch_history()).events]
    assert len([one for one in events if b'"at_most":"PT5M"' in one]) == 1


async def test_g1_a_closing_hook_may_stop_the_upgrade_once_all_were_told(world: World) -> None:
    async with receiver(lambda got: 200 if is_opening(got) else 500) as there:
        opening, closing = pair(world, there)
        await has_policy(world, hooks=(opening, closing.model_copy(update={"otherwise": Otherwise.STOP})))
        result = await world.upgraded()
        assert result.status is UpgradeStatus.CANCELLED
        assert "hook back" in result.reason
        assert machines(there, AFTER) == {"0": 1, "1": 1}
    assert sorted(await on_new(world)) == ["0", "1"]


async def test_g1_a_closing_hook_alone_is_told_of_healthy_machines(world: World) -> None:
    async with receiver() as there:
        await has_policy(world, hooks=(hook(world, there, AFTER),))
        assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
        assert became(there) == dict.fromkeys(ALL, "")


async def test_g1_a_worker_that_is_replaced_asks_again_with_the_same_id(tmp_path: Path) -> None:
    async with (
        a_world(tmp_path, forgetful_after=10_000, outside=outside()) as world,
        receiver(lambda got: 200 if got.event["instance"]["id"] != "1" else None) as there,
    ):
        await has_policy(world, boot=timedelta(0), hooks=pair(world, there))
        await world.start()
        await world.until(lambda: len(there.got) == 2)
        await world.stop_workers()
        there.answers = lambda _got: 200
        await world.start_workers()
        assert (await world.upgrade().result()).status is UpgradeStatus.COMPLETED
        assert machines(there, BEFORE) == ALL
        assert paired(there)
    again = [got.headers["webhook-id"] for got in there.got if is_opening(got, "1")]
    assert len(again) == 2
    assert len(set(again)) == 1
    assert len([got for got in there.got if is_opening(got, "0")]) == 1, "what was heard is not asked again"


async def test_g1_the_number_of_machines_costs_no_history(world: World) -> None:
    async with receiver() as there:
        await has_policy(world, size=40, hooks=pair(world, there))
        await world.upgraded()
        history = await world.upgrade().fetch_history()
        assert sum(machines(there, BEFORE).values()) == 40
    calls = [
        event.activity_task_scheduled_event_attributes.activity_type.name
        for event in history.events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    assert calls.count("call_hooks") == 4, "one to open and one to close each of two batches"


async def test_g1_without_hooks_nothing_of_them_is_in_the_history(tmp_path: Path) -> None:
    async with a_world(tmp_path, sealed=False) as world:
        await has_policy(world, waves=(2,))
        await world.upgraded()
        history = await world.upgrade().fetch_history()
    told = history.to_json()
    assert "call_hooks" not in told
    assert "ask_judges" not in told
    payloads = b"".join(one.SerializeToString() for one in history.events)
    for member in (b'"opened"', b'"judged"', b'"asks"', b'"hooks"', b'"judges"'):
        assert member not in payloads


async def test_g1_g4_f5_no_url_and_no_secret_goes_through_temporal(tmp_path: Path) -> None:
    async with a_world(tmp_path, sealed=False, outside=outside()) as world, receiver() as there:
        await has_policy(world, hooks=pair(world, there))
        await world.upgraded()
        await heard(world.upgrade())
        told = b"".join(one.SerializeToString() for one in (await world.upgrade().fetch_history()).events)
        assert b"drain" in told
        assert "drain" in str(world.store.rollout_policies.get(world.scale_set.unique_id))
    assert b"hunter2" not in told
    assert SECRET.removeprefix("whsec_").encode() not in told


@pytest.mark.parametrize("run", range(3))
async def test_g1_whatever_is_answered_and_whenever_it_is_cancelled_opened_machines_are_closed(
    world: World, run: int
) -> None:
    draw = random.Random(f"{SEED}-{run}")  # of a test
    size = 12
    says = {str(one): draw.choice([200, 200, 204, 409, 404, (202, "Retry-After: 1\r\n"), None]) for one in range(size)}
    sick = frozenset(str(one) for one in range(size) if draw.random() < 0.3)
    vanishes = {str(one) for one in range(size) if draw.random() < 0.1}
    cancels_after = draw.choice([None, *range(1, 2 * size)])
    asked = set[str]()

    def answers(got: Got) -> int | tuple[int, str] | None:
        one = got.event["instance"]["id"]
        if not is_opening(got):
            return 200
        says_now = 200 if got.headers["webhook-id"] in asked and isinstance(says[one], tuple) else says[one]
        asked.add(got.headers["webhook-id"])
        return says_now

    async with receiver(answers) as there:
        await world.has_set(size, policy=HALVES | {"maxUnhealthyUpgradedInstancePercent": 100})
        rules = {"timeout": timedelta(seconds=2), "otherwise": draw.choice(list(Otherwise))}
        policy = RolloutPolicy(hooks=pair(world, there, **rules), waves=(3, 5))
        world.store.rollout_policies.put(world.scale_set.unique_id, policy, "ann", world.clock(), "", lambda _: None)
        world.publish(NEW, VersionScript(never_healthy=sick))
        await world.start()
        if cancels_after is not None:
            for _ in range(300):
                if len(there.got) >= cancels_after:
                    break
                await asyncio.sleep(0.02)
            with suppress(WorkflowUpdateFailedError):  # it has ended already: a hook has stopped it
                await world.cancel()
        for one in vanishes & set(machines(there, BEFORE)):
            await world.fleet.delete_instance(world.scale_set, one)
        result = await world.end_of()
        opened = machines(there, BEFORE)
        is_cut_off = result.status is UpgradeStatus.CANCELLED
        assert none_is_open(there) if is_cut_off else paired(there), (opened, machines(there, AFTER))
    skipped = {one for one, outcome in world.outcomes().items() if outcome == "skipped"}
    assert all(became(there)[one] == "skipped" for one in skipped)
    assert not set(await on_new(world)) - set(opened), "nobody is swapped whose hook was not called"


async def test_g1_p7_a_machine_that_is_rolled_back_is_closed_after_that(world: World) -> None:
    async with receiver() as there:
        await has_policy(world, size=5, hooks=pair(world, there))
        world.publish(NEW, VersionScript(never_healthy=frozenset({"0"})))
        await world.put(automatic=True)
        await world.pass_time(timedelta(hours=4))
        await world.until(lambda: world.history()[-1].status.ended)
        assert world.outcomes()["0"] == "rolledBack"
        assert became(there)["0"] == "rolledBack"
        assert paired(there)


async def test_g1_p14_a_worker_that_dies_during_a_cancel_leaves_nobody_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the real server: the time-skipping one never gives up an attempt that was asked to cancel.
    async with (
        a_world(tmp_path, forgetful_after=10_000, outside=outside()) as world,
        receiver(lambda got: None if is_opening(got) else 200) as there,
    ):
        await has_policy(world, boot=timedelta(0), hooks=pair(world, there))
        # A dead worker is one whose heartbeats stop: it learns of no cancel, and the server gives its attempt up.
        monkeypatch.setattr(heartbeats, "FIRST_SECONDS", 3600.0)
        await world.start()
        await world.until(lambda: len(there.got) == 2)
        monkeypatch.undo()
        await world.cancel()
        assert (await world.upgrade().result()).status is UpgradeStatus.CANCELLED
        assert became(there) == {"0": "pending", "1": "pending"}
        assert paired(there)
