"""Scale sets, their models by generation without secrets, and the sealed secrets (docs/rules.md P1, F2, F5)."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.columns import folded, written
from instar.store.database.database import Database
from instar.store.database.operators_tables import (
    APPROVALS,
    PAUSES,
    RETENTIONS,
    ROLLOUT_POLICIES,
    TURNS,
    UPGRADE_STARTS,
)
from instar.store.database.sealing import SealerProtocol
from instar.store.database.secret_places import put_back, take_out
from instar.store.database.tables import (
    DECISIONS,
    INSTANCES,
    MODELS,
    SCALE_SET_STATUS,
    SCALE_SETS,
    SECRETS,
    SET_LOOKS,
    UPGRADES,
)
from instar.store.errors import AlreadyThere, Conflict, Missing
from instar.store.quotas import UNLIMITED, Quotas, require_room
from instar.store.sets.fleet_marks import NO_IDS, raise_marks
from instar.store.sets.machine_generations import seen_before
from instar.store.sets.model_changes import ModelChange, change_of
from instar.store.sets.stored_scale_set import (
    Accepted,
    StoredScaleSet,
    current,
    identity_of,
    stored_from,
    with_operation,
)

_FOUND = current().where(SCALE_SETS.c.resource_key == bindparam("resource_key"))
"""Made once: nearly every request asks for it."""


class ScaleSets:
    """What is written down of scale sets.

    Methods are synchronous and short: call them by `asyncio.to_thread` from a loop.
    """

    def __init__(self, database: Database, sealer: SealerProtocol) -> None:
        self._database = database
        self._sealer = sealer

    def create(  # noqa: PLR0917  # what a set is made of
        self,
        identity: ScaleSetIdentity,
        subscription_id: str,
        resource_group: str,
        document: Mapping[str, Any],
        now: datetime,
        accepted: Accepted | None = None,
        quotas: Quotas = UNLIMITED,
    ) -> StoredScaleSet:
        """Write a new set with its first generation, and the operation that it is made by (F6).

        Raises AlreadyThere for a resource or unique id that is there, be it in deletion, QuotaExceeded, and Unstorable.
        """
        clean, secrets = take_out(document)
        tokens = self._sealed(secrets)
        row = {
            "unique_id": identity.unique_id,
            "resource_key": folded(identity.resource_id),
            "subscription_key": folded(subscription_id),
            "resource_group_key": folded(resource_group),
            "resource_id": identity.resource_id,
            "subscription_id": subscription_id,
            "resource_group": resource_group,
            "name": identity.name,
            "location": identity.location,
            "generation": 1,
            "etag": 1,
            "deleting": False,
            "created_at": now,
        }
        with self._database.writing() as connection:
            if not self._database.insert_new(connection, SCALE_SETS, row):
                raise AlreadyThere(f"scale set {identity.resource_id} is there already")
            require_room(connection, quotas, row)
            _write_model(connection, (identity.unique_id, 1), clean, tokens, now, machine_generation=1)
            raise_marks(self._database, connection, identity.unique_id, ids_up_to=NO_IDS)
            return with_operation(connection, identity.unique_id, accepted)

    def find(self, resource_id: str) -> StoredScaleSet | None:
        """The set of this resource id, in any case, one in deletion too; None when there is none (any more)."""
        with self._database.reading() as connection:
            row = connection.execute(_FOUND, {"resource_key": folded(resource_id)}).one_or_none()
        return None if row is None else stored_from(row)

    def by_unique_id(self, unique_id: str) -> StoredScaleSet | None:
        """The set of this unique id; None when there is none (any more)."""
        with self._database.reading() as connection:
            row = connection.execute(current().where(SCALE_SETS.c.unique_id == unique_id)).one_or_none()
        return None if row is None else stored_from(row)

    def list(self, subscription_id: str, resource_group: str | None = None) -> list[StoredScaleSet]:
        """The sets of a subscription, or of one of its groups, by resource id; those in deletion too."""
        query = current().where(SCALE_SETS.c.subscription_key == folded(subscription_id))
        if resource_group is not None:
            query = query.where(SCALE_SETS.c.resource_group_key == folded(resource_group))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(SCALE_SETS.c.resource_key)).all()
        return [stored_from(row) for row in rows]

    def put_model(
        self,
        unique_id: str,
        document: Mapping[str, Any],
        expected_generation: int,
        now: datetime,
        accepted: Accepted | None = None,
    ) -> StoredScaleSet:
        """Write a changed model as a new generation; one that says the same (its secrets too) changes nothing.

        With it, in the same transaction, the operation that asks for it (F6).

        Secrets that the document does not give are kept (`still_in_place`); one given as null is taken away.
        Raises Conflict when `expected_generation` is not current or the set is in deletion, Missing, Unstorable.
        """
        with self._database.writing() as connection:
            row = connection.execute(
                select(SCALE_SETS).where(SCALE_SETS.c.unique_id == unique_id).with_for_update()
            ).one_or_none()
            if row is None:
                raise Missing(f"no scale set has the unique id {unique_id}")
            if row.deleting:
                raise Conflict(f"scale set {row.name} is being deleted")
            if row.generation != expected_generation:
                raise Conflict(
                    f"scale set {row.name} was changed: it is at generation {row.generation}, "
                    f"not at {expected_generation} any more"
                )
            before, had = _model(connection, unique_id, row.generation)
            change = change_of(self._sealer, before, had, document)
            if not change.unchanged:
                # Kept tokens are rotated as they are copied: so a put during `reseal` brings no old token back.
                tokens = {place: self._sealer.rotate(had[place]) for place in change.kept} | self._sealed(change.given)
                seen = seen_before(connection, self._sealer, unique_id, change.clean, tokens)
                at = (unique_id, row.generation + 1)
                _write_model(connection, at, change.clean, tokens, now, machine_generation=seen or at[1])
                _touch(connection, unique_id, generation=row.generation + 1)
            return with_operation(connection, unique_id, accepted)

    def compared(self, unique_id: str, generation: int, document: Mapping[str, Any]) -> ModelChange:
        """What `put_model` would change of that generation. Raises Missing, Unstorable."""
        with self._database.reading() as connection:
            return change_of(self._sealer, *_model(connection, unique_id, generation), document)

    def model(self, unique_id: str, generation: int) -> dict[str, Any]:
        """The document of a generation, without secrets. Raises Missing."""
        with self._database.reading() as connection:
            return _model(connection, unique_id, generation)[0]

    def machine_generation(self, unique_id: str, generation: int) -> int:
        """The generation to give to machines for that one: the oldest that says the same to them. Raises Missing."""
        with self._database.reading() as connection:
            found: int | None = connection.scalar(
                select(MODELS.c.machine_generation).where(
                    MODELS.c.unique_id == unique_id, MODELS.c.generation == generation
                )
            )
        if found is None:
            raise Missing(f"scale set {unique_id} has no generation {generation}")
        return found

    def open_model(self, unique_id: str, generation: int) -> dict[str, Any]:
        """The document of a generation with its secrets, for the activity that hands it to a machine.

        It must not be returned, logged or sent on (F5). Raises Missing, and SealingError when no key opens a secret.
        """
        with self._database.reading() as connection:
            document, tokens = _model(connection, unique_id, generation)
        return put_back(document, {place: json.loads(self._sealer.open(token)) for place, token in tokens.items()})

    def mark_deleting(self, unique_id: str, accepted: Accepted | None = None) -> None:
        """Show the set as in deletion, and write down the operation that asks for it (F6).

        Idempotent. Raises Missing for a set that is gone, where there is an operation to write.
        """
        with self._database.writing() as connection:
            _touch(connection, unique_id, deleting=True)
            if accepted is not None:
                if connection.scalar(select(SCALE_SETS.c.name).where(SCALE_SETS.c.unique_id == unique_id)) is None:
                    raise Missing(f"no scale set has the unique id {unique_id}")
                with_operation(connection, unique_id, accepted)

    def identities(self) -> tuple[tuple[ScaleSetIdentity, datetime], ...]:
        """Every set, those in deletion too, and when it was made."""
        with self._database.reading() as connection:
            rows = connection.execute(select(SCALE_SETS).order_by(SCALE_SETS.c.unique_id)).all()
        return tuple((identity_of(row), row.created_at) for row in rows)

    def delete(self, unique_id: str) -> None:
        """Remove the set, its models, sealed secrets and upgrade records; its operations stay. Idempotent."""
        with self._database.writing() as connection:
            # After the set: whoever is just writing its policy holds it, and nobody writes one once it is gone.
            for table in _OF_A_SET:
                connection.execute(delete(table).where(table.c.unique_id == unique_id))

    def _sealed(self, secrets: Mapping[str, Any]) -> dict[str, str]:
        return {place: self._sealer.seal(written(value)) for place, value in secrets.items() if value is not None}


_OF_A_SET = (
    SECRETS, MODELS, SCALE_SET_STATUS, SET_LOOKS, SCALE_SETS, INSTANCES, DECISIONS, UPGRADES, PAUSES, APPROVALS,
    RETENTIONS, ROLLOUT_POLICIES, TURNS, UPGRADE_STARTS,
)  # fmt: skip


def _touch(connection: Connection, unique_id: str, **changes: Any) -> None:
    differs = [SCALE_SETS.c[column] != value for column, value in changes.items()]
    connection.execute(
        update(SCALE_SETS)
        .where(SCALE_SETS.c.unique_id == unique_id, *differs)
        .values(etag=SCALE_SETS.c.etag + 1, **changes)
    )


def _write_model(
    connection: Connection,
    at: tuple[str, int],
    document: dict[str, Any],
    tokens: dict[str, str],
    now: datetime,
    *,
    machine_generation: int,
) -> None:
    key = {"unique_id": at[0], "generation": at[1]}
    connection.execute(
        insert(MODELS).values(**key, document=document, created_at=now, machine_generation=machine_generation)
    )
    if tokens:
        connection.execute(insert(SECRETS), [key | {"place": place, "token": token} for place, token in tokens.items()])


def _model(connection: Connection, unique_id: str, generation: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The document of a generation without secrets, and the tokens of those by place."""
    document = connection.scalar(
        select(MODELS.c.document).where(MODELS.c.unique_id == unique_id, MODELS.c.generation == generation)
    )
    if document is None:
        raise Missing(f"scale set {unique_id} has no generation {generation}")
    tokens = connection.execute(
        select(SECRETS.c.place, SECRETS.c.token).where(
            SECRETS.c.unique_id == unique_id, SECRETS.c.generation == generation
        )
    )
    return document, {row.place: row.token for row in tokens}
