"""Platform image versions, by location (docs/rules.md I1, I5).

Names compare without regard to case and keep the case of their creation; `West US 2` and `westus2` are one location.
A withdrawn version stays written down, since instances run on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select, update

from instar.domain.images.images import ImageReference, version_key
from instar.store.catalogue import PLATFORM_SKUS
from instar.store.database.columns import folded
from instar.store.database.database import Database
from instar.store.database.tables import IMAGE_VERSIONS
from instar.store.looks.publications import was_published


@dataclass(frozen=True)
class ImageVersionRow:
    """One published version in one location. `properties` are those of ARM's VirtualMachineImage."""

    publisher: str
    offer: str
    sku: str
    version: str
    location: str
    published_at: datetime
    withdrawn: bool
    properties: dict[str, Any]


class Images:
    """The catalogue. Methods are synchronous and short: call them by `asyncio.to_thread` from a loop."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(  # noqa: PLR0917  # the order in which an image is named everywhere
        self,
        publisher: str,
        offer: str,
        sku: str,
        version: str,
        location: str,
        properties: Mapping[str, Any],
        now: datetime,
    ) -> tuple[ImageVersionRow, bool]:
        """Publish a version; whether it is a new one. An existing one gets the properties, and is withdrawn no more.

        What was not on offer before is to be told to whoever follows the image: that is written down with it (T2).

        Raises ValueError for a version that is not numbers joined by dots, and Unstorable for properties not JSON.
        """
        keys = _keys(publisher, offer, sku, location, version)
        with self._database.writing() as connection:
            publisher, offer, sku = _as_created(connection, publisher, offer, sku)
            new = self._database.insert_new(
                connection,
                IMAGE_VERSIONS,
                keys
                | {
                    "publisher": publisher,
                    "offer": offer,
                    "sku": sku,
                    "version": version,
                    "location": location,
                    "published_at": now,
                    "withdrawn": False,
                    "properties": dict(properties),
                },
            )
            back = not new and connection.scalar(select(IMAGE_VERSIONS.c.withdrawn).where(_at(keys)))
            if not new:
                connection.execute(
                    update(IMAGE_VERSIONS).where(_at(keys)).values(withdrawn=False, properties=dict(properties))
                )
            if new or back:
                line = ImageReference(publisher=publisher, offer=offer, sku=sku).line
                was_published(self._database, connection, location, line, now)
            row = connection.execute(select(IMAGE_VERSIONS).where(_at(keys))).one()
        return _version(row), new

    def withdraw(self, publisher: str, offer: str, sku: str, version: str, location: str) -> None:
        """Take a version back: it is offered no more. Idempotent; an unknown one changes nothing."""
        if (keys := _known_keys(publisher, offer, sku, location, version)) is not None:
            with self._database.writing() as connection:
                connection.execute(update(IMAGE_VERSIONS).where(_at(keys)).values(withdrawn=True))

    def get(self, publisher: str, offer: str, sku: str, version: str, location: str) -> ImageVersionRow | None:
        """One exact version, a withdrawn one too; None of nothing (and of `latest`, which is no version)."""
        if (keys := _known_keys(publisher, offer, sku, location, version)) is None:
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(IMAGE_VERSIONS).where(_at(keys))).one_or_none()
        return None if row is None else _version(row)

    def versions(
        self,
        publisher: str,
        offer: str,
        sku: str,
        location: str,
        include_withdrawn: bool = False,  # noqa: FBT001, FBT002  # the interface that others were given
    ) -> list[ImageVersionRow]:
        """The versions of a sku in a location, in their numerical order (I1)."""
        query = select(IMAGE_VERSIONS).where(_at(_line_keys(publisher, offer, sku)), _in(location))
        if not include_withdrawn:
            query = query.where(IMAGE_VERSIONS.c.withdrawn.is_(False))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return sorted(map(_version, rows), key=lambda row: version_key(row.version))

    def everywhere(self) -> list[ImageVersionRow]:
        """Every version in every location that was not withdrawn."""
        query = select(IMAGE_VERSIONS).where(IMAGE_VERSIONS.c.withdrawn.is_(False))
        with self._database.reading() as connection:
            return [_version(row) for row in connection.execute(query)]

    def publishers(self, location: str) -> list[str]:
        """The publishers known in a location, by name."""
        return self._names("publisher", location, {})

    def offers(self, publisher: str, location: str) -> list[str]:
        """The offers of a publisher in a location, by name; none of an unknown publisher."""
        return self._names("offer", location, {"publisher": publisher})

    def skus(self, publisher: str, offer: str, location: str) -> list[str]:
        """The skus of an offer in a location, by name; none of an unknown offer."""
        return self._names("sku", location, {"publisher": publisher, "offer": offer})

    def _names(self, level: str, location: str, above: dict[str, str]) -> list[str]:
        keys = {f"{name}_key": folded(value) for name, value in above.items()}
        column = IMAGE_VERSIONS.c[level]
        with self._database.reading() as connection:
            published = connection.scalars(select(column).where(_in(location), _at(keys)).distinct()).all()
        seeded = (
            getattr(line, level)
            for line in PLATFORM_SKUS
            if all(folded(getattr(line, name)) == folded(value) for name, value in above.items())
        )
        return _each_once((*seeded, *published))


def _each_once(names: Iterable[str]) -> list[str]:
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(folded(name), name)
    return [first[key] for key in sorted(first)]


def _as_created(connection: Connection, publisher: str, offer: str, sku: str) -> tuple[str, ...]:
    """The names in the case in which each was first written, by the catalogue or by an earlier version."""
    given = {"publisher": publisher, "offer": offer, "sku": sku}
    names = []
    above: dict[str, str] = {}
    for level, name in given.items():
        above[level] = folded(name)
        keys = {f"{one}_key": value for one, value in above.items()}
        query = select(IMAGE_VERSIONS.c[level]).where(_at(keys)).order_by(IMAGE_VERSIONS.c.published_at).limit(1)
        seeded = (
            getattr(line, level)
            for line in PLATFORM_SKUS
            if all(folded(getattr(line, one)) == value for one, value in above.items())
        )
        names.append(next(seeded, None) or connection.scalar(query) or name)
    return tuple(names)


def _line_keys(publisher: str, offer: str, sku: str) -> dict[str, str]:
    return {"publisher_key": folded(publisher), "offer_key": folded(offer), "sku_key": folded(sku)}


def _keys(publisher: str, offer: str, sku: str, location: str, version: str) -> dict[str, str]:
    # 1.02 and 1.2 are one version (I1), so the key holds its numbers.
    numbers = ".".join(map(str, version_key(version)))
    return _line_keys(publisher, offer, sku) | {"location_key": _location_key(location), "version_key": numbers}


def _known_keys(publisher: str, offer: str, sku: str, location: str, version: str) -> dict[str, str] | None:
    try:
        return _keys(publisher, offer, sku, location, version)
    except ValueError:
        return None


def _location_key(location: str) -> str:
    return folded(location).replace(" ", "")


def _at(keys: Mapping[str, str]) -> ColumnElement[bool]:
    return and_(True, *(IMAGE_VERSIONS.c[column] == value for column, value in keys.items()))


def _in(location: str) -> ColumnElement[bool]:
    return IMAGE_VERSIONS.c.location_key == _location_key(location)


def _version(row: Row[Any]) -> ImageVersionRow:
    return ImageVersionRow(
        publisher=row.publisher,
        offer=row.offer,
        sku=row.sku,
        version=row.version,
        location=row.location,
        published_at=row.published_at,
        withdrawn=row.withdrawn,
        properties=row.properties,
    )
