"""Images of a gallery: what runs on them and how they are called. What is deployed is one of their versions."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from api.galleries.galleries import GALLERY, GalleryDep, refuse_nested
from api.galleries.gallery_documents import ImageProperties, checked, kept_as_made, refuse_elsewhere
from api.services.dependencies import ApiVersion, Services, ServicesDep
from api.services.paging import PagingDep
from api.stored.stored_resources import (
    ResourceName,
    by_id,
    checked_name,
    delete_resource,
    merged_document,
    resource_body,
    shown,
    stored_resource,
    write_resource,
    written,
)
from api.wire.bodies import JsonBody, described
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions, PreconditionsDep
from instar.domain.images import galleries
from instar.store.resources import StoredResource

router = APIRouter(tags=["galleries"])

Json = dict[str, Any]

IMAGES = GALLERY + "/images"
IMAGE = IMAGES + "/{imageName}"

_EXAMPLE = {
    "location": "westus2",
    "properties": {
        "osType": "Linux",
        "osState": "Generalized",
        "hyperVGeneration": "V2",
        "identifier": {"publisher": "web-team", "offer": "web", "sku": "stable"},
    },
}
_NEVER_CHANGED = ("osType", "osState", "identifier", "hyperVGeneration")


async def image_name(gallery: GalleryDep, image: Annotated[str, Path(alias="imageName")]) -> ResourceName:
    """Read the path."""
    return ResourceName(galleries.IMAGE, gallery.subscription_id, gallery.resource_group, (*gallery.names, image))


ImageDep = Annotated[ResourceName, Depends(image_name)]


@router.put(IMAGE, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_image(
    *,
    request: Request,
    services: ServicesDep,
    name: ImageDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Create an image in a gallery (201), or replace what is said of it (200): never what runs on it."""
    return await _write(request, services, name, body, api_version, preconditions=preconditions, create=True)


@router.patch(IMAGE, openapi_extra=described({"properties": {"description": "LTS"}}), response_model=None)
async def patch_image(
    *,
    request: Request,
    services: ServicesDep,
    name: ImageDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Change what is said of an image."""
    return await _write(request, services, name, body, api_version, preconditions=preconditions, create=False)


@router.get(IMAGE, response_model=None)
async def get_image(services: ServicesDep, name: ImageDep) -> Response:
    """One image of a gallery."""
    return shown(resource_body(await stored_resource(services, name)))


@router.get(IMAGES, response_model=None)
async def list_images(services: ServicesDep, gallery: GalleryDep, paging: PagingDep) -> Json:
    """The images of a gallery."""
    await stored_resource(services, gallery)
    found = await asyncio.to_thread(services.store.resources.children, galleries.IMAGE, gallery.resource_id)
    page = paging.page(found, by_id)
    return page.answer(resource_body(one) for one in page.items)


@router.delete(IMAGE, response_model=None)
async def delete_image(
    request: Request,
    services: ServicesDep,
    name: ImageDep,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Delete an image without versions. 204 if there is none."""
    await refuse_nested(services, name, galleries.VERSION)
    return await delete_resource(request, services, name, api_version, preconditions)


async def _write(
    request: Request,
    services: Services,
    name: ResourceName,
    body: Json,
    api_version: str,
    *,
    preconditions: Preconditions,
    create: bool,
) -> Response:
    stored, new = await make_image(services, name, body, preconditions, create=create)
    return await written(request, services, stored, resource_body(stored), api_version, new=new)


async def make_image(
    services: Services,
    name: ResourceName,
    body: Json,
    preconditions: Preconditions = NO_PRECONDITIONS,
    *,
    create: bool = True,
) -> tuple[StoredResource, bool]:
    """What a PUT does, or with `create` false a PATCH; whether it is a new one. Raises ArmError."""
    if create:
        checked_name(name.names[-1], "galleryImageName")
    had = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    document = checked(ImageProperties, await merged_document(services, name, body, create=create))
    if had:
        refuse_elsewhere(had.name, had.resource_group, had.document, document)
        document = kept_as_made("galleryImage", had.document, document, _NEVER_CHANGED)
    document["properties"] = {"hyperVGeneration": "V1"} | document["properties"]
    return await write_resource(services, name, document, had.etag if had else 0, preconditions)
