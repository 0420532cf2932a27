"""What release 0.1 wrote down and told nobody, on both kinds of database (docs/rules.md F6)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.sets.unannounced import UNHEARD
from instar.store.store import Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WEB = ScaleSetIdentity(
    resource_id="/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web",
    name="web",
    unique_id="web",
    location="westus2",
)


def operation(name: str, kind: OperationKind, at: datetime = NOON, unique_id: str = "web") -> Operation:
    return Operation(
        id=name,
        kind=kind,
        scale_set_unique_id=unique_id,
        subscription_id="s",
        location="westus2",
        status=OperationStatus.IN_PROGRESS,
        started_at=at,
    )


@pytest.fixture
def made(store: Store) -> Store:
    store.scale_sets.create(WEB, "s", "g", {"location": "westus2"}, NOON)
    return store


def put(store: Store, name: str, at: datetime, code: str | None) -> None:
    """One that ended; with that error, if there is one."""
    store.operations.create(operation(name, OperationKind.PUT, at))
    status = OperationStatus.SUCCEEDED if code is None else OperationStatus.FAILED
    store.operations.end(name, status, at, code or "", "")


def test_f6_a_set_in_deletion_is_found_until_an_operation_deletes_it(made: Store) -> None:
    assert made.unannounced.deletions() == []
    made.scale_sets.mark_deleting("web")
    assert made.unannounced.deletions() == ["web"]
    assert made.unannounced.ask(operation("d", OperationKind.DELETE), "m")
    assert made.unannounced.deletions() == []
    made.operations.end("d", OperationStatus.FAILED, NOON)
    assert made.unannounced.deletions() == ["web"]


@pytest.mark.parametrize(
    ("codes", "found"),
    [
        ([], True),
        ([UNHEARD], True),
        ([None], False),
        (["AllocationFailed"], False),
        ([None, UNHEARD], True),
        ([UNHEARD, None], False),
    ],
)
def test_f6_a_model_is_found_by_the_newest_put_of_its_set(made: Store, codes: list[str | None], *, found: bool) -> None:
    for number, code in enumerate(codes):
        put(made, f"put {number}", NOON + number * timedelta(seconds=1), code)
    assert made.unannounced.models() == (["web"] if found else [])


def test_f6_a_model_of_a_set_in_deletion_or_under_way_is_let_be(made: Store) -> None:
    put(made, "unheard", NOON, UNHEARD)
    made.operations.create(operation("runs", OperationKind.PUT, NOON + timedelta(seconds=1)), "m")
    assert made.unannounced.models() == []
    made.operations.discard("runs")
    made.scale_sets.mark_deleting("web")
    assert made.unannounced.models() == []


def test_f6_many_that_ask_at_once_ask_once(made: Store) -> None:
    made.scale_sets.mark_deleting("web")
    with ThreadPoolExecutor(8) as pool:
        asked = list(
            pool.map(lambda number: made.unannounced.ask(operation(f"{number}", OperationKind.DELETE), "m"), range(12))
        )
    assert asked.count(True) == 1
    assert len(made.operations.running("web")) == 1


def test_f6_nothing_is_asked_of_a_set_that_is_gone(store: Store) -> None:
    assert not store.unannounced.ask(operation("d", OperationKind.DELETE), "m")
    assert store.outbox.sets() == []
