"""A scale set as it is read from the tables, and what is written down together with a change of it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, select

from instar.domain.records.operations import Operation
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.tables import MODELS, SCALE_SETS
from instar.store.operations import write_operation


@dataclass(frozen=True)
class StoredScaleSet:
    """A scale set at its current generation.

    `document` is the ARM document without its secrets. `generation` counts from 1, up with each changed model; `etag`
    counts from 1, up with each change of anything here. `machine_generation` is the oldest generation that says the
    same to machines, secrets included: an instance of that generation is on the latest model.
    """

    identity: ScaleSetIdentity
    subscription_id: str
    resource_group: str
    generation: int
    machine_generation: int
    document: dict[str, Any]
    created_at: datetime
    deleting: bool
    etag: int


@dataclass(frozen=True)
class Accepted:
    """An operation that is written down with what it asks for; `message_of` makes its message for the workflow."""

    operation: Operation
    message_of: Callable[[StoredScaleSet], str]


def current() -> Select[Any]:
    """Every set with its newest model."""
    return select(SCALE_SETS, MODELS.c.document, MODELS.c.machine_generation).join(
        MODELS,
        and_(MODELS.c.unique_id == SCALE_SETS.c.unique_id, MODELS.c.generation == SCALE_SETS.c.generation),
    )


def one(connection: Connection, unique_id: str) -> StoredScaleSet:
    """The set of that unique id, which is there."""
    return stored_from(connection.execute(current().where(SCALE_SETS.c.unique_id == unique_id)).one())


def with_operation(connection: Connection, unique_id: str, accepted: Accepted | None) -> StoredScaleSet:
    """The set as it is now, with the operation that has changed it."""
    stored = one(connection, unique_id)
    if accepted is not None:
        write_operation(connection, accepted.operation, accepted.message_of(stored))
    return stored


def identity_of(row: Row[Any]) -> ScaleSetIdentity:
    """Which set a row is of."""
    return ScaleSetIdentity(resource_id=row.resource_id, name=row.name, unique_id=row.unique_id, location=row.location)


def stored_from(row: Row[Any]) -> StoredScaleSet:
    """The set that a row of `current` holds."""
    return StoredScaleSet(
        identity=identity_of(row),
        subscription_id=row.subscription_id,
        resource_group=row.resource_group,
        generation=row.generation,
        machine_generation=row.machine_generation,
        document=row.document,
        created_at=row.created_at,
        deleting=row.deleting,
        etag=row.etag,
    )
