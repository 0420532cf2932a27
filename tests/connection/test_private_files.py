"""Modes of real files: what is ours in the data directory is tightened, what is not and is open is refused."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from instar import private_files
from instar.connection.private_data import keep_private
from instar.connection.setting_groups import TlsSettings
from instar.connection.settings import Settings
from instar.private_files import TooOpen, check_key, in_lines, tighten
from instar.store.database.sealing import Sealer
from instar.store.errors import SealingError

SOMEBODY = 12_345
"""A user that nothing here belongs to."""

FILES = (
    *(f"{name}{side}" for name in ("store.sqlite", "fleet.sqlite", "temporal.db") for side in ("", "-wal", "-shm")),
    *("store.sqlite-journal", "fleet.sqlite.flight.jsonl", "seal.keys", "signing.key", "owner.json", "in-use.lock"),
    *("logs/api.log", "gates/ports.lock", "uploads/img.json", "downloads/x/disk.qcow2", "tls/server.key", "tls/ca.key"),
    *("before-restore-2026-01-31T02-00-00Z/seal.keys", ".restore-store.sqlite"),
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def put(path: Path, its_mode: int = 0o644) -> Path:
    """A file with a mode, in folders that everybody may look into."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)
    path.write_text("content")
    path.chmod(its_mode)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory of a careless time."""
    made = tmp_path / "data"
    for name in FILES:
        put(made / name)
    put(made / "tls" / "ca.crt", 0o666)
    return made


def test_all_that_is_ours_is_its_owners_alone_afterwards(data: Path) -> None:
    changed = list(tighten(data))
    assert changed[0].path == data, "the directory comes first: then nobody can exchange what is in it"
    assert {path: oct(mode(path)) for path in data.rglob("*") if mode(path) & 0o077} == {data / "tls/ca.crt": "0o644"}
    assert mode(data) == 0o700
    assert {str(one) for one in changed} >= {
        f"{data}: mode 0755 was changed to 0700: others could use it",
        f"{data}/seal.keys: mode 0644 was changed to 0600: others could use it",
    }
    assert list(tighten(data)) == [], "the second time nothing is left to be said"


def test_what_is_not_ours_by_its_name_is_left_alone(data: Path) -> None:
    mine = put(data / "notes" / "plan.txt")
    list(tighten(data))
    assert (mode(mine), mode(mine.parent)) == (0o644, 0o755)


def test_a_directory_of_other_things_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    other = put(tmp_path / "home" / "plan.txt").parent
    with pytest.raises(TooOpen, match="holds other things than Instar's: name a directory of its own"):
        list(tighten(other))
    assert mode(other) == 0o755
    other.chmod(0o700)
    assert list(tighten(other)) == []


def test_an_empty_directory_is_tightened_and_one_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    empty.chmod(0o2775)
    list(tighten(empty))
    assert mode(empty) == 0o2700
    assert list(tighten(tmp_path / "none")) == []
    assert not (tmp_path / "none").exists()


def test_links_in_the_directory_are_not_followed(data: Path, tmp_path: Path) -> None:
    file, folder = put(tmp_path / "elsewhere" / "api.log"), put(tmp_path / "folder" / "x").parent
    (data / "logs" / "api.log").unlink()
    (data / "logs" / "api.log").symlink_to(file)
    (data / "uploads" / "more").symlink_to(folder)
    (data / "gates" / "gone").symlink_to(tmp_path / "nowhere")
    list(tighten(data))
    assert (mode(file), mode(folder), mode(folder / "x")) == (0o644, 0o755, 0o644)


@pytest.mark.parametrize("name", ["store.sqlite", "seal.keys", "signing.key", "owner.json", "tls/server.key"])
def test_what_a_link_of_a_known_name_leads_to_is_refused_where_it_is_open(
    data: Path, tmp_path: Path, name: str
) -> None:
    file = put(tmp_path / "elsewhere" / "it")
    (data / name).unlink()
    (data / name).symlink_to(file)
    with pytest.raises(TooOpen, match="chmod 600"):
        list(tighten(data))
    assert mode(file) == 0o644
    file.chmod(0o600)
    list(tighten(data))


@as_root
@pytest.mark.parametrize("name", [".", "store.sqlite", "temporal.db-wal", "logs", "logs/api.log", "tls", "owner.json"])
def test_what_is_another_users_and_open_is_refused(data: Path, name: str) -> None:
    path = data / name
    os.chown(path, SOMEBODY, SOMEBODY)
    before = mode(path)
    with pytest.raises(TooOpen, match=rf"{path} belongs to user {SOMEBODY}, and others may use it"):
        list(tighten(data))
    assert mode(path) == before
    path.chmod(before & 0o700)
    list(tighten(data))


@as_root
def test_nothing_else_in_the_directory_is_asked_after_whose_it_is(data: Path) -> None:
    os.chown(put(data / "notes.txt"), SOMEBODY, SOMEBODY)
    list(tighten(data))


@pytest.mark.parametrize("chmod", ["refuses", "does nothing"])
def test_a_mode_that_cannot_be_changed_is_an_error_only_if_it_is_too_open(
    data: Path, monkeypatch: pytest.MonkeyPatch, chmod: str
) -> None:
    def unchanging(path: Path, _mode: int) -> None:
        if chmod == "refuses":
            raise OSError(errno.EROFS, "Read-only file system", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(os, "chmod", unchanging)
        with pytest.raises(TooOpen, match=r"cannot be changed here.*read-only, or keeps no modes"):
            list(tighten(data))
    list(tighten(data))
    monkeypatch.setattr(os, "chmod", unchanging)
    assert list(tighten(data)) == []


def test_what_goes_meanwhile_does_no_harm(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = tighten(data)
    next(changes)
    (data / "store.sqlite-wal").unlink()
    (data / "logs" / "api.log").unlink()
    (data / "logs").rmdir()
    change = os.chmod

    def too_late(path: Path, its_mode: int) -> None:
        path.unlink()
        change(path, its_mode)

    monkeypatch.setattr(os, "chmod", lambda path, its_mode: (too_late if path.is_file() else change)(path, its_mode))
    list(changes)
    assert not any(path.is_file() for path in data.rglob("*") if path.suffix == ".sqlite")


def test_sockets_and_pipes_are_let_be(data: Path) -> None:
    os.mkfifo(data / "logs" / "pipe", 0o644)
    list(tighten(data))
    assert stat.S_ISFIFO((data / "logs" / "pipe").lstat().st_mode)


def test_many_files_of_a_folder_are_one_line(tmp_path: Path) -> None:
    for number in range(200):
        put(tmp_path / "data" / "gates" / f"{number}.lock")
    lines = in_lines(tighten(tmp_path / "data"))
    assert len(lines) == 3
    assert lines[-1].startswith(
        f"{tmp_path}/data/gates: 200 files (0.lock and others) had mode 0644, which was changed to"
    )


@as_root
@pytest.mark.parametrize(
    ("owner", "its_mode", "good"),
    [
        (0, 0o400, True),
        (0, 0o600, True),
        (0, 0o440, True),
        (0, 0o640, True),
        (0, 0o460, False),
        (0, 0o660, False),
        (0, 0o444, False),
        (0, 0o644, False),
        (0, 0o604, False),
        (0, 0o602, False),
        (SOMEBODY, 0o600, True),
        (SOMEBODY, 0o640, False),
        (SOMEBODY, 0o644, False),
    ],
)
def test_a_key_that_a_setting_names_is_roots_for_a_group_or_nobody_elses(
    tmp_path: Path, owner: int, its_mode: int, good: bool
) -> None:
    real = put(tmp_path / "mounted" / "keys", its_mode)
    os.chown(real, owner, SOMEBODY)
    link = tmp_path / "keys"
    link.symlink_to(real)  # as orchestrators mount them
    if good:
        check_key(link)
        return
    with pytest.raises(TooOpen, match=r"chmod 600.*mode 0400.*mode 0440"):
        check_key(link)


def test_a_key_that_others_may_read_seals_nothing(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    Sealer.from_file(path)
    path.chmod(0o644)
    with pytest.raises(SealingError, match=r"others may use .*seal.keys \(mode 0644"):
        Sealer.from_file(path)


Elsewhere = Callable[[Path], Settings]


@pytest.mark.parametrize(
    ("name", "elsewhere"),
    [
        ("keys", lambda path: Settings(data_dir=path.parent / "data", seal_key_file=path)),
        ("tls.key", lambda path: Settings(data_dir=path.parent / "data", tls=TlsSettings(certificate=path, key=path))),
        ("my.db", lambda path: Settings(data_dir=path.parent / "data", database_url=f"sqlite:///{path}")),
        (
            "my.db-wal",
            lambda path: Settings(data_dir=path.parent / "data", database_url=f"sqlite:///{path.parent}/my.db"),
        ),
        ("fleet", lambda path: Settings(data_dir=path.parent / "data", fleet_file=path)),
    ],
)
def test_what_a_setting_puts_elsewhere_is_refused_and_never_changed(
    tmp_path: Path, name: str, elsewhere: Elsewhere
) -> None:
    path = put(tmp_path / name)
    with pytest.raises(TooOpen, match=f"others may use {path}.*chmod 600 {path}"):
        keep_private(elsewhere(path))
    assert mode(path) == 0o644
    path.chmod(0o600)
    keep_private(elsewhere(path))


def test_what_a_setting_names_within_the_data_directory_is_tightened_by_whatever_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    keys, database = put(data / "secret" / "my.txt"), put(data / "my.db")
    put(data / "seal.keys")
    settings = Settings(data_dir=data, seal_key_file=keys, database_url=f"sqlite:///{database}")
    keep_private(settings)
    assert (mode(keys), mode(database), mode(data)) == (0o600, 0o600, 0o700)
    assert f"{keys}: mode 0644 was changed to 0600" in caplog.text


def test_what_was_changed_before_a_refusal_is_said(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (data / "store.sqlite").unlink()
    (data / "store.sqlite").symlink_to(put(tmp_path / "open"))
    with pytest.raises(TooOpen):
        keep_private(Settings(data_dir=data))
    assert f"{data}: mode 0755 was changed to 0700" in caplog.text


def test_a_draft_that_finds_no_room_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = private_files.draft_beside(tmp_path / "seal.keys", b"content")
    assert (draft.read_bytes(), draft.stat().st_mode & 0o777, draft.parent) == (b"content", 0o600, tmp_path)
    draft.unlink()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        private_files.draft_beside(tmp_path / "seal.keys", b"content")
    assert list(tmp_path.iterdir()) == []
