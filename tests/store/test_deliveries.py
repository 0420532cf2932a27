"""What is to be delivered is written with what it tells of, or not at all."""

from datetime import timedelta
from pathlib import Path

import pytest

from instar.domain.images.images import ImageReference
from instar.domain.records.quarantine import Quarantine, QuarantinedVersion
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import Decision, UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.telling.events import event_of_test
from instar.domain.telling.webhooks import Webhook
from instar.store.database.sealing import Sealer
from instar.store.errors import Conflict, QuotaExceeded
from instar.store.quotas import Counted
from instar.store.steering.rollout_policies import DEFAULT
from instar.store.store import Store
from instar.store.webhooks.webhooks import Place
from tests.store.samples import NOW, SUBSCRIPTION, document, identity
from tests.support.receivers import SECRET, has_webhook

URL = "https://hooks.example.com/hook"


def record(*decisions: tuple[int, str], status: UpgradeStatus = UpgradeStatus.ROLLING_FORWARD) -> UpgradeRecord:
    return UpgradeRecord(
        scale_set=identity(),
        number=1,
        operation_id="",
        started_by=StartedBy.USER,
        target=ImageReference(publisher="p", offer="o", sku="s", version="2"),
        generation=1,
        policy=RollingUpgradePolicy(),
        status=status,
        started_at=NOW,
        decisions=tuple(
            Decision(sequence=sequence, at=NOW, batch=0, action=action, reason=f"because {action}")
            for sequence, action in decisions
        ),
    )


def told(store: Store, name: str = "chat") -> list[str]:
    found = store.webhooks.find(name)
    assert found is not None
    return [one.event.type.value for one in store.deliveries.undelivered(found.webhook.id)]


def test_n1_a_decision_is_told_once_however_often_it_is_written(store: Store) -> None:
    webhook = has_webhook(store, URL, NOW).webhook
    assert store.upgrades.write(record((1, "started")), NOW) == [webhook.id]
    [one] = store.deliveries.undelivered(webhook.id)
    store.deliveries.delivered(webhook.id, one.event.id, NOW)
    assert store.upgrades.write(record((1, "started")), NOW) == []
    assert store.upgrades.write(record((1, "started"), (2, "verdict")), NOW) == [webhook.id]
    assert told(store) == ["batchDone"]


def test_n1_what_cannot_be_told_is_not_written_either(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    has_webhook(store, URL, NOW)

    def fails(*_: object) -> list[str]:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr("instar.store.upgrades.tell", fails)
        with pytest.raises(RuntimeError):
            store.upgrades.write(record((1, "started")), NOW)
    assert store.upgrades.decisions("u-1", 1) == []
    store.upgrades.write(record((1, "started")), NOW)
    assert told(store) == ["started"]


def test_n1_a_quarantine_and_a_held_set_are_told_when_they_come_to_be(store: Store) -> None:
    has_webhook(store, URL, NOW)
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(), NOW)
    bad = QuarantinedVersion(version="2", since=NOW, number=1, generation=1, reason="sick")
    first = ScaleSetStatus(quarantine=Quarantine(versions=(bad,)))
    store.statuses.write("u-1", first, NOW)
    store.statuses.write("u-1", first, NOW)
    later = NOW + timedelta(hours=1)
    store.statuses.write("u-1", first.model_copy(update={"held": "the records are old"}), later)
    store.statuses.write("u-1", first, NOW)
    store.statuses.write("u-1", first, later + timedelta(hours=1))
    assert sorted(told(store)) == ["held", "holdEnded", "quarantined"]
    assert store.statuses.write("another", first, NOW) == []


def test_n1_only_webhooks_of_the_scope_that_want_it_and_are_on_are_told(store: Store) -> None:
    for name, scope, events in (
        ("everything", "/", ("*",)),
        ("subscription", f"/SUBSCRIPTIONS/{SUBSCRIPTION.upper()}", ("started",)),
        ("other", "/subscriptions/other", ("*",)),
        ("ends", "/", ("completed",)),
    ):
        has_webhook(store, URL, NOW, name=name, scope=scope, events=events)
    off = store.webhooks.find("everything")
    assert off is not None
    store.deliveries.disable(off.webhook.id, "gone")
    wanting = store.webhooks.find("subscription")
    assert wanting is not None
    assert store.upgrades.write(record((1, "started")), NOW) == [wanting.webhook.id]
    assert {name: told(store, name) for name in ("everything", "subscription", "other", "ends")} == {
        "everything": [],
        "subscription": ["started"],
        "other": [],
        "ends": [],
    }


def test_events_are_due_in_the_order_of_what_happened(store: Store) -> None:
    webhook = has_webhook(store, URL, NOW).webhook
    for number in (3, 1, 2):
        at = NOW + timedelta(minutes=number)
        store.deliveries.ask(webhook.id, event_of_test("chat", "/", at, str(number)), at)
    due = store.deliveries.due(webhook.id, (), 2)
    ids = [event_of_test("chat", "/", NOW, str(number)).id for number in (1, 2, 3)]
    assert ([one.event_id for one in due.events], due.more, due.stops) == (ids[:2], True, False)
    due = store.deliveries.due(webhook.id, ids[:2], 2)
    assert ([one.event_id for one in due.events], due.more) == (ids[2:], False)
    assert store.deliveries.due("nobody", (), 2).stops


def test_a_webhook_that_is_deleted_takes_what_was_to_be_delivered_along(store: Store) -> None:
    stored = has_webhook(store, URL, NOW)
    event = event_of_test("chat", "/", NOW, "1")
    assert store.deliveries.ask(stored.webhook.id, event, NOW)
    with pytest.raises(Conflict):
        store.webhooks.delete("chat", expected_etag=7)
    assert store.webhooks.delete("Chat", expected_etag=1)
    assert not store.webhooks.delete("chat", expected_etag=1)
    assert store.deliveries.undelivered(stored.webhook.id) == []
    assert store.deliveries.outgoing(stored.webhook.id, event.id) is None
    assert not store.deliveries.ask(stored.webhook.id, event, NOW)
    store.deliveries.delivered(stored.webhook.id, event.id, NOW)


def test_what_was_given_up_is_out_until_it_is_sent_again(store: Store) -> None:
    webhook = has_webhook(store, URL, NOW).webhook
    event = event_of_test("chat", "/", NOW, "1")
    store.deliveries.ask(webhook.id, event, NOW)
    assert store.deliveries.outgoing(webhook.id, event.id) == event
    store.deliveries.not_delivered(webhook.id, event.id, "x" * 1000, NOW)
    store.deliveries.give_up(webhook.id, event.id)
    assert store.deliveries.outgoing(webhook.id, event.id) is None
    assert store.deliveries.waiting(NOW + timedelta(days=9)) == []
    later = NOW + timedelta(days=2)
    assert store.deliveries.resend(webhook.id, None, later) == 1
    [due] = store.deliveries.due(webhook.id, (), 5).events
    assert (due.give_up_at, due.attempts) == (later + timedelta(days=1), 0)
    assert len(store.deliveries.undelivered(webhook.id)[0].last_error) == 500


def test_a_quota_holds_for_those_that_are_new(store: Store) -> None:
    one = Webhook(id="", name="a", scope="/", origin="https://x")
    place, quotas = Place(URL, SECRET), {Counted.WEBHOOKS: 1}
    store.webhooks.put(one, place, NOW, expected_etag=0, quotas=quotas)
    with pytest.raises(QuotaExceeded):
        store.webhooks.put(one.model_copy(update={"name": "b"}), place, NOW, expected_etag=0, quotas=quotas)
    assert [found.webhook.name for found in store.webhooks.all()] == ["a"]
    with pytest.raises(Conflict):
        store.webhooks.put(one, place, NOW, expected_etag=0, quotas=quotas)
    with pytest.raises(Conflict):
        store.webhooks.put(one, place, NOW, expected_etag=2, quotas=quotas)
    assert store.webhooks.put(one, place, NOW, expected_etag=1, quotas=quotas)[0].etag == 2


def test_f5_a_rotation_seals_urls_and_secrets_anew(store: Store, tmp_path: Path) -> None:
    webhook = has_webhook(store, URL, NOW).webhook
    [before] = store.webhooks.tokens().values()
    assert store.reseal() == 1
    assert store.unopened(Sealer.from_file(tmp_path / "other.keys")) == 1
    [after] = store.webhooks.tokens().values()
    assert before != after
    assert store.webhooks.place(webhook.id) == Place(URL, SECRET)
    assert "example" not in before + repr(store.webhooks.place(webhook.id))


def test_f5_where_hooks_are_is_sealed_never_changes_and_outlives_its_policy(store: Store) -> None:
    first = store.places.add(Place(URL, SECRET), NOW)
    second = store.places.add(Place(URL, ""), NOW)
    assert first != second
    assert store.places.get(first) == Place(URL, SECRET)
    assert store.places.get("nowhere") is None
    assert "example" not in "".join(store.places.tokens().values())
    before = store.places.tokens()
    assert store.reseal() == 2
    assert not set(before.values()) & set(store.places.tokens().values())
    assert store.places.get(first) == Place(URL, SECRET)
    policy = RolloutPolicy(judges=[{"name": "slo", "place": second, "origin": "https://hooks.example.com"}])
    store.rollout_policies.put(DEFAULT, policy, "ann", NOW, "", lambda _: None)
    assert store.places.forget(NOW) == 0
    assert store.places.forget(NOW + timedelta(days=90)) == 0
    assert store.places.forget(NOW + timedelta(days=91)) == 1
    assert store.places.get(first) is None
    assert store.places.get(second) == Place(URL, "")
