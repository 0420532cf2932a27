"""Limits, and the turns of the upgrades that they cover: each change is one transaction (docs/rules.md W4).

The store owns the leases. Whoever changes one reads all, has the domain decide, and writes, under one lock: at any
moment there is one writer, whichever process it is, and nothing is decided twice.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, exists, insert, select, text, update

from instar.domain.records.upgrades import ROLLING_KINDS, UpgradeRecord
from instar.domain.steering.turns.limits import Limit, of_set
from instar.domain.steering.turns.line import settled, why
from instar.domain.steering.turns.turns import Turn
from instar.store.database.database import Database
from instar.store.database.operators_tables import LIMITS, TURNS
from instar.store.database.tables import DECISIONS, SCALE_SETS, UPGRADES
from instar.store.steering.named import NamedDocuments

LIMITS_AT_MOST = 100
"""All are read before each batch."""

TURNS_LOCK = 0x1257A4
"""The advisory lock on PostgreSQL under which turns are changed; SQLite has one writer anyway."""

Key = tuple[str, int]
Line = dict[Key, Turn]


@dataclass(frozen=True)
class Asked:
    """What became of an upgrade's asking."""

    machines: int
    """Of how many its batch may be; 0: it waits."""
    reason: str
    """For what, as a sentence; "" if it does not."""
    granted: tuple[Turn, ...]
    """Others who may go on now, and are to be told."""


@dataclass(frozen=True)
class Settled:
    """All turns there are, and who of them may go on and is to be told."""

    turns: tuple[Turn, ...]
    granted: tuple[Turn, ...]


class Turns:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.limits = NamedDocuments(database, LIMITS, "limits", LIMITS_AT_MOST)

    def covering(self, resource_id: str) -> tuple[Limit, ...]:
        """The limits that cover a set."""
        with self._database.reading() as connection:
            return of_set(_limits(connection), resource_id)

    def all(self) -> tuple[tuple[Limit, ...], tuple[Turn, ...]]:
        """Every limit and every turn, at one moment."""
        with self._database.reading() as connection:
            return _limits(connection), tuple(_line(connection).values())

    def find(self, unique_id: str, number: int) -> Turn | None:
        """The turn of one upgrade."""
        query = select(TURNS).where(TURNS.c.unique_id == unique_id, TURNS.c.number == number)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Turn(**row._mapping)  # noqa: SLF001  # its public name in SQLAlchemy

    def ask(self, turn: Turn, now: datetime) -> Asked:
        """An upgrade asks for `turn.wants` machines for `turn.batch`, or asks again; if given, they are taken.

        Idempotent for the same upgrade and batch.
        """
        with self._database.writing() as connection:
            limits, line = _locked(connection), _line(connection)
            before = line.get(turn.key, turn)
            decided = _decided(line | {turn.key: before.asks(turn.batch, turn.wants, now)}, limits)
            mine = decided[turn.key]
            reason = why(mine, tuple(decided.values()), limits)
            if mine.machines:
                decided[turn.key] = mine.takes()
            _write(connection, line, decided)
            return Asked(mine.machines, reason, _fresh(line, decided))

    def stand_aside(self, unique_id: str, number: int) -> tuple[Turn, ...]:
        """An upgrade waits for something else: it holds no machines. Others who may go on now. Idempotent."""
        return self._changed((unique_id, number), Turn.stands_aside)

    def is_back(self, unique_id: str, number: int, batch: int) -> tuple[Turn, ...]:
        """That batch has had its verdict. Others who may go on now. Idempotent.

        Said late, when the next batch has its turn already, it takes nothing from that.
        """
        return self._changed((unique_id, number), lambda turn: turn if turn.batch > batch else turn.is_back())

    def end(self, unique_id: str, number: int) -> tuple[Turn, ...]:
        """It has ended, or no limit covers it any more. Others who may go on now. Idempotent."""
        return self._changed((unique_id, number), lambda _: None)

    def settle(self, dead: Iterable[Key] = ()) -> Settled:
        """Take in who runs and has no turn, let go who has ended, is `dead` or free of limits; who is next may go on.

        A set that is not stored any more has no upgrade. Whoever waited at a limit that is gone may go on.
        """
        gone = frozenset(dead)
        if self.all() == ((), ()):
            return Settled((), ())
        with self._database.writing() as connection:
            limits, line = _locked(connection), _line(connection)
            running = {(record.scale_set.unique_id, record.number): record for record in _begun(connection, limits)}
            alive = _alive(connection, line)
            kept = {key: turn for key, turn in line.items() if key in alive and key not in gone}
            for key, record in running.items():
                if key not in kept and key not in gone and of_set(limits, record.scale_set.resource_id):
                    kept[key] = _taken_in(record)
            kept = {
                key: turn
                for key, turn in kept.items()
                if turn.waits or turn.is_granted or of_set(limits, turn.resource_id)
            }
            decided = _decided(kept, limits)
            _write(connection, line, decided)
        found = tuple(decided.values())
        return Settled(found, tuple(turn for turn in found if turn.is_granted))

    def _changed(self, key: Key, change: Callable[[Turn], Turn | None]) -> tuple[Turn, ...]:
        if self.find(*key) is None:
            return ()
        with self._database.writing() as connection:
            limits, line = _locked(connection), _line(connection)
            if key not in line:
                return ()
            after = change(line[key])
            others = {one: turn for one, turn in line.items() if one != key}
            decided = _decided(others | ({key: after} if after else {}), limits)
            _write(connection, line, decided)
            return _fresh(line, decided)


def _decided(line: Line, limits: Collection[Limit]) -> Line:
    return {turn.key: turn for turn in settled(line.values(), limits)}


def _locked(connection: Connection) -> tuple[Limit, ...]:
    """The limits, once nobody else changes a turn until the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": TURNS_LOCK})
    return _limits(connection)


def _limits(connection: Connection) -> tuple[Limit, ...]:
    rows = connection.execute(select(LIMITS.c.name, LIMITS.c.document).order_by(LIMITS.c.name_key))
    return tuple(Limit.model_validate({**row.document, "name": row.name}) for row in rows)


def _line(connection: Connection) -> Line:
    rows = connection.execute(select(TURNS).order_by(TURNS.c.since, TURNS.c.unique_id, TURNS.c.number))
    turns = [Turn(**row._mapping) for row in rows]  # noqa: SLF001  # its public name in SQLAlchemy
    return {turn.key: turn for turn in turns}


def _fresh(before: Line, after: Line) -> tuple[Turn, ...]:
    """Who may go on now and could not before."""
    return tuple(
        turn for key, turn in after.items() if turn.is_granted and not (key in before and before[key].is_granted)
    )


def _write(connection: Connection, before: Line, after: Line) -> None:
    for key, turn in after.items():
        row = turn.model_dump()
        if key not in before:
            connection.execute(insert(TURNS).values(**row))
        elif before[key] != turn:
            of_it = (TURNS.c.unique_id == turn.unique_id, TURNS.c.number == turn.number)
            connection.execute(update(TURNS).where(*of_it).values(**row))
    for unique_id, number in before:
        if (unique_id, number) not in after:
            connection.execute(delete(TURNS).where(TURNS.c.unique_id == unique_id, TURNS.c.number == number))


def _begun(connection: Connection, limits: Collection[Limit]) -> list[UpgradeRecord]:
    """Rolling upgrades that have begun a batch and have not ended, where there are limits at all."""
    if not limits:
        return []
    a_batch = exists().where(
        DECISIONS.c.unique_id == UPGRADES.c.unique_id,
        DECISIONS.c.number == UPGRADES.c.number,
        DECISIONS.c.action == "batch",
    )
    query = select(UPGRADES.c.record).where(UPGRADES.c.ended.is_(False), UPGRADES.c.kind.in_(ROLLING_KINDS), a_batch)
    texts = connection.scalars(query.order_by(UPGRADES.c.started_at, UPGRADES.c.unique_id, UPGRADES.c.number))
    return [UpgradeRecord.model_validate_json(one) for one in texts]


def _alive(connection: Connection, line: Line) -> frozenset[Key]:
    """Those in the line whose set is there and whose upgrade has not ended, by what is written down."""
    if not line:
        return frozenset()
    query = (
        select(UPGRADES.c.unique_id, UPGRADES.c.number)
        .join(SCALE_SETS, SCALE_SETS.c.unique_id == UPGRADES.c.unique_id)
        .where(UPGRADES.c.ended.is_(False))
    )
    return frozenset((row.unique_id, row.number) for row in connection.execute(query))


def _taken_in(record: UpgradeRecord) -> Turn:
    """Of an upgrade that began before its limit did, or whose turn was lost: what it holds by what is written down."""
    return Turn(
        unique_id=record.scale_set.unique_id,
        number=record.number,
        resource_id=record.scale_set.resource_id,
        batch=1,
        since=record.started_at,
        has_slot=True,
        begun=True,
        machines=record.counts.in_progress,
        taken=record.counts.in_progress > 0,
    )
