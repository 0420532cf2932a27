"""The processes that work on this store: each writes down that it lives and what it goes by; none differs from another.

Moments are the database's on PostgreSQL, whose clock all hosts see; on SQLite those of the one host that has the file.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, text

from instar.domain.hosts.agreement import (
    HEARD_OF_WITHIN,
    Fact,
    Part,
    Process,
    Remembered,
    is_known,
    of_keys,
    refusals,
    refusals_at_work,
)
from instar.store.database.database import Database
from instar.store.database.hosts_tables import INSTALLATION_FACTS, PROCESSES
from instar.store.errors import Conflict

JOINING = 0x1257A3
"""The advisory lock on PostgreSQL under which one process at a time joins: of two at once, each sees the other."""

FORGOTTEN_AFTER = timedelta(days=1)
"""Who was not heard of for so long is not told of any more."""


class Refused(Conflict):
    """A process may not work on this store as it is set up. `reasons`: a sentence each."""

    def __init__(self, who: Process, reasons: list[str]) -> None:
        super().__init__(f"the {who} may not work on this store: {'; '.join(reasons)}")
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Listed:
    """A process, and when it was heard of."""

    process: Process
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """What a process learns when it is heard of."""

    at: datetime
    """Of the database."""
    others: tuple[Listed, ...]
    told: tuple[str, ...] = ()
    """What does not go together and is to be mended while all goes on: keys, in the middle of their exchange."""


class Members:
    """Joins, hears of and lists processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def join(self, mine: Process, clock: Callable[[], datetime]) -> Heard:
        """Begin to work here. Raises Refused, and writes nothing then.

        `clock`: of this host, where the database has none that all hosts see.
        """
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": JOINING})
            now = moment(connection, clock)
            others = _living(connection, mine, now)
            reasons = refusals(
                mine,
                (other.process for other in others),
                _newest(connection, Fact.SEALED),
                _newest(connection, Fact.FLEET),
            )
            if reasons:
                raise Refused(mine, reasons)
            self._write(connection, mine, now, now)
        return Heard(now, others)

    def beat(self, mine: Process, started_at: datetime, clock: Callable[[], datetime]) -> Heard:
        """Be heard of again, with what is known meanwhile.

        Raises Refused where it does not go together with a process that was there before it, or with what the store
        remembers: of two that differ, the later one ends.
        """
        with self._database.writing() as connection:
            now = moment(connection, clock)
            others = _living(connection, mine, now)
            fleet = _newest(connection, Fact.FLEET)
            told = [sentence for other in others if (sentence := of_keys(mine, other.process))]
            earlier = [one for one in others if (one.started_at, one.process.id) < (started_at, mine.id)]
            reasons = refusals_at_work(mine, (one.process for one in earlier), fleet)
            if reasons:
                raise Refused(mine, reasons)
            self._write(connection, mine, started_at, now)
        return Heard(now, others, tuple(dict.fromkeys(told)))

    def leave(self, process_id: str) -> None:
        """End well. Idempotent."""
        with self._database.writing() as connection:
            connection.execute(delete(PROCESSES).where(PROCESSES.c.id == process_id))

    def all(self, clock: Callable[[], datetime]) -> tuple[datetime, list[Listed]]:
        """The database's moment, and all processes of the last day in the order in which they began."""
        with self._database.reading() as connection:
            return moment(connection, clock), _listed(connection)

    def remembered(self, fact: Fact) -> Remembered | None:
        """The newest value of a fact."""
        with self._database.reading() as connection:
            return _newest(connection, fact)

    def forget(self, fact: Fact, clock: Callable[[], datetime]) -> int:
        """The next process that joins says anew what it is; how many values were forgotten.

        Raises Conflict while processes live: they would go on with what is to be forgotten.
        """
        with self._database.writing() as connection:
            now = moment(connection, clock)
            living = [one for one in _listed(connection) if now - one.seen_at < HEARD_OF_WITHIN]
            if living:
                named = ", ".join(f"the {one.process}" for one in living)
                killed = f"what was killed counts for {HEARD_OF_WITHIN.total_seconds():.0f} s"
                raise Conflict(f"nothing is forgotten while processes work: stop {named} ({killed})")
            gone = delete(INSTALLATION_FACTS).where(INSTALLATION_FACTS.c.name == fact.value)
            return connection.execute(gone).rowcount

    def drop_keys(self, fingerprints: Iterable[str]) -> None:
        """Keys that were taken out of the ring because nothing needs them: nobody is asked for them again."""
        gone = delete(INSTALLATION_FACTS).where(
            INSTALLATION_FACTS.c.name == Fact.SEALED.value, INSTALLATION_FACTS.c.value.in_(list(fingerprints))
        )
        with self._database.writing() as connection:
            connection.execute(gone)

    def _write(self, connection: Connection, mine: Process, started_at: datetime, now: datetime) -> None:
        row = {"id": mine.id, "document": asdict(mine), "started_at": started_at, "seen_at": now}
        self._database.upsert(connection, PROCESSES, [row])
        connection.execute(delete(PROCESSES).where(PROCESSES.c.seen_at < now - FORGOTTEN_AFTER))
        self._remember(connection, Fact.SEALED, mine.seals, mine.host, now)
        if is_known(mine.fleet):
            self._remember(connection, Fact.FLEET, mine.fleet, mine.host, now)

    def _remember(self, connection: Connection, fact: Fact, value: str, host: str, now: datetime) -> None:
        # The first word counts: a key that seals again after another one makes that one no less needed.
        row = {"name": fact.value, "value": value, "host": host, "at": now}
        self._database.insert_new(connection, INSTALLATION_FACTS, row)


def moment(connection: Connection, clock: Callable[[], datetime]) -> datetime:
    """Now, by the clock that all who use the database see."""
    if connection.dialect.name != "postgresql":
        return clock()
    told = connection.scalar(text("SELECT clock_timestamp()"))
    return told if isinstance(told, datetime) else clock()


def _living(connection: Connection, mine: Process, now: datetime) -> tuple[Listed, ...]:
    return tuple(
        one for one in _listed(connection) if one.process.id != mine.id and now - one.seen_at < HEARD_OF_WITHIN
    )


def _listed(connection: Connection) -> list[Listed]:
    rows = connection.execute(select(PROCESSES).order_by(PROCESSES.c.started_at, PROCESSES.c.id)).all()
    return [Listed(_process(row.document), row.started_at, row.seen_at) for row in rows]


def _process(document: dict[str, object]) -> Process:
    """Of this or of another release, which may tell more of itself, or less."""
    known = {name: value for name, value in document.items() if name in Process.__dataclass_fields__}
    opens = known.get("opens")
    told = {"part": Part(str(known["part"])), "opens": tuple(map(str, opens)) if isinstance(opens, list) else ()}
    return Process(**(known | told))  # type: ignore[arg-type]  # as it was written


def _newest(connection: Connection, fact: Fact) -> Remembered | None:
    table = INSTALLATION_FACTS
    query = select(table).where(table.c.name == fact.value).order_by(table.c.at.desc(), table.c.value).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Remembered(row.value, row.host, row.at)
