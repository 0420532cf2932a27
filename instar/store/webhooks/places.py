"""Where hooks and judges are: their URLs and secrets, sealed; rollout policies name them by id (docs/rules.md G4, F5).

The URL of a place never changes: a policy that gets another URL gets another place, so that what an upgrade is pinned
to stays what it was (P1). Its secret may: one that is rotated counts at once, for upgrades that run too. A place that
no policy names any more is kept for a while, for these.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from instar.store.database.columns import written
from instar.store.database.database import Database
from instar.store.database.operators_tables import PLACES, ROLLOUT_POLICIES
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
        place_id = str(uuid.uuid4())
        with self._database.writing() as connection:
            self.write(connection, {place_id: place}, now)
        return place_id

    def write(self, connection: Connection, places: Mapping[str, Place], now: datetime) -> None:
        """Seal these, by their ids, in a transaction with the policy that names them. Raises SealingError."""
        for place_id, place in places.items():
            sealed = self._sealer.seal(written({"url": place.url, "secret": place.secret}))
            there = connection.execute(update(PLACES).where(PLACES.c.id == place_id).values(sealed=sealed)).rowcount
            if not there:
                connection.execute(insert(PLACES).values(id=place_id, sealed=sealed, made_at=now, left_at=None))

    def get(self, place_id: str) -> Place | None:
        """Its URL and secret; None where it is gone. Raises SealingError."""
        with self._database.reading() as connection:
            token = connection.scalar(select(PLACES.c.sealed).where(PLACES.c.id == place_id))
        return None if token is None else Place(**json.loads(self._sealer.open(token)))

    def forget(self, now: datetime) -> int:
        """Note which ones no policy names any more, and forget those that none has named for long; how many."""
        with self._database.writing() as connection:
            open_ones = list(connection.scalars(select(PLACES.c.id).where(PLACES.c.left_at.is_(None))))
            if open_ones:
                named = _named(connection.scalars(select(ROLLOUT_POLICIES.c.document)))
                left = [one for one in open_ones if one not in named]
                connection.execute(update(PLACES).where(PLACES.c.id.in_(left)).values(left_at=now))
            return connection.execute(delete(PLACES).where(PLACES.c.left_at < now - KEPT_AFTERWARDS)).rowcount

    def tokens(self) -> dict[str, str]:
        """Id -> what is sealed of it."""
        with self._database.reading() as connection:
            return {row.id: row.sealed for row in connection.execute(select(PLACES.c.id, PLACES.c.sealed))}

    def rotated(self) -> dict[str, tuple[str, str]]:
        """Id -> what is sealed of it, and the same sealed with the first key. Raises SealingError."""
        return {one: (token, self._sealer.rotate(token)) for one, token in self.tokens().items()}

    def reseal(self, place_id: str, old: str, token: str) -> None:
        """Put a seal in the place of the old one, unless that was replaced meanwhile: with the first key, then."""
        with self._database.writing() as connection:
            this = (PLACES.c.id == place_id, PLACES.c.sealed == old)
            connection.execute(update(PLACES).where(*this).values(sealed=token))


def _named(policies: Iterable[dict[str, Any]]) -> frozenset[str]:
    return frozenset(
        one["place"] for policy in policies for member in ("hooks", "judges") for one in policy.get(member, ())
    )
