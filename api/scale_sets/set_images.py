"""The image that a scale set names: is it there, and what runs on it (docs/rules.md I2, I6)?"""

import asyncio
import re
from typing import Any

from api.services.dependencies import Services
from api.shapes.documents import WINDOWS_UPDATES
from api.wire.errors import ArmError, invalid
from api.wire.properties import at
from instar.domain.images import galleries
from instar.domain.images.images import ImageReference
from instar.domain.images.regions import display_name
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.resources import StoredResource

Json = dict[str, Any]

_MANAGED = re.compile(r"/providers/Microsoft\.Compute/images/[^/]+/?\Z", re.IGNORECASE)


async def refuse_absent(services: Services, image: ImageReference, location: str) -> None:
    """A gallery image must be there, and a version of it in the set's region. Raises ArmError 400 or 404.

    A platform image need not be: its versions may be published later.
    """
    if not image.id:
        return
    named = galleries.IMAGE_ID.fullmatch(image.id)
    if named is None and _MANAGED.search(image.id):
        raise invalid(
            "'imageReference.id' names a managed image (Microsoft.Compute/images). No set can be made of one here: it "
            "is made of a disk, a snapshot or a blob, and there are none. Put the image into a compute gallery, and "
            "name that one.",
            "imageReference.id",
        )
    if named is None:
        raise invalid(
            "'imageReference.id' must be the id of a gallery image: /subscriptions/…/resourceGroups/…/providers/"
            "Microsoft.Compute/galleries/…/images/…, with or without /versions/….",
            "imageReference.id",
        )
    resources, now = services.store.resources, services.clock()
    found = await asyncio.to_thread(resources.find, image.version_id)
    if found is None:
        path = named["path"] + image.version_id[len(image.id) :]
        raise ArmError(
            404,
            "ResourceNotFound",
            f"The Resource '{path}' under resource group '{named['group']}' was not found. For more details please go "
            "to https://aka.ms/ARMResourceNotFoundFix",
            target="imageReference",
        )
    if image.follows_latest:
        versions = await asyncio.to_thread(resources.children, galleries.VERSION, image.id)
        there = galleries.offered_versions({version.name: version.document for version in versions}, location, now)
        is_here = bool(there)
    else:
        # A pinned version may be one that is excluded from latest.
        is_here = not galleries.not_replicated(found.document, location, now)
    if not is_here:
        raise ArmError(
            404,
            "GalleryImageNotFound",
            f"The gallery image {image.version_id} is not available in {display_name(location)} region. Please contact "
            "image owner to replicate to this region, or change your requested region.",
            target="imageReference",
        )


async def runs_windows(services: Services, model: ScaleSetModel, location: str) -> bool:
    """Whether Windows runs on a set: its document says so, or its image does (I6)."""
    if model.windows:
        return True
    image = model.image
    if image.id:
        found: StoredResource | None = await asyncio.to_thread(services.store.resources.find, image.id)
        return found is not None and at(found.document, "properties.osType") == "Windows"
    versions = services.store.images.versions
    rows = await asyncio.to_thread(versions, image.publisher, image.offer, image.sku, location)
    return any(at(row.properties, "osDiskImage.operatingSystem") == "Windows" for row in rows[-1:])


def without_updates(document: Json, body: Json, stored: Json) -> Json:
    """The document of a Windows set with `enableAutomaticUpdates` false, as automatic upgrades force it (I6).

    One that the body asks to be true stays so, to be refused; one that was true before, and is only put back, does not.
    """
    if _is_true(at(body, WINDOWS_UPDATES)) and not _is_true(at(stored, WINDOWS_UPDATES)):
        return document
    return _with(document, WINDOWS_UPDATES.split("."), value=False)


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _with(document: Json, path: list[str], *, value: bool) -> Json:
    key, *below = path
    return document | {key: _with(document.get(key) or {}, below, value=value) if below else value}
