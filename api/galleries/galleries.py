"""Compute galleries: where images of one's own are kept. Their images and versions are kinds of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from api.galleries.gallery_documents import GalleryProperties, checked, refuse_elsewhere
from api.services.dependencies import Services
from api.stored.kinds import Draft, Kind, Routes, Words
from api.stored.stored_resources import ResourceName, resource_body
from api.wire.errors import ArmError
from instar.domain.images import galleries
from instar.store.resources import StoredResource

Json = dict[str, Any]

NAMED_AT_MOST = 5
"""Nested resources that a refusal to delete names."""


def refuse_nested(below: str) -> Callable[[Services, ResourceName], Awaitable[None]]:
    """What refuses (ArmError 409) a deletion while there is something of that type right below."""

    async def refuse(services: Services, name: ResourceName) -> None:
        nested = await asyncio.to_thread(services.store.resources.children, below, name.resource_id)
        if nested:
            some = ", ".join(resource.resource_id.split("/providers/")[1] for resource in nested[:NAMED_AT_MOST])
            raise ArmError(
                409,
                "CannotDeleteResource",
                "Cannot delete resource while nested resources exist. Some existing nested resource IDs include: "
                f"'{some}'. Please delete all nested resources before deleting this resource.",
            )

    return refuse


async def _checked(draft: Draft) -> Json:
    document = checked(GalleryProperties, draft.document)
    if draft.had:
        refuse_elsewhere(draft.had.name, draft.had.resource_group, draft.had.document, document)
    return document


def _body(stored: StoredResource, _now: datetime, _expanded: frozenset[str]) -> Json:
    unique = f"{stored.subscription_id}-{stored.name}".upper()
    return resource_body(stored, identifier={"uniqueName": unique})


KIND = Kind(
    type=galleries.GALLERY,
    name_parameter="galleryName",
    check=_checked,
    body=_body,
    check_delete=refuse_nested(galleries.IMAGE),
)

ROUTES = Routes(
    kinds=(KIND,),
    tag="galleries",
    noun="gallery",
    plural="galleries",
    parameters=("galleryName",),
    example={"location": "westus2", "properties": {"description": "Images of the web team"}},
    words=Words(
        put="Create a gallery (201), or replace what is said of it (200).",
        patch="Change a gallery.",
        get="One gallery.",
        delete="Delete a gallery without images. 204 if there is none.",
        list="The galleries of a resource group.",
        list_all="The galleries of a subscription.",
    ),
)
