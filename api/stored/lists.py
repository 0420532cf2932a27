"""Lists of stored resources, a page at a time."""

import asyncio
from typing import Any

from api.services.dependencies import Services
from api.services.known_groups import require_group
from api.services.paging import Paging
from api.stored.kinds import Kind
from api.stored.stored_resources import ResourceName, parent_resource
from instar.store.resources import StoredResource

Json = dict[str, Any]


async def listed(
    services: Services, paging: Paging, kind: Kind, subscription_id: str, resource_group: str | None = None
) -> Json:
    """A page of those of a kind in a subscription, or in one of its groups. Raises ArmError 404 for no such group."""
    found = await asyncio.to_thread(services.store.resources.of_type, kind.type, subscription_id, resource_group)
    if resource_group is not None and not found:
        await require_group(services, subscription_id, resource_group)
    return _page(services, paging, kind, found)


async def listed_below(services: Services, paging: Paging, kind: Kind, parent: ResourceName) -> Json:
    """A page of those of a kind right below a resource. Raises ArmError 404 where that does not exist."""
    await parent_resource(services, parent)
    found = await asyncio.to_thread(services.store.resources.children, kind.type, parent.resource_id)
    return _page(services, paging, kind, found)


def _page(services: Services, paging: Paging, kind: Kind, found: list[StoredResource]) -> Json:
    page, now = paging.page(found, kind.order), services.clock()
    return page.answer(kind.body(stored, now, frozenset()) for stored in page.items)
