"""`instar backup`, with real files and real kills (docs/rules.md F7)."""

import os
import resource
import signal
import stat
import threading
from pathlib import Path

import pytest

from instar.backup import sqlite_copy
from instar.backup.backup import Wish, backup, remarks
from instar.backup.backup_manifest import MANIFEST, complete_backups, read_manifest
from instar.backup.restore import restore
from instar.backup.sqlite_copy import copy_database
from instar.errors import Trouble
from tests.support.data_dirs import PASSWORD, WHEN, add_pair, generation, grow, in_child, made, pairs, settings_for


def quiet(*_: object) -> None:
    """Tells nobody."""


def test_a_backup_holds_records_workflows_keys_and_no_machines(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    told: list[str] = []
    found, manifest = backup(Wish(tmp_path / "b"), settings, WHEN, lambda name, _, __: told.append(name))
    assert found == tmp_path / "b" / "2026-11-27T05-40-00Z"
    assert {one.name for one in manifest.files} == {
        *("store.sqlite", "temporal.db", "seal.keys", "signing.key", "owner.json", "tls/ca.crt", "tls/ca.key")
    }
    assert read_manifest(found) == manifest
    assert (manifest.store, manifest.temporal, manifest.keys) == ("sqlite", True, True)
    for one in [found, *found.rglob("*")]:
        assert stat.S_IMODE(one.stat().st_mode) == (0o700 if one.is_dir() else 0o600), one
    assert any("every secret" in line for line in remarks(Wish(tmp_path), settings, manifest))


def test_f7_temporal_is_copied_before_the_store_so_that_records_know_all_that_it_knows(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    told: list[str] = []
    backup(Wish(tmp_path / "b"), settings, WHEN, lambda name, _, __: told.append(name))
    assert list(dict.fromkeys(told)) == ["temporal.db", "store.sqlite"]


def test_f7_a_copy_is_of_one_moment_though_others_write_between_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_copy, "PAGES", 1)
    data = tmp_path / "data"
    made(data)
    steps: list[int] = []

    def write(done: int, _: int) -> None:
        steps.append(done)
        if len(steps) <= 3:
            grow(data, 10 + len(steps))

    copy_database(data / "store.sqlite", tmp_path / "copy", write)
    assert len(steps) > 5
    assert steps == sorted(set(steps)), "it never began anew"
    assert generation(data) == 4
    (data / "store.sqlite").rename(tmp_path / "newer")
    for side in ("-wal", "-shm"):
        (data / f"store.sqlite{side}").unlink(missing_ok=True)
    (tmp_path / "copy").rename(data / "store.sqlite")
    assert generation(data) == 1


def test_f7_backups_beside_writers_that_never_rest_restore_whole_and_their_secrets_open(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = made(data)
    stop = threading.Event()
    wrote = threading.Semaphore(0)

    def hammer_store() -> None:
        capacity = 1000
        while not stop.is_set():
            capacity += 1
            grow(data, capacity)
            wrote.release()

    def hammer_temporal() -> None:
        while not stop.is_set():
            add_pair(data / "temporal.db")

    writers = [threading.Thread(target=one) for one in (hammer_store, hammer_temporal)]
    for one in writers:
        one.start()
    found = []
    try:
        for _ in range(4):
            found.append(backup(Wish(tmp_path / "b"), settings, WHEN, quiet)[0])
            while wrote.acquire(blocking=False):
                pass
            assert wrote.acquire(timeout=30), "the store is written after this one"
    finally:
        stop.set()
        for one in writers:
            one.join()
    seen = []
    for number, copy in enumerate(found):
        target = tmp_path / f"restored-{number}"
        restore(copy, settings_for(target), WHEN, quiet)
        first, second = pairs(target / "temporal.db")
        assert first == second
        seen.append((generation(target), first))
    assert seen == sorted(seen)
    assert len({generation for generation, _ in seen}) == len(found), "each is of a later moment"


def test_f7_a_backup_that_is_killed_anywhere_leaves_nothing_that_can_be_restored(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    folder = tmp_path / "b"
    real = os.fsync
    for at in range(1, 50):
        count = 0

        def killing(handle: int, at: int = at) -> None:
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
            real(handle)

        def backing_up(killing: object = killing) -> None:
            os.fsync = killing  # type: ignore[assignment]  # in a process of its own
            backup(Wish(folder), settings, WHEN, quiet)

        ended = in_child(backing_up)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        whole = complete_backups(folder)
        if whole:  # killed after its last rename
            assert read_manifest(whole[0]).store == "sqlite"
            whole[0].rename(tmp_path / f"whole-{at}")
        for left in folder.glob(".unfinished-*"):
            with pytest.raises(Trouble, match="never finished"):
                read_manifest(left)
    assert at > 8
    assert [one.name for one in sorted(folder.iterdir())] == [".backup.lock", "2026-11-27T05-40-00Z"]


def test_a_full_disk_is_told_and_nothing_half_is_left(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    told = tmp_path / "told"

    def on_a_full_disk() -> None:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
            backup(Wish(tmp_path / "b"), settings, WHEN, quiet)
        except Trouble as trouble:
            told.write_text(str(trouble))

    assert in_child(on_a_full_disk) == 0
    assert "is full or cannot be written" in told.read_text()
    assert [one.name for one in (tmp_path / "b").iterdir()] == [".backup.lock"]


def test_f5_keys_that_change_while_the_store_is_copied_have_it_copied_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = made(data)
    keys = data / "seal.keys"
    rotated: list[str] = []

    def rotate(name: str, *_: int) -> None:
        if name == "store.sqlite" and not rotated:
            rotated.append(keys.read_text())
            keys.write_text(f"# newer\n{rotated[0]}")

    found, _ = backup(Wish(tmp_path / "b"), settings, WHEN, rotate)
    assert (found / "seal.keys").read_text().startswith("# newer")

    def never_rest(*_: object) -> None:
        keys.write_text(keys.read_text() + "# again\n")

    with pytest.raises(Trouble, match="changed again and again"):
        backup(Wish(tmp_path / "b"), settings, WHEN, never_rest)
    assert complete_backups(tmp_path / "b") == [found]


def test_without_keys_no_key_is_in_it_and_what_is_lost_is_said(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    wish = Wish(tmp_path / "b", keys=False)
    found, manifest = backup(wish, settings, WHEN, quiet)
    assert {one.name for one in found.iterdir()} == {"store.sqlite", "temporal.db", MANIFEST}
    assert any("can never be opened again" in line for line in remarks(wish, settings, manifest))
    assert PASSWORD.encode() not in (found / "store.sqlite").read_bytes()


def test_keep_removes_the_oldest_whole_backups_and_nothing_else(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    folder = tmp_path / "b"
    found = [backup(Wish(folder), settings, WHEN.replace(day=day), quiet)[0] for day in (1, 2, 3)]
    for other in ("notes", "2026-01-01T00-00-00Z"):
        (folder / other).mkdir()
    newest, _ = backup(Wish(folder, keep=2), settings, WHEN.replace(day=4), quiet)
    assert complete_backups(folder) == [found[2], newest]
    assert (folder / "notes").is_dir()
    assert (folder / "2026-01-01T00-00-00Z").is_dir(), "it has no list of contents: it is none of ours"


def test_two_backups_of_one_second_have_two_names_and_the_one_just_made_stays(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    later, _ = backup(Wish(tmp_path / "b"), settings, WHEN.replace(year=2030), quiet)
    first, _ = backup(Wish(tmp_path / "b"), settings, WHEN, quiet)
    second, _ = backup(Wish(tmp_path / "b", keep=1), settings, WHEN, quiet)
    assert second.name == f"{first.name}-2"
    assert not later.exists()
    assert complete_backups(tmp_path / "b") == [second]


def test_a_damaged_database_is_told_and_not_backed_up(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    (tmp_path / "data" / "temporal.db").write_text("no database at all, but long enough to be looked at" * 100)
    with pytest.raises(Trouble, match=r"temporal\.db is damaged"):
        backup(Wish(tmp_path / "b"), settings, WHEN, quiet)
    assert complete_backups(tmp_path / "b") == []


def test_without_temporals_file_its_owner_is_told_what_to_back_up(tmp_path: Path) -> None:
    settings = made(tmp_path / "data")
    (tmp_path / "data" / "temporal.db").unlink()
    wish = Wish(tmp_path / "b")
    _, manifest = backup(wish, settings, WHEN, quiet)
    assert any("its owner must back up its databases" in line for line in remarks(wish, settings, manifest))
