"""A note in the data directory of the last backup of it, so that `instar doctor` can say how old that is."""

import logging
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from instar.private_files import draft_beside

_log = logging.getLogger(__name__)

NOTE = "last-backup.json"


class LastBackup(BaseModel):
    """When it was made, and in which folder on that machine."""

    model_config = ConfigDict(frozen=True)

    made_at: AwareDatetime
    folder: Path


def note(data_dir: Path, last: LastBackup) -> None:
    """Write it down. A data directory that cannot be written makes no backup worse: that is logged."""
    path = data_dir / NOTE
    try:
        draft_beside(path, f"{last.model_dump_json(indent=2)}\n".encode()).replace(path)
    except OSError as error:
        _log.warning("the backup is whole, but %s cannot be written: %s", path, error.strerror)


def noted(data_dir: Path) -> LastBackup | None:
    """The last one; None where none was made. Raises OSError, and ValueError for what is no note."""
    path = data_dir / NOTE
    if not path.exists():
        return None
    try:
        return LastBackup.model_validate_json(path.read_bytes())
    except ValidationError:
        raise ValueError(f"{path} is no note of a backup") from None
