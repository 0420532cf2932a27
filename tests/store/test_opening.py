import logging
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from instar.store.database.database import MIGRATIONS
from instar.store.database.sealing import Sealer
from instar.store.database.tables import METADATA
from instar.store.errors import StoreError, Unavailable, Unusable
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity

ROOT = Path(__file__).parents[2]


def test_the_migrations_make_the_tables_that_the_code_uses(store: Store) -> None:
    with store.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        columns = {
            (table.name, column["name"]): (column["nullable"], column["type"].compile(connection.dialect))
            for table in METADATA.sorted_tables
            for column in inspect(connection).get_columns(table.name)
        }
        expected = {
            (table.name, column.name): (column.nullable, column.type.compile(connection.dialect))
            for table in METADATA.sorted_tables
            for column in table.columns
        }
    assert columns == expected


def test_the_migrations_are_one_chain_to_one_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == ["0016"]
    chain = [one.revision for one in scripts.walk_revisions()]
    assert chain == [
        "0016",
        "0013",
        "0012",
        "0011",
        "0010",
        "0009",
        "0008",
        "0007",
        "0006",
        "0005",
        "0004",
        "0003",
        "0002",
        "0001",
    ]
    named = sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("v*.py"))
    assert named == [f"v{revision}" for revision in reversed(chain)]


def test_opened_again_everything_is_there(url: str, sealer: Sealer) -> None:
    with closing(Store.open(url, sealer)) as store:
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(adminPassword="p"), NOW)
    with closing(Store.open(url, sealer)) as store:
        assert store.scale_sets.open_model("u-1", 1) == document(adminPassword="p")
        store.ping()


def test_threads_may_open_a_new_store_at_once(url: str, sealer: Sealer) -> None:
    together = threading.Barrier(6)
    opened: list[Store] = []
    failed: list[BaseException] = []

    def open_it() -> None:
        together.wait()
        try:
            opened.append(Store.open(url, sealer))
        except BaseException as error:  # noqa: BLE001  # shown by the assertion
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in opened:
        store.ping()
        store.close()
    assert failed == []
    assert len(opened) == 6


@pytest.mark.processes
def test_processes_may_open_a_new_store_at_once(url: str, tmp_path: Path) -> None:
    program = (
        "import sys; from instar.store.store import Store; from instar.store.database.sealing import Sealer\n"
        "store = Store.open(sys.argv[1], Sealer.from_file(sys.argv[2]))\n"
        "store.operations.discard('none'); store.ping(); store.close(); print('opened')"
    )
    running = [
        subprocess.Popen(  # noqa: S603  # this interpreter
            [sys.executable, "-W", "error", "-c", program, url, tmp_path / "instar.key"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(5)
    ]
    assert [process.communicate(timeout=120)[0] for process in running] == ["opened\n"] * 5


def test_sqlite_runs_in_wal_mode_and_holds_foreign_keys(tmp_path: Path, sealer: Sealer) -> None:
    with closing(Store.open(f"sqlite:///{tmp_path / 'instar.db'}", sealer)) as store:
        with store.database.reading() as connection:
            pragmas = [
                connection.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "busy_timeout", "foreign_keys")
            ]
        assert pragmas == ["wal", 10_000, 1]


def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(), NOW)
    with store.database.writing() as connection:
        connection.execute(text("UPDATE scale_sets SET name = 'changed'"))
        found = store.scale_sets.by_unique_id("u-1")
        assert found is not None
        assert found.identity.name == "web"


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(), NOW)

    def interrupted() -> None:
        with store.database.writing() as connection:
            connection.execute(text("DELETE FROM scale_sets"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert store.scale_sets.by_unique_id("u-1") is not None


def test_opening_leaves_logging_as_it_was(url: str, sealer: Sealer) -> None:
    root = logging.getLogger()
    mine = logging.getLogger("instar.before")
    before = (root.level, list(root.handlers), mine.disabled)
    with closing(Store.open(url, sealer)):
        assert (root.level, list(root.handlers), mine.disabled) == before


def test_a_schema_newer_than_this_instar_is_refused_and_left_alone(url: str, sealer: Sealer) -> None:
    with closing(Store.open(url, sealer)) as store, store.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unusable, match="9999"):
        Store.open(url, sealer)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "nonsense",
        "mysql://root:hunter2@127.0.0.1/x",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite+aiosqlite:///x.db",
        "postgresql://instar:hunter2@127.0.0.1:port/x",
        "postgresql+asyncpg://instar:hunter2@127.0.0.1/x",
    ],
)
def test_a_url_that_cannot_work_is_refused_without_repeating_its_password(bad: str, sealer: Sealer) -> None:
    with pytest.raises(Unusable) as refused:
        Store.open(bad, sealer)
    assert "hunter2" not in str(refused.value)


def test_a_database_out_of_reach_is_unavailable(tmp_path: Path, sealer: Sealer) -> None:
    with pytest.raises(Unavailable):
        Store.open(f"sqlite:///{tmp_path / 'absent' / 'instar.db'}", sealer)
    with pytest.raises(Unavailable) as refused:
        Store.open("postgresql://instar:hunter2@127.0.0.1:1/x", sealer)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, sealer: Sealer) -> None:
    path = tmp_path / "instar.db"
    path.write_bytes(b"this is a letter, and no database" * 100)
    with pytest.raises(StoreError):
        Store.open(f"sqlite:///{path}", sealer)
    assert path.read_bytes() == b"this is a letter, and no database" * 100


def test_closing_twice_is_closing_once(url: str, sealer: Sealer) -> None:
    store = Store.open(url, sealer)
    store.close()
    store.close()
