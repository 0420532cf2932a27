"""Compute galleries: where images of one's own are kept. Their images and versions have modules of their own."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from api.galleries.gallery_documents import GalleryProperties, checked, refuse_elsewhere
from api.services.dependencies import GROUP, ApiVersion, Services, ServicesDep
from api.services.paging import PagingDep
from api.stored.stored_resources import (
    ResourceName,
    checked_name,
    delete_resource,
    listed,
    merged_document,
    resource_body,
    shown,
    stored_resource,
    write_resource,
    written,
)
from api.wire.bodies import JsonBody, described
from api.wire.errors import ArmError
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions, PreconditionsDep
from instar.domain.images import galleries
from instar.store.resources import StoredResource

router = APIRouter(tags=["galleries"])

Json = dict[str, Any]

GALLERIES = GROUP + "/galleries"
GALLERY = GALLERIES + "/{galleryName}"

NAMED_AT_MOST = 5
"""Nested resources that a refusal to delete names."""

_EXAMPLE = {"location": "westus2", "properties": {"description": "Images of the web team"}}

Subscription = Annotated[str, Path(alias="subscriptionId")]
ResourceGroup = Annotated[str, Path(alias="resourceGroupName")]


async def gallery_name(
    subscription_id: Subscription, resource_group: ResourceGroup, gallery: Annotated[str, Path(alias="galleryName")]
) -> ResourceName:
    """Read the path."""
    return ResourceName(galleries.GALLERY, subscription_id, resource_group, (gallery,))


GalleryDep = Annotated[ResourceName, Depends(gallery_name)]


@router.put(GALLERY, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_gallery(
    *,
    request: Request,
    services: ServicesDep,
    name: GalleryDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Create a gallery (201), or replace what is said of it (200)."""
    return await _write(request, services, name, body, api_version, preconditions=preconditions, create=True)


@router.patch(GALLERY, openapi_extra=described({"tags": {"team": "web"}}), response_model=None)
async def patch_gallery(
    *,
    request: Request,
    services: ServicesDep,
    name: GalleryDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Change a gallery."""
    return await _write(request, services, name, body, api_version, preconditions=preconditions, create=False)


@router.get(GALLERY, response_model=None)
async def get_gallery(services: ServicesDep, name: GalleryDep) -> Response:
    """One gallery."""
    return shown(_body(await stored_resource(services, name)))


@router.get(GALLERIES, response_model=None)
async def list_galleries_of_group(
    services: ServicesDep, subscription_id: Subscription, resource_group: ResourceGroup, paging: PagingDep
) -> Json:
    """The galleries of a resource group."""
    return await listed(services, paging, galleries.GALLERY, _body, subscription_id, resource_group)


@router.get("/subscriptions/{subscriptionId}/providers/Microsoft.Compute/galleries", response_model=None)
async def list_galleries_of_subscription(
    services: ServicesDep, subscription_id: Annotated[str, Path(alias="subscriptionId")], paging: PagingDep
) -> Json:
    """The galleries of a subscription."""
    return await listed(services, paging, galleries.GALLERY, _body, subscription_id)


@router.delete(GALLERY, response_model=None)
async def delete_gallery(
    request: Request,
    services: ServicesDep,
    name: GalleryDep,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Delete a gallery without images. 204 if there is none."""
    await refuse_nested(services, name, galleries.IMAGE)
    return await delete_resource(request, services, name, api_version, preconditions)


async def refuse_nested(services: Services, name: ResourceName, below: str) -> None:
    """Raises ArmError 409 while there is something right below a resource."""
    nested = await asyncio.to_thread(services.store.resources.children, below, name.resource_id)
    if nested:
        some = ", ".join(one.resource_id.split("/providers/")[1] for one in nested[:NAMED_AT_MOST])
        raise ArmError(
            409,
            "CannotDeleteResource",
            "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: "
            f"'{some}'. Please delete all nested resources before deleting this resource.",
        )


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
    stored, new = await make_gallery(services, name, body, preconditions, create=create)
    return await written(request, services, stored, _body(stored), api_version, new=new)


async def make_gallery(
    services: Services,
    name: ResourceName,
    body: Json,
    preconditions: Preconditions = NO_PRECONDITIONS,
    *,
    create: bool = True,
) -> tuple[StoredResource, bool]:
    """What a PUT does, or with `create` false a PATCH; whether it is a new one. Raises ArmError."""
    if create:
        checked_name(name.names[0], "galleryName")
    had = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    document = checked(GalleryProperties, await merged_document(services, name, body, create=create))
    if had:
        refuse_elsewhere(had.name, had.resource_group, had.document, document)
    return await write_resource(services, name, document, had.etag if had else 0, preconditions)


def _body(stored: StoredResource) -> Json:
    unique = f"{stored.subscription_id}-{stored.name}".upper()
    return resource_body(stored, identifier={"uniqueName": unique})
