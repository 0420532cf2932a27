"""Backups hold keys: those that are ours are made ours alone; of others it is said, and nothing is refused.

A backup is needed most when much else is lost, and it may lie where modes cannot be changed: on a share, on a disc.
"""

import logging
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from instar.private_files import OF_OTHERS, Tightened, TooOpen, in_lines, tighten_tree

_log = logging.getLogger(__name__)


def keep_backups_private(backups: Iterable[Path]) -> None:
    """Tighten each backup of ours, with a line of the log for it; warn of each that others may use all the same."""
    changed: list[Tightened] = []
    for backup in backups:
        try:
            found = backup.lstat()
            if found.st_uid == os.geteuid():
                for change in tighten_tree(backup):
                    changed.append(change)  # noqa: PERF402  # what was changed before one cannot be is said all the same
        except (TooOpen, FileNotFoundError):
            pass  # looked at below, as it is now
        for path in (backup, *(path for path in backup.rglob("*") if not path.is_symlink())):
            if mode := _open_mode(path):
                _log.warning(
                    "%s: others may use it (mode %04o), and it may hold keys: move it where only you may go", path, mode
                )
                break
    for line in in_lines(changed):
        _log.warning("%s", line)


def _open_mode(path: Path) -> int:
    try:
        mode = stat.S_IMODE(path.lstat().st_mode)
    except OSError:
        return 0
    return mode if mode & OF_OTHERS and path.suffix != ".crt" else 0
