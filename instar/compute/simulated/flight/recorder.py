"""The flight recorder: every effect on every machine, in a file of JSON lines that is only ever appended to.

The fleet writes it, inside the transaction of the effect and just before its commit; no orchestrator has a hand in it.
A process killed between the line and the commit leaves a line of something that did not happen. The next transaction
takes the same number again, so of two lines with one number the later is true, and a line numbered above what the
fleet's file says was committed is not. A line that is not whole is of a transaction that a full disk or a death undid.
"""

import errno
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any


class Kind(StrEnum):
    """What happened to a machine."""

    CREATE = "create"
    STOP = "stop"
    START = "start"
    COMMIT_SWAP = "commit-swap"
    COMMIT_RESTORE = "commit-restore"
    COMMIT_GIVE_BACK = "commit-give-back"
    """It is on a disk again that an earlier operation had put aside (R2)."""

    EXTENSIONS = "extensions"
    """Custom data and extensions have run."""

    COMMIT_APPLY = "commit-apply"
    HEALTHY_FROM = "healthy-from"
    SICK = "sick"
    POWER = "power"
    DISCARD = "discard"
    DELETE = "delete"
    STOCK = "stock"
    """Nothing happened: the state in which the machine was found when stock was taken."""


@dataclass(frozen=True, slots=True)
class FlightRecord:
    """One line. Fields that say nothing of this kind are empty."""

    number: int
    time: datetime
    kind: Kind
    unique_id: str
    instance_id: str
    effect: str = ""
    step: str = ""
    batch: int = 0
    os_disk: str = ""
    kept_disks: tuple[str, ...] = ()
    data_disks: tuple[str, ...] = ()
    """`<lun>:<name>:<marker>` of each, after the effect."""

    healthy_from: datetime | None = None
    """When the machine is going to be healthy, as planned; None: never, or it does not run."""

    sick_from: datetime | None = None
    sick_until: datetime | None = None
    power: str = ""
    zone: str = ""
    """Where a machine was made; said by its CREATE alone."""

    discarded: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    """`<name>` of each that succeeded, `<name>: <error>` of one that failed, in the order in which they ran."""

    def line(self) -> bytes:
        """As it stands in the file."""
        facts = {name: value for name in _FIELDS if (value := getattr(self, name))}
        return _ENCODER.encode(facts).encode() + b"\n"


_FIELDS = tuple(field.name for field in fields(FlightRecord))
_ENCODER = json.JSONEncoder(default=datetime.isoformat, separators=(",", ":"))
_MOMENTS = ("time", "healthy_from", "sick_from", "sick_until")
_LISTS = ("kept_disks", "data_disks", "discarded", "extensions")


def parse(line: str) -> FlightRecord:
    """Read one line. Raises ValueError if it is none."""
    facts: dict[str, Any] = json.loads(line)
    for name in _MOMENTS:
        if name in facts:
            facts[name] = datetime.fromisoformat(facts[name])
    for name in _LISTS:
        if name in facts:
            facts[name] = tuple(facts[name])
    return FlightRecord(**(facts | {"kind": Kind(facts["kind"])}))


class FlightRecorder:
    """Appends records to one file, and reads them. `committed`: the highest number that the fleet's file knows."""

    def __init__(self, path: Path, committed: Callable[[], int]) -> None:
        self.path = path
        self._committed = committed
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def append(self, records: Iterable[FlightRecord]) -> None:
        """Write them, as the only writer: inside a transaction of the fleet. Raises OSError where there is no room."""
        size = os.fstat(self._file).st_size
        torn = size and os.pread(self._file, 1, size - 1) != b"\n"
        lines = (b"\n" if torn else b"") + b"".join(record.line() for record in records)
        if os.write(self._file, lines) < len(lines):
            # A short write is how the last room of a disk is taken; that it was the last is all that is known.
            os.ftruncate(self._file, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def records(self) -> tuple[FlightRecord, ...]:
        """All that happened, in order."""
        return read_flight(self.path, self._committed())

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def read_flight(path: Path, committed: int | None = None) -> tuple[FlightRecord, ...]:
    """The records in the order in which they happened, without those that did not happen.

    committed: the highest number that the fleet's file knows; None takes the last line at its word.
    """
    records: dict[int, FlightRecord] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                record = parse(line)
            except json.JSONDecodeError:
                continue
            records[record.number] = record
    return tuple(records[number] for number in sorted(records) if committed is None or number <= committed)
