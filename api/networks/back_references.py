"""Who names a part of a network resource, shown at the part as Azure does: the rules of a pool, of a probe."""

from collections.abc import Iterable
from typing import Any

from api.networks.uses import named_in
from instar.store.resources import StoredResource

Json = dict[str, Any]


def named_by(stored: StoredResource, part_id: str, lists: Iterable[str]) -> Json:
    """Of each of these lists of the same resource, the ids of the members that name the part; only lists with any."""
    properties = stored.document.get("properties") or {}
    found = {word: list(_naming(stored, properties.get(word), word, part_id.lower())) for word in lists}
    return {word: ids for word, ids in found.items() if ids}


def _naming(stored: StoredResource, members: Any, word: str, part_id: str) -> Iterable[Json]:
    for member in members if isinstance(members, list) else ():
        if any(used.lower() == part_id for used in named_in(member.get("properties"))):
            yield {"id": f"{stored.resource_id}/{word}/{member['name']}"}
