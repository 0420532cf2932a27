"""Records of upgrades: what `rollingUpgrades/latest` and the history are read from (docs/rules.md A1, A2, P17).

Activities write them, and an activity may be late: it was lost, was tried again, and arrives after its successor. So
each write is placed by the highest decision sequence in it. A write with decisions loses to what was written with a
higher sequence; a write without any is taken as newest. An ended record never runs again, whatever arrives.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select, update

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.upgrades import ROLLING_KINDS, Decision, UpgradeKind, UpgradeRecord, UpgradeStart
from instar.domain.telling.events import events_of_upgrade
from instar.store.database.database import Database
from instar.store.database.operators_tables import UPGRADE_STARTS
from instar.store.database.tables import DECISIONS, FLEET_MARKS, INSTANCES, UPGRADES
from instar.store.webhooks.deliveries import tell
from instar.telemetry.counting import count_batch, count_upgrade

EVER = datetime(1970, 1, 1, tzinfo=UTC)

BATCH, VERDICT = "batch", "verdict"
"""The decisions with which a batch begins, and with which it is judged."""

IN_HISTORY = (UpgradeKind.OS_UPGRADE, UpgradeKind.ROLLBACK)
"""A change of the model is none of the history's (A2)."""

HISTORY_AT_MOST = 10_000
"""Upgrades given at once at the most, whatever `$top` asks for: a set has one every few weeks."""


ROWS_AT_ONCE = 5_000
"""Of instances in one statement: what is written of a large set takes no more memory than of a small one."""


@dataclass(frozen=True)
class InstanceRow:
    """Where one instance stands in an upgrade, and why."""

    outcome: str
    batch: int
    reason: str


class Upgrades:
    """What is written down of upgrades.

    Methods are synchronous and short: call them by `asyncio.to_thread` from a loop.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, record: UpgradeRecord, now: datetime | None = None) -> list[str]:
        """Write an upgrade, its new decisions, the changed outcomes of its instances, and whom they are told (N1).

        Ids of the webhooks that have something to deliver now. Idempotent: decisions and outcomes already written stay
        unless this write is at least as new, and are told once. `now`: by default that of the newest decision.
        """
        key = {"unique_id": record.scale_set.unique_id, "number": record.number}
        with self._database.writing() as connection:
            there = connection.execute(_THERE, _at(key)).one_or_none()
            written = UpgradeRecord.model_validate_json(there.record) if there else None
            before = written.status if written else None
            record = _parked_since(record, written)
            sequence = self._write_record(connection, key, record, there)
            if record.start:
                row = {"document": record.start.model_dump(mode="json")}
                self._database.insert_new(connection, UPGRADE_STARTS, key | row)
            rows_of = {one: key | one.model_dump() for one in record.decisions}
            fresh = [one for one, row in rows_of.items() if self._database.insert_new(connection, DECISIONS, row)]
            self._database.upsert(connection, DECISIONS, [row for one, row in rows_of.items() if one not in fresh])
            if sequence is not None:
                for rows in _instance_rows(record, key | {"sequence": sequence}):
                    self._database.upsert(connection, INSTANCES, rows, newest_by="sequence")
            events = events_of_upgrade(record, fresh, before)
            told = tell(self._database, connection, events, now or max((one.at for one in events), default=EVER))
            verdicts = [one for one in fresh if one.action == VERDICT]
            took = [(began_at, one.at) for one in verdicts if (began_at := _began_at(connection, key, one))]
        count_upgrade(record, fresh, before)
        for began_at, judged_at in took:
            count_batch(record.kind.value, began_at, judged_at)
        return told

    def latest(self, unique_id: str) -> UpgradeRecord | None:
        """The set's newest rolling upgrade of either kind, running or ended, without decisions and instances (A1)."""
        with self._database.reading() as connection:
            text = connection.scalar(
                select(UPGRADES.c.record)
                .where(UPGRADES.c.unique_id == unique_id, UPGRADES.c.kind.in_(ROLLING_KINDS))
                .order_by(UPGRADES.c.number.desc())
                .limit(1)
            )
        return None if text is None else UpgradeRecord.model_validate_json(text)

    def running(self, before: datetime) -> list[UpgradeRecord]:
        """Rolling upgrades of all sets that began before that moment and have not ended, the oldest first."""
        query = select(UPGRADES.c.record).where(
            UPGRADES.c.ended.is_(False), UPGRADES.c.started_at < before, UPGRADES.c.kind.in_(ROLLING_KINDS)
        )
        with self._database.reading() as connection:
            texts = connection.scalars(query.order_by(UPGRADES.c.started_at, UPGRADES.c.unique_id, UPGRADES.c.number))
            return [UpgradeRecord.model_validate_json(text) for text in texts]

    def get(self, unique_id: str, number: int) -> UpgradeRecord | None:
        """One upgrade, without decisions and instances."""
        with self._database.reading() as connection:
            text = connection.scalar(
                select(UPGRADES.c.record).where(UPGRADES.c.unique_id == unique_id, UPGRADES.c.number == number)
            )
        return None if text is None else UpgradeRecord.model_validate_json(text)

    def history(self, unique_id: str, since: datetime, top: int) -> list[UpgradeRecord]:
        """The newest `top` OS upgrades and rollbacks that began at or after `since` or still run, newest first (A2).

        Without decisions and instances. `top` below 0 counts as 0.
        """
        with self._database.reading() as connection:
            texts = connection.scalars(
                select(UPGRADES.c.record)
                .where(
                    UPGRADES.c.unique_id == unique_id,
                    UPGRADES.c.kind.in_(IN_HISTORY),
                    or_(UPGRADES.c.started_at >= since, UPGRADES.c.ended.is_(False)),
                )
                .order_by(UPGRADES.c.number.desc())
                .limit(min(max(top, 0), HISTORY_AT_MOST))
            ).all()
        return [UpgradeRecord.model_validate_json(text) for text in texts]

    def of_kinds(self, unique_id: str, kinds: Iterable[UpgradeKind]) -> list[UpgradeRecord]:
        """The operations of those kinds on a set's machines, newest first, without decisions and instances."""
        query = select(UPGRADES.c.record).where(UPGRADES.c.unique_id == unique_id, UPGRADES.c.kind.in_(list(kinds)))
        with self._database.reading() as connection:
            texts = connection.scalars(query.order_by(UPGRADES.c.number.desc()).limit(HISTORY_AT_MOST)).all()
        return [UpgradeRecord.model_validate_json(text) for text in texts]

    def numbers_of(self, operations: Collection[str], since: datetime) -> dict[str, int]:
        """The numbers of what those operations began at or after that moment, by the operations' ids."""
        query = select(UPGRADES.c.number, UPGRADES.c.record).where(UPGRADES.c.started_at >= since)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(UPGRADES.c.started_at.desc()).limit(HISTORY_AT_MOST)).all()
        begun_by = {str(json.loads(row.record)["operation_id"]): int(row.number) for row in rows}
        return {one: begun_by[one] for one in operations if one in begun_by}

    def last_decisions(self, unique_id: str, numbers: Sequence[int]) -> dict[int, Decision]:
        """The newest decision of each of those upgrades of a set, by number; without those that have none."""
        last = (
            select(DECISIONS.c.number, func.max(DECISIONS.c.sequence).label("sequence"))
            .where(DECISIONS.c.unique_id == unique_id, DECISIONS.c.number.in_(numbers))
            .group_by(DECISIONS.c.number)
            .subquery()
        )
        same = and_(DECISIONS.c.number == last.c.number, DECISIONS.c.sequence == last.c.sequence)
        query = select(DECISIONS).join(last, same).where(DECISIONS.c.unique_id == unique_id)
        with self._database.reading() as connection:
            return {row.number: _decision(row) for row in connection.execute(query)}

    def decisions(self, unique_id: str, number: int) -> list[Decision]:
        """Every decision of an upgrade, in order."""
        with self._database.reading() as connection:
            rows = connection.execute(
                select(DECISIONS)
                .where(DECISIONS.c.unique_id == unique_id, DECISIONS.c.number == number)
                .order_by(DECISIONS.c.sequence)
            ).all()
        return [_decision(row) for row in rows]

    def instances(self, unique_id: str, number: int) -> dict[str, InstanceRow]:
        """The newest outcome of each instance of an upgrade, by instance id, in the order of the ids as numbers."""
        columns = (INSTANCES.c.instance_id, INSTANCES.c.outcome, INSTANCES.c.batch, INSTANCES.c.reason)
        with self._database.reading() as connection:
            rows = connection.execute(
                select(*columns)
                .where(INSTANCES.c.unique_id == unique_id, INSTANCES.c.number == number)
                .order_by(INSTANCES.c.instance_id)
            ).all()
        return {str(row[0]): InstanceRow(outcome=row[1], batch=row[2], reason=row[3]) for row in rows}

    def of_instance(self, unique_id: str, instance_id: int, top: int) -> list[tuple[UpgradeRecord, InstanceRow]]:
        """What became of one instance in those of the set's newest `top` operations in which it was, newest first."""
        newest = (
            select(UPGRADES.c.number)
            .where(UPGRADES.c.unique_id == unique_id)
            .order_by(UPGRADES.c.number.desc())
            .limit(top)
        )
        columns = (UPGRADES.c.record, INSTANCES.c.outcome, INSTANCES.c.batch, INSTANCES.c.reason)
        same = and_(INSTANCES.c.unique_id == UPGRADES.c.unique_id, INSTANCES.c.number == UPGRADES.c.number)
        query = (
            select(*columns)
            .join(INSTANCES, same)
            .where(
                UPGRADES.c.unique_id == unique_id,
                INSTANCES.c.instance_id == instance_id,
                UPGRADES.c.number.in_(newest),
            )
            .order_by(UPGRADES.c.number.desc())
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            (UpgradeRecord.model_validate_json(row[0]), InstanceRow(outcome=row[1], batch=row[2], reason=row[3]))
            for row in rows
        ]

    def starts(self, unique_id: str, numbers: Iterable[int]) -> dict[int, UpgradeStart]:
        """What those upgrades of a set began with, by number; none of one of which there was nothing to say (C4)."""
        wanted = (UPGRADE_STARTS.c.unique_id == unique_id, UPGRADE_STARTS.c.number.in_(tuple(numbers)))
        with self._database.reading() as connection:
            rows = connection.execute(select(UPGRADE_STARTS).where(*wanted)).all()
        return {row.number: UpgradeStart.model_validate(row.document) for row in rows}

    def last_number(self, unique_id: str) -> int:
        """The newest number that an operation of any kind took in the life of the set, 0 before the first.

        Those that only the machines know count too, once they were taken over from them (F7).
        """
        recorded = select(func.max(UPGRADES.c.number)).where(UPGRADES.c.unique_id == unique_id)
        adopted = select(FLEET_MARKS.c.operations_up_to).where(FLEET_MARKS.c.unique_id == unique_id)
        with self._database.reading() as connection:
            return max(connection.scalar(recorded) or 0, connection.scalar(adopted) or 0)

    def _write_record(
        self, connection: Connection, key: dict[str, Any], record: UpgradeRecord, there: Row[Any, Any, Any] | None
    ) -> int | None:
        """Write the record if it is as new as what is there; the sequence of its outcomes, None when they are void."""
        given = max((decision.sequence for decision in record.decisions), default=None)
        row = {
            "ended": record.status.ended,
            "started_at": record.started_at,
            "kind": record.kind,
            "record": record.model_dump_json(exclude={"decisions", "instances", "start"}),
        }
        if there is None:
            if self._database.insert_new(connection, UPGRADES, key | row | {"sequence": given or 0}):
                return given or 0
            there = connection.execute(_THERE, _at(key)).one()  # on PostgreSQL another was faster
        runs_again = there.ended and not record.status.ended
        ends_now = record.status.ended and not there.ended
        if ends_now or (not runs_again and (given is None or given >= there.sequence)):
            newest = max(there.sequence, given or 0)
            connection.execute(_UPDATE, _at(key) | row | {"sequence": newest})
        if given is not None:
            return given
        return None if runs_again else int(there.sequence)


def _decision(row: Row[Any]) -> Decision:
    return Decision(sequence=row.sequence, at=row.at, batch=row.batch, action=row.action, reason=row.reason)


_AT = and_(UPGRADES.c.unique_id == bindparam("at_unique_id"), UPGRADES.c.number == bindparam("at_number"))
_THERE = select(UPGRADES.c.record, UPGRADES.c.sequence, UPGRADES.c.ended).where(_AT).with_for_update()
"""What was written of an upgrade until now."""
_UPDATE = update(UPGRADES).where(_AT)


def _at(key: dict[str, Any]) -> dict[str, Any]:
    return {f"at_{column}": value for column, value in key.items()}


def _parked_since(record: UpgradeRecord, written: UpgradeRecord | None) -> UpgradeRecord:
    """The same with the moment since when it waits without a break, whatever for."""
    if not record.parked_for:
        return record
    already = written.parked_since if written else None
    since = already or max((one.at for one in record.decisions), default=None)
    return record.model_copy(update={"parked_since": since})


def _began_at(connection: Connection, key: dict[str, Any], verdict: Decision) -> datetime | None:
    """When the batch of that verdict was decided on; None where an earlier verdict was its first (W2)."""
    of_batch = [DECISIONS.c[column] == value for column, value in key.items()]
    query = select(DECISIONS.c.action, DECISIONS.c.at).where(
        *of_batch, DECISIONS.c.batch == verdict.batch, DECISIONS.c.sequence < verdict.sequence
    )
    before = {row.action: row.at for row in connection.execute(query.order_by(DECISIONS.c.sequence.desc()))}
    return None if VERDICT in before else before.get(BATCH)


def _instance_rows(record: UpgradeRecord, common: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Some thousand at once: the first write of an upgrade names every machine of its set.

    By id, so that an instance named twice in one write keeps the last of it, and so that two writers lock in order.
    """
    changes = [(change, InstanceIds(ranges=change.ids)) for change in record.instances]
    everybody = InstanceIds()
    for _, ids in changes:
        everybody = everybody | ids
    for some in everybody.slices(-(-len(everybody) // ROWS_AT_ONCE)):
        rows = {
            number: common
            | {
                "instance_id": number,
                "outcome": change.outcome,
                "batch": change.batch,
                "reason": change.reasons.get(str(number), change.reason),
            }
            for change, ids in changes
            for number in (ids & some).numbers()
        }
        yield [rows[number] for number in sorted(rows)]
