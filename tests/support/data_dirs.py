"""A data directory without processes: a store with a secret, what stands for Temporal's file, keys, certificates."""

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from instar.connection.settings import Settings
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity

WHEN = datetime(2026, 11, 27, 5, 40, tzinfo=UTC)
PASSWORD = "hunter2-hunter2"


def settings_for(data: Path) -> Settings:
    return Settings(data_dir=data, database_url="", seal_key_file=None)


def opened(data: Path) -> Store:
    return Store.open(settings_for(data).store_url, Sealer.from_file(data / "seal.keys"))


def made(data: Path) -> Settings:
    """Temporal's file has a rollback journal, as its development server's has."""
    data.mkdir(mode=0o700)
    with closing(opened(data)) as store:
        model = document(3, adminPassword=PASSWORD)
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", model, NOW)
    with closing(sqlite3.connect(data / "temporal.db")) as connection:
        connection.executescript("CREATE TABLE one (n INTEGER); CREATE TABLE other (n INTEGER);")
    for name in ("signing.key", "owner.json", "tls/ca.crt", "tls/ca.key"):
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_text(f"{name} of before\n")
    (data / "fleet.sqlite").write_text("the machines")
    return settings_for(data)


def add_pair(file: Path) -> None:
    """One more in both tables, in one transaction."""
    with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for table in ("one", "other"):
            connection.execute(f"INSERT INTO {table} SELECT coalesce(max(n), 0) + 1 FROM {table}")  # noqa: S608  # ours
        connection.execute("COMMIT")


def pairs(file: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        one = connection.execute("SELECT coalesce(max(n), 0) FROM one").fetchone()[0]
        return one, connection.execute("SELECT coalesce(max(n), 0) FROM other").fetchone()[0]


def generation(data: Path) -> int:
    with closing(opened(data)) as store:
        stored = store.scale_sets.by_unique_id("u-1")
        assert stored is not None
        opened_model = store.scale_sets.open_model("u-1", stored.generation)
        assert opened_model["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] == PASSWORD
        return stored.generation


def grow(data: Path, capacity: int) -> None:
    """One more generation."""
    with closing(opened(data)) as store:
        stored = store.scale_sets.by_unique_id("u-1")
        assert stored is not None
        store.scale_sets.put_model("u-1", document(capacity), stored.generation, NOW)


def in_child(what: Callable[[], None]) -> int:
    """Run it in a process of its own that may be killed; its wait status. It ends with 0, or with 1 if it raises."""
    pid = os.fork()
    if pid == 0:
        try:
            what()
        except BaseException as error:  # noqa: BLE001  # a forked test must not go on as a second pytest
            sys.__stderr__ and sys.__stderr__.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
