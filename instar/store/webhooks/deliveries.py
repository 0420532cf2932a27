"""What is still to be delivered: a row for each event and webhook, written in the transaction of what it tells of.

So nothing that happened is lost, and nothing is told that did not happen. A row goes when its event was delivered;
what was given up stays for a while, so that it can be seen and sent again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, update

from instar.domain.messages.webhooks import Due, DueEvent
from instar.domain.telling.events import Event
from instar.domain.telling.webhooks import KEPT_UNDELIVERED, TRIED_FOR, Webhook
from instar.store.database.database import Database
from instar.store.database.operators_tables import DELIVERIES, WEBHOOKS
from instar.store.webhooks.webhooks import stored_webhook
from instar.telemetry.metrics import WEBHOOK_ATTEMPTS

ERROR_AT_MOST = 500
"""Characters."""

LISTED_AT_MOST = 10_000


@dataclass(frozen=True)
class Undelivered:
    """An event that was not delivered until now."""

    event: Event
    position: int
    """Among those that were written at the same moment."""
    written_at: datetime
    give_up_at: datetime
    given_up: bool
    """Nobody tries any more."""
    attempts: int
    last_attempt_at: datetime | None
    last_error: str


class Deliveries:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tell(self, events: Sequence[Event], now: datetime) -> list[str]:
        """What tells of nothing that is written elsewhere. Ids of the webhooks that have something to deliver now."""
        with self._database.writing() as connection:
            return tell(self._database, connection, events, now)

    def ask(self, webhook_id: str, event: Event, now: datetime) -> bool:
        """One event for one webhook, whatever it wants to be told; whether there is such a webhook."""
        with self._database.writing() as connection:
            there = select(WEBHOOKS.c.id).where(WEBHOOKS.c.id == webhook_id).with_for_update(read=True)
            if connection.scalar(there) is None:
                return False
            self._database.insert_new(connection, DELIVERIES, _row(webhook_id, event, 0, now))
        return True

    def due(self, webhook_id: str, in_flight: Iterable[str], at_most: int) -> Due:
        """The oldest that are to be delivered, besides those in flight."""
        query = (
            select(DELIVERIES.c.event_id, DELIVERIES.c.give_up_at, DELIVERIES.c.attempts)
            .where(DELIVERIES.c.webhook_id == webhook_id, DELIVERIES.c.given_up.is_(False))
            .where(DELIVERIES.c.event_id.not_in(list(in_flight)))
            .order_by(DELIVERIES.c.written_at, DELIVERIES.c.position, DELIVERIES.c.event_id)
            .limit(at_most + 1)
        )
        with self._database.reading() as connection:
            enabled = connection.scalar(select(WEBHOOKS.c.enabled).where(WEBHOOKS.c.id == webhook_id))
            rows = connection.execute(query).all()
        events = tuple(DueEvent(event_id=row[0], give_up_at=row[1], attempts=row[2]) for row in rows[:at_most])
        return Due(events=events, more=len(rows) > at_most) if enabled else Due(stops=True)

    def outgoing(self, webhook_id: str, event_id: str) -> Event | None:
        """The event, if it is still to be delivered."""
        query = (
            select(DELIVERIES.c.event)
            .join(WEBHOOKS, WEBHOOKS.c.id == DELIVERIES.c.webhook_id)
            .where(_is(webhook_id, event_id), DELIVERIES.c.given_up.is_(False), WEBHOOKS.c.enabled)
        )
        with self._database.reading() as connection:
            event = connection.scalar(query)
        return None if event is None else Event.model_validate(event)

    def delivered(self, webhook_id: str, event_id: str, now: datetime) -> None:
        """It was taken: nothing of it is kept. Idempotent."""
        with self._database.writing() as connection:
            # The webhook first, as whoever deletes it does: two that wait for each other would both be thrown out.
            connection.execute(
                update(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id).values(delivered=event_id, delivered_at=now)
            )
            gone = connection.execute(delete(DELIVERIES).where(_is(webhook_id, event_id))).rowcount
        WEBHOOK_ATTEMPTS.labels("delivered").inc(gone)

    def not_delivered(self, webhook_id: str, event_id: str, why: str, now: datetime) -> None:
        """One more attempt has failed."""
        failed = {"attempts": DELIVERIES.c.attempts + 1, "last_attempt_at": now, "last_error": why[:ERROR_AT_MOST]}
        with self._database.writing() as connection:
            connection.execute(update(DELIVERIES).where(_is(webhook_id, event_id)).values(**failed))
        WEBHOOK_ATTEMPTS.labels("failed").inc()

    def give_up(self, webhook_id: str, event_id: str) -> None:
        """Nobody tries any more, until it is sent again. Idempotent."""
        with self._database.writing() as connection:
            connection.execute(update(DELIVERIES).where(_is(webhook_id, event_id)).values(given_up=True))

    def disable(self, webhook_id: str, why: str) -> None:
        """The receiver wants nothing more: switched off, and what was to be delivered is given up."""
        with self._database.writing() as connection:
            connection.execute(
                update(WEBHOOKS)
                .where(WEBHOOKS.c.id == webhook_id, WEBHOOKS.c.enabled)
                .values(enabled=False, why_disabled=why, etag=WEBHOOKS.c.etag + 1)
            )
            connection.execute(update(DELIVERIES).where(DELIVERIES.c.webhook_id == webhook_id).values(given_up=True))

    def undelivered(self, webhook_id: str) -> list[Undelivered]:
        """What was not delivered until now, the oldest first: what is tried, and what was given up."""
        query = (
            select(DELIVERIES)
            .where(DELIVERIES.c.webhook_id == webhook_id)
            .order_by(DELIVERIES.c.written_at, DELIVERIES.c.position, DELIVERIES.c.event_id)
            .limit(LISTED_AT_MOST)
        )
        with self._database.reading() as connection:
            return [_undelivered(row) for row in connection.execute(query)]

    def count(self, webhook_id: str) -> int:
        """How many there are of these."""
        query = select(func.count()).select_from(DELIVERIES).where(DELIVERIES.c.webhook_id == webhook_id)
        with self._database.reading() as connection:
            return connection.scalar(query) or 0

    def resend(self, webhook_id: str, event_ids: Iterable[str] | None, now: datetime) -> int:
        """Try anew, for another day, what was given up: these events, or all; how many."""
        again = update(DELIVERIES).where(DELIVERIES.c.webhook_id == webhook_id, DELIVERIES.c.given_up)
        if event_ids is not None:
            again = again.where(DELIVERIES.c.event_id.in_(list(event_ids)))
        values = {"given_up": False, "give_up_at": now + TRIED_FOR, "attempts": 0}
        with self._database.writing() as connection:
            return len(connection.execute(again.values(**values).returning(DELIVERIES.c.event_id)).all())

    def waiting(self, before: datetime) -> list[str]:
        """Ids of the webhooks with something to deliver since before that moment."""
        query = (
            select(DELIVERIES.c.webhook_id)
            .join(WEBHOOKS, WEBHOOKS.c.id == DELIVERIES.c.webhook_id)
            .where(WEBHOOKS.c.enabled, DELIVERIES.c.given_up.is_(False), DELIVERIES.c.written_at < before)
            .distinct()
            .order_by(DELIVERIES.c.webhook_id)
        )
        with self._database.reading() as connection:
            return list(connection.scalars(query))

    def forget(self, now: datetime) -> int:
        """Forget what nobody tries any more, and has been kept for long enough; how many."""
        off = select(WEBHOOKS.c.id).where(WEBHOOKS.c.enabled.is_(False))
        over = or_(DELIVERIES.c.given_up, DELIVERIES.c.webhook_id.in_(off))
        old = DELIVERIES.c.give_up_at < now - KEPT_UNDELIVERED
        with self._database.writing() as connection:
            return connection.execute(delete(DELIVERIES).where(old, over)).rowcount


def tell(database: Database, connection: Connection, events: Sequence[Event], now: datetime) -> list[str]:
    """Write down, in a transaction that writes what they tell of, whom these events are to be delivered to.

    Ids of the webhooks that have something to deliver now: whoever has committed nudges their workflows, and a nudge
    that is lost only delays.
    """
    if not events:
        return []
    # Shared: a webhook is not deleted while something is written for it.
    query = select(WEBHOOKS).where(WEBHOOKS.c.enabled).order_by(WEBHOOKS.c.id).with_for_update(read=True)
    told = list[str]()
    for row in connection.execute(query).all():
        webhook: Webhook = stored_webhook(row).webhook
        wanted = [(position, event) for position, event in enumerate(events) if webhook.wants(event)]
        for position, event in wanted:
            database.insert_new(connection, DELIVERIES, _row(webhook.id, event, position, now))
        if wanted:
            told.append(webhook.id)
    return told


def _row(webhook_id: str, event: Event, position: int, now: datetime) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "event_id": event.id,
        "position": position,
        "event": event.model_dump(mode="json"),
        "written_at": now,
        "give_up_at": now + TRIED_FOR,
        "given_up": False,
        "attempts": 0,
        "last_error": "",
    }


def _is(webhook_id: str, event_id: str) -> ColumnElement[bool]:
    return and_(DELIVERIES.c.webhook_id == webhook_id, DELIVERIES.c.event_id == event_id)


def _undelivered(row: Row[Any]) -> Undelivered:
    return Undelivered(
        event=Event.model_validate(row.event),
        position=row.position,
        written_at=row.written_at,
        give_up_at=row.give_up_at,
        given_up=row.given_up,
        attempts=row.attempts,
        last_attempt_at=row.last_attempt_at,
        last_error=row.last_error,
    )
