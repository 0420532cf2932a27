import itertools
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Table

from instar.domain.records.progress import Counts, Outcome
from instar.domain.records.upgrades import ErrorDetail, InstanceRecord, UpgradeError, UpgradeRecord, UpgradeStatus
from instar.store.database.database import Database
from instar.store.database.tables import INSTANCES
from instar.store.store import Store
from instar.store.upgrades import ROWS_AT_ONCE, InstanceRow
from tests.store.samples import NOW, decision, identity, upgrade

RUNNING, ENDED, FAULTED = UpgradeStatus.ROLLING_FORWARD, UpgradeStatus.COMPLETED, UpgradeStatus.FAULTED


def bare(record: UpgradeRecord) -> UpgradeRecord:
    return record.model_copy(update={"decisions": (), "instances": ()})


def moved(ids: str, outcome: Outcome, batch: int = 1, **reasons: str) -> InstanceRecord:
    return InstanceRecord(ids=ids, batch=batch, outcome=outcome, reasons={k.lstrip("i"): v for k, v in reasons.items()})


def test_a1_a_record_comes_back_as_it_was_written(store: Store) -> None:
    record = upgrade(
        1,
        FAULTED,
        1,
        ended_at=NOW + timedelta(hours=1),
        last_action_at=NOW,
        counts=Counts(successful=3, failed=1, rolled_back=1),
        error=UpgradeError(
            code="Code", message="m\x00\u00e9", details=(ErrorDetail(code="c", message="m", target="t"),)
        ),
        instances=(moved("0-3", Outcome.UPGRADED),),
    )
    store.upgrades.write(record)
    assert store.upgrades.latest("u-1") == bare(record)
    assert store.upgrades.get("u-1", 1) == bare(record)
    assert store.upgrades.get("u-1", 2) is None
    assert store.upgrades.history("u-1", NOW, 5) == [bare(record)]


def test_a1_before_the_first_upgrade_there_is_nothing(store: Store) -> None:
    assert store.upgrades.latest("u-1") is None
    assert store.upgrades.last_number("u-1") == 0
    assert store.upgrades.history("u-1", NOW, 5) == []
    assert store.upgrades.decisions("u-1", 1) == []
    assert store.upgrades.instances("u-1", 1) == {}


def test_a1_the_latest_upgrade_is_the_one_of_the_highest_number(store: Store) -> None:
    for number in (2, 10, 9):
        store.upgrades.write(upgrade(number, ENDED))
    store.upgrades.write(upgrade(99, scale_set=identity(unique_id="u-2")))
    latest = store.upgrades.latest("u-1")
    assert latest is not None
    assert latest.number == store.upgrades.last_number("u-1") == 10


def test_a2_the_history_is_the_newest_within_the_time_newest_first(store: Store) -> None:
    for number in range(1, 9):
        store.upgrades.write(upgrade(number, ENDED, started_at=NOW - timedelta(days=10 * (9 - number))))
    since = NOW - timedelta(days=60)
    numbers = [record.number for record in store.upgrades.history("u-1", since, 5)]
    assert numbers == [8, 7, 6, 5, 4]
    assert [record.number for record in store.upgrades.history("u-1", since, 100)] == [8, 7, 6, 5, 4, 3]


def test_a2_an_upgrade_that_still_runs_is_in_the_history_however_old(store: Store) -> None:
    store.upgrades.write(upgrade(1, RUNNING, started_at=NOW - timedelta(days=90)))
    assert [record.number for record in store.upgrades.history("u-1", NOW - timedelta(days=60), 5)] == [1]


@pytest.mark.parametrize(("top", "length"), [(0, 0), (-1, 0), (1, 1), (10**30, 2)])
def test_a2_any_number_may_be_asked_for(store: Store, top: int, length: int) -> None:
    store.upgrades.write(upgrade(1, ENDED))
    store.upgrades.write(upgrade(2))
    assert len(store.upgrades.history("u-1", NOW, top)) == length


def test_p17_every_decision_is_kept_in_order_and_once(store: Store) -> None:
    store.upgrades.write(upgrade(1, RUNNING, 1, 2))
    store.upgrades.write(upgrade(1, RUNNING, 3, 10))
    store.upgrades.write(upgrade(1, RUNNING, 1, 2))
    store.upgrades.write(upgrade(2, RUNNING, 1))
    assert store.upgrades.decisions("u-1", 1) == [decision(1), decision(2), decision(3), decision(10)]


WRITES = (
    upgrade(1, RUNNING, 1, counts=Counts(pending=4), instances=(moved("0-3", Outcome.PENDING),)),
    upgrade(1, RUNNING, 2, 3, counts=Counts(in_progress=4), instances=(moved("0-3", Outcome.IN_PROGRESS),)),
    upgrade(1, RUNNING, 4, counts=Counts(failed=1), instances=(moved("2", Outcome.FAILED, 1, i2="sick"),)),
    upgrade(1, FAULTED, 5, counts=Counts(failed=2), instances=(moved("3", Outcome.FAILED, 1, i3="late"),)),
)


def test_f2_in_whatever_order_writes_arrive_the_end_is_the_same(store: Store) -> None:
    for number, order in enumerate(itertools.permutations(WRITES), start=1):
        for record in (*order, *order):
            store.upgrades.write(record.model_copy(update={"number": number}))
        assert store.upgrades.get("u-1", number) == bare(WRITES[3]).model_copy(update={"number": number})
        assert [one.sequence for one in store.upgrades.decisions("u-1", number)] == [1, 2, 3, 4, 5]
        assert store.upgrades.instances("u-1", number) == {
            "0": InstanceRow(Outcome.IN_PROGRESS, 1, ""),
            "1": InstanceRow(Outcome.IN_PROGRESS, 1, ""),
            "2": InstanceRow(Outcome.FAILED, 1, "sick"),
            "3": InstanceRow(Outcome.FAILED, 1, "late"),
        }


@pytest.mark.parametrize("sequences", [(), (3,), (7,)])
def test_an_ended_upgrade_never_runs_again(store: Store, sequences: tuple[int, ...]) -> None:
    end = upgrade(1, ENDED, 5)
    store.upgrades.write(end)
    store.upgrades.write(upgrade(1, RUNNING, *sequences))
    assert store.upgrades.latest("u-1") == bare(end)


def test_f1_an_end_without_a_decision_ends_a_running_record(store: Store) -> None:
    store.upgrades.write(upgrade(1, RUNNING, 1, 9))
    terminated = upgrade(
        1, FAULTED, ended_at=NOW, error=UpgradeError(code="RollingUpgradeTerminated", message="by hand")
    )
    store.upgrades.write(terminated)
    store.upgrades.write(upgrade(1, RUNNING, 1, 9))
    assert store.upgrades.latest("u-1") == terminated


def test_a_write_of_counts_alone_is_taken_as_newest(store: Store) -> None:
    store.upgrades.write(upgrade(1, RUNNING, 4))
    counted = upgrade(1, RUNNING, counts=Counts(successful=2), instances=(moved("1", Outcome.UPGRADED),))
    store.upgrades.write(counted)
    store.upgrades.write(upgrade(1, RUNNING, 3, instances=(moved("1", Outcome.IN_PROGRESS),)))
    assert store.upgrades.latest("u-1") == bare(counted)
    assert store.upgrades.instances("u-1", 1) == {"1": InstanceRow(Outcome.UPGRADED, 1, "")}


def test_instances_are_given_in_the_order_of_their_ids_as_numbers(store: Store) -> None:
    store.upgrades.write(upgrade(1, RUNNING, 1, instances=(moved("9-11,100", Outcome.PENDING, 0),)))
    assert list(store.upgrades.instances("u-1", 1)) == ["9", "10", "11", "100"]


def test_a_write_of_ten_thousand_instances_is_kept_whole(store: Store) -> None:
    reasons = {"7": "why"}
    everyone = InstanceRecord(ids="0-9999", batch=3, outcome=Outcome.UPGRADED, reasons=reasons)
    store.upgrades.write(upgrade(1, RUNNING, 1, instances=(everyone,)))
    store.upgrades.write(upgrade(1, RUNNING, 2, instances=(moved("5000-6999", Outcome.FAILED, 4),)))
    rows = store.upgrades.instances("u-1", 1)
    assert len(rows) == 10_000
    assert sum(row.outcome == Outcome.FAILED for row in rows.values()) == 2_000
    assert rows["7"] == InstanceRow(Outcome.UPGRADED, 3, "why")


def test_what_is_written_of_many_instances_goes_in_parts_and_the_last_word_of_each_counts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[list[int]] = []
    upsert = Database.upsert

    def seen(self: Database, connection: Any, table: Table, rows: list[dict[str, Any]], **more: Any) -> None:
        if table is INSTANCES:
            parts.append([row["instance_id"] for row in rows])
        upsert(self, connection, table, rows, **more)

    monkeypatch.setattr(Database, "upsert", seen)
    many = ROWS_AT_ONCE * 2 + 7
    changes = (moved(f"0-{many - 1}", Outcome.PENDING), moved(f"{many - 3}-{many}", Outcome.IN_PROGRESS))
    store.upgrades.write(upgrade(decisions=(decision(1),), instances=changes))
    assert [number for part in parts for number in part] == list(range(many + 1))
    assert max(map(len, parts)) <= ROWS_AT_ONCE
    assert min(map(len, parts)) >= ROWS_AT_ONCE // 2, "even parts"
    outcomes = [row.outcome for row in store.upgrades.instances(identity().unique_id, 1).values()]
    assert outcomes == [Outcome.PENDING] * (many - 3) + [Outcome.IN_PROGRESS] * 4


def test_what_an_operation_began_is_known_by_its_number(store: Store) -> None:
    store.upgrades.write(upgrade(1, ENDED))
    store.upgrades.write(upgrade(2, started_at=NOW + timedelta(hours=1)))
    asked = {"op-1", "op-2", "op-3"}
    assert store.upgrades.numbers_of(asked, NOW) == {"op-1": 1, "op-2": 2}
    assert store.upgrades.numbers_of(asked, NOW + timedelta(minutes=1)) == {"op-2": 2}
    assert store.upgrades.numbers_of(set(), NOW) == {}
