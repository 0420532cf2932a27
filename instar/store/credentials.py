"""Who may use the API: credentials of Instar's own issuer, and the roles of any principal.

A client secret is 256 random bits, kept as a salted SHA-256 alone. A slow hash protects what can be guessed; these bits
cannot, and whoever lets strangers try slow hashes lets them keep others waiting (docs/security.md). Secrets of releases
up to 0.2.0 are kept as scrypt until their next use.

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

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from instar.domain.access import Grant, Role
from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.database.tables import CREDENTIALS, ROLE_ASSIGNMENTS

SECRET_BYTES = 32

FAST = "sha256:"
"""What a hash of today begins with; others are of scrypt."""

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
class Stored:
    """A client and what its secret is verified with."""

    credential: Credential
    salt: str
    secret_hash: str

    @property
    def is_slow(self) -> bool:
        """Whether a try takes long."""
        return not self.secret_hash.startswith(FAST)

    def is_opened_by(self, secret: str) -> bool:
        """Whether that is the secret of a client that was not revoked."""
        given = _slowly_hashed(secret, self.salt) if self.is_slow else _hashed(secret, self.salt)
        return hmac.compare_digest(given, self.secret_hash) and self.credential.revoked_at is None


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
        # In hexadecimal: one of other letters may begin with a dash, and a command line then takes it for an option.
        secret = secrets.token_hex(SECRET_BYTES)
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

    def stored(self, client_id: str) -> Stored | None:
        """A client with its hash; None if there is none of that id."""
        with self._database.reading() as connection:
            row = connection.execute(select(CREDENTIALS).where(CREDENTIALS.c.client_id == client_id)).one_or_none()
        return Stored(_credential(row), row.salt, row.secret_hash) if row else None

    def authenticated(self, client_id: str, secret: str) -> Credential | None:
        """The client, if the secret is its own and it was not revoked. May take long: see `Stored.is_slow`."""
        stored = self.stored(client_id)
        return stored.credential if stored and stored.is_opened_by(secret) else None

    def keep_fast(self, client_id: str, secret: str) -> None:
        """Keep the hash of a secret that was found good as those of today are kept. Idempotent."""
        salt = secrets.token_hex(16)
        with self._database.writing() as connection:
            connection.execute(
                update(CREDENTIALS)
                .where(CREDENTIALS.c.client_id == client_id, CREDENTIALS.c.secret_hash.not_like(f"{FAST}%"))
                .values(salt=salt, secret_hash=_hashed(secret, salt))
            )

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
        with self._database.reading() as connection:
            return _grants(connection, principals)

    def of_client(self, client_id: str) -> tuple[Credential | None, tuple[Grant, ...]]:
        """A client of ours, revoked or not, and its roles: as they are at one moment."""
        with self._database.reading() as connection:
            row = connection.execute(_CLIENT, {"client_id": client_id}).one_or_none()
            return (_credential(row) if row else None), _grants(connection, (client_id,))


_CLIENT = select(CREDENTIALS).where(CREDENTIALS.c.client_id == bindparam("client_id"))
_GRANTS = select(ROLE_ASSIGNMENTS).where(
    ROLE_ASSIGNMENTS.c.principal.in_(bindparam("principals", expanding=True)),
    ROLE_ASSIGNMENTS.c.principal.not_in(select(CREDENTIALS.c.client_id).where(CREDENTIALS.c.revoked_at.is_not(None))),
)
"""Made once: every request asks for them."""


def _grants(connection: Connection, principals: tuple[str, ...]) -> tuple[Grant, ...]:
    rows = connection.execute(_GRANTS, {"principals": principals})
    return tuple(Grant(Role(row.role), row.scope) for row in rows)


def _hashed(secret: str, salt: str) -> str:
    digest = hmac.new(salt.encode(), secret.encode("utf-8", "surrogatepass"), hashlib.sha256)
    return FAST + digest.hexdigest()


def _slowly_hashed(secret: str, salt: str) -> str:
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
