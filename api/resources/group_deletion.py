"""Why a resource group cannot be deleted: what is refused of its resources one by one is refused of all at once."""

import asyncio
from collections.abc import Iterable

from api.galleries.gallery_versions import refuse_before_end_of_life
from api.services.dependencies import Services
from api.wire.errors import ArmError
from instar.domain.access import is_within
from instar.domain.images import galleries
from instar.domain.sets.links import gallery_image, probes
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.sets.stored_scale_set import StoredScaleSet

SHOWN_AT_MOST = 10


async def refuse_blocked(services: Services, subscription_id: str, group_id: str, name: str) -> None:
    """Raises ArmError 409 while scale sets elsewhere use what is in a group, or a version in it is protected."""
    elsewhere = [one for one in await _every_set(services) if not is_within(one.identity.resource_id, group_id)]
    details = [
        {
            "code": "ResourceInUse",
            "target": used,
            "message": f"{used} cannot be deleted because it is in use by {one.identity.resource_id}.",
        }
        for one in elsewhere
        for used in _used(one)
        if is_within(used, group_id)
    ]
    versions = await asyncio.to_thread(services.store.resources.of_type, galleries.VERSION, subscription_id, name)
    for version in versions:
        try:
            refuse_before_end_of_life(version, services.clock())
        except ArmError as error:
            details.append({"code": error.code, "target": version.resource_id, "message": error.message})
    if details:
        some = ", ".join(dict.fromkeys(detail["target"] for detail in details[:SHOWN_AT_MOST]))
        raise ArmError(
            409,
            "ResourceGroupDeletionBlocked",
            f"Deletion of resource group '{name}' failed as resources with identifiers '{some}' could not be deleted. "
            f"{details[0]['message']}",
            details=details[:SHOWN_AT_MOST],
        )


async def _every_set(services: Services) -> list[StoredScaleSet]:
    """Of all subscriptions: the image of a set may be in another one."""
    found: list[StoredScaleSet] = []
    for subscription in await asyncio.to_thread(services.store.subscriptions):
        found += await asyncio.to_thread(services.store.scale_sets.list, subscription)
    return found


def _used(stored: StoredScaleSet) -> Iterable[str]:
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    image = gallery_image(model)
    return (*([image] if image else []), *probes(model))
