"""The extensions of one machine, as they ended on its present OS disk. They are the model's, and only read here."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.instances.instances import INSTANCE, InstanceId, existing_instance
from api.services.dependencies import ServicesDep
from api.services.paging import PagingDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.instance_statuses import extension_view
from api.wire.errors import not_found
from instar.domain.machines.instances import ExtensionStatus, Instance
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["extensions"])

EXTENSIONS = INSTANCE + "/extensions"
TYPE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/extensions"

Json = dict[str, Any]


@router.get(EXTENSIONS, response_model=None)
async def list_extensions_of_instance(
    services: ServicesDep, stored: StoredDep, instance_id: InstanceId, paging: PagingDep
) -> Json:
    """The extensions that ran on an instance, by name."""
    instance = await existing_instance(services, stored, instance_id)
    page = paging.page(instance.extensions, lambda one: (one.name.lower(),))
    return page.answer(_body(stored, instance, item) for item in page.items)


@router.get(EXTENSIONS + "/{extensionName}", response_model=None)
async def get_extension_of_instance(
    services: ServicesDep, stored: StoredDep, instance_id: InstanceId, name: Annotated[str, Path(alias="extensionName")]
) -> Json:
    """One extension of an instance, with how it ended."""
    instance = await existing_instance(services, stored, instance_id)
    for extension in instance.extensions:
        if extension.name.lower() == name.lower():
            return _body(stored, instance, extension)
    raise not_found(f"The extension '{name}' was not found on the instance '{instance_id}'.")


def _body(stored: StoredScaleSet, instance: Instance, extension: ExtensionStatus) -> Json:
    publisher, _, kind = extension.kind.rpartition(".")
    return {
        "name": extension.name,
        "id": f"{stored.identity.resource_id}/virtualMachines/{instance.instance_id}/extensions/{extension.name}",
        "type": TYPE,
        "location": stored.identity.location,
        "properties": {
            "publisher": publisher,
            "type": kind,
            "typeHandlerVersion": extension.version,
            "provisioningState": "Failed" if extension.error else "Succeeded",
            "instanceView": extension_view(extension),
        },
    }
