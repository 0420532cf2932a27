"""Webhooks as people have asked for them: who is told what. The URL and the secret are sealed (docs/rules.md N1)."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, text, update

from instar.domain.telling.webhooks import Webhook
from instar.store.database.columns import folded, written
from instar.store.database.database import Database
from instar.store.database.operators_tables import WEBHOOKS
from instar.store.database.sealing import SealerProtocol
from instar.store.errors import Conflict, QuotaExceeded
from instar.store.quotas import Counted, Quotas

_LOCK = 0x1A57A4
"""Of PostgreSQL's advisory locks: two webhooks that are made at once are counted one after the other."""


@dataclass(frozen=True)
class Place:
    """Where a webhook's messages go, and what signs them. Its repr shows neither: a URL may be as good as a key."""

    url: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True)
class StoredWebhook:
    """One as it is written down; `etag` counts its changes from 1."""

    webhook: Webhook
    etag: int
    created_at: datetime
    delivered: str = ""
    """Id of the event that was delivered last; "" before the first."""
    delivered_at: datetime | None = None


class Webhooks:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database, sealer: SealerProtocol) -> None:
        self._database = database
        self._sealer = sealer

    def put(
        self, webhook: Webhook, place: Place, now: datetime, *, expected_etag: int, quotas: Quotas
    ) -> tuple[StoredWebhook, bool]:
        """Make it, or change the one of that name; whether it is new. The id of one that is there stays.

        `expected_etag`: of the one that is to be changed, 0 where there is to be none. Raises Conflict where that is
        not so (any more), QuotaExceeded, SealingError.
        """
        row = {
            "name": webhook.name,
            "scope": webhook.scope,
            "events": list(webhook.events),
            "enabled": webhook.enabled,
            "why_disabled": webhook.why_disabled,
            "origin": webhook.origin,
            "sealed": self._sealer.seal(written({"url": place.url, "secret": place.secret})),
            "etag": expected_etag + 1,
        }
        key = folded(webhook.name)
        with self._database.writing() as connection:
            if expected_etag:
                done = connection.execute(
                    update(WEBHOOKS)
                    .where(WEBHOOKS.c.name_key == key, WEBHOOKS.c.etag == expected_etag)
                    .values(**row)
                    .returning(WEBHOOKS.c.id)
                ).one_or_none()
                if done is None:
                    raise Conflict(f"the webhook {webhook.name} was changed meanwhile")
            else:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                fresh = row | {"id": str(uuid.uuid4()), "name_key": key, "created_at": now, "delivered": ""}
                if not self._database.insert_new(connection, WEBHOOKS, fresh):
                    raise Conflict(f"a webhook {webhook.name} was made meanwhile")
                count = connection.scalar(select(func.count()).select_from(WEBHOOKS)) or 0
                at_most = quotas.get(Counted.WEBHOOKS)
                if at_most is not None and count > at_most:
                    raise QuotaExceeded(Counted.WEBHOOKS, at_most)
            stored = connection.execute(select(WEBHOOKS).where(WEBHOOKS.c.name_key == key)).one()
        return stored_webhook(stored), not expected_etag

    def find(self, name: str) -> StoredWebhook | None:
        """The one of that name, in any case."""
        with self._database.reading() as connection:
            row = connection.execute(select(WEBHOOKS).where(WEBHOOKS.c.name_key == folded(name))).one_or_none()
        return None if row is None else stored_webhook(row)

    def all(self) -> list[StoredWebhook]:
        """Every one, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(WEBHOOKS).order_by(WEBHOOKS.c.name_key)).all()
        return [stored_webhook(row) for row in rows]

    def place(self, webhook_id: str) -> Place | None:
        """Its URL and secret. Raises SealingError when no key opens them."""
        with self._database.reading() as connection:
            token = connection.scalar(select(WEBHOOKS.c.sealed).where(WEBHOOKS.c.id == webhook_id))
        return None if token is None else Place(**json.loads(self._sealer.open(token)))

    def delete(self, name: str, *, expected_etag: int) -> bool:
        """With what was still to be delivered; whether it was there. Raises Conflict if it was changed meanwhile."""
        here = WEBHOOKS.c.name_key == folded(name)
        with self._database.writing() as connection:
            if connection.execute(delete(WEBHOOKS).where(here, WEBHOOKS.c.etag == expected_etag)).rowcount:
                return True
            if connection.scalar(select(WEBHOOKS.c.id).where(here)) is not None:
                raise Conflict(f"the webhook {name} was changed meanwhile")
        return False

    def tokens(self) -> dict[str, str]:
        """Id -> what is sealed of it."""
        with self._database.reading() as connection:
            rows = connection.execute(select(WEBHOOKS.c.id, WEBHOOKS.c.sealed)).all()
        return {row.id: row.sealed for row in rows}

    def rotated(self) -> dict[str, tuple[str, str]]:
        """Id -> what is sealed of it, and the same sealed with the first key. Raises SealingError."""
        return {one: (token, self._sealer.rotate(token)) for one, token in self.tokens().items()}

    def reseal(self, webhook_id: str, old: str, token: str) -> None:
        """Put a seal in the place of the old one, unless that was replaced meanwhile: with the first key, then."""
        with self._database.writing() as connection:
            this = (WEBHOOKS.c.id == webhook_id, WEBHOOKS.c.sealed == old)
            connection.execute(update(WEBHOOKS).where(*this).values(sealed=token))


def stored_webhook(row: Row[Any]) -> StoredWebhook:
    """A row as it is read."""
    webhook = Webhook(
        id=row.id,
        name=row.name,
        scope=row.scope,
        events=tuple(row.events),
        enabled=row.enabled,
        origin=row.origin,
        why_disabled=row.why_disabled,
    )
    return StoredWebhook(webhook, row.etag, row.created_at, row.delivered, row.delivered_at)
