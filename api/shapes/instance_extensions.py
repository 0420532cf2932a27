"""The extensions of a machine as they ended on its present OS disk: by themselves, and among its resources."""

from typing import Any

from api.shapes.instance_statuses import extension_view
from instar.domain.machines.instances import ExtensionStatus, Instance
from instar.store.sets.stored_scale_set import StoredScaleSet

Json = dict[str, Any]

TYPE = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/extensions"


def extension_body(stored: StoredScaleSet, instance: Instance, extension: ExtensionStatus) -> Json:
    """One of them, without how it ended."""
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
        },
    }


def viewed_extension(stored: StoredScaleSet, instance: Instance, extension: ExtensionStatus) -> Json:
    """One of them, with how it ended."""
    body = extension_body(stored, instance, extension)
    return body | {"properties": body["properties"] | {"instanceView": extension_view(extension)}}
