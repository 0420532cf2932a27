"""Versions of a gallery's images: published once, then copied to their target regions (docs/rules.md I2).

Where replication stands follows from the stored document and the time (`instar.domain.images.galleries`). So does the
operation of a PUT: it runs until the last copy is there or has failed, and is ended by whoever reads it first after
that.
"""

import asyncio
import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from api.galleries.gallery_documents import (
    VersionProperties,
    checked,
    kept_as_made,
    refuse_elsewhere,
    refuse_region_twice,
    version_number,
    with_target_regions,
)
from api.services.dependencies import Services
from api.stored.kinds import Draft, Kind, Routes, Words
from api.stored.stored_resources import ResourceName, resource_body
from api.wire.errors import not_allowed
from api.wire.merge import canonical
from api.wire.moments import moment
from instar.domain.images import galleries
from instar.domain.images.galleries import without_kept
from instar.domain.images.images import version_key
from instar.domain.images.regions import display_name
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.store.resources import StoredResource

Json = dict[str, Any]

STORAGE = "Standard_LRS"
"""Where copies are kept when nothing is said of it."""


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
        failed = [region for region in galleries.replication(stored.document, now) if region.details]
        if failed:
            status, code = OperationStatus.FAILED, "ReplicationJobFailed"
            message = "; ".join(f"Replication to {one.region} failed: {one.details}" for one in failed) + "."
    await asyncio.to_thread(services.store.operations.end, operation.id, status, ended, code, message)
    return await asyncio.to_thread(services.store.operations.get, operation.id) or operation


async def _checked(draft: Draft) -> Json:
    document = checked(VersionProperties, with_target_regions(draft.document))
    refuse_region_twice(document)
    had, before = draft.had, {}
    if had:
        refuse_elsewhere(had.name, had.resource_group, had.document, document)
        document = kept_as_made("galleryImageVersion", had.document, document, ("storageProfile",))
        before = galleries.replicas(had.document)
    regions = [target_region["name"] for target_region in document["properties"]["publishingProfile"]["targetRegions"]]
    services = draft.services
    copies = galleries.begun(before, regions, services.clock(), services.settings.delays.replication)
    return galleries.with_replicas(document, copies)


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


async def _check_delete(services: Services, name: ResourceName) -> None:
    stored = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    if stored is not None:
        refuse_before_end_of_life(stored, services.clock())


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


async def _begun(services: Services, stored: StoredResource) -> Operation:
    operation = Operation(
        id=str(uuid.uuid4()),
        kind=OperationKind.REPLICATION,
        scale_set_unique_id=stored.resource_id,
        subscription_id=stored.subscription_id,
        location=str(stored.document["location"]),
        status=OperationStatus.IN_PROGRESS,
        started_at=services.clock(),
        resource_id=stored.resource_id,
    )
    await asyncio.to_thread(services.store.operations.create, operation)
    return operation


def _body(stored: StoredResource, now: datetime, expanded: frozenset[str]) -> Json:
    properties = stored.document["properties"]
    profile = properties["publishingProfile"]
    replicas = profile.get("replicaCount", 1)
    regions = [
        {"regionalReplicaCount": replicas, "storageAccountType": STORAGE}
        | target_region
        | {"name": display_name(target_region["name"])}
        for target_region in profile["targetRegions"]
    ]
    published: Json = {
        "publishingProfile": {"replicaCount": 1, "excludeFromLatest": False, "storageAccountType": STORAGE}
        | profile
        | {"targetRegions": regions, "publishedDate": moment(stored.created_at)},
        "provisioningState": galleries.provisioning_state(stored.document, stored.created_at, now),
    }
    if "replicationstatus" in expanded:
        published["replicationStatus"] = {
            "aggregatedState": galleries.aggregated_state(stored.document, now),
            "summary": [_summary(region) for region in galleries.replication(stored.document, now)],
        }
    return resource_body(replace(stored, document=without_kept(stored.document)), **published)


def _summary(status: galleries.RegionStatus) -> Json:
    line: Json = {"region": status.region, "state": status.state.value, "progress": status.progress}
    return line | ({"details": status.details} if status.details else {})


KIND = Kind(
    type=galleries.VERSION,
    name_parameter="galleryImageVersionName",
    check_name=version_number,
    said=_without_read_only,
    check=_checked,
    begun=_begun,
    body=_body,
    expansions=("ReplicationStatus", "UefiSettings"),  # of the second there is never anything to show
    check_delete=_check_delete,
    order=lambda stored: version_key(stored.name),
)

ROUTES = Routes(
    kinds=(KIND,),
    tag="galleries",
    noun="version",
    plural="versions",
    parameters=("galleryName", "imageName", "versionName"),
    example={
        "location": "westus2",
        "properties": {
            "publishingProfile": {
                "targetRegions": [{"name": "West US 2", "regionalReplicaCount": 1}, {"name": "East US"}],
                "excludeFromLatest": False,
            },
            "storageProfile": {"source": {"id": "/subscriptions/…/images/web-20260301"}},
        },
    },
    patch_example={"properties": {"publishingProfile": {"excludeFromLatest": True}}},
    expand_says="ReplicationStatus",
    words=Words(
        put="Publish a version (201), or say anew where it is to be (200): never what it is made of.",
        patch="Change where a version is to be and whether `latest` may mean it.",
        get="One version; with its replication status if asked for.",
        delete="Delete a version, also one that a set uses: an upgrade to it stops before its next batch (P19). 204 if "
        "none.",
        list="The versions of an image, excluded ones too, in their numerical order (I1).",
    ),
)
