"""What there is to say of one kind of stored resource; routes and templates are made from it.

A new kind is a file of its own facts: its `Kind`, and the `Routes` under which it is reached; `api.resources.kinds`
lists them.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from api.services.dependencies import Services
from api.services.paging import Key
from api.stored.stored_resources import ResourceName, by_id, checked_name, resource_body
from api.wire.merge import canonical
from instar.domain.records.operations import Operation
from instar.store.resources import StoredResource

Json = dict[str, Any]


@dataclass(frozen=True)
class Draft:
    """A document that is about to be stored: what was asked for, merged into what there is."""

    services: Services
    name: ResourceName
    document: Json
    had: StoredResource | None
    """What is there now; None for a new resource."""


def as_kept(stored: StoredResource, part: Mapping[str, Any]) -> Json:
    """A part as its resource's document has it."""
    del stored
    return dict(part)


@dataclass(frozen=True)
class Part:
    """A list in the properties of a resource, each member of which has a name and an id of its own, like subnets."""

    name: str
    """Of the list: the last word but one of a part's id."""
    noun: str
    in_templates: bool = True
    """Whether a template may write one by itself."""
    body: Callable[[StoredResource, Mapping[str, Any]], Json] = as_kept
    """A part as it is shown; `id` is put before it where it has none."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Properties that are shown where none are given; one that says the same as its default is not kept."""
    only_shown: tuple[str, ...] = ()
    """Properties that follow from the rest of the resource: clients put them back, and they are never kept."""
    fixed: Callable[[StoredResource], Iterable[Json]] | None = None
    """Those of a list that every resource of the kind has and nobody changes; None for a list that is kept."""

    def of(self, stored: StoredResource) -> list[Json]:
        """The parts of a resource as they are kept; what is no JSON object with a name is left out."""
        if self.fixed is not None:
            return list(self.fixed(stored))
        given = (stored.document.get("properties") or {}).get(self.name)
        items = given if isinstance(given, list) else []
        return [kept for kept in items if isinstance(kept, dict) and isinstance(kept.get("name"), str)]

    def shown(self, stored: StoredResource, kept: Mapping[str, Any]) -> Json:
        """One of them as it is shown."""
        return {"id": f"{stored.resource_id}/{self.name}/{kept.get('name')}", **self.body(stored, kept)}


async def as_merged(draft: Draft) -> Json:
    """A document of which nothing is asked but what every resource must have."""
    return draft.document


async def deletable(_services: Services, _name: ResourceName) -> None:
    """Nothing stands against a deletion."""


def plainly(stored: StoredResource, _now: datetime, _expanded: frozenset[str]) -> Json:
    """As its document says it."""
    return resource_body(stored)


@dataclass(frozen=True)
class Kind:
    """One kind of resource that is kept as a document."""

    type: str
    """ARM's, in its spelling: Microsoft.Compute/galleries/images."""
    name_parameter: str
    """What an error calls its name: galleryName."""
    check_name: Callable[[str, str], str] = checked_name
    """Raises ArmError 400 for a name that a new one may not have; given the name and `name_parameter`."""
    said: Callable[[Json], Json] = canonical
    """A body without what only Instar says of such a resource, in the contract's names."""
    check: Callable[[Draft], Awaitable[Json]] = as_merged
    """The document as it is stored. Raises ArmError."""
    only_tags_are_patched: bool = False
    last_put_wins: bool = False
    """Whether a PUT that another one overtakes replaces that; where what is there counts it is refused (409)."""
    begun: Callable[[Services, StoredResource], Awaitable[Operation]] | None = None
    """The operation of a PUT that goes on after its answer; None where all is done with it."""
    body: Callable[[StoredResource, datetime, frozenset[str]], Json] = plainly
    """As it is shown at a moment, with what was asked for by `$expand`, in lower case."""
    expansions: tuple[str, ...] = ()
    """What `$expand` may ask for."""
    check_delete: Callable[[Services, ResourceName], Awaitable[None]] = deletable
    """Raises ArmError 409."""
    order: Callable[[StoredResource], Key] = by_id
    """Of a list."""
    parts: tuple[Part, ...] = ()

    def part(self, name: str) -> Part | None:
        """The list of that name, in any case."""
        return next((part for part in self.parts if part.name.lower() == name.lower()), None)


@dataclass(frozen=True)
class Words:
    """What routes say of themselves in the interactive docs."""

    put: str
    patch: str
    get: str
    delete: str
    list: str
    """Of a group, or of the resource that it is below."""
    list_all: str = ""
    """Of a subscription."""
    part: str = ""
    """One part of one; the next three: a list of them, a PUT and a DELETE."""
    parts: str = ""
    put_part: str = ""
    delete_part: str = ""


@dataclass(frozen=True)
class Routes:
    """How a kind is reached, or some kinds that share their routes (`{kind}` stands for their last word)."""

    kinds: tuple[Kind, ...]
    tag: str
    noun: str
    plural: str
    parameters: tuple[str, ...]
    """What the path calls the names in it, one for each word of the type."""
    example: Json
    words: Words
    patch_example: Json = field(default_factory=lambda: {"tags": {"team": "web"}})
    expand_says: str = ""
    part_parameters: tuple[str, str] = ("childKind", "childName")
    """What the path calls the list that a part is in, and the part's name."""
    part_example: Json = field(default_factory=dict)

    @property
    def shared(self) -> bool:
        """Whether several kinds have these routes together."""
        return len(self.kinds) > 1
