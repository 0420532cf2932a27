"""Looks that are made for idle sets, as they are written down (docs/rules.md T2)."""

from datetime import datetime, timedelta

from instar.domain.images.images import ImageReference
from instar.domain.looks.kept import KeptLook, Pace
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.triggers import Settled
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.wishes import Hold, Pause
from instar.store.looks.looks import DueLook, Look, Looked
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity, upgrade

IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="latest")
MINUTE = timedelta(minutes=1)
SETTLED = Settled(version="1.2", generation=1, reason="nothing newer than 1.2", until=NOW + 6 * 60 * MINUTE)
ON = ScaleSetStatus(enabled=True, first_trigger_done=True, last_look="older", last_look_at=NOW - MINUTE)


def has_set(store: Store, unique_id: str = "u-1", *, location: str = "westeurope", **more: object) -> None:
    one = identity(f"web-{unique_id}", unique_id).model_copy(update={"location": location})
    store.scale_sets.create(one, SUBSCRIPTION, "Rg", document() | more, NOW)
    store.statuses.write(unique_id, ON, NOW - MINUTE)


def leave(store: Store, unique_id: str = "u-1", after: timedelta = 30 * MINUTE, at: datetime = NOW) -> bool:
    kept = KeptLook(settled=SETTLED, pace=Pace(nudge_most=3 * MINUTE))
    look = Look(unique_id, "West Europe", IMAGE.line, at, "nothing newer than 1.2", at + after, kept)
    return store.looks.leave(look)


def due(store: Store, after: timedelta = 30 * MINUTE, at_most: int = 9) -> list[DueLook]:
    return store.looks.due(NOW + after, at_most)


def ids(found: list[DueLook]) -> list[str]:
    return [one.stored.identity.unique_id for one in found]


def looked(one: DueLook, outcome: str = "still nothing") -> Looked:
    now = NOW + 31 * MINUTE
    return Looked(one, IMAGE.line, now, outcome, now + 40 * MINUTE, now + 40 * MINUTE, one.kept)


def publish(store: Store, version: str = "1.3", at: datetime = NOW + MINUTE) -> None:
    store.images.publish(IMAGE.publisher, IMAGE.offer, IMAGE.sku, version, "West Europe", {}, at)


def test_t2_a_look_is_due_at_its_moment_and_brings_all_that_is_written_down(store: Store) -> None:
    has_set(store)
    assert leave(store)
    assert due(store, 29 * MINUTE) == []
    [one] = due(store)
    assert one.kept == KeptLook(settled=SETTLED, pace=Pace(nudge_most=3 * MINUTE))
    assert (one.looked_at, one.next_at, one.outcome) == (NOW, NOW + 30 * MINUTE, "nothing newer than 1.2")
    assert (one.status, one.busy, one.wishes.pause) == (ON, False, None)
    assert one.stored.machine_generation == 1


def test_t2_what_is_due_the_longest_comes_first_and_pages_are_bounded(store: Store) -> None:
    for number, minutes in ((1, 30), (2, 10), (3, 20)):
        has_set(store, f"u-{number}")
        leave(store, f"u-{number}", minutes * MINUTE)
    assert ids(due(store)) == ["u-2", "u-3", "u-1"]
    assert ids(due(store, at_most=2)) == ["u-2", "u-3"]
    assert store.looks.next_due() == NOW + 10 * MINUTE


def test_t2_whoever_leaves_its_looks_knows_whether_its_own_is_the_first(store: Store) -> None:
    for number in range(1, 4):
        has_set(store, f"u-{number}")
    assert leave(store, "u-1", 30 * MINUTE)
    assert not leave(store, "u-2", 40 * MINUTE)
    assert leave(store, "u-3", 20 * MINUTE)
    assert not leave(store, "gone", MINUTE)
    assert len(due(store, 60 * MINUTE)) == 3


def test_c1_c2_a_due_look_knows_pauses_and_holds(store: Store) -> None:
    has_set(store)
    leave(store)
    store.wishes.pause("u-1", Pause(reason="moving", by="ann", since=NOW))
    store.wishes.hold(Hold(name="freeze", scope="/", reason="x", by="bob", since=NOW), 9)
    [one] = due(store)
    assert one.wishes.pause is not None
    assert [hold.name for hold in one.wishes.holds] == ["freeze"]
    store.wishes.resume("u-1")
    store.wishes.release("freeze", NOW)
    [one] = due(store)
    assert one.wishes.pause is None
    assert one.wishes.holds == ()


def test_p15_a_due_look_knows_whether_an_upgrade_runs(store: Store) -> None:
    has_set(store)
    leave(store)
    store.upgrades.write(upgrade(1, UpgradeStatus.ROLLING_FORWARD))
    assert [one.busy for one in due(store)] == [True]


def test_f2_what_was_overtaken_by_a_look_of_the_set_itself_changes_nothing(store: Store) -> None:
    has_set(store)
    leave(store)
    [before] = due(store)
    leave(store, at=NOW + MINUTE)
    store.looks.looked([looked(before)])
    store.looks.not_looked([before], NOW + 99 * MINUTE)
    store.looks.forgotten([before])
    [one] = due(store, 31 * MINUTE)
    assert (one.outcome, one.next_at) == ("nothing newer than 1.2", NOW + 31 * MINUTE)


def test_t2_what_a_look_came_to_is_read_back_and_the_next_is_due_later(store: Store) -> None:
    has_set(store)
    leave(store)
    store.looks.looked(map(looked, due(store)))
    assert due(store, 70 * MINUTE) == []
    [one] = due(store, 71 * MINUTE)
    assert (one.outcome, one.looked_at) == ("still nothing", NOW + 31 * MINUTE)


def test_h7_a_look_that_could_not_be_made_is_made_again_and_told_as_overdue(store: Store) -> None:
    has_set(store)
    leave(store)
    store.looks.not_looked(due(store), NOW + 33 * MINUTE)
    assert due(store, 32 * MINUTE) == []
    assert ids(due(store, 33 * MINUTE)) == ["u-1"]
    status = store.statuses.get("u-1")
    assert status is not None
    assert status.next_look_at == NOW + 30 * MINUTE


def test_a4_readers_get_the_looks_that_are_made_for_a_set(store: Store) -> None:
    has_set(store)
    leave(store)
    status = store.statuses.get("u-1")
    assert status is not None
    assert (status.last_look, status.last_look_at) == ("nothing newer than 1.2", NOW)
    assert status.next_look_at == NOW + 30 * MINUTE
    [overview] = store.overviews.of(["u-1"], NOW)
    assert overview.status == status
    # Its workflow was nudged: it looks before that.
    store.statuses.write("u-1", ON.model_copy(update={"next_look_at": NOW + MINUTE}), NOW)
    sooner = store.statuses.get("u-1")
    assert sooner is not None
    assert sooner.next_look_at == NOW + MINUTE


def test_t3_switched_off_no_look_is_made_for_it_any_more(store: Store) -> None:
    has_set(store)
    leave(store)
    store.statuses.write("u-1", ScaleSetStatus(), NOW)
    assert store.looks.next_due() is None
    assert store.statuses.get("u-1") == ScaleSetStatus()


def test_a_set_that_is_gone_takes_its_look_with_it_and_gets_no_other(store: Store) -> None:
    has_set(store)
    leave(store)
    store.scale_sets.delete("u-1")
    assert store.looks.next_due() is None
    assert not leave(store)
    assert store.looks.next_due() is None


def test_t2_forgotten_it_looks_by_itself(store: Store) -> None:
    has_set(store)
    leave(store)
    store.looks.forget("u-1")
    store.looks.forget("u-1")
    assert store.looks.next_due() is None
    leave(store)
    store.looks.forgotten(due(store))
    assert store.looks.next_due() is None


def test_t2_what_is_published_is_written_down_with_it_and_told_once(store: Store) -> None:
    assert store.publications.all() == []
    publish(store)
    [one] = store.publications.all()
    assert (one.location_key, one.line_key) == ("westeurope", "canonical|ubuntuserver|18.04-lts|")
    publish(store, at=NOW + 2 * MINUTE)  # the same once more is nothing new
    assert store.publications.all() == [one]
    publish(store, "1.4", NOW + 3 * MINUTE)
    store.publications.told(one)
    [newer] = store.publications.all()
    assert newer.published_at == NOW + 3 * MINUTE
    store.publications.told(newer)
    assert store.publications.all() == []


def test_t2_withdrawn_and_published_again_is_something_new(store: Store) -> None:
    publish(store)
    store.publications.told(*store.publications.all())
    store.images.withdraw(IMAGE.publisher, IMAGE.offer, IMAGE.sku, "1.3", "westeurope")
    assert store.publications.all() == []
    publish(store, at=NOW + 2 * MINUTE)
    assert len(store.publications.all()) == 1


def test_t2_a_look_that_may_have_been_too_early_for_a_publication_is_made_again_at_once(store: Store) -> None:
    has_set(store)
    publish(store, at=NOW)
    store.publications.told(*store.publications.all())
    assert leave(store)
    assert ids(due(store, timedelta(0))) == ["u-1"]
    leave(store, at=NOW + MINUTE)
    assert due(store, 2 * MINUTE) == []


def test_t2_the_followers_of_an_image_are_those_of_its_region(store: Store) -> None:
    has_set(store, "u-1", tags={"ring": "1"})
    has_set(store, "u-2", location="eastus")
    has_set(store, "u-3")
    leave(store)
    kept = KeptLook()
    store.looks.leave(Look("u-2", "eastus", IMAGE.line, NOW, "", NOW, kept))
    store.looks.leave(Look("u-3", "westeurope", (*IMAGE.line[:2], "other", ""), NOW, "", NOW, kept))
    publish(store)
    [publication] = store.publications.all()
    [bare] = store.looks.followers(publication, with_tags=False)
    assert (bare.unique_id, bare.within, bare.tags) == ("u-1", 3 * MINUTE, {})
    assert bare.resource_id == identity("web-u-1").resource_id
    [tagged] = store.looks.followers(publication, with_tags=True)
    assert tagged.tags == {"ring": "1"}


def test_t2_a_publication_brings_looks_forward_and_puts_none_off_but_what_is_overdue(store: Store) -> None:
    for number, minutes in ((1, 30), (2, 2), (3, -5)):
        has_set(store, f"u-{number}")
        leave(store, f"u-{number}", minutes * MINUTE)
    store.looks.bring_forward([(f"u-{number}", NOW + number * MINUTE + MINUTE) for number in (1, 2, 3)], NOW)
    moments = {one.stored.identity.unique_id: one.next_at for one in due(store)}
    assert moments == {"u-1": NOW + 2 * MINUTE, "u-2": NOW + 2 * MINUTE, "u-3": NOW + 4 * MINUTE}


def test_t2_sets_for_which_no_look_is_made_are_found_whoevers_they_are(store: Store) -> None:
    for number in (1, 2, 3):
        has_set(store, f"u-{number}")
    has_set(store, "u-4", location="eastus")
    leave(store, "u-2")
    assert [one.identity.unique_id for one in store.looks.unwatched("westeurope")] == ["u-1", "u-3"]
