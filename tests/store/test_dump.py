"""`instar backup` and `instar restore` with the store in PostgreSQL, on a real server (docs/rules.md F7)."""

import itertools
import os
import shutil
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from instar.backup import postgres_dump
from instar.backup.backup import Wish, backup
from instar.backup.backup_manifest import read_manifest
from instar.backup.restore import restore
from instar.connection.presence import MARK, BeingRestored, enter
from instar.connection.settings import Settings
from instar.errors import Trouble
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.store.samples import NOW, SUBSCRIPTION, document, identity
from tests.support.data_dirs import PASSWORD, WHEN

_numbers = itertools.count(1)


def quiet(*_: object) -> None:
    """Tells nobody."""


def execute(server: str, statement: str) -> None:
    with closing(psycopg.connect(f"{server}/postgres", autocommit=True)) as connection:
        connection.execute(statement.encode())


@pytest.fixture
def settings(postgres_server: str, tmp_path: Path) -> Settings:
    if shutil.which("pg_dump") is None or shutil.which("pg_restore") is None:
        pytest.skip("this machine has no client programs of PostgreSQL")
    name = f"backed_up_{next(_numbers)}"
    execute(postgres_server, f"CREATE DATABASE {name}")
    (tmp_path / "data").mkdir(mode=0o700)
    # The server trusts everybody; the password must show up nowhere all the same.
    url = f"{postgres_server.replace('instar@', 'instar:hunter4@')}/{name}"
    return Settings(data_dir=tmp_path / "data", database_url=url, seal_key_file=None)


def opened(settings: Settings) -> Store:
    return Store.open(settings.store_url, Sealer.from_file(settings.keys))


def filled(settings: Settings) -> None:
    with closing(opened(settings)) as store:
        store.scale_sets.create(identity(), SUBSCRIPTION, "Rg", document(3, adminPassword=PASSWORD), NOW)


def test_f7_a_store_in_postgresql_comes_back_with_its_secrets_and_nothing_there_is_deleted(
    settings: Settings, postgres_server: str, tmp_path: Path
) -> None:
    filled(settings)
    found, manifest = backup(Wish(tmp_path / "b"), settings, WHEN, quiet)
    assert manifest.store == "postgresql"
    assert read_manifest(found).schema_version
    assert not [one for one in found.iterdir() if b"hunter4" in one.read_bytes()]
    with closing(opened(settings)) as store:
        store.scale_sets.put_model("u-1", document(9), 1, NOW)

    with pytest.raises(Trouble, match="is not empty, and nothing is deleted: rename it"):
        restore(found, settings, WHEN, quiet)
    name = settings.store_url.rpartition("/")[2]
    execute(postgres_server, f"ALTER DATABASE {name} RENAME TO {name}_before")
    execute(postgres_server, f"CREATE DATABASE {name}")
    restore(found, settings, WHEN, quiet)
    with closing(opened(settings)) as store:
        stored = store.scale_sets.by_unique_id("u-1")
        assert stored is not None
        assert stored.generation == 1
        model = store.scale_sets.open_model("u-1", 1)
        assert model["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] == PASSWORD


def test_a_dump_that_cannot_be_put_back_leaves_nothing_that_starts_until_it_is_repeated(
    settings: Settings, postgres_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(settings)
    found, _ = backup(Wish(tmp_path / "b"), settings, WHEN, quiet)
    name = settings.store_url.rpartition("/")[2]
    execute(postgres_server, f"ALTER DATABASE {name} RENAME TO {name}_before")
    execute(postgres_server, f"CREATE DATABASE {name}")
    real = shutil.which("pg_restore")
    broken = tmp_path / "bin" / "pg_restore"
    broken.parent.mkdir()
    broken.write_text(f'#!/bin/sh\necho "no: $PGPASSWORD" >&2\nexec {real} --version-of-nothing\n')
    broken.chmod(0o700)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
    with pytest.raises(Trouble, match="pg_restore ended with status 1 and said: no: …") as told:
        restore(found, settings, WHEN, quiet)
    assert "hunter4" not in str(told.value)
    assert (settings.data_dir / MARK).exists()
    with pytest.raises(BeingRestored):
        enter(settings.data_dir)
    broken.unlink()
    restore(found, settings, WHEN, quiet)
    enter(settings.data_dir).close()


def test_the_password_is_in_no_argument(settings: Settings, tmp_path: Path) -> None:
    for command in (
        postgres_dump.dump_command(settings, tmp_path / "x"),
        postgres_dump.restore_command(settings, tmp_path / "x"),
    ):
        assert "hunter4" not in " ".join(command)
        assert "host=127.0.0.1" in " ".join(command)


def test_a_server_that_is_away_is_told_without_the_password(settings: Settings, tmp_path: Path) -> None:
    filled(settings)
    away = settings.model_copy(update={"database_url": "postgresql://instar:hunter4@127.0.0.1:1/x"})
    with pytest.raises(Trouble, match="the database does not answer") as told:
        backup(Wish(tmp_path / "b"), away, WHEN, quiet)
    assert "hunter4" not in str(told.value)
    assert [one.name for one in (tmp_path / "b").iterdir()] == [".backup.lock"]


def test_a_database_that_holds_no_store_is_told(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="holds no store of Instar"):
        backup(Wish(tmp_path / "b"), settings, WHEN, quiet)
