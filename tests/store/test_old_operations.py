"""Which operations are forgotten, and which never."""

import threading
from datetime import timedelta

import pytest

from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.records.upgrades import UpgradeStatus
from instar.store.store import Store
from tests.store import samples
from tests.store.samples import NOW, identity, upgrade

OLD = NOW + timedelta(days=1)
DONE = OperationStatus.SUCCEEDED


def operation(name: str, kind: OperationKind = OperationKind.PUT, minutes: int = 0) -> Operation:
    return samples.operation(name, minutes=minutes).model_copy(update={"kind": kind})


def forget(store: Store) -> int:
    return store.operations.forget(OLD, store.deployments.operations())


def ended(store: Store, one: Operation, days: int = 0) -> None:
    store.operations.create(one)
    store.operations.end(one.id, DONE, NOW + timedelta(days=days))


def left(store: Store, *ids: str) -> set[str]:
    return {one for one in ids if store.operations.get(one) is not None}


def test_what_ended_before_is_forgotten_and_nothing_else(store: Store) -> None:
    ended(store, operation("old", kind=OperationKind.RESTART))
    ended(store, operation("young", kind=OperationKind.RESTART), days=1)
    store.operations.create(operation("runs", kind=OperationKind.RESTART))
    assert forget(store) == 1
    assert left(store, "old", "young", "runs") == {"young", "runs"}
    assert forget(store) == 0


def test_the_newest_put_of_a_set_that_is_there_stays_and_goes_with_it(store: Store) -> None:
    store.scale_sets.create(identity(), samples.SUBSCRIPTION, "Rg", samples.document(), NOW)
    for number in range(3):
        ended(store, operation(f"put-{number}", minutes=number))
    store.operations.create(operation("next", minutes=9))
    ended(store, operation("restart", minutes=8, kind=OperationKind.RESTART))
    assert forget(store) == 3
    assert left(store, "put-0", "put-1", "put-2", "next", "restart") == {"put-2", "next"}
    # The next one was refused: still nobody takes the set for one that was never announced.
    store.operations.discard("next")
    assert identity().unique_id not in store.unannounced.models()
    store.scale_sets.delete(identity().unique_id)
    assert forget(store) == 1
    assert left(store, "put-2") == set()


def test_what_a_running_upgrade_names_stays_until_that_has_ended(store: Store) -> None:
    ended(store, operation("begun", kind=OperationKind.OS_UPGRADE))
    store.upgrades.write(upgrade(operation_id="begun"))
    assert forget(store) == 0
    store.upgrades.write(upgrade(1, UpgradeStatus.COMPLETED, operation_id="begun", ended_at=NOW))
    assert forget(store) == 1


def test_what_an_unfinished_deployment_waits_for_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(store, operation("made", kind=OperationKind.RESTART))
    stored, _ = store.resources.put(
        "Microsoft.Resources/deployments",
        "/d",
        "s",
        "g",
        {"steps": [{"nested": {"operation": "made"}}, {"operation": 1}]},
        NOW,
    )
    monkeypatch.setattr(store.deployments, "unfinished", lambda: [stored])
    assert forget(store) == 0
    monkeypatch.undo()
    assert forget(store) == 1


def test_many_go_in_slices_and_two_at_once_remove_each_once(store: Store) -> None:
    for number in range(60):
        ended(store, operation(f"op-{number}", kind=OperationKind.RESTART))
    gone: list[int] = []
    both = [threading.Thread(target=lambda: gone.append(store.operations.forget(OLD, most=7))) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sum(gone) == 60
    assert left(store, *(f"op-{number}" for number in range(60))) == set()
