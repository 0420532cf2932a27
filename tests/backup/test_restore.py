"""`instar restore`, with real files, real locks and real kills (docs/rules.md F7)."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from instar.backup.backup import Wish, backup
from instar.backup.backup_manifest import MANIFEST, entry_of
from instar.backup.last_backup import NOTE
from instar.backup.restore import checked, restore, what_follows
from instar.connection.presence import MARK, BeingRestored, enter
from instar.connection.settings import Settings
from instar.errors import Trouble
from instar.stack.data_dir import claimed
from instar.stack.up import up
from tests.store.samples import NOW, document
from tests.support.data_dirs import WHEN, add_pair, generation, grow, in_child, made, opened, pairs, settings_for


def quiet(*_: object) -> None:
    """Tells nobody."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    made(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def settings(data: Path) -> Settings:
    return settings_for(data)


@pytest.fixture
def kept(tmp_path: Path, settings: Settings) -> Path:
    """A backup of one generation and no pair; the data has gone on since."""
    found, _ = backup(Wish(tmp_path / "b"), settings, WHEN, quiet)
    grow(settings.data_dir, 20)
    add_pair(settings.data_dir / "temporal.db")
    (settings.data_dir / "owner.json").write_text("newer")
    return found


def contents(folder: Path) -> dict[str, bytes]:
    locks = {"instar.lock", "in-use.lock"}
    files = [one for one in folder.rglob("*") if one.is_file() and one.name not in locks]
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in files}


def test_f7_records_workflows_and_keys_are_as_they_were_and_the_machines_are_not_touched(
    kept: Path, settings: Settings
) -> None:
    data = settings.data_dir
    (data / "fleet.sqlite").write_text("the machines have gone on")
    said: list[str] = []
    restore(kept, settings, WHEN, said.append)
    assert (generation(data), pairs(data / "temporal.db")) == (1, (0, 0))
    assert (data / "owner.json").read_text() == "owner.json of before\n"
    assert (data / "fleet.sqlite").read_text() == "the machines have gone on"
    aside = data / "before-restore-2026-11-27T05-40-00Z"
    assert str(aside) in said[1]
    assert pairs(aside / "temporal.db") == (1, 1)
    assert (aside / "owner.json").read_text() == "newer"
    assert generation(aside) == 2, "what was there is put aside whole, with its keys"
    assert not list(data.rglob(".restore-*"))
    enter(data).close()


def test_what_a_killed_writer_left_beside_a_database_goes_with_it_and_not_into_the_restored_one(
    kept: Path, settings: Settings
) -> None:
    data = settings.data_dir

    def die_writing() -> None:
        store = opened(data)
        store.scale_sets.put_model("u-1", document(30), 2, NOW)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(die_writing) == -signal.SIGKILL
    assert (data / "store.sqlite-wal").stat().st_size > 0
    restore(kept, settings, WHEN, quiet)
    assert generation(data) == 1
    assert generation(data / "before-restore-2026-11-27T05-40-00Z") == 3


def test_a_backup_is_restored_on_a_machine_that_has_nothing(kept: Path, tmp_path: Path) -> None:
    fresh = settings_for(tmp_path / "new" / "machine")
    restore(kept, fresh, WHEN, quiet)
    assert generation(fresh.data_dir) == 1
    assert (fresh.data_dir / "tls" / "ca.key").read_text() == "tls/ca.key of before\n"


def test_keys_that_are_not_in_a_backup_stay_as_they_are(tmp_path: Path, settings: Settings) -> None:
    found, manifest = backup(Wish(tmp_path / "b", keys=False), settings, WHEN, quiet)
    restore(found, settings, WHEN, quiet)
    assert generation(settings.data_dir) == 1
    fresh = settings_for(tmp_path / "fresh")
    restore(found, fresh, WHEN, quiet)
    assert any("opens no secret" in line for line in what_follows(found, manifest, fresh))


def test_what_has_a_place_of_its_own_is_put_there_and_the_old_one_beside_it(tmp_path: Path, data: Path) -> None:
    elsewhere = tmp_path / "etc" / "keys"
    elsewhere.parent.mkdir()
    (data / "seal.keys").rename(elsewhere)
    settings = Settings(data_dir=data, database_url="", seal_key_file=elsewhere)
    found, _ = backup(Wish(tmp_path / "b"), settings, WHEN, quiet)
    good = elsewhere.read_text()
    elsewhere.write_text("newer")
    restore(found, settings, WHEN, quiet)
    assert elsewhere.read_text() == good
    assert (elsewhere.parent / "keys.before-restore-2026-11-27T05-40-00Z").read_text() == "newer"


def test_it_says_what_follows(kept: Path, settings: Settings) -> None:
    manifest, _ = checked(kept, settings)
    told = "\n".join(what_follows(kept, manifest, settings))
    assert "scale sets in it: web; operations that were under way: 0" in told
    assert "instar reconcile SET" in told


def refused(kept: Path, settings: Settings, match: str) -> None:
    before = contents(settings.data_dir)
    with pytest.raises(Trouble, match=match):
        restore(kept, settings, WHEN, quiet)
    assert contents(settings.data_dir) == before, "nothing was changed"
    assert not (settings.data_dir / MARK).exists()


def test_it_is_refused_while_a_worker_or_an_api_has_its_share(kept: Path, settings: Settings) -> None:
    presence = enter(settings.data_dir)
    refused(kept, settings, "a worker or an API uses")
    presence.close()
    restore(kept, settings, WHEN, quiet)


def test_it_is_refused_while_instar_up_holds_the_directory(kept: Path, settings: Settings) -> None:
    with claimed(settings.data_dir):
        refused(kept, settings, "used by another instar")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who has a file open")
@pytest.mark.parametrize("file", ["temporal.db", "store.sqlite"])
def test_it_is_refused_while_any_process_has_a_database_open(kept: Path, settings: Settings, file: str) -> None:
    # As an idle Temporal server does: it holds no lock.
    holding = "import sys; file = open(sys.argv[1], 'rb'); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", holding, str(settings.data_dir / file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:  # noqa: S603  # ours
        assert holder.stdout is not None
        holder.stdout.readline()
        refused(kept, settings, rf"in use by .* \(process {holder.pid}\): stop all of Instar")
        holder.communicate()
    restore(kept, settings, WHEN, quiet)


def change(file: str, at: int) -> Callable[[Path], None]:
    def flip(kept: Path) -> None:
        content = bytearray((kept / file).read_bytes())
        content[at] ^= 1
        (kept / file).write_bytes(content)

    return flip


def listed(**changes: object) -> Callable[[Path], None]:
    def rewrite(kept: Path) -> None:
        manifest = json.loads((kept / MANIFEST).read_text())
        (kept / MANIFEST).write_text(json.dumps(manifest | changes))

    return rewrite


def forged(name: str) -> Callable[[Path], None]:
    def rewrite(kept: Path) -> None:
        manifest = json.loads((kept / MANIFEST).read_text())
        (kept.parent / "secret").write_text("x")
        entry = entry_of(kept.parent, "secret").model_dump() | {"name": name}
        (kept / MANIFEST).write_text(json.dumps(manifest | {"files": [*manifest["files"], entry]}))

    return rewrite


def shorten(kept: Path) -> None:
    (kept / "store.sqlite").write_bytes((kept / "store.sqlite").read_bytes()[:-1])


def link(kept: Path) -> None:
    (kept / "seal.keys").rename(kept.parent / "keys")
    (kept / "seal.keys").symlink_to(kept.parent / "keys")


NONSENSE: list[tuple[Callable[[Path], object], str]] = [
    (change("store.sqlite", 5000), "store.sqlite is not what was backed up"),
    (change("seal.keys", 0), "seal.keys is not what was backed up"),
    (shorten, "store.sqlite is not what was backed up"),
    (link, "seal.keys is missing"),
    (lambda kept: (kept / "temporal.db").unlink(), "temporal.db is missing"),
    (lambda kept: (kept / MANIFEST).unlink(), "has no manifest.json"),
    (lambda kept: (kept / MANIFEST).write_text("{"), "it is no JSON"),
    (lambda kept: (kept / MANIFEST).write_bytes(b"\xff\xfe"), "it is no JSON"),
    (lambda kept: (kept / MANIFEST).write_text("[1]"), "not of a backup of Instar"),
    (lambda kept: (kept / MANIFEST).write_text("{}"), "not of a backup of Instar"),
    (listed(files=None), "is damaged: files"),
    (listed(files=[]), "its list lacks store.sqlite"),
    (listed(made_at="yesterday"), "is damaged: made_at"),
    (listed(instar="new"), "is damaged: instar"),
    (listed(instar="99.0"), r"made by a newer Instar \(99.0"),
    (listed(layout=2, files="what comes"), "made by a newer Instar"),
    (listed(schema_version="9999"), "made by a newer Instar"),
    (listed(store="postgresql"), "a store of postgresql, and the settings name one of sqlite"),
    (forged("../secret"), "'../secret', which no backup holds"),
    (forged("tls/../../secret"), "which no backup holds"),
    (forged("/etc/passwd"), "which no backup holds"),
    (forged("fleet.sqlite"), "which no backup holds"),
    (forged("seal.keys"), "lists a file twice"),
]


@pytest.mark.parametrize(("spoil", "match"), NONSENSE)
def test_what_is_no_whole_backup_is_refused_and_nothing_is_changed(
    kept: Path, settings: Settings, spoil: Callable[[Path], object], match: str
) -> None:
    spoil(kept)
    refused(kept, settings, match)


def test_a_folder_of_backups_a_file_and_nothing_at_all_are_refused(kept: Path, settings: Settings) -> None:
    refused(kept.parent, settings, f"it has no manifest.json; the newest one in it is .*{kept.name}")
    refused(kept / "store.sqlite", settings, "is a file, and a backup is a folder")
    refused(kept / "nothing", settings, "is not there; name a backup")
    refused(kept.rename(kept.with_name(f".unfinished-{kept.name}")), settings, "never finished")


def test_a_file_in_place_of_a_data_directory_is_refused(kept: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Trouble, match="is a file: name a data directory"):
        restore(kept, settings_for(tmp_path / "file"), WHEN, quiet)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_another_users_data_directory_is_refused(kept: Path, settings: Settings) -> None:
    os.chown(settings.data_dir, 65534, 65534)
    refused(kept, settings, "belongs to .*: run this as that user")


def test_f7_a_restore_that_is_killed_anywhere_lets_nothing_start_until_it_was_repeated(
    kept: Path, settings: Settings
) -> None:
    data = settings.data_dir
    newer = {name: content for name, content in contents(data).items() if not name.endswith(("-wal", "-shm"))}
    halves = 0
    for at in range(1, 60):
        real = Path.rename
        count = 0

        def killing(source: Path, target: Path, at: int = at, real: Callable[..., Path] = real) -> Path:
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(source, target)

        def restoring(killing: object = killing) -> None:
            Path.rename = killing  # type: ignore[assignment,method-assign]  # in a process of its own
            restore(kept, settings, WHEN, quiet)

        ended = in_child(restoring)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        halves += 1
        with pytest.raises(BeingRestored, match=r"broken off: run `instar restore BACKUP` again"):
            enter(data)
        with pytest.raises(Trouble, match="broken off"):
            up(data, 0, 0, 0)
        with pytest.raises(Trouble, match="nothing whole to back up"):
            backup(Wish(kept.parent / "more"), settings, WHEN, quiet)
    assert halves > 8
    enter(data).close()
    assert (generation(data), pairs(data / "temporal.db")) == (1, (0, 0))
    aside = contents(data / "before-restore-2026-11-27T05-40-00Z")
    assert {name: aside[name] for name in newer if name in aside} == {
        name: newer[name] for name in newer if name in aside
    }
    assert set(newer) - set(aside) == {"fleet.sqlite", NOTE}, "nothing that was there was deleted"


def test_a_disk_that_is_full_while_it_is_copied_leaves_all_as_it_was(kept: Path, settings: Settings) -> None:
    import resource  # noqa: PLC0415  # only here

    before = contents(settings.data_dir)
    told = kept.parent / "told"

    def on_a_full_disk() -> None:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
            restore(kept, settings, WHEN, quiet)
        except Trouble as trouble:
            told.write_text(str(trouble))

    assert in_child(on_a_full_disk) == 0
    assert "could not restore" in told.read_text()
    assert contents(settings.data_dir) == before
    enter(settings.data_dir).close()
