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
