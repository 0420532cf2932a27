"""The template of what a resource group holds: refused."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.resources.resource_groups import GROUP
from api.services.dependencies import ServicesDep
from api.services.known_groups import require_group
from api.wire.errors import not_allowed

router = APIRouter(tags=["resource groups"])


@router.post(GROUP + "/exportTemplate", response_model=None)
async def export_group(
    services: ServicesDep,
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    group: Annotated[str, Path(alias="resourceGroupName")],
) -> dict[str, Any]:
    """Refused: a template that leaves out every secret would not make the same group."""
    await require_group(services, subscription_id, group)
    raise not_allowed(
        f"The template of the resource group '{group}' cannot be exported: secrets of its scale sets are never shown, "
        "and without them it would not make the same group. GET …/resources lists what is in it."
    )
