"""Resource groups that are not there: whatever is asked in one answers so, as ARM does before it looks any further."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request

from api.services.dependencies import Services
from api.wire.errors import ArmError, group_not_found

NOT_FOUND = 404
_OF_NO_GROUP = "InvalidResourceType"
"""What there is in no group at all."""


async def has_group(services: Services, subscription_id: str, name: str) -> bool:
    """Whether a group was made, or is there because something is in it."""
    if await asyncio.to_thread(services.store.resources.first_of_group, subscription_id, name):
        return True
    return bool(await asyncio.to_thread(services.store.scale_sets.list, subscription_id, name))


async def require_group(services: Services, subscription_id: str, name: str) -> None:
    """Raises ArmError 404 ResourceGroupNotFound."""
    if not await has_group(services, subscription_id, name):
        raise group_not_found(name)


async def group_comes_first(request: Request) -> AsyncIterator[None]:
    """A 404 in a group that is not there becomes that of the group. It is looked for only then."""
    try:
        yield
    except ArmError as error:
        subscription_id, name = (request.path_params.get(word) for word in ("subscriptionId", "resourceGroupName"))
        if error.status == NOT_FOUND and error.code != _OF_NO_GROUP and subscription_id and name:
            await require_group(request.app.state.services, subscription_id, name)
        raise
