"""Upgrades are counted where they are written down, once, however often an activity writes."""

from datetime import timedelta
from typing import Any

from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import (
    Decision,
    ErrorCode,
    InstanceRecord,
    UpgradeError,
    UpgradeKind,
    UpgradeRecord,
    UpgradeStatus,
)
from instar.store.store import Store
from tests.store.samples import NOW, upgrade
from tests.support.counted import Counted

RUNNING, COMPLETED, FAULTED = UpgradeStatus.ROLLING_FORWARD, UpgradeStatus.COMPLETED, UpgradeStatus.FAULTED
OS = {"kind": "osUpgrade"}


def wrote(store: Store, sequence: int, action: str, *, batch: int = 0, minutes: int = 0, **more: Any) -> None:
    at = NOW + timedelta(minutes=minutes)
    decision = Decision(sequence=sequence, at=at, batch=batch, action=action, reason="because")
    record = upgrade(1, more.pop("status", RUNNING), decisions=(decision,), **more)
    for _ in range(3):  # an activity may run again
        store.upgrades.write(record)


def test_an_upgrade_is_counted_once_however_often_it_is_written(store: Store) -> None:
    counted = Counted()
    wrote(store, 1, "started")
    wrote(store, 2, "batch", batch=1, minutes=1)
    wrote(store, 3, "verdict", batch=1, minutes=11)
    error = UpgradeError(code=ErrorCode.UNHEALTHY_UPGRADED, message="too many")
    wrote(store, 4, "faulted", minutes=30, status=FAULTED, error=error, ended_at=NOW + timedelta(minutes=30))
    assert counted.grown("instar_upgrades_started_total") == {"osUpgrade/Platform": 1}
    assert counted.grown("instar_upgrades_ended_total") == {f"{error.code}/osUpgrade/Platform/Faulted": 1}
    assert counted("instar_upgrade_duration_seconds_sum", status="Faulted", **OS) == 1800
    assert counted("instar_batches_total", **OS) == 1
    assert counted("instar_batch_duration_seconds_count", **OS) == 1
    assert counted("instar_batch_duration_seconds_sum", **OS) == 600


def test_a_batch_that_is_judged_again_while_it_bakes_is_one_batch(store: Store) -> None:
    counted = Counted()
    wrote(store, 1, "batch", batch=1)
    wrote(store, 2, "verdict", batch=1, minutes=5)
    wrote(store, 3, "verdict", batch=1, minutes=60)
    wrote(store, 4, "batch", batch=2, minutes=61)
    wrote(store, 5, "verdict", batch=2, minutes=62)
    assert counted("instar_batch_duration_seconds_count", **OS) == 2
    assert counted("instar_batch_duration_seconds_sum", **OS) == 360


def test_what_became_of_instances_is_counted_and_what_they_pass_through_is_not(store: Store) -> None:
    counted = Counted()

    def instances(**outcomes: str) -> tuple[InstanceRecord, ...]:
        return tuple(InstanceRecord(ids=ids, batch=1, outcome=Outcome[name]) for name, ids in outcomes.items())

    wrote(store, 1, "started", instances=instances(PENDING="0-9"))
    wrote(store, 2, "batch", batch=1, instances=instances(IN_PROGRESS="0-3"))
    wrote(store, 3, "rollback", batch=1, instances=instances(UPGRADED="0-2", FAILED="3"))
    wrote(store, 4, "verdict", batch=1, instances=instances(ROLLED_BACK="3"))
    store.upgrades.write(upgrade(1, RUNNING, instances=instances(ROLLED_BACK="3")))
    assert counted.grown("instar_instance_outcomes_total") == {
        "osUpgrade/upgraded": 3,
        "osUpgrade/failed": 1,
        "osUpgrade/rolledBack": 1,
    }


def test_an_end_that_comes_back_late_is_no_second_one(store: Store) -> None:
    counted = Counted()
    wrote(store, 7, "completed", status=COMPLETED, ended_at=NOW)
    wrote(store, 8, "faulted", status=FAULTED, ended_at=NOW)
    wrote(store, 2, "batch", batch=1)
    assert counted.grown("instar_upgrades_ended_total") == {"/osUpgrade/Platform/Completed": 1}


def test_an_error_code_that_is_not_known_is_other(store: Store) -> None:
    counted = Counted()
    error = UpgradeError(code="Of a newer release", message="m")
    wrote(store, 1, "faulted", status=FAULTED, error=error, ended_at=NOW)
    assert counted.grown("instar_upgrades_ended_total") == {"other/osUpgrade/Platform/Faulted": 1}


def test_actions_on_single_instances_have_a_kind_of_their_own(store: Store) -> None:
    counted = Counted()
    wrote(store, 1, "started", kind=UpgradeKind.INSTANCE_ACTION)
    assert counted.grown("instar_upgrades_started_total") == {"instanceAction/Platform": 1}


def parked(store: Store) -> UpgradeRecord:
    found = store.upgrades.latest("u-1")
    assert found is not None
    return found


def test_since_when_an_upgrade_is_parked_is_known_whatever_it_waits_for_next(store: Store) -> None:
    counted = Counted()
    wrote(store, 1, "parked", minutes=10, parked_for="hold")
    wrote(store, 2, "parked", minutes=90, parked_for="window")
    assert parked(store).parked_since == NOW + timedelta(minutes=10)
    assert counted.grown("instar_upgrades_parked_total") == {"hold": 1, "window": 1}
    wrote(store, 3, "batch", batch=1, minutes=95)
    assert (parked(store).parked_for, parked(store).parked_since) == ("", None)
    wrote(store, 4, "parked", minutes=100, parked_for="pause")
    assert parked(store).parked_since == NOW + timedelta(minutes=100)


def test_a_record_of_an_upgrade_that_is_not_parked_says_nothing_of_it() -> None:
    written = upgrade(1, RUNNING, 1).model_dump_json()
    assert "parked" not in written
