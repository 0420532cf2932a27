"""The scale set that a path names, as stored."""

import asyncio
from typing import Annotated

from fastapi import Depends

from api.services.dependencies import ScaleSetPath, ScaleSetPathDep, Services, ServicesDep
from api.wire.errors import scale_set_not_found
from instar.store.sets.stored_scale_set import StoredScaleSet


async def find(services: Services, path: ScaleSetPath) -> StoredScaleSet | None:
    """None if there is no such set."""
    return await asyncio.to_thread(services.store.scale_sets.find, path.resource_id)


async def existing(services: ServicesDep, path: ScaleSetPathDep) -> StoredScaleSet:
    """Raises ArmError 404 ResourceNotFound."""
    stored = await find(services, path)
    if stored is None:
        raise scale_set_not_found(path.name, path.resource_group)
    return stored


StoredDep = Annotated[StoredScaleSet, Depends(existing)]
