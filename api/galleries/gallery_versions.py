"""Versions of a gallery's images: published once, then copied to their target regions (behaviour.md I2).

Where replication stands follows from the stored document and the time (`instar.domain.images.galleries`). So does the
operation of a PUT: it runs until the last copy is there or has failed, and is ended by whoever reads it first after
that.
"""

import asyncio
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from api.galleries.gallery_documents import (
    VersionProperties,
    checked,
    kept_as_made,
    refuse_elsewhere,
    refuse_region_twice,
    version_number,
    with_target_regions,
)
from api.galleries.gallery_images import IMAGE, ImageDep
from api.services.dependencies import ApiVersion, Services, ServicesDep
from api.services.paging import PagingDep
from api.stored.stored_resources import (
    ResourceName,
    delete_resource,
    merged_document,
    resource_body,
    shown,
    stored_resource,
    write_resource,
    written,
)
from api.wire.bodies import JsonBody, described
from api.wire.errors import not_allowed
from api.wire.merge import canonical
from api.wire.moments import moment
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions, PreconditionsDep
from api.wire.queries import wanted
from instar.domain.images import galleries
from instar.domain.images.galleries import without_kept
from instar.domain.images.images import version_key
from instar.domain.images.regions import display_name
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.store.resources import StoredResource

router = APIRouter(tags=["galleries"])

Json = dict[str, Any]

VERSIONS = IMAGE + "/versions"
VERSION = VERSIONS + "/{versionName}"

_EXAMPLE = {
    "location": "westus2",
    "properties": {
        "publishingProfile": {
            "targetRegions": [{"name": "West US 2", "regionalReplicaCount": 1}, {"name": "East US"}],
            "excludeFromLatest": False,
        },
        "storageProfile": {"source": {"id": "/subscriptions/…/images/web-20260301"}},
    },
}

STORAGE = "Standard_LRS"
"""Where copies are kept when nothing is said of it."""


async def version_name(image: ImageDep, version: Annotated[str, Path(alias="versionName")]) -> ResourceName:
    """Read the path."""
    return ResourceName(galleries.VERSION, image.subscription_id, image.resource_group, (*image.names, version))


VersionDep = Annotated[ResourceName, Depends(version_name)]
EXPANSIONS = ("ReplicationStatus", "UefiSettings")
"""Of the second there is never anything to show."""
Expand = Annotated[str, Query(alias="$expand", description="ReplicationStatus")]


@router.put(VERSION, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_version(
    *,
    request: Request,
    services: ServicesDep,
    name: VersionDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Publish a version (201), or say anew where it is to be (200): never what it is made of."""
    return await _write(request, services, name, body, api_version, preconditions=preconditions, create=True)


@router.patch(
    VERSION,
    openapi_extra=described({"properties": {"publishingProfile": {"excludeFromLatest": True}}}),
    response_model=None,
)
async def patch_version(
    *,
    request: Request,
    services: ServicesDep,
    name: VersionDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Change where a version is to be and whether `latest` may mean it."""
    return await _write(request, services, name, body, api_version, preconditions=preconditions, create=False)


@router.get(VERSION, response_model=None)
async def get_version(services: ServicesDep, name: VersionDep, expand: Expand = "") -> Response:
    """One version; with its replication status if asked for."""
    expanded = "replicationstatus" in wanted("$expand", expand, EXPANSIONS)
    stored = await stored_resource(services, name)
    return shown(_body(stored, services.clock(), expanded=expanded))


@router.get(VERSIONS, response_model=None)
async def list_versions(services: ServicesDep, image: ImageDep, paging: PagingDep) -> Json:
    """The versions of an image, excluded ones too, in their numerical order (I1)."""
    await stored_resource(services, image)
    found = await asyncio.to_thread(services.store.resources.children, galleries.VERSION, image.resource_id)
    now = services.clock()
    page = paging.page(found, lambda one: version_key(one.name))
    return page.answer(_body(one, now, expanded=False) for one in page.items)


@router.delete(VERSION, response_model=None)
async def delete_version(
    request: Request,
    services: ServicesDep,
    name: VersionDep,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Delete a version, also one that a set uses: an upgrade to it stops before its next batch (P19). 204 if none."""
    stored = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    if stored is not None:
        refuse_before_end_of_life(stored, services.clock())
    return await delete_resource(request, services, name, api_version, preconditions)


async def replicated(services: Services, operation: Operation) -> Operation:
    """An operation of a PUT as it stands now; ended here once replication has."""
    stored = await asyncio.to_thread(services.store.resources.find, operation.scale_set_unique_id)
    now = services.clock()
    status, code, message = OperationStatus.SUCCEEDED, "", ""
    if stored is None:
        ended, status = now, OperationStatus.CANCELED
        code, message = "OperationPreempted", "The gallery image version was deleted before it was replicated."
    else:
        settled = galleries.settled_at(stored.document, now)
        if settled is None:
            return operation
        ended = max(settled, operation.started_at)
        failed = [one for one in galleries.replication(stored.document, now) if one.details]
        if failed:
            status, code = OperationStatus.FAILED, "ReplicationJobFailed"
            message = "; ".join(f"Replication to {one.region} failed: {one.details}" for one in failed) + "."
    await asyncio.to_thread(services.store.operations.end, operation.id, status, ended, code, message)
    return await asyncio.to_thread(services.store.operations.get, operation.id) or operation


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
    stored, new, operation = await make_version(services, name, body, preconditions, create=create)
    shown = _body(stored, services.clock(), expanded=False)
    return await written(request, services, stored, shown, api_version, new=new, operation=operation)


async def make_version(
    services: Services,
    name: ResourceName,
    body: Json,
    preconditions: Preconditions = NO_PRECONDITIONS,
    *,
    create: bool = True,
) -> tuple[StoredResource, bool, Operation]:
    """What a PUT does, or with `create` false a PATCH: whether it is new, and what ends with replication.

    Raises ArmError.
    """
    if create:
        version_number(name.names[-1])
    had = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    now = services.clock()
    given = await merged_document(services, name, _without_read_only(body), create=create)
    document = checked(VersionProperties, with_target_regions(given))
    refuse_region_twice(document)
    if had:
        refuse_elsewhere(had.name, had.resource_group, had.document, document)
        document = kept_as_made("galleryImageVersion", had.document, document, ("storageProfile",))
    regions = [one["name"] for one in document["properties"]["publishingProfile"]["targetRegions"]]
    before = galleries.replicas(had.document) if had else {}
    copies = galleries.begun(before, regions, now, services.settings.delays.replication)
    document = galleries.with_replicas(document, copies)
    stored, new = await write_resource(services, name, document, had.etag if had else 0, preconditions)
    return stored, new, await _begun(services, stored, now)


def _without_read_only(body: Json) -> Json:
    """What a client may say: one that puts back what it got brings the rest along."""
    body = without_kept(canonical(body))
    properties = body.get("properties")
    if not isinstance(properties, dict):
        return body
    properties = {key: value for key, value in properties.items() if key != "replicationStatus"}
    profile = properties.get("publishingProfile")
    if isinstance(profile, dict):
        properties["publishingProfile"] = {key: value for key, value in profile.items() if key != "publishedDate"}
    return body | {"properties": properties}


def refuse_before_end_of_life(stored: StoredResource, now: datetime) -> None:
    """Raises ArmError 409 for a version that its safety profile keeps until then."""
    properties = VersionProperties.model_validate(stored.document["properties"])
    end = properties.publishing_profile.end_of_life_date
    blocks = properties.safety_profile is not None and properties.safety_profile.block_deletion_before_end_of_life
    if blocks and end is not None and now < end:
        raise not_allowed(
            f"The gallery image version '{stored.name}' cannot be deleted before its end of life, {moment(end)}, "
            "because safetyProfile.blockDeletionBeforeEndOfLife is true."
        )


async def _begun(services: Services, stored: StoredResource, now: datetime) -> Operation:
    operation = Operation(
        id=str(uuid.uuid4()),
        kind=OperationKind.REPLICATION,
        scale_set_unique_id=stored.resource_id,
        subscription_id=stored.subscription_id,
        location=str(stored.document["location"]),
        status=OperationStatus.IN_PROGRESS,
        started_at=now,
        resource_id=stored.resource_id,
    )
    await asyncio.to_thread(services.store.operations.create, operation)
    return operation


def _body(stored: StoredResource, now: datetime, *, expanded: bool) -> Json:
    properties = stored.document["properties"]
    profile = properties["publishingProfile"]
    replicas = profile.get("replicaCount", 1)
    regions = [
        {"regionalReplicaCount": replicas, "storageAccountType": STORAGE} | one | {"name": display_name(one["name"])}
        for one in profile["targetRegions"]
    ]
    published: Json = {
        "publishingProfile": {"replicaCount": 1, "excludeFromLatest": False, "storageAccountType": STORAGE}
        | profile
        | {"targetRegions": regions, "publishedDate": moment(stored.created_at)},
        "provisioningState": galleries.provisioning_state(stored.document, stored.created_at, now),
    }
    if expanded:
        published["replicationStatus"] = {
            "aggregatedState": galleries.aggregated_state(stored.document, now),
            "summary": [_summary(one) for one in galleries.replication(stored.document, now)],
        }
    return resource_body(replace(stored, document=without_kept(stored.document)), **published)


def _summary(status: galleries.RegionStatus) -> Json:
    line: Json = {"region": status.region, "state": status.state.value, "progress": status.progress}
    return line | ({"details": status.details} if status.details else {})
