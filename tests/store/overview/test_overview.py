"""The installation in numbers, on both databases."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.progress import Counts
from instar.domain.records.quarantine import LeftBehind, Quarantine, QuarantinedVersion
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import Decision, UpgradeKind, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy
from instar.domain.steering.wishes import Hold, Pause
from instar.store.database.tables import SCALE_SET_STATUS, SCALE_SETS, UPGRADES
from instar.store.overview.backlogs import Backlog
from instar.store.overview.overview import Overview, overview
from instar.store.overview.standing import LATE, Why
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity, operation, upgrade
from tests.support.receivers import has_webhook

RUNNING, COMPLETED = UpgradeStatus.ROLLING_FORWARD, UpgradeStatus.COMPLETED
MINUTE = timedelta(minutes=1)


def has_set(store: Store, unique_id: str = "u-1", status: ScaleSetStatus | None = None) -> None:
    store.scale_sets.create(identity(f"web-{unique_id}", unique_id), SUBSCRIPTION, "Rg", document(), NOW)
    if status is not None:
        store.statuses.write(unique_id, status, NOW)


def has_upgrade(store: Store, number: int, status: UpgradeStatus = RUNNING, of: str = "u-1", **more: Any) -> None:
    decision = Decision(sequence=1, at=more.pop("at", NOW), batch=0, action="parked", reason="because")
    scale_set = identity(f"web-{of}", of)
    store.upgrades.write(upgrade(number, status, scale_set=scale_set, decisions=(decision,), **more))


def read(store: Store, later: timedelta = timedelta(0)) -> Overview:
    return overview(store.database, NOW + later)


def test_of_nothing_there_is_nothing(store: Store) -> None:
    seen = read(store)
    assert not seen.standing.sets
    assert not seen.standing.running
    assert seen.backlogs.hand_overs == seen.backlogs.deliveries == Backlog()


def test_the_newest_rolling_upgrade_of_each_set_counts_and_no_other(store: Store) -> None:
    for unique_id in ("u-1", "u-2", "u-3"):
        has_set(store, unique_id)
    policy = RollingUpgradePolicy(max_batch_instance_percent=20)
    has_upgrade(store, 1, COMPLETED, counts=Counts(in_progress=99))
    has_upgrade(store, 2, counts=Counts(in_progress=2, pending=8), policy=policy)
    has_upgrade(store, 3, kind=UpgradeKind.INSTANCE_ACTION, counts=Counts(in_progress=77))
    has_upgrade(store, 1, of="u-2", counts=Counts(in_progress=1, successful=19), policy=policy)
    has_upgrade(
        store, 1, of="u-3", kind=UpgradeKind.MODEL_CHANGE, counts=Counts(in_progress=1, failed=4), policy=policy
    )
    has_upgrade(store, 1, of="u-gone", counts=Counts(in_progress=50))
    standing = read(store).standing
    assert standing.running == {"osUpgrade": 2, "modelChange": 1}
    assert standing.out == {"osUpgrade": 3, "modelChange": 1}
    assert standing.limit == {"osUpgrade": 2 + 4, "modelChange": 1}
    assert standing.most_out == 1.0


def test_what_upgrades_wait_for_and_since_when(store: Store) -> None:
    for unique_id in ("u-1", "u-2", "u-3", "u-4", "u-5"):
        has_set(store, unique_id)
    has_upgrade(store, 1, parked_for="hold", at=NOW - 5 * MINUTE)
    has_upgrade(store, 1, of="u-2", parked_for="hold", at=NOW - 9 * MINUTE)
    has_upgrade(store, 1, of="u-3", parked_for="approval", at=NOW)
    has_upgrade(store, 1, of="u-4", parked_for="of a newer release", at=NOW)
    has_upgrade(store, 1, of="u-5")
    for unique_id in ("u-1", "u-5"):  # parking says what it waits for as well
        store.waits.say(unique_id, 1, "the disk is full", NOW - MINUTE)
    standing = read(store).standing
    assert standing.waiting == {
        "hold": Backlog(2, NOW - 9 * MINUTE),
        "approval": Backlog(1, NOW),
        "other": Backlog(1, NOW),
        "retries": Backlog(1, NOW - MINUTE),
    }
    assert standing.need_person == {Why.APPROVAL: 1}


def test_sets_that_need_a_person(store: Store) -> None:
    has_set(store, "u-1")
    has_set(store, "u-2", ScaleSetStatus(enabled=True, held="the records are older"))
    has_upgrade(store, 1, COMPLETED, counts=Counts(rollback_failed=2))
    standing = read(store).standing
    assert standing.need_person == {Why.ROLLBACK_FAILED: 1, Why.RECORDS_BEHIND: 1}
    assert standing.not_looking == 0  # it is held, which says more
    has_upgrade(store, 2, COMPLETED)
    assert read(store).standing.need_person == {Why.RECORDS_BEHIND: 1}


@pytest.mark.parametrize(
    ("status", "not_looking"),
    [
        (ScaleSetStatus(enabled=True, next_look_at=NOW - LATE), 0),
        (ScaleSetStatus(enabled=True, next_look_at=NOW - LATE - MINUTE), 1),
        (ScaleSetStatus(enabled=True, next_look_at=None), 1),
        (ScaleSetStatus(enabled=False, next_look_at=None), 0),
    ],
)
def test_a_set_that_looks_at_nothing(store: Store, status: ScaleSetStatus, not_looking: int) -> None:
    has_set(store, "u-1", status)
    assert read(store).standing.not_looking == not_looking
    assert read(store).standing.sets == {status.enabled: 1}
    has_upgrade(store, 1)
    assert read(store).standing.not_looking == 0  # an upgrade runs: it looks afterwards


def test_quarantined_versions_of_all_sets_and_when_the_newest_was(store: Store) -> None:
    def quarantine(*minutes: int) -> ScaleSetStatus:
        versions = tuple(
            QuarantinedVersion(version=f"1.{one}", since=NOW + one * MINUTE, number=1, generation=1, reason="sick")
            for one in minutes
        )
        behind = (LeftBehind(version="1.1", generation=1, ids=InstanceIds(ranges="0-99")),)
        return ScaleSetStatus(quarantine=Quarantine(versions=versions, left_behind=behind))

    has_set(store, "u-1", quarantine(1, 2))
    has_set(store, "u-2", quarantine(5))
    has_set(store, "u-3")
    standing = read(store).standing
    assert (standing.quarantined, standing.newest_quarantine) == (3, NOW + 5 * MINUTE)


def test_holds_and_pauses_count_while_they_last(store: Store) -> None:
    has_set(store)
    until = NOW + 10 * MINUTE
    store.wishes.hold(Hold(name="freeze", scope="/", reason="r", by="ann", since=NOW, until=until), 10)
    store.wishes.hold(Hold(name="more", scope="/", reason="r", by="ann", since=NOW), 10)
    store.wishes.pause("u-1", Pause(reason="r", by="ann", since=NOW, until=until))
    assert (read(store).backlogs.holds, read(store).backlogs.pauses) == (2, 1)
    later = read(store, 10 * MINUTE)
    assert (later.backlogs.holds, later.backlogs.pauses) == (1, 0)


def test_hand_overs_that_nobody_has_taken(store: Store) -> None:
    has_set(store)
    for number in (1, 2, 3):
        store.operations.create(operation(f"op-{number}", minutes=number))
    store.outbox.again("op-2", "{}")
    store.outbox.again("op-3", "{}")
    assert read(store).backlogs.hand_overs == Backlog(2, NOW + 2 * MINUTE)
    store.outbox.taken("op-2")
    assert read(store).backlogs.hand_overs == Backlog(1, NOW + 3 * MINUTE)


def test_events_that_are_tried_that_were_given_up_and_of_webhooks_that_are_off(store: Store) -> None:
    chat = has_webhook(store, "https://hooks.example.com/hook", NOW).webhook
    for number in (1, 2):
        has_upgrade(store, number, at=NOW + number * MINUTE)
    first, second = (one.event.id for one in store.deliveries.undelivered(chat.id))
    assert read(store).backlogs.deliveries.count == 2
    store.deliveries.give_up(chat.id, first)
    seen = read(store).backlogs
    assert (seen.deliveries.count, seen.given_up, seen.webhooks_off) == (1, 1, 0)
    store.deliveries.disable(chat.id, "gone")
    seen = read(store).backlogs
    assert (seen.deliveries, seen.given_up, seen.webhooks_off) == (Backlog(), 2, 1)
    assert second


def test_a_thousand_sets_are_read_in_a_moment(store: Store) -> None:
    versions = tuple(
        QuarantinedVersion(version=f"1.{one}", since=NOW, number=1, generation=1, reason="sick" * 50)
        for one in range(5)
    )
    status = ScaleSetStatus(enabled=True, next_look_at=NOW, quarantine=Quarantine(versions=versions)).model_dump_json()
    record = upgrade(1, RUNNING, 1).model_dump_json(exclude={"decisions", "instances"})
    has_set(store)
    with store.database.writing() as connection:
        row = connection.execute(SCALE_SETS.select()).one()._mapping
        sets = [dict(row) | {"unique_id": f"s{n}", "resource_key": f"k{n}"} for n in range(1000)]
        connection.execute(insert(SCALE_SETS), sets)
        statuses = [{"unique_id": f"s{n}", "decided_at": NOW, "status": status} for n in range(1000)]
        connection.execute(insert(SCALE_SET_STATUS), statuses)
        ids = [f"s{n}" for n in range(1000) for _ in range(3)]
        upgrades = [
            {"unique_id": one, "number": n % 3, "sequence": 1, "ended": False, "started_at": NOW}
            | {"kind": "osUpgrade", "record": json.dumps(json.loads(record) | {"number": n % 3}), "waits_for": ""}
            for n, one in enumerate(ids)
        ]
        connection.execute(insert(UPGRADES), upgrades)
    read(store)
    began = time.process_time()
    seen = read(store)
    took = time.process_time() - began
    assert (seen.standing.running["osUpgrade"], seen.standing.quarantined) == (1000, 5000)
    assert took < 1.0
