"""One transaction for all that is read in a context, and whether anything was written since."""

import asyncio
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event, text

from instar.domain.access import Grant, Role
from instar.store.database import snapshots
from instar.store.database.database import Database
from instar.store.database.snapshots import AT_ONCE
from instar.store.errors import Unavailable
from instar.store.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OWNER = Grant(Role.OWNER, "/")


@contextmanager
def begun(store: Store) -> Iterator[list[int]]:
    """How many transactions were begun."""
    count = [0]

    def one_more(_connection: object) -> None:
        count[0] += 1

    event.listen(store.database.engine, "begin", one_more)
    try:
        yield count
    finally:
        event.remove(store.database.engine, "begin", one_more)


def test_all_that_is_read_within_a_snapshot_is_read_in_one_transaction(store: Store) -> None:
    with begun(store) as count, store.database.snapshot() as snapshot:
        for _ in range(3):
            store.credentials.all()
            store.scale_sets.identities()
        assert count == [1]
        snapshot.close()
        store.credentials.all()  # over: it reads for itself
        assert count == [2]
    store.credentials.all()
    assert store.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_threads_of_one_context_share_it_and_others_do_not(store: Store) -> None:
    with begun(store) as count:
        with store.database.snapshot() as snapshot:
            await asyncio.gather(*(asyncio.to_thread(store.credentials.all) for _ in range(5)))
            assert count == [1]
            other = threading.Thread(target=store.credentials.all)
            other.start()
            other.join()
            assert count == [2]
        snapshot.close()


def test_what_its_owner_has_written_is_what_it_reads_next(store: Store) -> None:
    with store.database.snapshot() as snapshot:
        assert store.credentials.all() == []
        made, _ = store.credentials.create("me", OWNER, NOW)
        assert store.credentials.all() == [made]
        snapshot.close()


def test_it_ends_when_it_grows_old(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with begun(store) as count, store.database.snapshot() as snapshot:
        store.credentials.all()
        monkeypatch.setattr(snapshots, "LASTS_SECONDS", 0.0)
        store.credentials.all()
        assert count == [2]
        snapshot.close()


def test_an_error_breaks_it_and_the_next_read_is_answered(store: Store) -> None:
    with store.database.snapshot() as snapshot:
        store.credentials.all()
        with pytest.raises(Exception, match="nowhere"), store.database.reading() as connection:
            connection.execute(text("SELECT 1 FROM nowhere"))
        assert store.credentials.all() == []
        snapshot.close()


def test_more_than_there_is_room_for_read_for_themselves_and_give_the_room_back(store: Store) -> None:
    held = []
    for _ in range(AT_ONCE + 3):
        with store.database.snapshot() as snapshot:
            assert store.credentials.all() == []
            held.append(snapshot)
    assert [one.is_open for one in held] == [True] * AT_ONCE + [False] * 3
    for one in held:
        one.close()
        one.close()
    with begun(store) as count, store.database.snapshot() as snapshot:
        store.credentials.all()
        store.credentials.all()
        assert count == [1]
        snapshot.close()


def test_it_is_not_closed_under_whoever_reads(store: Store) -> None:
    with store.database.snapshot() as snapshot, store.database.reading():
        found: list[bool] = []
        other = threading.Thread(target=lambda: found.append(snapshot.close_at_once()))
        other.start()
        other.join()
        assert found == [False]
    assert snapshot.close_at_once()


def test_a_database_that_is_away_is_unavailable_in_it_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.database.snapshot() as snapshot:
        monkeypatch.setattr(store.database.engine, "connect", _away)
        with pytest.raises(Unavailable):
            store.credentials.all()
        monkeypatch.undo()
        assert store.credentials.all() == []
        snapshot.close()


def _away() -> None:
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415

    raise OperationalError("connect", {}, Exception("away"))


def settled(database: Database) -> tuple[int, int]:
    """The version, which is there."""
    version = database.version()
    assert version is not None
    return version


def test_the_version_is_the_same_until_anybody_writes(store: Store) -> None:
    if not store.database.is_here:
        assert store.database.version() is None  # PostgreSQL has none
        return
    before = settled(store.database)
    store.credentials.all()
    assert store.database.version() == before
    store.credentials.create("me", OWNER, NOW)
    after = store.database.version()
    assert after not in (before, None)
    assert store.database.version() == after


def _writes(url: str) -> None:
    with closing(Database.open(url)) as database, database.writing() as connection:
        connection.execute(text("DELETE FROM credentials"))


def test_another_process_is_noticed_too(tmp_path: Path) -> None:
    path = tmp_path / "one?#%.db"
    url = f"sqlite:///{path}".replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    with closing(Database.open(url)) as database:
        with database.writing() as connection:
            connection.execute(
                text(
                    "INSERT INTO credentials (client_id, name, salt, secret_hash, created_at) "
                    "VALUES ('a', 'a', '', '', '2026-03-01')"
                )
            )
        before = settled(database)
        other = multiprocessing.get_context("spawn").Process(target=_writes, args=(url,))
        other.start()
        other.join()
        assert other.exitcode == 0
        assert database.version() != before


def test_what_cannot_be_told_is_none_and_told_again_later_it_is_another(tmp_path: Path) -> None:
    with closing(Database.open(f"sqlite:///{tmp_path / 'one.db'}")) as database:
        before = settled(database)
        connection = database._changes._connection
        assert connection is not None
        connection.close()
        assert database.version() is None
        assert settled(database) != before  # nobody knows what was written meanwhile
    assert database.version() is None
