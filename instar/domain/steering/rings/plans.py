"""Rings: sets in the order in which the platform brings a version to them (docs/rules.md W5).

The model itself takes what was stored; what a person sends is read by `parsed`.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from instar.domain.steering.durations import Duration, within
from instar.domain.steering.refusals import PolicyRefused, refusal_of

RINGS_AT_MOST = 20
SETS_AT_MOST = 500
"""Of one ring. A tag may select more."""

BAKE_AT_MOST = timedelta(days=90)

_SET = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/virtualMachineScaleSets/[^/]+",
    re.IGNORECASE,
)


def _absent(value: object) -> bool:
    return value is None or value == () or value == timedelta(0)


def _set_id(given: str) -> str:
    if not _SET.fullmatch(given) or not given.isprintable():
        raise ValueError("must be the id of a scale set, /subscriptions/…/virtualMachineScaleSets/NAME")
    return given


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")


class Tag(_Document):
    """Sets with this tag, wherever they are; names of tags are compared without regard to case, values with it."""

    name: Annotated[str, Field(min_length=1, max_length=512)]
    value: Annotated[str, Field(max_length=256)]

    def selects(self, tags: Mapping[str, Any]) -> bool:
        """Whether a set with those tags has it.

        >>> Tag(name="ring", value="canary").selects({"Ring": "canary"})
        True
        """
        return any(name.lower() == self.name.lower() and value == self.value for name, value in tags.items())


class Ring(_Document):
    """Its sets, by id or by a tag, and how long a version bakes in each of them before it goes on."""

    sets: Annotated[
        tuple[Annotated[str, Field(max_length=500), AfterValidator(_set_id)], ...],
        Field(max_length=SETS_AT_MOST, exclude_if=_absent),
    ] = ()
    tag: Annotated[Tag | None, Field(exclude_if=_absent)] = None
    bake: Annotated[Duration, within(timedelta(0), BAKE_AT_MOST), Field(exclude_if=_absent)] = timedelta(0)
    """From a set's completed upgrade on; 0 to 90 days."""

    @model_validator(mode="after")
    def _has_sets(self) -> "Ring":
        if bool(self.sets) == (self.tag is not None):
            raise ValueError("must have either sets, by their ids, or a tag that selects them")
        return self

    def has(self, resource_id: str, tags: Mapping[str, Any]) -> bool:
        """Whether a set is of this ring."""
        if self.tag:
            return self.tag.selects(tags)
        return resource_id.lower() in {one.lower() for one in self.sets}


class RingPlan(_Document):
    """Rings, the first one first."""

    rings: Annotated[tuple[Ring, ...], Field(min_length=1, max_length=RINGS_AT_MOST)]
    name: Annotated[str, Field(exclude=True)] = ""
    etag: Annotated[str, Field(exclude=True)] = ""
    """Of the document that it was read from: what was seen by another one says little."""

    @model_validator(mode="after")
    def _each_once(self) -> "RingPlan":
        named = [one.lower() for ring in self.rings for one in ring.sets]
        if twice := next((one for one in named if named.count(one) > 1), None):
            raise ValueError(f"name a set twice: {twice}")
        tags = [(ring.tag.name.lower(), ring.tag.value) for ring in self.rings if ring.tag]
        if len(dict.fromkeys(tags)) < len(tags):
            raise ValueError("have the same tag twice")
        return self

    def ring_of(self, resource_id: str, tags: Mapping[str, Any]) -> int | None:
        """The ring of a set, counted from 0; of several the first. None: these rings are not about it."""
        return next((index for index, ring in enumerate(self.rings) if ring.has(resource_id, tags)), None)

    @property
    def document(self) -> dict[str, Any]:
        """As it is stored and shown."""
        return self.model_dump(mode="json", by_alias=True)


def parsed(name: str, document: dict[str, Any]) -> RingPlan:
    """Read what a person sent. Raises PolicyRefused that names the member at fault and says what it may be.

    >>> parsed("web", {"rings": [{"tag": {"name": "ring", "value": "1"}, "bake": "P1D"}]}).document
    {'rings': [{'tag': {'name': 'ring', 'value': '1'}, 'bake': 'P1D'}]}
    >>> parsed("web", {"rings": [{}]})
    Traceback (most recent call last):
    ...
    instar.domain.steering.refusals.PolicyRefused: 'rings[0]' must have either sets, by their ids, or a tag that selects them.
    """  # noqa: E501  # a sentence for people is one line
    for member in ("name", "etag"):
        if member in document:
            raise PolicyRefused(f"'{member}' is no member of rings: leave it out.", member)
    try:
        plan = RingPlan.model_validate(document, extra="forbid", by_alias=True, by_name=False)
    except ValidationError as error:
        raise refusal_of(error, RingPlan, "document of rings") from None
    return plan.model_copy(update={"name": name})
