"""A store that is put back from a backup while everything runs: what `instar restore` leaves, in one process."""

import sqlite3
from contextlib import closing
from pathlib import Path


def kept(store: Path) -> Path:
    """A backup of the store as it is now."""
    copy = store.with_name(f"{store.name}.backup")
    copy.unlink(missing_ok=True)
    _copied(store, copy)
    return copy


def put_back(copy: Path, store: Path) -> None:
    """The store is as it was when the backup was made."""
    _copied(copy, store)


def _copied(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)
