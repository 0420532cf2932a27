"""What uses a network resource, or a part of one: scale sets by their network profile, other documents by its id."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.services.dependencies import Services
from api.wire.properties import at
from instar.domain.access import is_within
from instar.store.resources import StoredResource

Json = dict[str, Any]

NAMESPACE = "Microsoft.Network/"
NETWORK_PROFILE = "properties.virtualMachineProfile.networkProfile"
NO_HOLD = "virtualNetworkPeerings"
"""A network that another one is peered with may go: the other end is told so."""


@dataclass(frozen=True)
class Use:
    """An id that something names."""

    used: str
    by: str
    """The id of a scale set, a resource or a part of one."""
    by_scale_set: bool


async def uses_of(services: Services, subscription_id: str, resource_id: str) -> list[Use]:
    """Who names a resource or something in it; what it says of itself does not count."""
    sets = await asyncio.to_thread(services.store.scale_sets.list, subscription_id)
    found = [
        Use(used, stored.identity.resource_id, by_scale_set=True)
        for stored in sets
        for used in named_in(at(stored.document, NETWORK_PROFILE))
    ]
    others = await asyncio.to_thread(services.store.resources.all_of, subscription_id)
    found += [
        Use(used, by, by_scale_set=False)
        for other in others
        if other.type.startswith(NAMESPACE) and not is_within(other.resource_id, resource_id)
        for used, by in _named_by(other)
    ]
    return [use for use in found if is_within(use.used, resource_id)]


def named_in(value: Any) -> Iterator[str]:
    """Every id of Microsoft.Network in a document.

    >>> list(named_in([{"subnet": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/x/y"}}]))
    ['/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/x/y']
    """
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
        elif isinstance(node, str) and f"/providers/{NAMESPACE}".lower() in node.lower():
            yield node


def _named_by(stored: StoredResource) -> Iterator[tuple[str, str]]:
    """Each id that a resource names, with the id of its part that does, or its own."""
    for name, value in (stored.document.get("properties") or {}).items():
        if name == NO_HOLD:
            continue
        for item in value if isinstance(value, list) else [value]:
            part = item.get("name") if isinstance(item, dict) else None
            by = f"{stored.resource_id}/{name}/{part}" if isinstance(part, str) else stored.resource_id
            for used in named_in(item):
                yield used, by
