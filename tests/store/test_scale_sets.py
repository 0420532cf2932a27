import threading

import pytest

from instar.store.errors import AlreadyThere, Conflict, Missing, Unstorable
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, extension, identity, operation, upgrade


def create(store: Store, name: str = "web", unique_id: str = "u-1", group: str = "Rg") -> None:
    store.scale_sets.create(identity(name, unique_id, group), SUBSCRIPTION, group, document(), NOW)


def test_a_created_set_is_found_in_any_case_and_keeps_its_own(store: Store) -> None:
    create(store)
    found = store.scale_sets.find(identity().resource_id.upper())
    assert found is not None
    assert found.identity == identity()
    assert (found.resource_group, found.subscription_id) == ("Rg", SUBSCRIPTION)
    assert (found.generation, found.etag, found.deleting, found.created_at) == (1, 1, False, NOW)
    assert found.document == document()
    assert store.scale_sets.by_unique_id("u-1") == found
    assert store.scale_sets.by_unique_id("U-1") is None


def test_a_second_set_of_the_same_id_in_another_case_is_refused(store: Store) -> None:
    create(store)
    with pytest.raises(AlreadyThere):
        create(store, name="WEB", unique_id="u-2", group="rg")
    with pytest.raises(AlreadyThere):
        create(store, name="other", unique_id="u-1")
    assert [one.identity.unique_id for one in store.scale_sets.list(SUBSCRIPTION)] == ["u-1"]


def test_sets_are_listed_by_subscription_and_group_in_order(store: Store) -> None:
    create(store, "b", "u-1", "one")
    create(store, "A", "u-2", "one")
    create(store, "c", "u-3", "two")
    names = [one.identity.name for one in store.scale_sets.list(SUBSCRIPTION.upper())]
    assert names == ["A", "b", "c"]
    assert [one.identity.name for one in store.scale_sets.list(SUBSCRIPTION, "ONE")] == ["A", "b"]
    assert store.scale_sets.list("another") == []


def test_p1_each_changed_model_is_a_generation_and_the_old_ones_stay(store: Store) -> None:
    create(store)
    changed = store.scale_sets.put_model("u-1", document(4), 1, NOW)
    assert (changed.generation, changed.etag, changed.document) == (2, 2, document(4))
    assert store.scale_sets.model("u-1", 1) == document(3)
    assert store.scale_sets.model("u-1", 2) == document(4)
    assert store.scale_sets.find(identity().resource_id) == changed


def test_the_same_model_again_is_no_new_generation(store: Store) -> None:
    create(store)
    turned = dict(reversed(document().items()))
    again = store.scale_sets.put_model("u-1", turned, 1, NOW)
    assert (again.generation, again.etag) == (1, 1)


def test_true_and_one_are_not_the_same_model(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", {"properties": {"overprovision": True}}, NOW)
    assert store.scale_sets.put_model("u-1", {"properties": {"overprovision": 1}}, 1, NOW).generation == 2


def test_a_put_on_a_generation_no_longer_current_is_a_conflict(store: Store) -> None:
    create(store)
    store.scale_sets.put_model("u-1", document(4), 1, NOW)
    with pytest.raises(Conflict, match="generation 2"):
        store.scale_sets.put_model("u-1", document(5), 1, NOW)
    with pytest.raises(Conflict):
        store.scale_sets.put_model("u-1", document(4), 1, NOW)
    with pytest.raises(Missing):
        store.scale_sets.model("u-1", 3)


def test_of_many_puts_at_once_exactly_one_wins(store: Store) -> None:
    create(store)
    outcomes: list[str] = []
    together = threading.Barrier(6)

    def put(capacity: int) -> None:
        together.wait()
        try:
            store.scale_sets.put_model("u-1", document(capacity), 1, NOW)
            outcomes.append("won")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=put, args=(10 + n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 5 + ["won"]


def test_of_many_creations_at_once_exactly_one_wins(store: Store) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(6)

    def make(number: int) -> None:
        together.wait()
        try:
            create(store, unique_id=f"u-{number}")
            outcomes.append("won")
        except AlreadyThere:
            outcomes.append("there")

    threads = [threading.Thread(target=make, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["there"] * 5 + ["won"]


def test_a_set_in_deletion_is_still_found_and_takes_no_model(store: Store) -> None:
    create(store)
    store.scale_sets.mark_deleting("u-1")
    store.scale_sets.mark_deleting("u-1")
    found = store.scale_sets.find(identity().resource_id)
    assert found is not None
    assert (found.deleting, found.etag) == (True, 2)
    with pytest.raises(Conflict, match="being deleted"):
        store.scale_sets.put_model("u-1", document(4), 1, NOW)
    with pytest.raises(AlreadyThere):
        create(store, unique_id="u-2")


def test_f2_a_set_deleted_and_made_again_under_the_same_name_starts_afresh(store: Store) -> None:
    secret = document(3, extension("a", {"k": "v"}), adminPassword="old")
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", secret, NOW)
    store.scale_sets.put_model("u-1", document(9, extension("a")), 1, NOW)
    store.upgrades.write(upgrade())
    store.operations.create(operation())
    store.scale_sets.delete("u-1")
    store.scale_sets.delete("u-1")
    assert store.scale_sets.find(identity().resource_id) is None
    assert store.upgrades.latest("u-1") is None
    assert store.operations.get("op-1") is not None
    with pytest.raises(Missing):
        store.scale_sets.open_model("u-1", 1)

    again = store.scale_sets.create(identity(unique_id="u-2"), SUBSCRIPTION, "Rg", document(1, extension("a")), NOW)
    assert (again.generation, again.etag) == (1, 1)
    assert store.scale_sets.open_model("u-2", 1) == document(1, extension("a"))
    assert store.upgrades.last_number("u-2") == 0
    assert store.reseal() == 0


@pytest.mark.parametrize("nonsense", ["", "/", "we\x00b", "we\ud800b", "%' OR 1=1 --", "x" * 100_000, "\u202e💥"])
def test_a_look_up_by_nonsense_finds_nothing(store: Store, nonsense: str) -> None:
    create(store)
    assert store.scale_sets.find(nonsense) is None
    assert store.scale_sets.by_unique_id(nonsense) is None
    assert store.scale_sets.list(nonsense) == []
    assert store.scale_sets.list(SUBSCRIPTION, nonsense) == []
    with pytest.raises(Missing):
        store.scale_sets.put_model(nonsense, {}, 1, NOW)
    with pytest.raises(Missing):
        store.scale_sets.open_model(nonsense, 1)
    store.scale_sets.mark_deleting(nonsense)
    store.scale_sets.delete(nonsense)
    assert len(store.scale_sets.list(SUBSCRIPTION)) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object(), b"bytes"])
def test_a_document_that_is_no_json_is_refused_and_changes_nothing(store: Store, value: object) -> None:
    with pytest.raises(Unstorable):
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", {"properties": value}, NOW)
    assert store.scale_sets.find(identity().resource_id) is None
    create(store)
    with pytest.raises(Unstorable):
        store.scale_sets.put_model("u-1", {"properties": value}, 1, NOW)
    assert store.scale_sets.model("u-1", 1) == document()


def test_strange_but_legal_json_comes_back_as_it_was(store: Store) -> None:
    strange = {"a\x00b": "\x00", "\ud800": 10**40, "/~0~1": [None, [], {}, ""], "tags": {"é": "💥", "": 1.5}}
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", strange, NOW)
    assert store.scale_sets.model("u-1", 1) == strange


def test_a_document_nested_without_measure_is_refused(store: Store) -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(Unstorable):
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", deep, NOW)
    while deep:  # taken apart by hand: the interpreter would do so by recursion
        deep = deep["a"]  # type: ignore[assignment]
