"""The data of a process, wherever its settings put it, is its owner's alone before anything of it is opened."""

import logging
from pathlib import Path

from instar.connection.settings import Settings
from instar.private_files import Tightened, check_file, check_key, in_lines, tighten
from instar.store.database.engines import parsed_url
from instar.store.errors import Unusable

_log = logging.getLogger(__name__)

SIDES = ("", "-wal", "-shm", "-journal", ".flight.jsonl")
"""A database, what SQLite keeps beside it, and the flight recorder of a simulated fleet."""


def keep_private(settings: Settings) -> None:
    """Tighten what is ours in the data directory, each change in a line of the log; judge what lies elsewhere.

    Raises TooOpen for what cannot be tightened and others may use.
    """
    data = settings.data_dir
    files = [file.with_name(f"{file.name}{side}") for file in _databases(settings) for side in SIDES]
    keys = [settings.keys, *([settings.tls.key] if settings.tls.key else [])]
    inside = [path for path in (*files, *keys) if path.is_relative_to(data)]
    changed: list[Tightened] = []
    try:
        for change in tighten(data, inside):
            changed.append(change)  # noqa: PERF402  # what was changed before a refusal is said all the same
    finally:
        for line in in_lines(changed):
            _log.warning("%s", line)
    for path in files:
        if path not in inside or path.is_symlink():
            check_file(path)
    for path in keys:
        if path not in inside or path.is_symlink():
            check_key(path)


def _databases(settings: Settings) -> list[Path]:
    found = [settings.fleet]
    try:
        url = parsed_url(settings.store_url)
    except Unusable:
        return found  # said when the store is opened
    if url.get_backend_name() == "sqlite" and url.database:
        found.append(Path(url.database).absolute())
    return found
