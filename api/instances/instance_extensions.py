"""The extensions of one machine, as they ended on its present OS disk. They are the model's, and only read here."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.instances.instances import INSTANCE, InstanceId, existing_instance
from api.services.dependencies import ServicesDep
from api.services.paging import PagingDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.instance_extensions import viewed_extension
from api.wire.errors import not_found

router = APIRouter(tags=["extensions"])

EXTENSIONS = INSTANCE + "/extensions"

Json = dict[str, Any]


@router.get(EXTENSIONS, response_model=None)
async def list_extensions_of_instance(
    services: ServicesDep, stored: StoredDep, instance_id: InstanceId, paging: PagingDep
) -> Json:
    """The extensions that ran on an instance, by name."""
    instance = await existing_instance(services, stored, instance_id)
    page = paging.page(instance.extensions, lambda one: (one.name.lower(),))
    return page.answer(viewed_extension(stored, instance, item) for item in page.items)


@router.get(EXTENSIONS + "/{extensionName}", response_model=None)
async def get_extension_of_instance(
    services: ServicesDep, stored: StoredDep, instance_id: InstanceId, name: Annotated[str, Path(alias="extensionName")]
) -> Json:
    """One extension of an instance, with how it ended."""
    instance = await existing_instance(services, stored, instance_id)
    for extension in instance.extensions:
        if extension.name.lower() == name.lower():
            return viewed_extension(stored, instance, extension)
    raise not_found(f"The extension '{name}' was not found on the instance '{instance_id}'.")
