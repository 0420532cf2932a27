"""Deployments, for tests: resources of templates, how they are deployed, and what is seen of a run."""

from typing import Any

import httpx

from api.deployments.deployment_runs import tend_once
from tests.api.conftest import GROUP, Api, document

ONE = f"{GROUP}/providers/Microsoft.Resources/deployments/first"
SETS = "Microsoft.Compute/virtualMachineScaleSets"
GALLERY = "Microsoft.Compute/galleries"
IMAGE = f"{GALLERY}/images"
VERSION = f"{IMAGE}/versions"
NETS = "Microsoft.Network/virtualNetworks"


def resource(kind: str, name: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "apiVersion": "2024-11-01", "location": "westus2", "dependsOn": [*needs]} | more


def scale_set(name: str, *needs: str, **changes: Any) -> dict[str, Any]:
    return resource(SETS, name, *needs, **document(location="westus2", **changes))


def gallery_resources() -> list[dict[str, Any]]:
    identifier = {"publisher": "team", "offer": "web", "sku": "stable"}
    image = {"osType": "linux", "osState": "Generalized", "identifier": identifier}
    regions = [{"name": "West US 2", "regionalReplicaCount": "2", "excludeFromLatest": "false"}]
    profile = {"targetRegions": regions, "excludeFromLatest": "False"}
    version = {"publishingProfile": profile, "storageProfile": {"source": {"id": "/subscriptions/S/images/built"}}}
    reference = {"id": f"[resourceId('{IMAGE}', 'own', 'web')]"}
    return [
        scale_set(
            "web",
            f"[resourceId('{VERSION}', 'own', 'web', '1.0.0')]",
            properties__virtualMachineProfile__storageProfile__imageReference=reference,
        ),
        resource(VERSION, "own/web/1.0.0", f"[resourceId('{IMAGE}', 'own', 'web')]", properties=version),
        resource(IMAGE, "own/web", f"[resourceId('{GALLERY}', 'own')]", properties=image),
        resource(GALLERY, "own", properties={"description": "of the team"}),
    ]


async def deploy(api: Api, *resources: dict[str, Any], path: str = ONE, **template: Any) -> httpx.Response:
    await api.call("PUT", GROUP, {"location": "westus2"})
    body = {"properties": {"mode": "Incremental", "template": {"resources": [*resources], **template}}}
    return await api.call("PUT", path, body)


async def begin(api: Api, *resources: dict[str, Any], **template: Any) -> dict[str, Any]:
    answer = await deploy(api, *resources, **template)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()["properties"]
    return found


async def state(api: Api) -> str:
    found: str = (await api.get(ONE))["properties"]["provisioningState"]
    return found


async def made(api: Api) -> list[str]:
    found = (await api.get(f"{ONE}/operations"))["value"]
    return [one["properties"]["targetResource"]["resourceName"] for one in found]


async def look_after(api: Api) -> None:
    await tend_once(api.app.state.services)


def stored(api: Api) -> dict[str, Any]:
    found = api.store.resources.find(ONE)
    assert found is not None
    return found.document
