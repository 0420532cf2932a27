"""`instar backup`: the records, what goes on, and the keys, while everything runs.

Temporal is copied before the store: what a request asks is in the store before a workflow hears of it, so the copied
store knows all that the copied Temporal knows, and what Temporal lacks is handed over again (docs/rules.md F6).
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from shlex import join
from typing import Literal

from instar.backup.backup_manifest import UNFINISHED, Manifest, complete_backups, entry_of
from instar.backup.backup_places import DUMP, KEYS, STORE, TEMPORAL, key_files, place_of, store_file, synced
from instar.backup.last_backup import LastBackup, note
from instar.backup.postgres_dump import check_program, dump_command, run, schema_version
from instar.backup.private_backups import keep_backups_private
from instar.backup.sqlite_copy import ask, copy_database
from instar.connection.presence import BeingRestored, check_whole
from instar.connection.settings import Settings
from instar.errors import Trouble

LOCK = ".backup.lock"
"""In the folder of backups: one backup at a time, so what is unfinished under it was left by one that died."""

TRIES = 3
"""To copy the store between two equal looks at the keys; they change when somebody rotates them."""

Told = Callable[[str, int, int], None]
"""Told the name of a file, and how much of how much is copied."""


@dataclass(frozen=True)
class Wish:
    """What is asked for. keep: so many backups stay, the oldest others are removed; None: all stay."""

    folder: Path
    keys: bool = True
    database: bool = True
    keep: int | None = None


def backup(wish: Wish, settings: Settings, now: datetime, told: Told) -> tuple[Path, Manifest]:
    """Make one more backup, in a folder of its own named after the moment. Raises Trouble, and nothing half is left."""
    store = store_file(settings)
    _check_source(wish, settings, store)
    folder = wish.folder.expanduser().absolute()
    try:
        with _one_at_a_time(folder, settings.data_dir), _draft(folder, now) as draft:
            keep_backups_private(complete_backups(folder))
            _check_space(folder, settings, store)
            manifest = _filled(draft, wish, settings, now, told)
            made = _named(draft, folder, now)
            _prune(folder, made, wish.keep)
    except OSError as error:
        # A file name is told where the system gives one: of two folders, it says which.
        where = f"{error.filename}: " if error.filename else ""
        raise Trouble(f"no backup was made in {folder}: {where}{error.strerror}") from None
    note(settings.data_dir, LastBackup(made_at=manifest.made_at, folder=made))
    return made, manifest


def _filled(draft: Path, wish: Wish, settings: Settings, now: datetime, told: Told) -> Manifest:
    has_temporal = (settings.data_dir / TEMPORAL).is_file()
    if has_temporal:
        copy_database(settings.data_dir / TEMPORAL, draft / TEMPORAL, lambda done, of: told(TEMPORAL, done, of))
    keys = key_files(settings)
    for _ in range(TRIES):
        kind, schema = _store(draft, wish, settings, told)
        before, keys = keys, key_files(settings)
        if keys == before:
            break
        (draft / STORE).unlink(missing_ok=True)
        (draft / DUMP).unlink(missing_ok=True)
    else:
        raise Trouble("the keys were changed again and again while the store was copied; try again")
    if wish.keys:
        for name, content in keys.items():
            _write(draft / name, content)
    names = sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file())
    manifest = Manifest(
        instar=version("instar"),
        made_at=now,
        store=kind,
        schema_version=schema,
        temporal=has_temporal,
        keys=wish.keys,
        files=tuple(entry_of(draft, name) for name in names),
    )
    for one in (draft, *(path for path in draft.iterdir() if path.is_dir())):
        synced(one)
    manifest.write(draft)
    synced(draft)
    return manifest


def _store(
    draft: Path, wish: Wish, settings: Settings, told: Told
) -> tuple[Literal["sqlite", "postgresql", "none"], str]:
    if not wish.database:
        return "none", ""
    store = store_file(settings)
    if store is not None:
        copy_database(store, draft / STORE, lambda done, of: told(STORE, done, of))
        found = ask(draft / STORE, "SELECT version_num FROM alembic_version")
        if not found:
            raise Trouble(f"{store} holds no store of Instar: it has no schema")
        return "sqlite", str(found[0][0])
    # Asked before: a schema that is brought forward meanwhile is brought forward once more after a restore.
    schema = schema_version(settings)
    _write(draft / DUMP, b"")
    told(DUMP, 0, 1)
    run(dump_command(settings, draft / DUMP), settings)
    told(DUMP, 1, 1)
    return "postgresql", schema


def _check_source(wish: Wish, settings: Settings, store: Path | None) -> None:
    data = settings.data_dir
    if not data.is_dir():
        raise Trouble(f"there is no data directory {data}: --data-dir names another")
    try:
        check_whole(data)
    except BeingRestored as error:
        raise Trouble(f"{error}; there is nothing whole to back up") from None
    if store is not None and wish.database and not store.is_file():
        raise Trouble(
            f"there is no store {store}: nothing was ever written down here; "
            "--data-dir or INSTAR_DATABASE_URL name another"
        )
    if store is None and wish.database:
        target = wish.folder / DUMP
        check_program(
            dump_command(settings, target), "install them, or give --without-database and dump it right after by"
        )
    for name in KEYS:
        path = place_of(name, settings)
        if wish.keys and path is not None and path.exists() and not os.access(path, os.R_OK):
            raise Trouble(f"cannot read {path}: run this as its owner")


def _check_space(folder: Path, settings: Settings, store: Path | None) -> None:
    sources = [one for one in (store, settings.data_dir / TEMPORAL) if one is not None and one.is_file()]
    need, free = sum(source.stat().st_size for source in sources), shutil.disk_usage(folder).free
    if free < need:
        raise Trouble(f"{folder} has room for {free >> 20} MiB and this needs {need >> 20} MiB: nothing was copied")


@contextmanager
def _one_at_a_time(folder: Path, data: Path) -> Iterator[None]:
    if folder.exists() and not folder.is_dir():
        raise Trouble(f"{folder} is a file: name a folder for backups")
    if folder.resolve().is_relative_to(data.resolve()):
        raise Trouble(f"{folder} is in the data directory, and would be lost with it: name another folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as opened:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        opened.callback(os.close, lock)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(f"another backup into {folder} is under way") from None
        for left in folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextmanager
def _draft(folder: Path, now: datetime) -> Iterator[Path]:
    """A folder that is no backup until it is renamed, and is gone if it never is."""
    draft = folder / f"{UNFINISHED}{_stamp(now)}"
    draft.mkdir(mode=0o700)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _named(draft: Path, folder: Path, now: datetime) -> Path:
    made, number = folder / _stamp(now), 1
    while made.exists():
        number += 1
        made = folder / f"{_stamp(now)}-{number}"
    draft.rename(made)
    synced(folder)
    return made


def _prune(folder: Path, made: Path, keep: int | None) -> None:
    others = [backup for backup in complete_backups(folder) if backup != made]
    for old in [] if keep is None else others[: max(0, len(others) + 1 - keep)]:
        # Killed in the middle of this, what is left looks like no backup.
        doomed = folder / f"{UNFINISHED}{old.name}"
        old.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _stamp(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H-%M-%SZ}"


def remarks(wish: Wish, settings: Settings, manifest: Manifest) -> list[str]:
    """What its owner must know of it."""
    lines = []
    if manifest.keys:
        lines.append("it holds the keys: whoever can read it can open every secret and log in as Owner")
    else:
        lines.append(
            "it holds no keys: without seal.keys, kept elsewhere, secrets of models (passwords, protected settings, "
            "custom data) can never be opened again, and what is going on in Temporal cannot go on; without "
            "signing.key everybody logs in again"
        )
    if not manifest.temporal:
        lines.append(
            "Temporal runs elsewhere: its owner must back up its databases (persistence and visibility), before this "
            "backup rather than after it"
        )
    if manifest.store == "none":
        by_hand = store_file(settings)
        command = join(dump_command(settings, wish.folder / DUMP)) if by_hand is None else f"a copy of {by_hand}"
        lines.append(f"it holds no records: make them part of it by {command}")
    lines.append("it holds no machines, disks or images of the hypervisor, and no logs")
    return lines
