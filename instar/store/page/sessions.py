"""Sessions of the page. Whoever has the cookie has the session; the cookie's value is not in here, only its hash."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update

from instar.store.database.database import Database
from instar.store.database.page_tables import PAGE_SESSIONS
from instar.store.database.sealing import SealerProtocol
from instar.store.errors import SealingError
from instar.store.page.newest import make_room
from instar.store.page.proofs import Proof, key_of

OF_ONE_AT_MOST = 50
"""Sessions of a principal at once: of more, whichever began first ends, so that no script fills the store."""

RENEWING = timedelta(seconds=30)
"""For which one request has the renewal of a session's token to itself."""


@dataclass(frozen=True, slots=True)
class Session:
    """One that is not over. `etag` counts the changes of its proof from 1."""

    principal: str
    sealed: str
    etag: int
    begun_at: datetime
    ends_at: datetime


class PageSessions:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database, sealer: SealerProtocol) -> None:
        self._database = database
        self._sealer = sealer

    def begin(self, value: str, principal: str, proof: Proof, now: datetime, ends_at: datetime) -> None:
        """A new one, for whoever has `value`. What is over is forgotten by the way."""
        row = {
            "id_hash": key_of(value),
            "principal": principal,
            "sealed": proof.sealed(self._sealer),
            "etag": 1,
            "begun_at": now,
            "ends_at": ends_at,
        }
        newest_first = (PAGE_SESSIONS.c.begun_at.desc(), PAGE_SESSIONS.c.id_hash)
        with self._database.writing() as connection:
            make_room(connection, PAGE_SESSIONS, principal, newest_first=newest_first, at_most=OF_ONE_AT_MOST, now=now)
            connection.execute(insert(PAGE_SESSIONS).values(**row))

    def find(self, value: str, now: datetime) -> Session | None:
        """The one of that cookie; None where there is none, or it is over."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(PAGE_SESSIONS).where(PAGE_SESSIONS.c.id_hash == key_of(value), PAGE_SESSIONS.c.ends_at > now)
            ).one_or_none()
        return None if row is None else _session(row)

    def proof(self, session: Session) -> Proof:
        """What it asks the API with. Raises SealingError when no key opens it."""
        return Proof.opened(self._sealer, session.sealed)

    def end(self, value: str) -> bool:
        """Log out; whether there was one."""
        with self._database.writing() as connection:
            done = connection.execute(delete(PAGE_SESSIONS).where(PAGE_SESSIONS.c.id_hash == key_of(value)))
        return bool(done.rowcount)

    def end_all_of(self, principal: str) -> int:
        """Log a principal out everywhere; how many there were."""
        with self._database.writing() as connection:
            done = connection.execute(delete(PAGE_SESSIONS).where(PAGE_SESSIONS.c.principal == principal))
        return int(done.rowcount)

    def forget(self, now: datetime) -> int:
        """Remove those that are over; how many."""
        with self._database.writing() as connection:
            done = connection.execute(delete(PAGE_SESSIONS).where(PAGE_SESSIONS.c.ends_at <= now))
        return int(done.rowcount)

    def may_renew(self, value: str, etag: int, now: datetime) -> bool:
        """Whether the caller, and nobody else for `RENEWING`, is to fetch a new token for what it read at `etag`."""
        free = or_(PAGE_SESSIONS.c.renewing_until.is_(None), PAGE_SESSIONS.c.renewing_until <= now)
        with self._database.writing() as connection:
            done = connection.execute(
                update(PAGE_SESSIONS)
                .where(PAGE_SESSIONS.c.id_hash == key_of(value), PAGE_SESSIONS.c.etag == etag, free)
                .values(renewing_until=now + RENEWING)
            )
        return bool(done.rowcount)

    def renew(self, value: str, etag: int, proof: Proof) -> bool:
        """Put a new proof in the place of the one read at `etag`; whether that was still there."""
        with self._database.writing() as connection:
            done = connection.execute(
                update(PAGE_SESSIONS)
                .where(PAGE_SESSIONS.c.id_hash == key_of(value), PAGE_SESSIONS.c.etag == etag)
                .values(sealed=proof.sealed(self._sealer), etag=etag + 1, renewing_until=None)
            )
        return bool(done.rowcount)

    def leave(self, value: str, etag: int) -> None:
        """Let another request try to renew it: nothing came of this try."""
        with self._database.writing() as connection:
            connection.execute(
                update(PAGE_SESSIONS)
                .where(PAGE_SESSIONS.c.id_hash == key_of(value), PAGE_SESSIONS.c.etag == etag)
                .values(renewing_until=None)
            )

    def rotated(self) -> dict[str, tuple[str, str]]:
        """Hash of the cookie -> what is sealed of it, and the same sealed with the first key.

        One that no key opens is none any more: whoever has it logs in again, and nobody need look for the key.
        """
        with self._database.reading() as connection:
            rows = connection.execute(select(PAGE_SESSIONS.c.id_hash, PAGE_SESSIONS.c.sealed)).all()
        found = {}
        for row in rows:
            with suppress(SealingError):
                found[row.id_hash] = (row.sealed, self._sealer.rotate(row.sealed))
        return found

    def reseal(self, id_hash: str, old: str, token: str) -> None:
        """Put a seal in the place of the old one, unless that was replaced meanwhile: with the first key, then."""
        with self._database.writing() as connection:
            this = (PAGE_SESSIONS.c.id_hash == id_hash, PAGE_SESSIONS.c.sealed == old)
            connection.execute(update(PAGE_SESSIONS).where(*this).values(sealed=token))


def _session(row: Row[Any]) -> Session:
    return Session(
        principal=row.principal, sealed=row.sealed, etag=row.etag, begun_at=row.begun_at, ends_at=row.ends_at
    )
