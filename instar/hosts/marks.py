"""A mark beside a file that the processes of one kernel may share: who has it, renewed while somebody uses it.

SQLite keeps what its processes share in memory that they map; over a network file system two hosts would have two of
them, and would spoil the file. So whoever works on such a file marks it, and nobody works on one whose mark is of
another kernel and young. How old it is, the file system says itself, by the modification times of two files: the clocks
of the hosts have no part in it. An old mark is of a host that was switched off, or started anew: it is taken over.
"""

import json
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from instar.hosts.identity import host_name, kernel

EVERY = timedelta(seconds=10)
"""How often whoever uses a file renews its mark."""

OLD = 4 * EVERY
"""A mark that was not renewed for so long is of nobody who lives. What stands still for longer ends when it goes on."""

SETTLED = timedelta(seconds=0.2)
"""Of two hosts that take over at once, the later mark is there by then."""


class UsedElsewhere(Exception):
    """Another host uses the file, or has taken it over. The text says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Who has a file."""

    kernel: str
    host: str


def mark_of(file: Path) -> Path:
    """Where the mark of a file is.

    >>> mark_of(Path("/data/store.sqlite")).name
    'store.sqlite.host'
    """
    return file.with_name(f"{file.name}.host")


def read(file: Path) -> Mark | None:
    """The mark; None where there is none, or what is there is none of ours."""
    try:
        found = json.loads(mark_of(file).read_text(encoding="utf-8"))
        return Mark(str(found["kernel"]), str(found["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check(file: Path) -> None:
    """Raises UsedElsewhere while a process on another host uses the file; writes nothing that stays."""
    found = read(file)
    if found is None or found.kernel == kernel():
        return
    age = _age(file)
    if age is not None and age < OLD:
        raise UsedElsewhere(
            f"{file} is used on host {found.host} (heard of {age.total_seconds():.0f} s ago), and files of SQLite are "
            "for the processes of one host: stop Instar there, and this is taken over within a minute; or give both "
            "hosts one PostgreSQL by INSTAR_DATABASE_URL, and one hypervisor (docs/several-hosts.md)"
        )


def take(file: Path, host: str = "") -> None:
    """Mark the file as this host's. Raises UsedElsewhere, and OSError where the folder cannot be written."""
    check(file)
    before = read(file)
    _write(file, host)
    if before is not None and before.kernel != kernel():
        time.sleep(SETTLED.total_seconds())
        renew(file, host)


def renew(file: Path, host: str = "") -> None:
    """The same for a file that this host has. Raises UsedElsewhere if another has taken it over meanwhile."""
    found = read(file)
    if found is not None and found.kernel != kernel():
        raise UsedElsewhere(
            f"host {found.host} has taken over {file} while this one was not heard of: this process ends, and nothing "
            "more is written here. Is one disk with the data of Instar at two hosts (docs/several-hosts.md)?"
        )
    _write(file, host)


def _write(file: Path, host: str) -> None:
    handle, draft = tempfile.mkstemp(prefix=f".{file.name}.host.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            json.dump({"kernel": kernel(), "host": host or host_name()}, opened)
        Path(draft).replace(mark_of(file))
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _age(file: Path) -> timedelta | None:
    """By the clock of whoever keeps the files; None if the mark went meanwhile."""
    try:
        with tempfile.NamedTemporaryFile(prefix=f".{file.name}.host.", dir=file.parent) as probe:
            probe.write(b"now")
            probe.flush()
            now = os.fstat(probe.fileno()).st_mtime
        return timedelta(seconds=now - mark_of(file).stat().st_mtime)
    except FileNotFoundError:
        return None
