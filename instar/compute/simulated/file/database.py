"""The fleet's file in use: short transactions, what is scripted, and the records that go with each effect."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from instar.compute.clock import Clock
from instar.compute.errors import ComputeError, Unavailable
from instar.compute.simulated.file.faults import ArmedFault, Fault, FaultKind
from instar.compute.simulated.file.moments import from_micros, to_micros
from instar.compute.simulated.file.schema import open_database
from instar.compute.simulated.file.scripts import EXPIRED, EXTENSION_SCRIPTS, FleetDefaults, Scripts, VersionScript
from instar.compute.simulated.flight.recorder import FlightRecord, FlightRecorder, Kind
from instar.domain.images.images import ImageReference


class Database:
    """One process's connection to the fleet's file. For one event loop: a transaction never awaits."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.connection = open_database(path)
        self.recorder = FlightRecorder(path.with_name(f"{path.name}.flight.jsonl"), self._recorded)
        self.clock = clock
        self._scripts: Scripts | None = None
        self._images: dict[int, ImageReference] = {}
        self._image_numbers: dict[ImageReference, int] = {}

    def close(self) -> None:
        """Close both files."""
        self.connection.close()
        self.recorder.close()

    def _recorded(self) -> int:
        return int(self.connection.execute("SELECT value FROM facts WHERE name = 'recorded'").fetchone()[0])

    def identity(self) -> str:
        """What this fleet is told from any other by: drawn when its file was made, and moved with it."""
        return str(self.connection.execute("SELECT value FROM facts WHERE name = 'identity'").fetchone()[0])

    def forget(self) -> None:
        """Drop what was learned inside a transaction that did not happen."""
        self._scripts = None
        self._images.clear()
        self._image_numbers.clear()

    def write(self) -> "Transaction":
        """A transaction that shuts out other writers; nothing in it is seen before its end."""
        return Transaction(self)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one moment. Raises Unavailable if the file is locked too long, or the disk refuses."""
        try:
            self.connection.execute("BEGIN")
            yield self.connection
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the fleet's file does not answer: {error}") from error
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def scripts(self) -> Scripts:
        """What is scripted now; read again only when it was changed, by whichever process."""
        [(revision,)] = self.connection.execute("SELECT value FROM facts WHERE name = 'revision'")
        if self._scripts is None or self._scripts.revision != revision:
            self._scripts = self._load_scripts(revision)
        return self._scripts

    def _load_scripts(self, revision: int) -> Scripts:
        facts = dict(self.connection.execute("SELECT name, value FROM facts"))
        versions = self.connection.execute("SELECT image_key, script FROM version_scripts")
        faults = self.connection.execute("SELECT fault, document FROM faults WHERE times_left > 0 ORDER BY fault")
        return Scripts(
            revision=revision,
            defaults=FleetDefaults.model_validate_json(facts["defaults"]),
            versions={key: VersionScript.model_validate_json(script) for key, script in versions},
            faults=tuple(ArmedFault(number, Fault.model_validate_json(text)) for number, text in faults),
            away_until=from_micros(facts["away_until"]),
            extensions=EXTENSION_SCRIPTS.validate_json(facts["extensions"]),
            expired=EXPIRED.validate_json(facts["expired"]),
        )

    def image(self, number: int) -> ImageReference:
        """The image that the file knows by that number."""
        if number not in self._images:
            [row] = self.connection.execute(
                "SELECT publisher, offer, sku, version, id FROM images WHERE image = ?",
                (number,),
            )
            self._images[number] = ImageReference(
                publisher=row[0],
                offer=row[1],
                sku=row[2],
                version=row[3],
                id=row[4],
            )
        return self._images[number]

    def number_of(self, image: ImageReference) -> int:
        """The number of an image, given to it now if it has none. Only inside a transaction."""
        if image not in self._image_numbers:
            row = (image.publisher, image.offer, image.sku, image.version, image.id)
            self.connection.execute(
                "INSERT OR IGNORE INTO images (publisher, offer, sku, version, id) VALUES (?, ?, ?, ?, ?)",
                row,
            )
            [(number,)] = self.connection.execute(
                "SELECT image FROM images WHERE (publisher, offer, sku, version, id) = (?, ?, ?, ?, ?)",
                row,
            )
            self._image_numbers[image] = number
        return self._image_numbers[image]


class Transaction:
    """A write transaction: `with database.write() as tx`. An exception undoes it; `refuse` ends it well and raises."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.moment: datetime = database.clock()
        self.now = to_micros(self.moment)
        self._records: list[tuple[Kind, str, str, dict[str, Any]]] = []
        self._refusal: ComputeError | None = None
        self._scripts: Scripts | None = None

    def __enter__(self) -> Self:
        """Begin. Raises Unavailable if the file is locked too long."""
        try:
            self.database.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the fleet's file does not answer: {error}") from error
        return self

    def __exit__(
        self, failed: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, records first; or undo. Raises Unavailable if the disk takes no more of either file."""
        if failed is not None:
            self._undo()
            if isinstance(error, sqlite3.OperationalError):
                raise Unavailable(f"the fleet's file cannot be written: {error}") from error
            return
        try:
            self._commit()
        except (sqlite3.OperationalError, OSError) as refused:
            self._undo()
            raise Unavailable(f"the fleet's file cannot be written: {refused}") from refused
        except BaseException:
            self._undo()
            raise
        if self._refusal is not None:
            raise self._refusal

    def _undo(self) -> None:
        # SQLite has undone it by itself where the disk was full.
        if self.database.connection.in_transaction:
            self.database.connection.execute("ROLLBACK")
        self.database.forget()

    def _commit(self) -> None:
        connection = self.database.connection
        if self._records:
            [(last,)] = connection.execute(
                "UPDATE facts SET value = value + ? WHERE name = 'recorded' RETURNING value",
                (len(self._records),),
            )
            first = last - len(self._records) + 1
            self.database.recorder.append(
                FlightRecord(first + index, self.moment, kind, unique_id, instance_id, **facts)
                for index, (kind, unique_id, instance_id, facts) in enumerate(self._records)
            )
        connection.execute("COMMIT")

    @property
    def scripts(self) -> Scripts:
        """What is scripted at this moment: nobody else changes it within a transaction."""
        if self._scripts is None:
            self._scripts = self.database.scripts()
        return self._scripts

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self.database.connection.execute(statement, values)

    def refuse(self, error: ComputeError) -> None:
        """Commit what was done so far, then raise: what was learned (a fence, a fault that struck) stays learned."""
        self._refusal = error

    def record(self, kind: Kind, unique_id: str, instance_id: str, **facts: Any) -> None:
        """Put a line in the flight recorder if this transaction commits."""
        self._records.append((kind, unique_id, instance_id, facts))

    def revise(self) -> None:
        """Tell every process that something scripted has changed."""
        self.execute("UPDATE facts SET value = value + 1 WHERE name = 'revision'")
        self._scripts = None

    def take(self, armed: ArmedFault) -> FaultKind | None:
        """Let a fault strike once; None if another call had its last strike."""
        row = self.execute(
            "UPDATE faults SET times_left = times_left - 1, hits = hits + 1 WHERE fault = ? AND times_left > 0 "
            "RETURNING times_left",
            (armed.number,),
        ).fetchall()
        if not row:
            return None
        if row[0][0] == 0:
            self.revise()
        return armed.fault.kind
