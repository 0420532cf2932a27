"""The list of contents of a backup: written last, so that a folder without it is no backup."""

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from alembic.script import ScriptDirectory
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from instar.errors import Trouble
from instar.store.database.database import MIGRATIONS

MANIFEST = "manifest.json"
LAYOUT = 1
UNFINISHED = ".unfinished-"
"""What the folder of a backup is called until it is whole, and again while it is removed."""

STAMPED = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")
_CHUNK = 1 << 20


class Entry(BaseModel):
    """One file. size: bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What a backup holds. schema_version: the store's; empty where the store is not in it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["instar-backup"] = "instar-backup"
    layout: int = LAYOUT
    instar: str = Field(pattern=r"^\d+(\.\d+)*")
    made_at: AwareDatetime
    store: Literal["sqlite", "postgresql", "none"]
    schema_version: str
    temporal: bool
    keys: bool
    files: tuple[Entry, ...]

    def write(self, folder: Path) -> None:
        """Put it into the folder, private to the user."""
        file = folder / MANIFEST
        file.touch(mode=0o600)
        file.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The list of a backup that this Instar can restore. Raises Trouble."""
    if not folder.is_dir():
        what = "a file, and a backup is a folder" if folder.exists() else "not there"
        raise Trouble(
            f"{folder} is {what}; name a backup that `instar backup DIR` made, as in DIR/2026-01-31T02-00-00Z"
        )
    if folder.absolute().name.startswith(UNFINISHED):
        raise Trouble(f"{folder} is a backup that was never finished: it cannot be restored")
    given = _json(folder)
    if not isinstance(given, dict) or given.get("kind") != "instar-backup":
        raise Trouble(f"{folder / MANIFEST} is not of a backup of Instar")
    if isinstance(given.get("layout"), int) and given["layout"] > LAYOUT:
        raise _newer(given.get("instar"))
    try:
        manifest = Manifest.model_validate(given)
    except ValidationError as error:
        one = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, one["loc"]))
        raise Trouble(f"{folder / MANIFEST} is damaged: {where}: {one['msg']}") from None
    if len({file.name for file in manifest.files}) < len(manifest.files):
        raise Trouble(f"{folder / MANIFEST} is damaged: it lists a file twice")
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if _numbers(manifest.instar) > _numbers(version("instar")) or (manifest.schema_version or "") not in {"", *known}:
        raise _newer(manifest.instar)
    return manifest


def complete_backups(folder: Path) -> list[Path]:
    """The whole backups in a folder of backups, the oldest first. Raises OSError."""
    return sorted(path for path in folder.iterdir() if STAMPED.fullmatch(path.name) and (path / MANIFEST).is_file())


def entry_of(folder: Path, name: str) -> Entry:
    """Size and checksum of a file as it is now. Raises OSError."""
    sha, size = hashlib.sha256(), 0
    with (folder / name).open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            size += len(chunk)
    return Entry(name=name, size=size, sha256=sha.hexdigest())


def _json(folder: Path) -> object:
    try:
        given: object = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        made = complete_backups(folder)
        hint = f"; the newest one in it is {made[-1]}" if made else ""
        raise Trouble(f"{folder} is no backup: it has no {MANIFEST}{hint}") from None
    except OSError as error:
        raise Trouble(f"cannot read {folder / MANIFEST}: {error.strerror}") from None
    except ValueError:
        raise Trouble(f"{folder / MANIFEST} is damaged: it is no JSON") from None
    return given


def _newer(instar: object) -> Trouble:
    return Trouble(
        f"this backup was made by a newer Instar ({instar}; this is {version('instar')}): restore it with that one"
    )


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()
