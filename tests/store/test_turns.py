"""Leases in the store: one decision at a time, whoever asks (docs/rules.md W4)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from instar.domain.records.progress import Counts
from instar.domain.records.upgrades import Decision, UpgradeRecord, UpgradeStatus
from instar.domain.steering.turns.turns import Turn
from instar.store.steering.named import wished
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity, upgrade

KEYS = [f"u-{number}" for number in range(8)]


def limited(store: Store, **numbers: int) -> None:
    store.turns.limits.put(wished("all", {"scope": "/", **numbers}, NOW, "ann", ""), lambda _: None)


def runs(store: Store, unique_id: str, *, batch: bool = True, **changes: object) -> None:
    """A stored set, and an upgrade of it that runs."""
    one = identity(name=unique_id, unique_id=unique_id)
    store.scale_sets.create(one, SUBSCRIPTION, "Rg", document(), NOW)
    begun = Decision(sequence=1, at=NOW, batch=1, action="batch", reason="batch 1")
    record = upgrade(1).model_copy(
        update={
            "scale_set": one,
            "status": UpgradeStatus.ROLLING_FORWARD,
            "ended_at": None,
            "decisions": (begun,) if batch else (),
            **changes,
        }
    )
    assert isinstance(record, UpgradeRecord)
    store.upgrades.write(record)


def turn(unique_id: str, *, wants: int = 2, batch: int = 1, at: int = 0) -> Turn:
    resource_id = identity(name=unique_id, unique_id=unique_id).resource_id
    since = NOW + timedelta(minutes=at)
    return Turn(unique_id=unique_id, number=1, resource_id=resource_id, batch=batch, since=since, wants=wants)


def taken(store: Store) -> list[str]:
    return sorted(one.unique_id for one in store.turns.all()[1] if one.taken)


def test_w4_however_many_ask_at_once_never_more_than_the_budget_are_given(store: Store) -> None:
    limited(store, upgradesAtOnce=3, machinesOutAtOnce=5)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda key: store.turns.ask(turn(key), NOW), KEYS))
    assert sum(one.machines for one in answers) == 4, "two batches of two: a third one has no room for its machines"
    assert len(taken(store)) == 2
    assert all(bool(one.reason) is not bool(one.machines) for one in answers)


def test_w4_all_who_end_at_once_let_everybody_else_go_on(store: Store) -> None:
    limited(store, upgradesAtOnce=2)
    ended = set[str]()
    for key in KEYS:
        store.turns.ask(turn(key), NOW)
    while len(ended) < len(KEYS):
        now = taken(store)
        assert len(now) <= 2
        with ThreadPoolExecutor(2) as pool:
            for granted in pool.map(lambda key: store.turns.end(key, 1), now):
                for one in granted:
                    assert store.turns.ask(turn(one.unique_id), NOW).machines
        ended |= set(now)
    assert store.turns.all()[1] == ()


def test_w4_asked_again_after_a_kill_the_same_is_given_once(store: Store) -> None:
    limited(store, machinesOutAtOnce=2)
    first, again = (store.turns.ask(turn("u-1"), NOW) for _ in range(2))
    assert (first.machines, again.machines) == (2, 2)
    assert store.turns.ask(turn("u-2"), NOW).machines == 0
    [granted] = store.turns.is_back("u-1", 1, 1)
    assert granted.unique_id == "u-2"
    assert store.turns.is_back("u-1", 1, 1) == (), "told once; the keeper says it again"
    assert [one.unique_id for one in store.turns.settle(()).granted] == [], "u-2 has no upgrade that runs"


def test_w4_a_late_word_that_a_batch_is_back_takes_nothing_from_the_next(store: Store) -> None:
    limited(store, machinesOutAtOnce=2)
    store.turns.ask(turn("u-1"), NOW)
    store.turns.is_back("u-1", 1, 1)
    assert store.turns.ask(turn("u-1").model_copy(update={"batch": 2}), NOW).machines == 2
    assert store.turns.is_back("u-1", 1, 1) == ()
    mine = store.turns.find("u-1", 1)
    assert mine is not None
    assert (mine.batch, mine.machines, mine.taken) == (2, 2, True)
    store.turns.is_back("u-1", 1, 2)
    assert (now := store.turns.find("u-1", 1)) is not None
    assert now.machines == 0


def test_w4_who_is_gone_by_the_records_holds_nothing(store: Store) -> None:
    limited(store, upgradesAtOnce=1)
    for key in ("u-1", "u-2", "u-3"):
        runs(store, key, batch=False)
        store.turns.ask(turn(key), NOW)
    assert taken(store) == ["u-1"]
    store.upgrades.write(_ended(store, "u-1"))
    assert [one.unique_id for one in store.turns.settle().granted] == ["u-2"]
    store.scale_sets.delete("u-2")
    settled = store.turns.settle()
    assert [one.unique_id for one in settled.granted] == ["u-3"]
    assert [one.unique_id for one in store.turns.settle([("u-3", 1)]).turns] == []


def test_w4_who_runs_without_a_lease_is_taken_in_with_what_it_holds(store: Store) -> None:
    runs(store, "u-1", counts=Counts(in_progress=4))
    runs(store, "u-2", batch=False)
    assert store.turns.settle().turns == (), "without limits nobody needs one"
    limited(store, machinesOutAtOnce=5)
    [mine] = store.turns.settle().turns
    assert (mine.unique_id, mine.has_slot, mine.machines, mine.taken) == ("u-1", True, 4, True)
    assert store.turns.ask(turn("u-2"), NOW).machines == 0, "no room for two"


def test_w4_without_a_limit_whoever_waits_may_go_on_and_leases_are_forgotten(store: Store) -> None:
    limited(store, upgradesAtOnce=1)
    for key in ("u-1", "u-2"):
        runs(store, key)
        store.turns.ask(turn(key), NOW)
    store.turns.limits.delete("ALL", lambda _: None)
    settled = store.turns.settle()
    assert [one.unique_id for one in settled.turns] == [one.unique_id for one in settled.granted] == ["u-2"]


def test_w4_a_deleted_set_takes_its_lease_along(store: Store) -> None:
    limited(store, upgradesAtOnce=1)
    runs(store, "u-1")
    store.turns.ask(turn("u-1"), NOW)
    store.scale_sets.delete("u-1")
    assert store.turns.all()[1] == ()


def _ended(store: Store, unique_id: str) -> UpgradeRecord:
    record = store.upgrades.get(unique_id, 1)
    assert record is not None
    return record.model_copy(update={"status": UpgradeStatus.COMPLETED, "ended_at": NOW})
