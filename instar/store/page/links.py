"""Links that log in to the page once. What stands in a link is not in here, only its hash."""

from datetime import datetime, timedelta

from sqlalchemy import delete, insert

from instar.store.database.database import Database
from instar.store.database.page_tables import PAGE_LINKS
from instar.store.database.sealing import SealerProtocol
from instar.store.errors import SealingError
from instar.store.page.newest import make_room
from instar.store.page.proofs import Proof, key_of

LINK_LASTS = timedelta(minutes=10)

OF_ONE_AT_MOST = 10
"""Links of a principal at once: of more, whichever ends first is good no more."""


class PageLinks:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database, sealer: SealerProtocol) -> None:
        self._database = database
        self._sealer = sealer

    def make(self, code: str, principal: str, proof: Proof, now: datetime) -> None:
        """A new one, good for `LINK_LASTS`. What is over is forgotten by the way."""
        row = {
            "code_hash": key_of(code),
            "principal": principal,
            "sealed": proof.sealed(self._sealer),
            "ends_at": now + LINK_LASTS,
        }
        newest_first = (PAGE_LINKS.c.ends_at.desc(), PAGE_LINKS.c.code_hash)
        with self._database.writing() as connection:
            make_room(connection, PAGE_LINKS, principal, newest_first=newest_first, at_most=OF_ONE_AT_MOST, now=now)
            connection.execute(insert(PAGE_LINKS).values(**row))

    def take(self, code: str, now: datetime) -> Proof | None:
        """What it logs in with, to the first who asks in time; None to all others."""
        with self._database.writing() as connection:
            taken = connection.execute(
                delete(PAGE_LINKS)
                .where(PAGE_LINKS.c.code_hash == key_of(code))
                .returning(PAGE_LINKS.c.sealed, PAGE_LINKS.c.ends_at)
            ).one_or_none()
        if taken is None or taken.ends_at <= now:
            return None
        try:
            return Proof.opened(self._sealer, taken.sealed)
        except SealingError:
            return None

    def forget(self, now: datetime | None = None) -> int:
        """Remove those that are over, or all; how many."""
        over = [] if now is None else [PAGE_LINKS.c.ends_at <= now]
        with self._database.writing() as connection:
            return int(connection.execute(delete(PAGE_LINKS).where(*over)).rowcount)
