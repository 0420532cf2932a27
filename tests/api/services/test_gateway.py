"""What a set's workflow begins with where there is none (T6, P15, F1)."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from api.services.first_state import first_state
from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from instar.domain.lifecycle.state import Free
from instar.domain.records.upgrades import UpgradeKind, UpgradeRecord, UpgradeStatus
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.support.looks import NOON
from tests.support.stores import open_store

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u-1", location="westus2")
TARGET = ImageReference(publisher="p", offer="o", sku="s", version="1.0.0")


def latest(**changes: Any) -> UpgradeRecord:
    record = UpgradeRecord(
        scale_set=SET,
        number=7,
        operation_id="op",
        started_by=StartedBy.USER,
        target=TARGET,
        generation=1,
        policy=RollingUpgradePolicy(),
        status=UpgradeStatus.COMPLETED,
        started_at=NOON,
    )
    return record.model_copy(update=changes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(tmp_path / "store.sqlite", Sealer.from_file(tmp_path / "keys"))) as opened:
        yield opened


def test_t6_a_new_set_begins_with_the_delays_of_the_api_and_nothing_behind_it(store: Store) -> None:
    delays = Delays(health_wait=timedelta(seconds=3))
    state = first_state(store, SET, delays)
    assert (state.delays, state.last_number, state.running) == (delays, 0, None)


@pytest.mark.parametrize("status", [UpgradeStatus.COMPLETED, UpgradeStatus.CANCELLED, UpgradeStatus.FAULTED])
def test_f1_the_count_of_upgrades_goes_on_where_the_records_end(store: Store, status: UpgradeStatus) -> None:
    store.upgrades.write(latest(status=status))
    state = first_state(store, SET, Delays())
    assert (state.last_number, state.lock) == (7, Free())


@pytest.mark.parametrize("status", [UpgradeStatus.ROLLING_FORWARD, UpgradeStatus.ROLLING_BACK])
def test_p15_f1_an_upgrade_that_has_not_ended_holds_the_lock_and_is_looked_after_at_once(
    store: Store,
    status: UpgradeStatus,
) -> None:
    store.upgrades.write(latest(status=status))
    state = first_state(store, SET, Delays())
    assert state.running is not None
    assert state.running.workflow_id == os_upgrade_workflow_id(SET, 7)
    assert (state.running.number, state.running.operation_id, state.running.target) == (7, "op", TARGET)
    assert state.rolling is not None
    assert state.rolling.look_after_at == NOON


def test_f2_the_number_of_an_action_on_instances_is_not_taken_again(store: Store) -> None:
    store.upgrades.write(latest(kind=UpgradeKind.INSTANCE_ACTION, number=9))
    store.upgrades.write(latest(number=8))
    assert first_state(store, SET, Delays()).last_number == 9
