"""Where hooks and judges are: their URLs and secrets, sealed; rollout policies name them by id (docs/rules.md G4, F5).

A place never changes: a policy that gets another URL gets another place, so that what an upgrade is pinned to stays
what it was (P1). One that no policy names any more is kept for a while, for upgrades that run.
"""

import json
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from instar.store.database.columns import written
from instar.store.database.database import Database
from instar.store.database.operators_tables import PLACES
from instar.store.database.sealing import SealerProtocol
from instar.store.webhooks.webhooks import Place

KEPT_AFTERWARDS = timedelta(days=90)
"""Longer than an upgrade may be parked by anything that has an end."""


class Places:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database, sealer: SealerProtocol) -> None:
        self._database = database
        self._sealer = sealer

    def add(self, place: Place, now: datetime) -> str:
        """Seal one; its id, which is never given twice. `secret` may be empty. Raises SealingError."""
        sealed = self._sealer.seal(written({"url": place.url, "secret": place.secret}))
        place_id = str(uuid.uuid4())
        with self._database.writing() as connection:
            connection.execute(insert(PLACES).values(id=place_id, sealed=sealed, made_at=now, left_at=None))
        return place_id

    def get(self, place_id: str) -> Place | None:
        """Its URL and secret; None where it is gone. Raises SealingError."""
        with self._database.reading() as connection:
            token = connection.scalar(select(PLACES.c.sealed).where(PLACES.c.id == place_id))
        return None if token is None else Place(**json.loads(self._sealer.open(token)))

    def leave(self, place_ids: Collection[str], now: datetime) -> None:
        """No policy names these any more. Idempotent."""
        with self._database.writing() as connection:
            here = (PLACES.c.id.in_(list(place_ids)), PLACES.c.left_at.is_(None))
            connection.execute(update(PLACES).where(*here).values(left_at=now))

    def forget(self, now: datetime) -> int:
        """Forget those that were left long ago; how many."""
        with self._database.writing() as connection:
            return connection.execute(delete(PLACES).where(PLACES.c.left_at < now - KEPT_AFTERWARDS)).rowcount

    def tokens(self) -> dict[str, str]:
        """Id -> what is sealed of it."""
        with self._database.reading() as connection:
            return {row.id: row.sealed for row in connection.execute(select(PLACES.c.id, PLACES.c.sealed))}

    def rotated(self) -> dict[str, str]:
        """Id -> the same sealed with the first key. Raises SealingError."""
        return {one: self._sealer.rotate(token) for one, token in self.tokens().items()}

    def reseal(self, place_id: str, token: str) -> None:
        """Put a seal in the place of the old one: what it holds never changes."""
        with self._database.writing() as connection:
            connection.execute(update(PLACES).where(PLACES.c.id == place_id).values(sealed=token))
