"""Who may use the API: credentials of Instar's own issuer, and the roles of any principal.

A client secret is 256 random bits, kept as a salted scrypt hash alone: a fast hash would do for one that nobody can
guess, a slow one also holds if a secret was ever made some other way.

A role belongs to a principal, which is a client id of ours or a name that an
outside issuer's tokens give (`api.access.outside_names`), at a scope.
"""

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from instar.domain.access import Grant, Role
from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.database.tables import CREDENTIALS, ROLE_ASSIGNMENTS

SECRET_BYTES = 32

_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
"""About 50 ms and 16 MiB a try: whoever lets strangers try must let only a few at once."""


@dataclass(frozen=True)
class Credential:
    """A client of our issuer. `revoked_at` is None while it is good."""

    client_id: str
    name: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class Assignment:
    """A principal's role at a scope."""

    principal: str
    grant: Grant


class Credentials:
    """Methods are synchronous: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, grant: Grant, now: datetime) -> tuple[Credential, str]:
        """A new client with one role; its secret is given once and never again."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        salt = secrets.token_hex(16)
        client_id = str(uuid.uuid4())
        row = {
            "client_id": client_id,
            "name": name,
            "salt": salt,
            "secret_hash": _hashed(secret, salt),
            "created_at": now,
            "revoked_at": None,
        }
        with self._database.writing() as connection:
            connection.execute(insert(CREDENTIALS).values(**row))
            connection.execute(insert(ROLE_ASSIGNMENTS).values(**_assignment(client_id, grant)))
            stored = connection.execute(select(CREDENTIALS).where(CREDENTIALS.c.client_id == client_id)).one()
        return _credential(stored), secret

    def authenticated(self, client_id: str, secret: str) -> Credential | None:
        """The client, if the secret is its own and it was not revoked. Takes as long for one that does not exist."""
        with self._database.reading() as connection:
            row = connection.execute(select(CREDENTIALS).where(CREDENTIALS.c.client_id == client_id)).one_or_none()
        salt, expected = (row.salt, row.secret_hash) if row else ("", "")
        good = hmac.compare_digest(_hashed(secret, salt), expected)
        return _credential(row) if row and good and row.revoked_at is None else None

    def get(self, client_id: str) -> Credential | None:
        """A client of ours, revoked or not."""
        with self._database.reading() as connection:
            row = connection.execute(select(CREDENTIALS).where(CREDENTIALS.c.client_id == client_id)).one_or_none()
        return _credential(row) if row else None

    def all(self) -> list[Credential]:
        """Every client, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(CREDENTIALS).order_by(CREDENTIALS.c.created_at)).all()
        return [_credential(row) for row in rows]

    def revoke(self, client_id: str, now: datetime) -> bool:
        """End a client: its tokens are good no more. Whether it was good until now."""
        with self._database.writing() as connection:
            done = connection.execute(
                update(CREDENTIALS)
                .where(CREDENTIALS.c.client_id == client_id, CREDENTIALS.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
        return bool(done.rowcount)

    def assign(self, principal: str, grant: Grant) -> None:
        """Give a principal a role at a scope. Idempotent."""
        with self._database.writing() as connection:
            self._database.insert_new(connection, ROLE_ASSIGNMENTS, _assignment(principal, grant))

    def unassign(self, principal: str, grant: Grant) -> bool:
        """Take a role at a scope from a principal; whether it had it."""
        keys = _assignment(principal, grant)
        with self._database.writing() as connection:
            done = connection.execute(
                delete(ROLE_ASSIGNMENTS).where(
                    *(ROLE_ASSIGNMENTS.c[name] == keys[name] for name in ("principal", "role", "scope_key"))
                )
            )
        return bool(done.rowcount)

    def assignments(self) -> list[Assignment]:
        """Every role of everybody, by principal."""
        with self._database.reading() as connection:
            query = select(ROLE_ASSIGNMENTS).order_by(ROLE_ASSIGNMENTS.c.principal, ROLE_ASSIGNMENTS.c.scope_key)
            rows = connection.execute(query).all()
        return [Assignment(row.principal, Grant(Role(row.role), row.scope)) for row in rows]

    def grants(self, principals: tuple[str, ...]) -> tuple[Grant, ...]:
        """The roles of a principal, given under all of its names (subject, groups). A revoked client has none."""
        revoked = select(CREDENTIALS.c.client_id).where(CREDENTIALS.c.revoked_at.is_not(None))
        with self._database.reading() as connection:
            query = select(ROLE_ASSIGNMENTS).where(
                ROLE_ASSIGNMENTS.c.principal.in_(principals), ROLE_ASSIGNMENTS.c.principal.not_in(revoked)
            )
            rows = connection.execute(query).all()
        return tuple(Grant(Role(row.role), row.scope) for row in rows)


def _hashed(secret: str, salt: str) -> str:
    return hashlib.scrypt(secret.encode("utf-8", "surrogatepass"), salt=salt.encode(), **_SCRYPT).hex()


def _assignment(principal: str, grant: Grant) -> dict[str, Any]:
    return {
        "principal": principal,
        "role": grant.role.value,
        "scope_key": folded(grant.scope),
        "scope": grant.scope,
    }


def _credential(row: Row[Any]) -> Credential:
    return Credential(client_id=row.client_id, name=row.name, created_at=row.created_at, revoked_at=row.revoked_at)
