"""What is still to be handed over, on both kinds of database (docs/rules.md F6)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.store.sets.outbox import CLAIM
from instar.store.store import Store

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def asked(store: Store, name: str, at: datetime = NOON, unique_id: str = "web", message: str | None = None) -> str:
    operation = Operation(
        id=name,
        kind=OperationKind.RESTART,
        scale_set_unique_id=unique_id,
        subscription_id="s",
        location="westus2",
        status=OperationStatus.IN_PROGRESS,
        started_at=at,
    )
    store.operations.create(operation, message or f"message of {name}")
    return name


def handed_over(store: Store, now: datetime = NOON) -> list[str]:
    """Everything that waits for the set, in the order in which it is claimed."""
    order = []
    while waiting := store.outbox.claim("web", now):
        order.append(waiting.operation_id)
        store.outbox.taken(waiting.operation_id)
    return order


def test_f6_one_of_many_that_claim_at_the_same_moment_gets_it(store: Store) -> None:
    asked(store, "one")
    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda _: store.outbox.claim("web", NOON), range(16)))
    assert [one.operation_id for one in claims if one] == ["one"]


def test_f6_a_claim_lapses_and_is_given_again(store: Store) -> None:
    asked(store, "one")
    assert store.outbox.claim("web", NOON)
    assert store.outbox.claim("web", NOON + CLAIM - SECOND) is None
    assert store.outbox.claim("web", NOON + CLAIM)


def test_f6_a_clock_that_was_set_back_holds_no_claim_for_long(store: Store) -> None:
    asked(store, "one")
    assert store.outbox.claim("web", NOON + timedelta(hours=5))
    assert store.outbox.claim("web", NOON)


def test_f6_what_was_asked_first_goes_first_though_the_clock_was_set_back(store: Store) -> None:
    names = [asked(store, name, NOON - number * SECOND) for number, name in enumerate(("z", "y", "x"))]
    assert handed_over(store) == names


def test_f6_what_was_asked_at_the_same_moment_keeps_its_order(store: Store) -> None:
    names = [asked(store, name) for name in ("z", "m", "a")]
    assert handed_over(store) == names


def test_f6_nobody_goes_before_what_waits_for_the_same_set(store: Store) -> None:
    asked(store, "one")
    asked(store, "two", NOON + SECOND)
    assert store.outbox.claim("web", NOON)
    assert store.outbox.claim("web", NOON) is None


def test_f6_sets_for_which_something_waits_longest_come_first(store: Store) -> None:
    asked(store, "late", NOON + SECOND, "late")
    asked(store, "early", NOON, "early")
    assert store.outbox.sets() == ["early", "late"]


def test_f6_why_it_waits_is_new_once_and_since_when_stays(store: Store) -> None:
    asked(store, "one")
    assert store.outbox.not_taken("one", "away", NOON)
    assert not store.outbox.not_taken("one", "away", NOON + SECOND)
    assert store.outbox.not_taken("one", "refused for now", NOON + 2 * SECOND)
    kept = store.operations.get("one")
    assert kept is not None
    assert (kept.waits_for, kept.waits_since) == ("refused for now", NOON)
    assert store.outbox.claim("web", NOON), "the claim is given back"


def test_f6_what_was_taken_waits_no_more_and_what_ended_is_not_asked_again(store: Store) -> None:
    asked(store, "one")
    store.outbox.taken("one")
    assert store.outbox.sets() == []
    store.outbox.again("one", "again")
    assert store.outbox.sets() == ["web"]
    store.operations.end("one", OperationStatus.SUCCEEDED, NOON)
    store.outbox.again("one", "again")
    assert store.outbox.sets() == []
