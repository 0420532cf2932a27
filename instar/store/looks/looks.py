"""Looks that are made for idle sets: for which, when the next one is due, and what the last came to (T2).

A set's own look writes its row, whoever makes looks for it goes on from that. What was overtaken (the set has looked
by itself meanwhile, was switched off, has begun an upgrade) changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, exists, func, or_, select, update

from instar.domain.looks.kept import KeptLook
from instar.domain.looks.publications import Follower
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import ROLLING_KINDS
from instar.domain.steering.wishes import Hold, Pause, Wishes, in_force
from instar.store.database.database import Database
from instar.store.database.operators_tables import HOLDS, PAUSES
from instar.store.database.tables import SCALE_SET_STATUS, SCALE_SETS, SET_LOOKS, UPGRADES
from instar.store.looks.publications import Publication, keys_of, published_since
from instar.store.sets.stored_scale_set import StoredScaleSet, current, stored_from

AT_ONCE = 500
"""Rows of one transaction that writes many."""


@dataclass(frozen=True)
class Look:
    """One set, as it was left by its last look."""

    unique_id: str
    location: str
    line: Sequence[str]
    """The image, as `ImageReference.line` tells images apart."""
    looked_at: datetime
    outcome: str
    next_at: datetime
    kept: KeptLook


@dataclass(frozen=True)
class DueLook:
    """One set whose next look is due, with all that is written down of it, as it stood at one moment."""

    stored: StoredScaleSet
    status: ScaleSetStatus
    wishes: Wishes
    busy: bool
    """An upgrade of it runs."""
    looked_at: datetime
    outcome: str
    next_at: datetime
    kept: KeptLook


@dataclass(frozen=True)
class Looked:
    """What became of a due look. `due_at`: when to look next; `next_at`: what readers are told of that."""

    due: DueLook
    line: Sequence[str]
    looked_at: datetime
    outcome: str
    next_at: datetime
    due_at: datetime
    kept: KeptLook


class Looks:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def leave(self, look: Look) -> bool:
        """Have looks made for a set from now on; whether its next one is the first of all that are due.

        It is due at once where something was published since that look: it may have read the catalogue too early. A
        set that is gone stays gone, and is never the first.
        """
        row: dict[str, Any] = {
            "unique_id": look.unique_id,
            **keys_of(look.location, look.line),
            "looked_at": look.looked_at,
            "outcome": look.outcome,
            "next_at": look.next_at,
            "due_at": look.next_at,
            "kept": look.kept.model_dump_json(exclude_defaults=True),
        }
        with self._database.writing() as connection:
            there = select(SCALE_SETS.c.unique_id).where(SCALE_SETS.c.unique_id == look.unique_id).with_for_update()
            if connection.scalar(there) is None:
                return False
            if published_since(connection, look.location, look.line, look.looked_at):
                row |= {"next_at": look.looked_at, "due_at": look.looked_at}
            self._database.upsert(connection, SET_LOOKS, [row])
            earlier = exists().where(SET_LOOKS.c.due_at < row["due_at"], SET_LOOKS.c.unique_id != look.unique_id)
            return not connection.scalar(select(earlier))

    def forget(self, unique_id: str) -> None:
        """Make no look for a set any more: it looks by itself. Idempotent."""
        with self._database.writing() as connection:
            connection.execute(delete(SET_LOOKS).where(SET_LOOKS.c.unique_id == unique_id))

    def next_due(self) -> datetime | None:
        """When the first look is due; None where none is made for any set."""
        with self._database.reading() as connection:
            found: datetime | None = connection.scalar(select(func.min(SET_LOOKS.c.due_at)))
        return found

    def due(self, now: datetime, at_most: int) -> list[DueLook]:
        """Those whose look is due, what is due the longest first. One transaction of three queries."""
        runs = exists().where(
            UPGRADES.c.unique_id == SET_LOOKS.c.unique_id,
            UPGRADES.c.ended.is_(False),
            UPGRADES.c.kind.in_(ROLLING_KINDS),
        )
        looks = (SET_LOOKS.c.looked_at, SET_LOOKS.c.outcome, SET_LOOKS.c.next_at, SET_LOOKS.c.kept)
        query = (
            current()
            .add_columns(*looks, SCALE_SET_STATUS.c.status, runs.label("busy"))
            .join(SET_LOOKS, SET_LOOKS.c.unique_id == SCALE_SETS.c.unique_id)
            .outerjoin(SCALE_SET_STATUS, SCALE_SET_STATUS.c.unique_id == SCALE_SETS.c.unique_id)
            .where(SET_LOOKS.c.due_at <= now)
            .order_by(SET_LOOKS.c.due_at, SET_LOOKS.c.unique_id)
            .limit(at_most)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
            ids = [row.unique_id for row in rows]
            pauses = {
                row.unique_id: row for row in connection.execute(select(PAUSES).where(PAUSES.c.unique_id.in_(ids)))
            }
            holds = [_wish(Hold, row) for row in connection.execute(select(HOLDS))] if rows else []
        return [_due(row, pauses.get(row.unique_id), holds, now) for row in rows]

    def looked(self, found: Iterable[Looked]) -> None:
        """Write down what became of due looks."""
        self._each(
            update(SET_LOOKS)
            .where(_same())
            .values(
                {
                    name: bindparam(f"new_{name}")
                    for name in ("location_key", "line_key", "looked_at", "outcome", "next_at", "due_at", "kept")
                }
            ),
            [
                _key(one.due)
                | {f"new_{name}": value for name, value in keys_of(one.due.stored.identity.location, one.line).items()}
                | {
                    "new_looked_at": one.looked_at,
                    "new_outcome": one.outcome,
                    "new_next_at": one.next_at,
                    "new_due_at": one.due_at,
                    "new_kept": one.kept.model_dump_json(exclude_defaults=True),
                }
                for one in found
            ],
        )

    def not_looked(self, due: Iterable[DueLook], again_at: datetime) -> None:
        """Their looks could not be made: they are made again then, and readers see them overdue."""
        self._each(
            update(SET_LOOKS).where(_same()).values(due_at=bindparam("new_due_at")),
            [_key(one) | {"new_due_at": again_at} for one in due],
        )

    def forgotten(self, due: Iterable[DueLook]) -> None:
        """Make no look for these any more, unless they have looked by themselves meanwhile."""
        self._each(delete(SET_LOOKS).where(_same()), [_key(one) for one in due])

    def followers(self, publication: Publication, *, with_tags: bool) -> list[Follower]:
        """The sets for which that image is looked at. Their tags are read only where they are asked for."""
        of_image = [SET_LOOKS.c[name] == getattr(publication, name) for name in ("location_key", "line_key")]
        columns = (SET_LOOKS.c.unique_id, SCALE_SETS.c.resource_id, SET_LOOKS.c.kept)
        query = select(*columns).join(SCALE_SETS, SCALE_SETS.c.unique_id == SET_LOOKS.c.unique_id).where(*of_image)
        if with_tags:
            query = current().add_columns(SET_LOOKS.c.kept).join(
                SET_LOOKS, SET_LOOKS.c.unique_id == SCALE_SETS.c.unique_id
            ).where(*of_image)  # fmt: skip
        with self._database.reading() as connection:
            return [
                Follower(
                    unique_id=row.unique_id,
                    resource_id=row.resource_id,
                    within=KeptLook.model_validate_json(row.kept).pace.nudge_most,
                    tags=(row.document.get("tags") or {}) if with_tags else {},
                )
                for row in connection.execute(query)
            ]

    def bring_forward(self, moments: Sequence[tuple[str, datetime]], now: datetime) -> None:
        """Look at these sets at these moments, or sooner where that was planned; what is overdue waits for its turn."""
        self._each(
            update(SET_LOOKS)
            .where(
                SET_LOOKS.c.unique_id == bindparam("of"),
                or_(SET_LOOKS.c.due_at <= now, SET_LOOKS.c.due_at > bindparam("moment")),
            )
            .values(due_at=bindparam("moment"), next_at=bindparam("moment")),
            [{"of": unique_id, "moment": moment} for unique_id, moment in moments],
        )

    def unwatched(self, location: str) -> list[StoredScaleSet]:
        """The sets of a region for which no look is made, by unique id; those in deletion too."""
        query = (
            current()
            .outerjoin(SET_LOOKS, SET_LOOKS.c.unique_id == SCALE_SETS.c.unique_id)
            .where(SCALE_SETS.c.location == location, SET_LOOKS.c.unique_id.is_(None))
            .order_by(SCALE_SETS.c.unique_id)
        )
        with self._database.reading() as connection:
            return [stored_from(row) for row in connection.execute(query)]

    def _each(self, statement: Any, rows: list[dict[str, Any]]) -> None:
        for at in range(0, len(rows), AT_ONCE):
            with self._database.writing() as connection:
                connection.execute(statement, rows[at : at + AT_ONCE])


def _same() -> Any:
    """The row that was read, unless somebody has written it anew since."""
    return and_(SET_LOOKS.c.unique_id == bindparam("of"), SET_LOOKS.c.looked_at == bindparam("seen"))


def _key(due: DueLook) -> dict[str, Any]:
    return {"of": due.stored.identity.unique_id, "seen": due.looked_at}


def _due(row: Row[Any], pause: Any, holds: Sequence[Hold], now: datetime) -> DueLook:
    stored = stored_from(row)
    paused = None if pause is None else _wish(Pause, pause)
    return DueLook(
        stored=stored,
        status=ScaleSetStatus() if row.status is None else ScaleSetStatus.model_validate_json(row.status),
        wishes=in_force(paused, holds, stored.identity.resource_id, now),
        busy=bool(row.busy),
        looked_at=row.looked_at,
        outcome=row.outcome,
        next_at=row.next_at,
        kept=KeptLook.model_validate_json(row.kept),
    )


def _wish(kind: Any, row: Any) -> Any:
    return kind.model_validate(dict(row._mapping))  # noqa: SLF001  # SQLAlchemy's public name for it
