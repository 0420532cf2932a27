"""All sets as they are listed: what needs a person first, then what is being upgraded, then the rest by name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from api.overviews.needs_person import too_many_sick
from api.page import wording

Json = dict[str, Any]

SETS = "/page/sets"
ROWS = 50
"""Sets of one page."""
STATES = ("needs a person", "upgrading", "parked", "held", "paused", "idle", "deleting")
"""What the list can be narrowed to."""
NEEDS_A_PERSON = STATES[0]
SEARCHED_AT_MOST = 200
"""Characters of what is looked for in names."""


class Tier(IntEnum):
    """What is listed before what."""

    PERSON = 0
    UPGRADING = 1
    REST = 2


@dataclass(frozen=True, slots=True)
class Bar:
    """How far an upgrade is: parts of all its machines."""

    done: int
    failed: int
    out: int
    waiting: int

    @property
    def all(self) -> int:
        """Its machines."""
        return self.done + self.failed + self.out + self.waiting

    @property
    def text(self) -> str:
        """The same in words."""
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.done + self.failed} of {self.all} machines done{failed}"


@dataclass(frozen=True, slots=True)
class Row:
    """One set."""

    key: str
    """Its part of ids in the document: the same as long as the set has this name."""
    resource_id: str
    name: str
    group: str
    subscription: str
    image: str
    automatic: bool
    state: str
    reason: str
    red: tuple[str, ...]
    upgrade: Json | None
    bar: Bar | None
    """While an upgrade runs."""
    versions: tuple[tuple[str, int], ...] | None
    """Most machines first; None: not known."""
    capacity: int
    health: Json | None
    next_look: str

    @property
    def href(self) -> str:
        """Its page."""
        return SETS + quote(self.resource_id)

    @property
    def tier(self) -> Tier:
        """Where it stands in the list."""
        if self.red:
            return Tier.PERSON
        return Tier.UPGRADING if self.state in ("upgrading", "parked") else Tier.REST


def key_of(resource_id: str) -> str:
    """A name for ids in the document that no resource id can break.

    >>> key_of("/subscriptions/S/x") == key_of("/SUBSCRIPTIONS/s/X"), len(key_of(""))
    (True, 12)
    """
    return sha256(resource_id.lower().encode("utf-8", "surrogatepass")).hexdigest()[:12]


def red_of(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes a set red: what the API says without its machines, and what these say, which are asked less often."""
    return (*properties.get("needsPerson", ()), *too_many_sick(properties.get("health") or {}))


def row_of(one: Json) -> Row:
    """A set as the API lists it."""
    told = one["properties"]
    upgrade = told.get("upgrade")
    versions = told.get("versions")
    return Row(
        key=key_of(one["id"]),
        resource_id=one["id"],
        name=one["name"],
        group=told["resourceGroup"],
        subscription=told["subscriptionId"],
        image=wording.image(told["image"]),
        automatic=told["automatic"],
        state=told["state"],
        reason=told["reason"],
        red=red_of(told),
        upgrade=upgrade,
        bar=bar_of(upgrade) if upgrade and "endTime" not in upgrade else None,
        versions=None if versions is None else tuple(sorted(versions.items(), key=lambda pair: (-pair[1], pair[0]))),
        capacity=told["capacity"],
        health=told.get("health"),
        next_look=told.get("nextLookAt", ""),
    )


def bar_of(upgrade: Mapping[str, Any]) -> Bar:
    """How far it is."""
    counts = upgrade.get("progress") or {}
    return Bar(
        done=counts.get("successfulInstanceCount", 0),
        failed=counts.get("failedInstanceCount", 0),
        out=counts.get("inProgressInstanceCount", 0),
        waiting=counts.get("pendingInstanceCount", 0),
    )


def in_order(rows: Iterable[Row]) -> list[Row]:
    """As they are listed."""
    return sorted(rows, key=lambda row: (row.tier, row.name.lower(), row.resource_id.lower()))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sets are asked for."""

    text: str = ""
    """In the name, the group or the subscription, in any case."""
    state: str = ""
    """One of STATES; "" is all."""
    page: int = 1
    """Counted from 1."""

    @property
    def query(self) -> dict[str, str]:
        """As it stands in an address, without what is not asked for."""
        given = {"q": self.text, "state": self.state, "page": str(self.page) if self.page > 1 else ""}
        return {name: value for name, value in given.items() if value}

    def takes(self, row: Row) -> bool:
        """Whether a set is one of them."""
        if self.state == NEEDS_A_PERSON and not row.red:
            return False
        if self.state not in ("", NEEDS_A_PERSON, row.state):
            return False
        sought = self.text.strip().lower()
        return any(sought in one.lower() for one in (row.name, f"{row.subscription}/{row.group}/{row.name}"))


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of the list, and what there is of everything."""

    rows: tuple[Row, ...]
    wanted: Wanted
    """With the page that it is: the last one, where a later one was asked for."""
    found: int
    all: int
    people: int
    """Sets that need a person, of all."""
    upgrading: int

    @property
    def pages(self) -> int:
        """At least one."""
        return max(1, -(-self.found // ROWS))


def listed(rows: Sequence[Row], wanted: Wanted) -> Listed:
    """The page that is asked for."""
    found = [row for row in in_order(rows) if wanted.takes(row)]
    page = min(max(1, wanted.page), max(1, -(-len(found) // ROWS)))
    return Listed(
        rows=tuple(found[(page - 1) * ROWS : page * ROWS]),
        wanted=Wanted(wanted.text, wanted.state, page),
        found=len(found),
        all=len(rows),
        people=sum(row.tier is Tier.PERSON for row in rows),
        upgrading=sum(row.state in ("upgrading", "parked") for row in rows),
    )
