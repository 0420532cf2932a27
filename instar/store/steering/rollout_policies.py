"""Rollout policies: one of each set that has its own, and a default one for all others (docs/rules.md W1 to W3, G4)."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, delete, insert, select, update

from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.store.database.database import Database
from instar.store.database.operators_tables import ROLLOUT_POLICIES
from instar.store.database.tables import SCALE_SETS
from instar.store.errors import Missing
from instar.store.webhooks.places import Places
from instar.store.webhooks.webhooks import Place

DEFAULT = ""
"""In the place of a set's unique id: the policy of every set that has none of its own."""

Allowed = Callable[[str], None]
"""Is given the entity tag of what is there, "" where nothing is; raises what keeps it from being changed."""


@dataclass(frozen=True)
class StoredPolicy:
    """A policy, and who stored it, when and why."""

    unique_id: str
    policy: RolloutPolicy
    etag: str
    """Drawn at each change, so that none ever comes again; without quotes."""
    changed_at: datetime
    changed_by: str
    reason: str


class RolloutPolicies:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database, places: Places) -> None:
        self._database = database
        self._places = places

    def get(self, unique_id: str) -> StoredPolicy | None:
        """The set's own, or the default one; None where nobody stored one."""
        with self._database.reading() as connection:
            return _read(connection, unique_id)

    def in_force(self, unique_id: str) -> StoredPolicy | None:
        """The set's own, else the default one."""
        with self._database.reading() as connection:
            return _read(connection, unique_id) or _read(connection, DEFAULT)

    def put(  # noqa: PLR0917  # who, when and why
        self,
        unique_id: str,
        policy: RolloutPolicy,
        by: str,
        at: datetime,
        reason: str,
        allowed: Allowed,
        places: Mapping[str, Place] | None = None,
    ) -> tuple[StoredPolicy, bool]:
        """Store it, and whether there was none before. What is there already, word for word, is left as it is.

        `places`: where its hooks and judges are, by the ids under which it names them: those that are new, or whose
        secret is. Raises Missing for a set that is gone, SealingError, and whatever `allowed` raises.
        """
        with self._database.writing() as connection:
            _lock(connection, unique_id)
            before = _read(connection, unique_id)
            allowed(before.etag if before else "")
            if before and (before.policy, before.reason) == (policy, reason) and not places:
                return before, False
            self._places.write(connection, places or {}, at)
            stored = StoredPolicy(unique_id, policy, str(uuid.uuid4()), at, by, reason)
            row = {
                "document": policy.document,
                "etag": stored.etag,
                "changed_at": at,
                "changed_by": by,
                "reason": reason,
            }
            if before:
                of_set = ROLLOUT_POLICIES.c.unique_id == unique_id
                connection.execute(update(ROLLOUT_POLICIES).where(of_set).values(**row))
            else:
                connection.execute(insert(ROLLOUT_POLICIES).values(unique_id=unique_id, **row))
            return stored, before is None

    def delete(self, unique_id: str, allowed: Allowed) -> bool:
        """Remove it, and whether there was one. Raises whatever `allowed` raises."""
        with self._database.writing() as connection:
            before = _read(connection, unique_id, lock=True)
            allowed(before.etag if before else "")
            connection.execute(delete(ROLLOUT_POLICIES).where(ROLLOUT_POLICIES.c.unique_id == unique_id))
            return before is not None


def _lock(connection: Connection, unique_id: str) -> None:
    """Hold the set while its policy is written, so that a deletion meanwhile leaves none behind. Raises Missing."""
    if unique_id == DEFAULT:
        return
    there = select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
    if connection.scalar(there) is None:
        raise Missing(f"no scale set has the unique id {unique_id}")


def _read(connection: Connection, unique_id: str, *, lock: bool = False) -> StoredPolicy | None:
    query = select(ROLLOUT_POLICIES).where(ROLLOUT_POLICIES.c.unique_id == unique_id)
    row: Row[tuple[object, ...]] | None = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return StoredPolicy(
        unique_id=row.unique_id,
        policy=RolloutPolicy.model_validate(row.document),
        etag=row.etag,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        reason=row.reason,
    )
