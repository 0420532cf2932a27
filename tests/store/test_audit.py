from dataclasses import replace
from datetime import timedelta

import pytest

from instar.store import audit
from instar.store.audit import Entry
from instar.store.store import Store
from tests.store.samples import NOW

ENTRY = Entry(NOW, "client-1", "owner", "Microsoft.Compute/virtualMachineScaleSets/write", "/sets/web_1", 201, "op-1")


def paths(store: Store, count: int, resource: str = "") -> list[str]:
    return [one.resource for one in store.audit.newest(count, resource)]


def test_an_entry_is_read_back_as_it_was_written(store: Store) -> None:
    store.audit.add(ENTRY)
    assert store.audit.newest(1) == [ENTRY]


def test_the_newest_come_first_and_no_more_than_are_asked_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        store.audit.add(replace(ENTRY, resource=f"/{number}"))
    assert paths(store, 2) == ["/3", "/2"]
    assert paths(store, 0) == paths(store, -1) == []
    monkeypatch.setattr(audit, "ENTRIES_AT_MOST", 3)
    assert paths(store, 9) == ["/3", "/2", "/1"]


def test_a_path_is_found_in_any_case_and_its_letters_mean_themselves(store: Store) -> None:
    for resource in ("/sets/web_1", "/sets/web_1/virtualMachines/0", "/sets/webx1", "/sets/100%"):
        store.audit.add(replace(ENTRY, resource=resource))
    assert paths(store, 9, "/SETS/WEB_1") == ["/sets/web_1/virtualMachines/0", "/sets/web_1"]
    assert paths(store, 9, "0%") == ["/sets/100%"]


def test_what_is_older_is_forgotten_and_what_is_as_old_is_kept(store: Store) -> None:
    for second in range(3):
        store.audit.add(replace(ENTRY, at=NOW + timedelta(seconds=second), resource=f"/{second}"))
    assert store.audit.forget(NOW + timedelta(seconds=1)) == 1
    assert paths(store, 9) == ["/2", "/1"]


REFUSED = replace(ENTRY, status=403, request_id="")


def test_a_refusal_is_counted_with_the_one_that_it_repeats_and_a_change_never(store: Store) -> None:
    for second in (0, 1, 2):
        store.audit.add(replace(REFUSED, at=NOW + timedelta(seconds=second)))
    [entry] = store.audit.newest(9)
    assert (entry.at, entry.repeats, entry.last_at) == (NOW, 2, NOW + timedelta(seconds=2))
    for other in ({"principal": "client-2"}, {"resource": "/x"}, {"action": "x/read"}, {"status": 429}, {"name": "me"}):
        store.audit.add(replace(REFUSED, **other))
    assert [entry.repeats for entry in store.audit.newest(9)] == [0] * 5 + [2]
    store.audit.add(ENTRY)
    store.audit.add(ENTRY)
    assert [entry.repeats for entry in store.audit.newest(2)] == [0, 0]
    later = NOW + audit.SAME_WITHIN
    store.audit.add(replace(REFUSED, at=later))
    [newest] = store.audit.newest(1)
    assert (newest.at, newest.repeats) == (later, 0)


def test_of_too_many_entries_refusals_go_first_and_then_the_oldest(store: Store) -> None:
    for number in range(4):
        store.audit.add(replace(ENTRY, resource=f"/{number}"))
        store.audit.add(replace(REFUSED, resource=f"/refused/{number}"))
    assert store.audit.shorten(8) == 0
    assert store.audit.shorten(6) == 2
    assert paths(store, 9) == ["/refused/3", "/3", "/refused/2", "/2", "/1", "/0"]
    assert store.audit.shorten(3) == 3
    assert paths(store, 9) == ["/3", "/2", "/1"]


def test_when_each_principal_last_changed_something(store: Store) -> None:
    later = NOW + timedelta(hours=1)
    for entry in (replace(ENTRY, at=later), ENTRY, replace(ENTRY, principal="client-2")):
        store.audit.add(entry)
    assert store.audit.last_of_each() == {"client-1": later, "client-2": NOW}
