"""The commands `instar backup` and `instar restore`: what they print, and what nonsense gets."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from instar.cli.app import app
from tests.support.data_dirs import generation, grow, made


def run(*words: object) -> Result:
    told = CliRunner().invoke(app, [str(word) for word in words])
    assert "Traceback" not in told.output
    return told


@pytest.fixture(autouse=True)
def only_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INSTAR_DATABASE_URL", "INSTAR_SEAL_KEY_FILE", "INSTAR_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made(tmp_path / "data")
    return tmp_path / "data"


def test_there_and_back(data: Path, tmp_path: Path) -> None:
    told = run("backup", tmp_path / "b", "--data-dir", data)
    assert told.exit_code == 0
    assert "note: it holds the keys: whoever can read it can open every secret" in told.output
    found = told.output.splitlines()[-1].removeprefix("backup ")
    grow(data, 9)

    asked = run("restore", found, "--data-dir", data)
    assert asked.exit_code == 1
    assert "store.sqlite" in asked.output
    assert "nothing was changed: give --yes" in asked.output
    assert generation(data) == 2

    done = run("restore", found, "--data-dir", data, "--yes")
    assert done.exit_code == 0
    assert "instar reconcile SET" in done.output
    assert generation(data) == 1


@pytest.mark.parametrize("command", ["backup", "restore"])
def test_help_says_what_happens_and_where_more_is_written(command: str) -> None:
    told = run(command, "--help")
    assert told.exit_code == 0
    assert "docs/backup.md" in told.output
    assert command in run("--help").output


def test_nonsense_gets_a_sentence_and_makes_nothing(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for words, match, status in [
        (("backup", tmp_path / "file", "--data-dir", data), "is a file: name a folder for backups", 1),
        (("backup", tmp_path / "file" / "b", "--data-dir", data), "no backup was made in", 1),
        (("backup", data / "b", "--data-dir", data), "is in the data directory, and would be lost with it", 1),
        (("backup", tmp_path / "b", "--data-dir", tmp_path / "none"), "there is no data directory", 1),
        (("backup", tmp_path / "b", "--data-dir", tmp_path / "file"), "there is no data directory", 1),
        (("backup", tmp_path / "b", "--data-dir", tmp_path / "empty"), "nothing was ever written down here", 1),
        (("backup", tmp_path / "b", "--data-dir", data, "--keep", "0"), "--keep needs at least 1", 2),
        (("backup", tmp_path / "b", "--data-dir", data, "--keep", "many"), "should be a valid integer", 2),
        (("backup",), "Missing argument", 2),
        (("restore",), "Missing argument", 2),
        (("restore", tmp_path / "empty", "--data-dir", data, "--yes"), "is no backup: it has no manifest.json", 1),
        (("restore", tmp_path / "file", "--data-dir", data, "--yes"), "is a file, and a backup is a folder", 1),
        (("restore", tmp_path / "none", "--data-dir", data, "--yes"), "is not there", 1),
        (("restore", "", "--data-dir", data, "--yes"), "is no backup", 1),
    ]:
        told = run(*words)
        assert told.exit_code == status, told.output
        assert match in " ".join(told.output.replace("│", " ").split()), told.output
    assert not (tmp_path / "b").exists()
    assert not (data / "b").exists()
    monkeypatch.setenv("INSTAR_DATABASE_URL", "mysql://me:hunter3@host/x")
    for words in (("backup", tmp_path / "b", "--data-dir", data), ("restore", tmp_path, "--data-dir", data)):
        told = run(*words)
        assert told.exit_code == 1
        assert "hunter3" not in told.output


def test_without_pg_dump_the_command_is_told_without_the_password(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("INSTAR_DATABASE_URL", "postgresql+psycopg://me:hunter3@db.example/instar?sslmode=require")
    told = run("backup", tmp_path / "b", "--data-dir", data)
    assert told.exit_code == 1
    assert "pg_dump --format=custom" in told.output
    for part in ("db.example", "sslmode=require", "dbname=instar", "--without-database"):
        assert part in told.output
    assert "hunter3" not in told.output
    rest = run("backup", tmp_path / "b", "--data-dir", data, "--without-database")
    assert rest.exit_code == 0
    assert "it holds no records: make them part of it by pg_dump --format=custom" in rest.output
    assert "hunter3" not in rest.output
