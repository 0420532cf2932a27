"""When something was published last, of each image, written down with it: who follows it is to look (T2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.database.tables import PUBLICATIONS


@dataclass(frozen=True)
class Publication:
    """Of an image in a region, both as `keys_of` writes them."""

    location_key: str
    line_key: str
    published_at: datetime


class Publications:
    """Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Publication]:
        """Those of which the sets have not been told, the oldest first."""
        columns = PUBLICATIONS.c
        untold = select(PUBLICATIONS).where(columns.told.is_(False))
        with self._database.reading() as connection:
            rows = connection.execute(untold.order_by(columns.published_at, columns.line_key)).all()
        return [Publication(row.location_key, row.line_key, row.published_at) for row in rows]

    def told(self, publication: Publication) -> None:
        """Everybody knows when to look. Something that was published meanwhile is still to be told. Idempotent."""
        same = [PUBLICATIONS.c[name] == value for name, value in vars(publication).items()]
        with self._database.writing() as connection:
            connection.execute(update(PUBLICATIONS).where(*same).values(told=True))


def keys_of(location: str, line: Sequence[str]) -> dict[str, str]:
    """An image in a region, as it is looked for; `line` as `ImageReference.line` tells images apart.

    >>> keys_of("West US 2", ("canonical", "ubuntuserver", "18.04-lts", ""))
    {'location_key': 'westus2', 'line_key': 'canonical|ubuntuserver|18.04-lts|'}
    """
    return {"location_key": folded(location).replace(" ", ""), "line_key": folded("|".join(line))}


def was_published(
    database: Database, connection: Connection, location: str, line: Sequence[str], now: datetime
) -> None:
    """There is something new of that image there: a part of the transaction that makes it so."""
    database.upsert(connection, PUBLICATIONS, [keys_of(location, line) | {"published_at": now, "told": False}])


def published_since(connection: Connection, location: str, line: Sequence[str], moment: datetime) -> bool:
    """Whether something was published then or later: a look of that moment may not have seen it."""
    keys = [PUBLICATIONS.c[name] == value for name, value in keys_of(location, line).items()]
    return (
        connection.scalar(select(PUBLICATIONS.c.told).where(*keys, PUBLICATIONS.c.published_at >= moment)) is not None
    )
