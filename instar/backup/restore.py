"""`instar restore`: the files of a backup put in their places; what was there is put aside, never deleted.

First all is checked, then all is copied beside its place, and only then is anything renamed. From the first rename to
the last a mark lies in the data directory: killed in between, nothing starts on it until the restore was repeated.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from pwd import getpwuid
from shlex import join

from instar.backup.backup_manifest import Entry, Manifest, entry_of, read_manifest
from instar.backup.backup_places import DUMP, SEAL_KEYS, SIDES, STORE, TEMPORAL, place_of, store_file, synced
from instar.backup.file_users import users_of
from instar.backup.postgres_dump import check_program, restore_command, run, tables
from instar.backup.sqlite_copy import ask
from instar.connection.presence import MARK, InUse, alone
from instar.connection.settings import Settings
from instar.errors import Trouble
from instar.stack.data_dir import claimed

ASIDE = "before-restore-"
STAGED = ".restore-"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Piece:
    """One file of the backup, where it belongs, and where it lies until it is renamed."""

    entry: Entry
    place: Path

    @property
    def staged(self) -> Path:
        """In the same folder, hence on the same file system."""
        return self.place.with_name(f"{STAGED}{self.place.name}")


def checked(backup: Path, settings: Settings) -> tuple[Manifest, list[Piece]]:
    """What a backup holds and where it belongs, every byte looked at. Raises Trouble; nothing is changed."""
    manifest = read_manifest(backup)
    here = "postgresql" if store_file(settings) is None else "sqlite"
    if manifest.store not in {here, "none"}:
        raise Trouble(
            f"this backup holds a store of {manifest.store}, and the settings name one of {here}: "
            "set INSTAR_DATABASE_URL as it was when the backup was made"
        )
    pieces = []
    for entry in manifest.files:
        place = place_of(entry.name, settings)
        if place is None and entry.name != DUMP:
            raise Trouble(f"{backup} is damaged or forged: its list names {entry.name!r}, which no backup holds")
        _check_file(backup, entry)
        if place is not None:
            pieces.append(Piece(entry, place))
    names = {entry.name for entry in manifest.files}
    needed = {"sqlite": {STORE}, "postgresql": {DUMP}, "none": set()}[manifest.store]
    for name in sorted((needed | ({TEMPORAL} if manifest.temporal else set())) - names):
        raise Trouble(f"{backup} is damaged: its list lacks {name}")
    return manifest, pieces


def restore(backup: Path, settings: Settings, now: datetime, say: Say) -> None:
    """Put it back. Raises Trouble; killed at any moment, it can be repeated, and must be before anything starts."""
    manifest, pieces = checked(backup, settings)
    _check_owner(settings.data_dir)
    command = restore_command(settings, backup.absolute() / DUMP) if manifest.store == "postgresql" else []
    with claimed(settings.data_dir) as data, _alone(data, pieces):
        if command:
            check_program(command, "install them and repeat this; they are run as")
            if tables(settings):
                raise Trouble(
                    "the database that INSTAR_DATABASE_URL names is not empty, and nothing is deleted: rename it "
                    "(ALTER DATABASE … RENAME TO …), make an empty one of its name, and repeat this"
                )
        try:
            for piece in pieces:
                _stage(backup, piece)
            before = _put_in_place(data, pieces, now)
            if command:
                _fill_database(command, settings)
            (data / MARK).unlink(missing_ok=True)
            synced(data)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise Trouble(f"could not restore {data}: {where}{error.strerror}; mend that and repeat this") from None
        finally:
            for piece in pieces:
                with suppress(OSError):
                    piece.staged.unlink(missing_ok=True)
    say(f"restored {data} from {backup}, as it was at {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC")
    if before:
        say(f"what was there before is in {', '.join(map(str, before))}; remove it when you need it no more")


def what_follows(backup: Path, manifest: Manifest, settings: Settings) -> list[str]:
    """What its owner must know next."""
    lines = []
    if manifest.store == "sqlite":
        sets = [str(row[0]) for row in ask(backup / STORE, "SELECT name FROM scale_sets ORDER BY name")]
        under_way = len(ask(backup / STORE, "SELECT 1 FROM operations WHERE status = 'InProgress'"))
        lines.append(f"scale sets in it: {_some(sets)}; operations that were under way: {under_way}")
    lines += [
        "operations that were under way go on, or end as failed and say why; those begun after the backup are unknown",
        "a set whose machines have moved on since is held until `instar reconcile SET`, first as a dry run",
        "kept disks whose time was over since the backup may be gone",
    ]
    if not manifest.temporal:
        lines.append("Temporal is not in it: its owner puts its databases back to the same moment, or an earlier one")
    if manifest.store == "none":
        lines.append("the records are not in it: put the store back by itself before anything starts")
    if not manifest.keys and not settings.keys.is_file():
        lines.append(
            f"it holds no keys and there is no {settings.keys}: put that file there before the start; if it is lost "
            "for good, `instar hosts forget seal-keys` lets a new key be made, which opens no secret of the records"
        )
    return lines


def _check_file(backup: Path, entry: Entry) -> None:
    file = backup / entry.name
    if file.is_symlink() or not file.is_file():
        raise Trouble(f"{backup} is damaged: {entry.name} is missing; nothing was changed")
    try:
        found = entry_of(backup, entry.name)
    except OSError as error:
        raise Trouble(f"cannot read {file}: {error.strerror}") from None
    if found != entry:
        raise Trouble(f"{backup} is damaged: {entry.name} is not what was backed up; nothing was changed")


def _check_owner(data: Path) -> None:
    if data.exists() and not data.is_dir():
        raise Trouble(f"{data} is a file: name a data directory with --data-dir")
    if data.is_dir() and (owner := data.stat().st_uid) != os.geteuid():
        # Files of another user's would keep Instar from starting.
        raise Trouble(f"{data} belongs to {_user(owner)}: run this as that user")


@contextmanager
def _alone(data: Path, pieces: list[Piece]) -> Iterator[None]:
    try:
        with alone(data):
            files = [piece.place for piece in pieces] + [data / TEMPORAL]
            if users := users_of(files):
                raise Trouble(f"{data} is in use by {', '.join(users)}: stop all of Instar first, and its Temporal")
            yield
    except InUse as error:
        raise Trouble(f"{error}: stop all of Instar first, and its Temporal") from None


def _stage(backup: Path, piece: Piece) -> None:
    piece.place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    piece.staged.unlink(missing_ok=True)
    with (
        (backup / piece.entry.name).open("rb") as source,
        os.fdopen(os.open(piece.staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target,
    ):
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    found = entry_of(piece.staged.parent, piece.staged.name)
    if found.sha256 != piece.entry.sha256:
        raise Trouble(f"{piece.entry.name} changed while it was copied; nothing in use was changed, repeat this")


def _fill_database(command: list[str], settings: Settings) -> None:
    try:
        run(command, settings)
    except Trouble as trouble:
        raise Trouble(f"{trouble}; mend that and repeat this: until then nothing starts here") from None


def _put_in_place(data: Path, pieces: list[Piece], now: datetime) -> list[Path]:
    """Rename all; the folders and files in which the old ones are now."""
    mark = data / MARK
    # One that was broken off goes on filling its folder: a database and what SQLite keeps beside it stay together.
    name = mark.read_text(encoding="utf-8").strip() if mark.exists() else ""
    name = name if name.startswith(ASIDE) and "/" not in name else f"{ASIDE}{now:%Y-%m-%dT%H-%M-%SZ}"
    mark.touch(mode=0o600)
    mark.write_text(name + "\n", encoding="utf-8")
    synced(data)
    before = set()
    for piece in pieces:
        sides = SIDES if piece.entry.name in {STORE, TEMPORAL} else ()
        for old in (*(piece.place.with_name(piece.place.name + side) for side in sides), piece.place):
            if old.exists():
                before.add(_put_aside(old, data, name))
        piece.staged.rename(piece.place)
        synced(piece.place.parent)
    return sorted(before)


def _put_aside(old: Path, data: Path, name: str) -> Path:
    inside = old.is_relative_to(data)
    wanted = data / name / old.relative_to(data) if inside else old.with_name(f"{old.name}.{name}")
    wanted.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    free, number = wanted, 1
    while free.exists():
        number += 1
        free = wanted.with_name(f"{wanted.name}.{number}")
    old.rename(free)
    synced(free.parent)
    return data / name if inside else free


def plan(backup: Path, manifest: Manifest, pieces: list[Piece], settings: Settings) -> list[str]:
    """What is about to be done."""
    lines = [f"{backup}: made {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC by Instar {manifest.instar}"]
    lines += [
        f"  {piece.entry.name:<14} {piece.place}" + (" (replaced)" if piece.place.exists() else "") for piece in pieces
    ]
    if manifest.store == "postgresql":
        lines.append(f"  {DUMP:<14} {join(restore_command(settings, backup / DUMP))}")
    if not manifest.keys:
        lines.append(f"  keys are not in it: {SEAL_KEYS} and the others stay as they are")
    return lines


def _some(names: list[str], at_most: int = 10) -> str:
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return (", ".join(names[:at_most]) or "none") + more


def _user(uid: int) -> str:
    try:
        return getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
