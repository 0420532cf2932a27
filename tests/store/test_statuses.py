from datetime import timedelta

from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity

LOOKED = ScaleSetStatus(enabled=True, last_look="nothing newer than 1.2", last_look_at=NOW)


def with_set(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(), NOW)


def test_a4_the_newest_status_of_a_set_is_read_back(store: Store) -> None:
    with_set(store)
    assert store.statuses.get("u-1") is None
    store.statuses.write("u-1", ScaleSetStatus(), NOW)
    store.statuses.write("u-1", LOOKED, NOW)
    assert store.statuses.get("u-1") == LOOKED


def test_f2_a_late_write_loses_to_what_was_decided_after_it(store: Store) -> None:
    with_set(store)
    store.statuses.write("u-1", LOOKED, NOW)
    store.statuses.write("u-1", ScaleSetStatus(), NOW - timedelta(microseconds=1))
    assert store.statuses.get("u-1") == LOOKED


def test_a_set_that_is_gone_takes_its_status_with_it_and_gets_no_other(store: Store) -> None:
    with_set(store)
    store.statuses.write("u-1", LOOKED, NOW)
    store.scale_sets.delete("u-1")
    store.statuses.write("u-1", LOOKED, NOW)
    assert store.statuses.get("u-1") is None
