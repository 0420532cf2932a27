"""A gallery with an image, for tests: paths, bodies, and how they are put there."""

from typing import Any

import httpx

from tests.api.conftest import GROUP, Api

GALLERY = f"{GROUP}/providers/Microsoft.Compute/galleries/Farm.Images"
IMAGE = f"{GALLERY}/images/web"
WEST, EAST = "West US 2", "East US"


def image_body(**properties: Any) -> dict[str, Any]:
    identifier = {"publisher": "team", "offer": "web", "sku": "stable"}
    given = {"osType": "Linux", "osState": "Generalized", "identifier": identifier} | properties
    return {"location": WEST, "properties": {name: value for name, value in given.items() if value is not None}}


def version_body(*regions: str, **profile: Any) -> dict[str, Any]:
    targets = [{"name": name, "regionalReplicaCount": 2} for name in regions or (WEST,)]
    return {
        "location": WEST,
        "properties": {
            "publishingProfile": {"targetRegions": targets, **profile},
            "storageProfile": {"source": {"id": "/subscriptions/S/images/built"}},
        },
    }


async def make_image(api: Api, **properties: Any) -> None:
    assert (await api.call("PUT", GALLERY, {"location": "westus2"})).status_code == 201
    answer = await api.call("PUT", IMAGE, image_body(**properties))
    assert answer.status_code == 201, answer.text


async def publish(api: Api, version: str, *regions: str, **profile: Any) -> httpx.Response:
    answer = await api.call("PUT", f"{IMAGE}/versions/{version}", version_body(*regions, **profile))
    assert answer.status_code == 201, answer.text
    return answer


async def direct(api: Api, version: str, region: str, state: str, **more: Any) -> dict[str, Any]:
    path = f"/instar/simulated{IMAGE}/versions/{version}/replication/{region}"
    answer = await api.call("PUT", path, {"state": state, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
