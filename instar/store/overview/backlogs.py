"""What is still to be done: hand-overs, deliveries; and what operators wish for the time being."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from instar.store.database.operators_tables import DELIVERIES, HOLDS, PAUSES, WEBHOOKS
from instar.store.database.tables import OPERATIONS

COUNTED_AT_MOST = 100_000
"""Rows that one count goes over: whoever has more waiting than that knows it."""


@dataclass(frozen=True)
class Backlog:
    """How many wait (up to `COUNTED_AT_MOST`), and since when the oldest of them."""

    count: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True)
class Backlogs:
    """Of the whole installation."""

    hand_overs: Backlog
    """Messages that no set's workflow has taken yet (F6)."""
    deliveries: Backlog
    """Events that a webhook's receiver has not taken yet, and that are tried (N1)."""
    given_up: int
    """The same, that nobody tries any more."""
    webhooks_off: int
    """Webhooks that were switched off, by a person or because their receiver is gone."""
    holds: int
    pauses: int
    """Of these, those that have not ended by themselves (C1, C2)."""


def backlogs(connection: Connection, now: datetime) -> Backlogs:
    """Read them."""
    tried = (DELIVERIES.c.given_up.is_(False), DELIVERIES.c.webhook_id.in_(_webhooks(on=True)))
    return Backlogs(
        hand_overs=_backlog(connection, OPERATIONS.c.started_at, OPERATIONS.c.message.is_not(None)),
        deliveries=_backlog(connection, DELIVERIES.c.written_at, *tried),
        given_up=_count(connection, DELIVERIES, DELIVERIES.c.given_up),
        webhooks_off=_count(connection, WEBHOOKS, WEBHOOKS.c.enabled.is_(False)),
        holds=_count(connection, HOLDS, _lasts(HOLDS, now)),
        pauses=_count(connection, PAUSES, _lasts(PAUSES, now)),
    )


def _webhooks(*, on: bool) -> Any:
    return select(WEBHOOKS.c.id).where(WEBHOOKS.c.enabled.is_(on))


def _lasts(table: Table, now: datetime) -> ColumnElement[bool]:
    return or_(table.c.until.is_(None), table.c.until > now)


def _backlog(connection: Connection, since: ColumnElement[datetime], *conditions: ColumnElement[bool]) -> Backlog:
    rows = select(since.label("since")).where(*conditions).limit(COUNTED_AT_MOST).subquery()
    count = connection.scalar(select(func.count()).select_from(rows)) or 0
    oldest = connection.scalar(select(since).where(*conditions).order_by(since).limit(1)) if count else None
    return Backlog(count, oldest)


def _count(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    rows = select(table).where(*conditions).limit(COUNTED_AT_MOST).subquery()
    return connection.scalar(select(func.count()).select_from(rows)) or 0
