"""A kind of network resource, made of what is peculiar to it: its parts, what is filled in, what is checked."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from api.networks.filled import resource_guid
from api.networks.parts import Check, checked_parts, without_defaults
from api.networks.taking_away import refuse_in_use, refuse_part_in_use
from api.stored.kinds import Draft, Kind, Part
from api.stored.stored_resources import resource_body
from api.wire.errors import invalid
from api.wire.merge import without
from instar.store.resources import StoredResource

Json = dict[str, Any]

Fill = Callable[[StoredResource], Json]

COMPUTED = (
    ("properties", "resourceGuid"),
    ("properties", "ipAddress"),
    ("properties", "ipPrefix"),
    ("properties", "dnsSettings", "fqdn"),
)
"""What is shown and never kept: clients put it back."""

BASIC: Json = {"name": "Basic", "tier": "Regional"}
"""The sku of load balancers and public addresses where none is given."""


def network_kind(  # what there is to say of one
    word: str,
    noun: str,
    parts: tuple[Part, ...] = (),
    defaults: Json | None = None,
    fill: Fill | None = None,
    *,
    sku: Json | None = None,
    name_parameter: str = "name",
    well_shaped: Callable[[Draft, Json], Json] | None = None,
    checks: Mapping[str, Check] | None = None,
) -> Kind:
    """`word`: the last one of its type. `defaults`: properties where none are given; `fill`: those that follow from it.

    `sku`: what Azure shows where the document does not say. `well_shaped`: more that is asked of the document,
    `checks`: of the properties of a part; both raise ArmError.
    """

    async def checked(draft: Draft) -> Json:
        document = draft.document
        for path in COMPUTED:
            document = without(document, path)
        document = checked_parts(document, parts, noun, checks)
        document |= {"properties": without_defaults(document["properties"], defaults or {})}
        if well_shaped is not None:
            document = well_shaped(draft, document)
        if sku:
            document = _without_usual(document, sku)
        await refuse_part_in_use(draft, document, parts)
        return document

    def body(stored: StoredResource, _now: datetime, _expanded: frozenset[str]) -> Json:
        given = stored.document.get("properties") or {}
        missing = {name: value for name, value in (defaults or {}).items() if name not in given}
        shown = {part.name: [part.shown(stored, kept) for kept in part.of(stored)] for part in parts}
        shown |= missing | (fill(stored) if fill else {}) | resource_guid(stored)
        answer = resource_body(stored, **shown)
        given = answer.get("sku") or {}
        return answer | {"sku": {**sku, **given}} if sku and isinstance(given, dict) else answer

    return Kind(
        type=f"Microsoft.Network/{word}",
        name_parameter=name_parameter,
        check=checked,
        only_tags_are_patched=True,
        last_put_wins=True,
        body=body,
        check_delete=refuse_in_use,
        parts=parts,
    )


def _without_usual(document: Json, usual: Json) -> Json:
    """The document without what its sku says as everybody's does. Raises ArmError 400 for a sku that is no object."""
    given = document.get("sku")
    if given is None:
        return document
    if not isinstance(given, dict):
        raise invalid("'sku' must be an object.", "sku")
    rest = {key: value for key, value in document.items() if key != "sku"}
    own = without_defaults(given, usual)
    return rest | ({"sku": own} if own else {})
