from datetime import timedelta

import pytest

from instar.domain.records.operations import OperationStatus
from instar.store.errors import AlreadyThere
from instar.store.store import Store
from tests.store.samples import NOW, operation

LATER = NOW + timedelta(minutes=5)


def test_an_operation_comes_back_as_it_was_written(store: Store) -> None:
    store.operations.create(operation())
    assert store.operations.get("op-1") == operation()
    assert store.operations.get("op-2") is None


def test_an_operation_is_written_once(store: Store) -> None:
    store.operations.create(operation())
    with pytest.raises(AlreadyThere):
        store.operations.create(operation(minutes=1))
    assert store.operations.get("op-1") == operation()


def test_the_first_end_of_an_operation_stands(store: Store) -> None:
    store.operations.create(operation())
    store.operations.end("op-1", OperationStatus.FAILED, LATER, "Code", "Message")
    store.operations.end("op-1", OperationStatus.SUCCEEDED, LATER + timedelta(hours=1))
    ended = store.operations.get("op-1")
    assert ended is not None
    assert (ended.status, ended.ended_at) == (OperationStatus.FAILED, LATER)
    assert (ended.error_code, ended.error_message) == ("Code", "Message")


def test_an_end_touches_its_own_operation_alone(store: Store) -> None:
    store.operations.create(operation("op-1"))
    store.operations.create(operation("op-2"))
    store.operations.end("op-1", OperationStatus.SUCCEEDED, LATER)
    store.operations.end("unknown", OperationStatus.SUCCEEDED, LATER)
    assert store.operations.get("op-2") == operation("op-2")
    assert store.operations.get("unknown") is None


def test_in_progress_is_no_end(store: Store) -> None:
    store.operations.create(operation())
    with pytest.raises(ValueError, match="no end"):
        store.operations.end("op-1", OperationStatus.IN_PROGRESS, LATER)


def test_the_running_operations_of_a_set_are_given_oldest_first(store: Store) -> None:
    store.operations.create(operation("b", minutes=2))
    store.operations.create(operation("a", minutes=3))
    store.operations.create(operation("done", minutes=1))
    store.operations.create(operation("other", unique_id="u-2"))
    store.operations.end("done", OperationStatus.CANCELED, LATER)
    assert [one.id for one in store.operations.running("u-1")] == ["b", "a"]


def test_a_discarded_operation_is_forgotten(store: Store) -> None:
    store.operations.create(operation())
    store.operations.discard("op-1")
    store.operations.discard("op-1")
    assert store.operations.get("op-1") is None
    assert store.operations.running("u-1") == []


@pytest.mark.parametrize("nonsense", ["", "\x00", "\ud800", "x" * 100_000, "'; DROP TABLE operations; --"])
def test_an_id_that_is_nonsense_finds_nothing(store: Store, nonsense: str) -> None:
    store.operations.create(operation())
    assert store.operations.get(nonsense) is None
    assert store.operations.running(nonsense) == []
    store.operations.discard(nonsense)
    assert store.operations.get("op-1") == operation()


def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="time zone"):
        store.operations.create(operation().model_copy(update={"started_at": NOW.replace(tzinfo=None)}))
    assert store.operations.get("op-1") is None
