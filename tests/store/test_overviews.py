"""Many sets at a glance, and the upgrades of one, on SQLite and on PostgreSQL."""

from datetime import timedelta

from instar.domain.records.operations import OperationKind, OperationStatus
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import ROLLING_KINDS, UpgradeKind, UpgradeStatus
from instar.domain.steering.wishes import Gate, Hold, Pause
from instar.store.store import Store
from instar.store.waits import Wait
from tests.store.samples import NOW, SUBSCRIPTION, document, identity, operation, upgrade

PAUSE = Pause(reason="full", by="ann", since=NOW)


def with_sets(store: Store, *names: str) -> None:
    for number, name in enumerate(names, start=1):
        store.scale_sets.create(identity(name, f"u-{number}"), SUBSCRIPTION, "Rg", document(), NOW)


def test_each_set_has_what_is_its_own_and_those_that_are_gone_are_left_out(store: Store) -> None:
    with_sets(store, "web", "db")
    store.statuses.write("u-2", ScaleSetStatus(enabled=True), NOW)
    store.wishes.pause("u-2", PAUSE)
    store.wishes.hold(Hold(name="x", scope=identity("web").resource_id, reason="r", by="b", since=NOW), 10)
    store.upgrades.write(upgrade(1, UpgradeStatus.ROLLING_FORWARD, 1, 2, scale_set=identity("db", "u-2")))
    store.upgrades.write(upgrade(1, UpgradeStatus.COMPLETED, 1))
    store.upgrades.write(upgrade(2, UpgradeStatus.ROLLING_FORWARD, 1, 2, 3))
    store.upgrades.write(upgrade(3, UpgradeStatus.COMPLETED, 9, kind=UpgradeKind.INSTANCE_ACTION))
    store.waits.say("u-1", 2, "it waits", NOW)
    store.wishes.ask("u-1", 1, Gate.FIRST, NOW)
    store.wishes.ask("u-1", 2, Gate.AFTER_CANARY, NOW)
    db, web = store.overviews.of(["u-2", "gone", "u-1"], NOW)
    assert (web.stored.identity.name, db.stored.identity.name) == ("web", "db")
    assert (web.status.enabled, db.status.enabled) == (False, True)
    assert (web.wishes.pause, db.wishes.pause) == (None, PAUSE)
    assert ([one.name for one in web.wishes.holds], db.wishes.holds) == (["x"], ())
    assert web.upgrade
    assert db.upgrade
    assert (web.upgrade.number, db.upgrade.number) == (2, 1)
    assert web.decided
    assert db.decided
    assert (web.decided.sequence, db.decided.sequence) == (3, 2)
    assert (web.wait, db.wait) == (Wait("it waits", NOW), None)
    assert web.wishes.asked == {Gate.AFTER_CANARY: NOW}, "of the upgrade that runs"


def test_what_an_ended_upgrade_waited_for_is_told_no_more(store: Store) -> None:
    with_sets(store, "web")
    store.upgrades.write(upgrade(1, UpgradeStatus.ROLLING_FORWARD, 1))
    store.waits.say("u-1", 1, "it waits", NOW)
    store.wishes.ask("u-1", 1, Gate.FIRST, NOW)
    store.upgrades.write(upgrade(1, UpgradeStatus.CANCELLED, 2))
    [web] = store.overviews.of(["u-1"], NOW)
    assert (web.wait, web.wishes.asked) == (None, {})


def test_wishes_that_have_ended_by_themselves_bind_nobody(store: Store) -> None:
    with_sets(store, "web")
    store.wishes.pause("u-1", PAUSE.model_copy(update={"until": NOW + timedelta(hours=1)}))
    [before] = store.overviews.of(["u-1"], NOW)
    [after] = store.overviews.of(["u-1"], NOW + timedelta(hours=1))
    assert (before.wishes.pause is not None, after.wishes.pause) == (True, None)


def test_operations_that_run_and_the_newest_change_that_has_ended(store: Store) -> None:
    with_sets(store, "web")
    for number, (minutes, status) in enumerate(
        [(3, OperationStatus.SUCCEEDED), (5, OperationStatus.FAILED), (1, OperationStatus.SUCCEEDED)]
    ):
        put = operation(f"put-{number}", minutes=minutes).model_copy(update={"kind": OperationKind.PUT})
        store.operations.create(put)
        store.operations.end(put.id, status, NOW)
    for minutes in (9, 8):
        store.operations.create(operation(f"runs-{minutes}", minutes=minutes))
    [web] = store.overviews.of(["u-1"], NOW)
    assert web.last_put
    assert (web.last_put.id, web.last_put.status) == ("put-1", OperationStatus.FAILED)
    assert [one.id for one in web.running] == ["runs-8", "runs-9"]
    assert store.overviews.of([], NOW) == []


def test_the_upgrades_of_a_set_by_kind_with_the_newest_decision_of_each(store: Store) -> None:
    with_sets(store, "web", "db")
    for number, kind in enumerate(UpgradeKind, start=1):
        store.upgrades.write(upgrade(number, UpgradeStatus.COMPLETED, *range(1, number + 1), kind=kind))
    store.upgrades.write(upgrade(1, UpgradeStatus.COMPLETED, 7, scale_set=identity("db", "u-2")))
    assert [one.number for one in store.upgrades.of_kinds("u-1", ROLLING_KINDS)] == [3, 2, 1]
    assert [one.number for one in store.upgrades.of_kinds("u-1", UpgradeKind)] == [4, 3, 2, 1]
    assert store.upgrades.of_kinds("u-1", []) == []
    newest = store.upgrades.last_decisions("u-1", [1, 3, 9])
    assert {number: one.sequence for number, one in newest.items()} == {1: 1, 3: 3}
