"""Many sets at a glance: all that is written down of each, in as many queries for a thousand as for one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import ROLLING_KINDS, Decision, UpgradeRecord
from instar.domain.steering.wishes import Gate, Hold, Pause, Wishes, in_force
from instar.store.database.database import Database
from instar.store.database.operators_tables import APPROVALS, HOLDS, PAUSES
from instar.store.database.tables import DECISIONS, OPERATIONS, SCALE_SET_STATUS, SCALE_SETS, UPGRADES
from instar.store.sets.statuses import told, with_looks
from instar.store.sets.stored_scale_set import StoredScaleSet, current, stored_from
from instar.store.waits import Wait


@dataclass(frozen=True)
class Overview:
    """One set, as it stood at one moment."""

    stored: StoredScaleSet
    status: ScaleSetStatus
    wishes: Wishes
    running: tuple[Operation, ...]
    """Operations that have not ended."""
    last_put: Operation | None
    """The newest creation or change that has ended."""
    upgrade: UpgradeRecord | None
    """The newest rolling upgrade, running or ended, without its instances."""
    decided: Decision | None
    """The newest decision in that."""
    wait: Wait | None
    """What that waits for, while it runs."""
    not_taken: Operation | None
    """The oldest operation that the set's workflow could not be given yet (F6); why stands in it."""


class Overviews:
    """Methods are synchronous: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, unique_ids: Sequence[str], now: datetime) -> list[Overview]:
        """Those of these sets that are there, in their order. One transaction of nine queries, for any number."""
        with self._database.reading() as connection:
            sets = _by_set(connection.execute(current().where(SCALE_SETS.c.unique_id.in_(unique_ids))))
            statuses = _by_set(connection.execute(with_looks().where(SCALE_SET_STATUS.c.unique_id.in_(unique_ids))))
            pauses = _by_set(_rows(connection, PAUSES, unique_ids))
            holds = [_wish(Hold, row) for row in connection.execute(select(HOLDS))]
            upgrades = _by_set(_newest_upgrades(connection, unique_ids))
            decided = _by_set(_newest_decisions(connection, unique_ids))
            gates = _open_gates(connection, unique_ids)
            (running, not_taken), puts = _running(connection, unique_ids), _last_puts(connection, unique_ids)
        found = []
        for unique_id in unique_ids:
            if unique_id not in sets:
                continue
            stored, upgrade = stored_from(sets[unique_id]), upgrades.get(unique_id)
            pause = _wish(Pause, pauses[unique_id]) if unique_id in pauses else None
            record = UpgradeRecord.model_validate_json(upgrade.record) if upgrade else None
            wishes = in_force(pause, holds, stored.identity.resource_id, now)
            running_one = None if upgrade is None or upgrade.ended else upgrade
            asked = gates.get((unique_id, running_one.number), {}) if running_one else {}
            found.append(
                Overview(
                    stored=stored,
                    status=_status(statuses.get(unique_id)),
                    wishes=wishes.model_copy(update={"asked": asked}),
                    running=tuple(running.get(unique_id, ())),
                    last_put=puts.get(unique_id),
                    upgrade=record,
                    decided=_decision(decided.get(unique_id)),
                    wait=_wait(running_one),
                    not_taken=not_taken.get(unique_id),
                )
            )
        return found


def _by_set(rows: Iterable[Any]) -> dict[str, Any]:
    return {row.unique_id: row for row in rows}


def _rows(connection: Connection, table: Any, unique_ids: Sequence[str]) -> Iterable[Any]:
    return connection.execute(select(table).where(table.c.unique_id.in_(unique_ids)))


def _newest(unique_ids: Sequence[str]) -> Any:
    """The number of the newest rolling upgrade of each."""
    return (
        select(UPGRADES.c.unique_id, func.max(UPGRADES.c.number).label("number"))
        .where(UPGRADES.c.unique_id.in_(unique_ids), UPGRADES.c.kind.in_(ROLLING_KINDS))
        .group_by(UPGRADES.c.unique_id)
        .subquery()
    )


def _newest_upgrades(connection: Connection, unique_ids: Sequence[str]) -> Iterable[Any]:
    newest = _newest(unique_ids)
    same = and_(UPGRADES.c.unique_id == newest.c.unique_id, UPGRADES.c.number == newest.c.number)
    return connection.execute(select(UPGRADES).join(newest, same))


def _newest_decisions(connection: Connection, unique_ids: Sequence[str]) -> Iterable[Any]:
    newest = _newest(unique_ids)
    last = (
        select(DECISIONS.c.unique_id, DECISIONS.c.number, func.max(DECISIONS.c.sequence).label("sequence"))
        .join(newest, and_(DECISIONS.c.unique_id == newest.c.unique_id, DECISIONS.c.number == newest.c.number))
        .group_by(DECISIONS.c.unique_id, DECISIONS.c.number)
        .subquery()
    )
    same = and_(*(DECISIONS.c[name] == last.c[name] for name in ("unique_id", "number", "sequence")))
    return connection.execute(select(DECISIONS).join(last, same))


def _open_gates(connection: Connection, unique_ids: Sequence[str]) -> dict[tuple[str, int], dict[Gate, datetime]]:
    """Of each upgrade the gates at which nobody has said anything."""
    unanswered = select(APPROVALS).where(APPROVALS.c.unique_id.in_(unique_ids), APPROVALS.c.approved.is_(None))
    found: dict[tuple[str, int], dict[Gate, datetime]] = {}
    for row in connection.execute(unanswered.order_by(APPROVALS.c.asked_at)):
        found.setdefault((row.unique_id, row.number), {})[Gate(row.gate)] = row.asked_at
    return found


def _running(
    connection: Connection, unique_ids: Sequence[str]
) -> tuple[dict[str, list[Operation]], dict[str, Operation]]:
    """Of each set those that run, the oldest first, and the first of them that could not be handed over."""
    query = select(OPERATIONS).where(
        OPERATIONS.c.scale_set_unique_id.in_(unique_ids), OPERATIONS.c.status == OperationStatus.IN_PROGRESS
    )
    found: dict[str, list[Operation]] = {}
    not_taken: dict[str, Operation] = {}
    for row in connection.execute(query.order_by(OPERATIONS.c.started_at, OPERATIONS.c.id)):
        operation = _operation(row)
        found.setdefault(row.scale_set_unique_id, []).append(operation)
        if row.message is not None and row.waits_since is not None:
            not_taken.setdefault(row.scale_set_unique_id, operation)
    return found, not_taken


def _last_puts(connection: Connection, unique_ids: Sequence[str]) -> dict[str, Operation]:
    ended = (
        OPERATIONS.c.scale_set_unique_id.in_(unique_ids),
        OPERATIONS.c.kind == OperationKind.PUT,
        OPERATIONS.c.status != OperationStatus.IN_PROGRESS,
    )
    last = (
        select(OPERATIONS.c.scale_set_unique_id, func.max(OPERATIONS.c.started_at).label("started_at"))
        .where(*ended)
        .group_by(OPERATIONS.c.scale_set_unique_id)
        .subquery()
    )
    same = and_(
        OPERATIONS.c.scale_set_unique_id == last.c.scale_set_unique_id, OPERATIONS.c.started_at == last.c.started_at
    )
    rows = connection.execute(select(OPERATIONS).join(last, same).where(*ended).order_by(OPERATIONS.c.id))
    return {row.scale_set_unique_id: _operation(row) for row in rows}


def _status(row: Any) -> ScaleSetStatus:
    return ScaleSetStatus() if row is None else told(row)


def _wait(running: Any) -> Wait | None:
    return Wait(running.waits_for, running.waits_since) if running is not None and running.waits_since else None


def _decision(row: Any) -> Decision | None:
    if row is None:
        return None
    return Decision(sequence=row.sequence, at=row.at, batch=row.batch, action=row.action, reason=row.reason)


def _wish(kind: Any, row: Any) -> Any:
    return kind.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it


def _operation(row: Any) -> Operation:
    return Operation.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
