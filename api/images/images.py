"""Platform images: what is published where. Publishing and withdrawing are Instar's addition, on the same path.

Lists are bare arrays, as Azure's are. `latest` is no version: it is what a scale set's model says.
"""

import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response
from starlette.background import BackgroundTask

from api.images.nudges import nudge_users_of
from api.services.dependencies import LOCATION, ApiVersion, ServicesDep
from api.wire.api_versions import IMAGE_VERSION, shaped
from api.wire.bodies import OptionalJsonBody, described
from api.wire.errors import ArmError, invalid, not_found
from api.wire.properties import REGION, normal_location
from api.wire.queries import wanted
from api.wire.texts import check_texts
from instar.domain.images.images import ImageReference
from instar.store.images import ImageVersionRow

router = APIRouter(tags=["images"])

PUBLISHERS = LOCATION + "/publishers"
OFFERS = PUBLISHERS + "/{publisher}/artifacttypes/vmimage/offers"
SKUS = OFFERS + "/{offer}/skus"
VERSIONS = SKUS + "/{sku}/versions"
VERSION = VERSIONS + "/{version}"

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
VERSION_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18}){1,5}")
"""What may be published: numbers joined by dots (I1)."""

VERSIONS_AT_MOST = 10_000

EXPANSIONS = ("properties", "properties/imageDeprecationStatus")

_EXAMPLE = {
    "location": "westus2",
    "properties": {"osDiskImage": {"operatingSystem": "Linux"}, "hyperVGeneration": "V1"},
}

Subscription = Annotated[str, Path(alias="subscriptionId")]
Json = dict[str, Any]


@router.get(PUBLISHERS, response_model=None)
async def list_publishers(services: ServicesDep, subscription_id: Subscription, location: str) -> list[Json]:
    """The publishers of images in a region."""
    names = await asyncio.to_thread(services.store.images.publishers, location)
    return _named(names, location, f"{_root(subscription_id, location)}/Publishers")


@router.get(OFFERS, response_model=None)
async def list_offers(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    location: str,
    publisher: str,
) -> list[Json]:
    """A publisher's offers."""
    names = await asyncio.to_thread(services.store.images.offers, publisher, location)
    if not names:
        raise _no_image()
    return _named(names, location, f"{_root(subscription_id, location)}{_offers(publisher)}")


@router.get(SKUS, response_model=None)
async def list_skus(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    location: str,
    publisher: str,
    offer: str,
) -> list[Json]:
    """An offer's skus."""
    names = await asyncio.to_thread(services.store.images.skus, publisher, offer, location)
    if not names:
        raise _no_image()
    items = _named(names, location, f"{_root(subscription_id, location)}{_offers(publisher)}/{offer}/Skus")
    supported = {"automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": True}}
    return [item | {"properties": supported} for item in items]


@router.get(VERSIONS, response_model=None)
async def list_versions(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    location: str,
    publisher: str,
    offer: str,
    sku: str,
    api_version: ApiVersion,
    expand: Annotated[str, Query(alias="$expand", description="properties")] = "",
    top: Annotated[int | None, Query(alias="$top", ge=1, le=VERSIONS_AT_MOST)] = None,
    order_by: Annotated[str, Query(alias="$orderby", description="name, or name desc")] = "",
) -> list[Json]:
    """The versions on offer, in their numerical order (I1); withdrawn ones are not among them."""
    expanded = bool(wanted("$expand", expand, EXPANSIONS))
    images = services.store.images
    rows = await asyncio.to_thread(images.versions, publisher, offer, sku, location)
    if not rows and not await _is_known(services, publisher, offer, sku, location):
        raise _no_image()
    order = order_by.lower().split()
    if order not in ([], ["name"], ["name", "asc"], ["name", "desc"]):
        raise invalid("The value of parameter '$orderby' must be 'name', 'name asc' or 'name desc'.", "$orderby")
    if order[1:] == ["desc"]:
        rows = rows[::-1]
    made = (_version(row, subscription_id, location, expanded=expanded) for row in rows[:top])
    return [shaped(one, IMAGE_VERSION, api_version) for one in made]


@router.get(VERSION, response_model=None)
async def get_version(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    location: str,
    publisher: str,
    offer: str,
    sku: str,
    version: str,
    api_version: ApiVersion,
) -> Json:
    """One version with its properties. 404 for a withdrawn one."""
    row = await asyncio.to_thread(services.store.images.get, publisher, offer, sku, version, location)
    if row is None or row.withdrawn:
        raise _no_image()
    return shaped(_version(row, subscription_id, location, expanded=True), IMAGE_VERSION, api_version)


@router.put(VERSION, openapi_extra=described(_EXAMPLE), response_model=None)
async def publish_version(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    location: str,
    publisher: str,
    offer: str,
    sku: str,
    version: str,
    body: OptionalJsonBody,
) -> Response:
    """Publish a version in a region: 201 for a new one, 200 for one that was there (it is withdrawn no more)."""
    for name, value in (("publisher", publisher), ("offer", offer), ("sku", sku)):
        if not NAME.fullmatch(value):
            raise invalid(f"'{name}' must be letters, digits, '.', '_' and '-', at most 128.", name)
    if not VERSION_NUMBER.fullmatch(version):
        raise invalid(f"'{version}' is no image version: it must be two to six numbers joined by dots.", "version")
    region = normal_location(location)
    if not REGION.fullmatch(region):
        raise invalid("'location' must be the name of a region, like westus2.", "location")
    given = body.get("location")
    if given is not None and (not isinstance(given, str) or normal_location(given) != region):
        raise invalid(f"'location' must be '{region}', as in the path.", "location")
    properties = body.get("properties", {})
    if not isinstance(properties, dict):
        raise invalid("'properties' must be an object.", "properties")
    check_texts(body)
    images, now = services.store.images, services.clock()
    before = await asyncio.to_thread(images.get, publisher, offer, sku, version, region)
    row, created = await asyncio.to_thread(images.publish, publisher, offer, sku, version, region, properties, now)
    body = _version(row, subscription_id, region, expanded=True)
    task = None
    if before is None or before.withdrawn:
        image = ImageReference(publisher=row.publisher, offer=row.offer, sku=row.sku, version=row.version)
        # After the answer: the sets are told, but nobody waits for that.
        task = BackgroundTask(nudge_users_of, services, image, region)
    return JSONResponse(body, status_code=201 if created else 200, background=task)


@router.delete(VERSION, response_model=None)
async def withdraw_version(
    *,
    services: ServicesDep,
    location: str,
    publisher: str,
    offer: str,
    sku: str,
    version: str,
) -> Response:
    """Withdraw a version: no upgrade takes it any more (P19). 204 if it was not on offer."""
    images = services.store.images
    row = await asyncio.to_thread(images.get, publisher, offer, sku, version, location)
    if row is None or row.withdrawn:
        return Response(status_code=204)
    await asyncio.to_thread(images.withdraw, publisher, offer, sku, version, location)
    return Response(status_code=200)


def _no_image() -> ArmError:
    return not_found("Artifact: VMImage was not found.")


async def _is_known(services: ServicesDep, publisher: str, offer: str, sku: str, location: str) -> bool:
    skus = await asyncio.to_thread(services.store.images.skus, publisher, offer, location)
    return sku.lower() in (one.lower() for one in skus)


def _root(subscription_id: str, location: str) -> str:
    return f"/Subscriptions/{subscription_id}/Providers/Microsoft.Compute/Locations/{location}"


def _offers(publisher: str) -> str:
    return f"/Publishers/{publisher}/ArtifactTypes/VMImage/Offers"


def _named(names: list[str], location: str, above: str) -> list[Json]:
    return [{"location": location, "name": name, "id": f"{above}/{name}"} for name in names]


def _version(row: ImageVersionRow, subscription_id: str, location: str, *, expanded: bool) -> Json:
    above = f"{_root(subscription_id, location)}{_offers(row.publisher)}/{row.offer}/Skus/{row.sku}/Versions"
    body: Json = {"location": location, "name": row.version, "id": f"{above}/{row.version}"}
    if expanded:
        windows = "windows" in row.offer.lower()
        body["properties"] = {
            "osDiskImage": {"operatingSystem": "Windows" if windows else "Linux"},
            "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": True},
            "hyperVGeneration": "V1",
            "architecture": "x64",
            "dataDiskImages": [],
            "disallowed": {"vmDiskType": "None"},
            "imageDeprecationStatus": {"imageState": "Active"},
        } | row.properties
    return body
