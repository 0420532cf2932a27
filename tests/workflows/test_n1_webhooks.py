"""What an upgrade tells, and how it is delivered: real activities, real receivers on loopback, virtual time."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from standardwebhooks.webhooks import Webhook as Standard
from temporalio.client import WorkflowExecutionStatus

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.messages.webhooks import Due
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import webhook_workflow_id
from instar.domain.telling.events import event_of_test
from instar.store.errors import Unavailable
from instar.store.webhooks.deliveries import Undelivered
from instar.store.webhooks.webhooks import StoredWebhook
from tests.support.models import NEW
from tests.support.receivers import SECRET, Got, has_webhook, outside, receiver
from tests.support.world import World, a_world
from workflows.webhooks.nudges import WebhookNudges

DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, outside=outside()) as world:
        yield world


def left(world: World, webhook: StoredWebhook) -> list[Undelivered]:
    return world.store.deliveries.undelivered(webhook.webhook.id)


async def asked(world: World, webhook: StoredWebhook, *drawn: str) -> None:
    """Test events, and word of them."""
    for one in drawn:
        event = event_of_test(webhook.webhook.name, "/", world.clock(), one)
        assert world.store.deliveries.ask(webhook.webhook.id, event, world.clock())
    await WebhookNudges(world.client).look([webhook.webhook.id])


async def status(world: World, webhook: StoredWebhook) -> WorkflowExecutionStatus | None:
    return (await world.client.get_workflow_handle(webhook_workflow_id(webhook.webhook.id)).describe()).status


async def closed(world: World, webhook: StoredWebhook) -> None:
    for _ in range(200):
        if await status(world, webhook) is WorkflowExecutionStatus.COMPLETED:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("an idle webhook still has a workflow")


async def test_n1_n2_an_upgrade_tells_its_steps_once_with_their_reasons(world: World) -> None:
    async with receiver() as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await world.has_set(2)
        world.publish(NEW)
        await world.upgraded()
        await world.until(lambda: not left(world, webhook))
    assert sorted(there.types) == ["batchDone", "batchDone", "completed", "started"]
    # The last batch is judged and the upgrade ended in one moment; which of both comes first is chance.
    events = sorted(
        (one.event for one in there.taken), key=lambda one: (one["time"], one["type"] == "instar.completed")
    )
    assert [one["type"] for one in events] == [
        f"instar.{one}" for one in ("started", "batchDone", "batchDone", "completed")
    ]
    last = events[-1]
    [decision] = [
        one for one in world.store.upgrades.decisions(world.scale_set.unique_id, 1) if one.action == "completed"
    ]
    assert last["data"]["message"] == decision.reason
    assert (last["specversion"], last["subject"]) == ("1.0", "upgrades/1")
    assert last["source"] == f"https://instar.test{world.scale_set.resource_id}"
    assert last["data"]["upgrade"]["targetVersion"] == NEW
    assert last["data"]["upgrade"]["counts"]["successful"] == 2
    links = last["data"]["links"]
    assert links["scaleSet"].startswith(f"https://instar.test{world.scale_set.resource_id}?api-version=")
    assert "/rollingUpgrades/latest?" in links["upgrade"]
    assert links["workflow"].startswith("https://temporal.test/namespaces/default/workflows/os-upgrade%2F")
    await closed(world, webhook)


async def test_n1_each_message_is_signed_and_its_id_is_that_of_the_event(world: World) -> None:
    async with receiver() as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, "a")
        await world.until(lambda: bool(there.taken))
    [got] = there.taken
    moment = datetime.fromtimestamp(int(got.headers["webhook-timestamp"]), world.clock().tzinfo)
    expected = Standard(SECRET).sign(got.headers["webhook-id"], moment, got.body.decode())
    assert got.headers["webhook-signature"] == expected
    assert got.headers["webhook-id"] == got.event["id"]
    assert "." not in got.event["id"]
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"


async def test_n1_a_bad_version_tells_of_the_rollback_the_breach_and_the_quarantine(world: World) -> None:
    async with receiver() as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await world.has_set(5)
        world.publish(NEW, VersionScript(never_healthy=frozenset({"0"})))
        await world.put(automatic=True)
        await world.pass_time(timedelta(hours=5))
        await world.until(lambda: not left(world, webhook))
    found = {one.type: one.event["data"] for one in there.taken}
    assert {"started", "rolledBack", "batchDone", "breached", "faulted", "quarantined"} <= set(found)
    assert found["rolledBack"]["instances"] == "0"
    assert found["rolledBack"]["message"].startswith("1 rolled back, healthy or stopped on the previous disk (0): ")
    assert "limit 20 %" in found["breached"]["message"]
    assert found["quarantined"]["version"] == NEW
    assert there.types.count("breached") == there.types.count("quarantined") == 1


async def test_n1_only_what_is_wanted_in_the_scope_is_told(world: World) -> None:
    async with receiver() as there:
        has_webhook(world.store, there.url, world.clock(), events=("completed",))
        has_webhook(world.store, there.url, world.clock(), name="other", scope="/subscriptions/elsewhere")
        await world.has_set(1)
        world.publish(NEW)
        await world.upgraded()
        await world.until(lambda: bool(there.taken))
        await asyncio.sleep(0.3)
    assert there.types == ["completed"]


async def test_n1_a_receiver_that_fails_is_tried_for_a_day_with_growing_pauses_then_listed(world: World) -> None:
    moments = list[datetime]()

    def answers(_got: Got) -> int:
        moments.append(world.clock())
        return 500

    async with receiver(answers) as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        begun = await world.look_at_the_clock()
        await asked(world, webhook, "a")
        for _ in range(27):
            await world.pass_time(timedelta(hours=1))
        await world.until(lambda: left(world, webhook)[0].given_up)
        [one] = left(world, webhook)
        assert 25 <= len(there.got) == one.attempts <= 40
        assert len({got.headers["webhook-id"] for got in there.got}) == 1
        assert (one.last_error, one.give_up_at) == ("the receiver answered 500", begun + DAY)
        by_hour = [
            sum(hour <= (moment - begun) / timedelta(hours=1) < hour + 1 for moment in moments) for hour in range(26)
        ]
        assert by_hour[0] >= 5
        assert max(by_hour[3:24]) <= 2
        assert by_hour[25] == 0
        await closed(world, webhook)
        there.answers = lambda _got: 200
        assert world.store.deliveries.resend(webhook.webhook.id, None, world.clock()) == 1
        await WebhookNudges(world.client).look([webhook.webhook.id])
        await world.until(lambda: not left(world, webhook))
    assert there.types == ["test"]


async def test_n1_one_event_that_fails_holds_up_no_other(world: World) -> None:
    first = event_of_test("chat", "/", world.clock(), "0").id
    async with receiver(lambda got: 500 if got.event["id"] == first else 200) as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, *map(str, range(20)))
        await world.until(lambda: len(left(world, webhook)) == 1)
    assert len(there.taken) == 19
    assert left(world, webhook)[0].event.id == first


async def test_n1_f1_a_worker_that_forgets_everything_delivers_all_the_same(tmp_path: Path) -> None:
    async with a_world(tmp_path, cached_workflows=0, outside=outside()) as world:
        first = event_of_test("chat", "/", world.clock(), "0").id
        async with receiver(lambda got: 500 if got.event["id"] == first else 200) as there:
            webhook = has_webhook(world.store, there.url, world.clock())
            await asked(world, webhook, *map(str, range(8)))
            await world.until(lambda: len(left(world, webhook)) == 1)
            there.answers = lambda _got: 200
            await world.pass_time(timedelta(minutes=5))
            await world.until(lambda: not left(world, webhook))
            await closed(world, webhook)
        assert len(there.taken) == 8


async def test_n1_a_receiver_that_says_gone_is_told_nothing_more(world: World) -> None:
    async with receiver(lambda _got: 410) as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, "a")
        await world.until(lambda: all(one.given_up for one in left(world, webhook)))
        await closed(world, webhook)
        await asked(world, webhook, "b")
        await closed(world, webhook)
    assert len(there.got) == 1
    found = world.store.webhooks.find("chat")
    assert found is not None
    assert not found.webhook.enabled
    assert "410" in found.webhook.why_disabled


@pytest.mark.parametrize("answer", [(301, "Location: http://127.0.0.1:1/\r\n"), (404, ""), (199, "")])
async def test_n1_what_is_no_success_is_tried_again(world: World, answer: tuple[int, str]) -> None:
    answers = iter([answer])
    async with receiver(lambda _got: next(answers, 200)) as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, "a")
        await world.until(lambda: bool(there.got) and bool(left(world, webhook)[0].last_error))
        await world.pass_time(timedelta(minutes=2))
        await world.until(lambda: not left(world, webhook))
    assert len(there.got) == 2


async def test_n1_a_workflow_that_was_terminated_is_begun_anew_and_loses_nothing(world: World) -> None:
    async with receiver(lambda _got: 500) as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, "a", "b")
        await world.until(lambda: len(there.got) >= 2)
        await world.client.get_workflow_handle(webhook_workflow_id(webhook.webhook.id)).terminate("by hand")
        there.answers = lambda _got: 200
        assert world.store.deliveries.waiting(world.clock() + timedelta(minutes=1)) == [webhook.webhook.id]
        await WebhookNudges(world.client).begin([webhook.webhook.id])
        await world.until(lambda: not left(world, webhook))
    assert len(there.taken) == 2


async def test_n1_f1_what_was_taken_and_not_noted_is_sent_again_with_the_same_id(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted, times = world.store.deliveries.delivered, list[str]()

    def killed_once(webhook_id: str, event_id: str, now: datetime) -> None:
        times.append(event_id)
        if len(times) == 1:
            raise Unavailable("the worker died here")
        noted(webhook_id, event_id, now)

    monkeypatch.setattr(world.store.deliveries, "delivered", killed_once)
    async with receiver() as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, "a")
        await world.until(lambda: len(times) == 1)
        await world.pass_time(timedelta(minutes=1))
        await world.until(lambda: not left(world, webhook))
    assert len(there.taken) == 2
    assert len({one.headers["webhook-id"] for one in there.taken}) == 1


async def test_n1_a_store_that_is_away_delays_and_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    due, times = world.store.deliveries.due, list[int]()

    def away_at_first(webhook_id: str, in_flight: Any, at_most: int) -> Due:
        times.append(at_most)
        if len(times) <= 2:
            raise Unavailable("away")
        return due(webhook_id, in_flight, at_most)

    monkeypatch.setattr(world.store.deliveries, "due", away_at_first)
    async with receiver() as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, "a")
        await world.until(lambda: len(times) >= 1)
        await world.pass_time(timedelta(minutes=1))
        await world.until(lambda: not left(world, webhook))
    assert there.types == ["test"]


async def test_n1_a_webhook_that_is_deleted_while_it_is_tried_ends_its_workflow(world: World) -> None:
    async with receiver(lambda _got: 500) as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, "a")
        await world.until(lambda: bool(there.got))
        assert world.store.webhooks.delete("chat", expected_etag=webhook.etag)
        await WebhookNudges(world.client).look([webhook.webhook.id])
        await closed(world, webhook)


async def test_n1_what_is_written_without_a_word_is_found_while_another_is_tried(world: World) -> None:
    first = event_of_test("chat", "/", world.clock(), "0").id
    async with receiver(lambda got: 500 if got.event["id"] == first else 200) as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, "0")
        await world.until(lambda: bool(there.got))
        event = event_of_test("chat", "/", world.clock(), "1")
        world.store.deliveries.ask(webhook.webhook.id, event, world.clock())
        await world.pass_time(timedelta(minutes=11))
        await world.until(lambda: len(there.taken) == 1)


async def test_n1_a_receiver_that_never_answers_slows_no_upgrade(tmp_path: Path) -> None:
    async with (
        a_world(tmp_path, forgetful_after=10_000, outside=outside()) as world,
        receiver(lambda _got: None) as there,
    ):
        await world.has_set(3, boot=timedelta(0))
        world.publish(NEW)
        webhook = has_webhook(world.store, there.url, world.clock())
        began = time.monotonic()
        ended: Any = await world.upgrade((await world.start()).number).result()
        took = time.monotonic() - began
        assert ended.status is UpgradeStatus.COMPLETED
        assert took < 12, "a receiver has 15 seconds"
        await world.until(lambda: len(there.got) >= 5)
        assert len(left(world, webhook)) == 5


async def test_n1_the_history_of_many_deliveries_is_bounded(tmp_path: Path) -> None:
    async with a_world(tmp_path, forgetful_after=60, outside=outside()) as world, receiver() as there:
        webhook = has_webhook(world.store, there.url, world.clock())
        await asked(world, webhook, *map(str, range(120)))
        await world.until(lambda: not left(world, webhook))
        await closed(world, webhook)
        assert len({one.event["id"] for one in there.taken}) == 120
        handle = world.client.get_workflow_handle(webhook_workflow_id(webhook.webhook.id))
        history = await handle.fetch_history()
        first = history.events[0].workflow_execution_started_event_attributes
        assert first.continued_execution_run_id
