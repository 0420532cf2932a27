"""The scale set of workflow tests, as ARM documents, and the image that it has."""

from collections.abc import Sequence
from typing import Any

from instar.domain.images.images import ImageReference

IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="latest")
OLD, NEW = "18.04.202401010", "18.04.202402020"
LOCATION = "westeurope"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/test"
OS_PROFILE = {"computerNamePrefix": "web", "adminUsername": "operator", "adminPassword": "An-example-0nly!"}
NETWORK: dict[str, Any] = {
    "networkInterfaceConfigurations": [
        {
            "name": "nic",
            "properties": {
                "primary": True,
                "ipConfigurations": [
                    {
                        "name": "ip",
                        "properties": {
                            "subnet": {"id": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net/subnets/default"}
                        },
                    }
                ],
            },
        }
    ]
}


def arm(
    size: int,
    *,
    policy: dict[str, Any] | None = None,
    automatic: dict[str, Any] | None = None,
    mode: str = "Automatic",
    health: dict[str, Any] | None = None,
    image: dict[str, Any] | None = None,
    zones: tuple[str, ...] = (),
    scale_in: str = "Default",
    extensions: Sequence[dict[str, Any]] = (),
    probe: str | None = None,
    custom_data: str = "",
) -> dict[str, Any]:
    """An ARM document of a set; `extensions` beside the one that tells its health.

    `probe`: the id of a load balancer's probe in the health extension's place, "" for neither.
    """
    extension = {
        "name": "health",
        "properties": {
            "publisher": "Microsoft.ManagedServices",
            "type": "ApplicationHealthLinux",
            "typeHandlerVersion": "1.0",
            "settings": {"protocol": "http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5},
        }
        | (health or {}),
    }
    return {
        "location": LOCATION,
        "sku": {"name": "Standard_D2s_v3", "capacity": size},
        **({"zones": list(zones)} if zones else {}),
        "properties": {
            "scaleInPolicy": {"rules": [scale_in]},
            "upgradePolicy": {
                "mode": mode,
                "rollingUpgradePolicy": policy or {},
                "automaticOSUpgradePolicy": automatic or {},
            },
            "virtualMachineProfile": {
                "storageProfile": {
                    "imageReference": image or IMAGE.model_dump(by_alias=True, exclude={"id"}),
                    "dataDisks": [{"lun": 0, "createOption": "Empty", "diskSizeGB": 10}],
                },
                "extensionProfile": {"extensions": [*([extension] if probe is None else []), *extensions]},
                "osProfile": OS_PROFILE | ({"customData": custom_data} if custom_data else {}),
                "networkProfile": NETWORK | ({"healthProbe": {"id": probe}} if probe else {}),
            },
        },
    }
