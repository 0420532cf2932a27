"""Pauses of sets, holds at scopes, and approvals of upgrades (docs/rules.md C1, C2, G3).

What ended by itself stays written until the next of its kind replaces it: readers compare it with their clock.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update

from instar.domain.steering.wishes import Approval, Gate, Hold, Pause, Wishes, in_force
from instar.domain.telling.events import Event, event_of_hold
from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.database.operators_tables import APPROVALS, HOLDS, PAUSES
from instar.store.database.tables import SCALE_SETS
from instar.store.errors import QuotaExceeded
from instar.store.webhooks.deliveries import tell


@dataclass(frozen=True)
class Held:
    """What became of a hold, and the ids of the webhooks that have something to deliver of it."""

    is_new: bool
    told: tuple[str, ...]


class WishStore:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pause(self, unique_id: str, pause: Pause) -> bool:
        """Write down, or replace, the pause of a set. False where the set is gone."""
        row = {"unique_id": unique_id, **pause.model_dump()}
        with self._database.writing() as connection:
            there = select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
            if connection.scalar(there) is None:
                return False
            self._database.upsert(connection, PAUSES, [row])
        return True

    def resume(self, unique_id: str) -> bool:
        """End the pause of a set; whether there was one, ended by itself or not. Idempotent."""
        with self._database.writing() as connection:
            done = connection.execute(delete(PAUSES).where(PAUSES.c.unique_id == unique_id))
        return bool(done.rowcount)

    def pause_of(self, unique_id: str) -> Pause | None:
        """The pause of a set, ended by itself or not."""
        with self._database.reading() as connection:
            row = connection.execute(select(PAUSES).where(PAUSES.c.unique_id == unique_id)).one_or_none()
        return _pause(row) if row else None

    def hold(self, hold: Hold, at_most: int) -> Held:
        """Write down a hold, or replace that of its name, and tell of it (N1). Raises QuotaExceeded."""
        row = {"name_key": folded(hold.name), **hold.model_dump()}
        with self._database.writing() as connection:
            had = connection.scalar(select(HOLDS.c.name).where(HOLDS.c.name_key == row["name_key"]))
            count = connection.scalar(select(func.count()).select_from(HOLDS)) or 0
            if had is None and count >= at_most:
                raise QuotaExceeded("holds", at_most)
            self._database.upsert(connection, HOLDS, [row])
            told = tell(self._database, connection, [_event(hold, hold.since, ended=False)], hold.since)
        return Held(is_new=had is None, told=tuple(told))

    def release(self, name: str, now: datetime) -> Held | None:
        """End the hold of that name, and tell of it (N1); None where there was none. Idempotent."""
        with self._database.writing() as connection:
            row = connection.execute(select(HOLDS).where(HOLDS.c.name_key == folded(name))).one_or_none()
            if row is None:
                return None
            connection.execute(delete(HOLDS).where(HOLDS.c.name_key == folded(name)))
            told = tell(self._database, connection, [_event(_hold(row), now, ended=True)], now)
        return Held(is_new=False, told=tuple(told))

    def hold_named(self, name: str) -> Hold | None:
        """The hold of that name, ended by itself or not."""
        with self._database.reading() as connection:
            row = connection.execute(select(HOLDS).where(HOLDS.c.name_key == folded(name))).one_or_none()
        return _hold(row) if row else None

    def holds(self) -> list[Hold]:
        """Every hold, by name, ended by itself or not."""
        with self._database.reading() as connection:
            return [_hold(row) for row in connection.execute(select(HOLDS).order_by(HOLDS.c.name_key))]

    def ask(self, unique_id: str, number: int, gate: Gate, now: datetime) -> None:
        """An upgrade waits at that gate for an approval. Idempotent."""
        row = {"unique_id": unique_id, "number": number, "gate": gate.value, "asked_at": now}
        with self._database.writing() as connection:
            self._database.insert_new(connection, APPROVALS, row)

    def asked(self, unique_id: str, number: int) -> Gate | None:
        """The gate at which an upgrade asked last."""
        said = select(APPROVALS.c.gate).where(APPROVALS.c.unique_id == unique_id, APPROVALS.c.number == number)
        with self._database.reading() as connection:
            gate = connection.scalar(said.order_by(APPROVALS.c.asked_at.desc()).limit(1))
        return None if gate is None else Gate(gate)

    def approve(self, unique_id: str, number: int, approval: Approval) -> Approval:
        """Write down what was said at a gate at which an upgrade has asked; the first word counts, and is returned."""
        key = (APPROVALS.c.unique_id == unique_id, APPROVALS.c.number == number, APPROVALS.c.gate == approval.gate)
        with self._database.writing() as connection:
            said = update(APPROVALS).where(*key, APPROVALS.c.approved.is_(None))
            connection.execute(said.values(**approval.model_dump(exclude={"gate"})))
            return _approval(connection.execute(select(APPROVALS).where(*key)).one())

    def binding(self, unique_id: str, resource_id: str, now: datetime, number: int = 0) -> Wishes:
        """All that binds a set now, with what was said of its upgrade of that number (0: of none)."""
        with self._database.reading() as connection:
            pause = connection.execute(select(PAUSES).where(PAUSES.c.unique_id == unique_id)).one_or_none()
            holds = [_hold(row) for row in connection.execute(select(HOLDS))]
            of_upgrade = select(APPROVALS).where(APPROVALS.c.unique_id == unique_id, APPROVALS.c.number == number)
            gates = connection.execute(of_upgrade.order_by(APPROVALS.c.asked_at)).all()
        wishes = in_force(_pause(pause) if pause else None, holds, resource_id, now)
        said = tuple(_approval(row) for row in gates if row.approved is not None)
        asked = {Gate(row.gate): row.asked_at for row in gates}
        return wishes.model_copy(update={"approvals": said, "asked": asked})


def _event(hold: Hold, at: datetime, *, ended: bool) -> Event:
    return event_of_hold(hold.name, hold.scope, hold.reason, at, ended=ended)


def _pause(row: Row[Any]) -> Pause:
    return Pause(reason=row.reason, by=row.by, since=row.since, until=row.until)


def _hold(row: Row[Any]) -> Hold:
    return Hold(name=row.name, scope=row.scope, reason=row.reason, by=row.by, since=row.since, until=row.until)


def _approval(row: Row[Any]) -> Approval:
    return Approval(gate=Gate(row.gate), approved=row.approved, by=row.by, at=row.at, reason=row.reason)
