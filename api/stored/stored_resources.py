"""Resources that are kept as documents, as ARM shows them: PUT, GET, list and DELETE of one.

What is said of one kind is in `kinds`, its routes are made by `routes`. The work of a PUT or DELETE is done when it
answers, so its operation is there and has ended; a kind whose work is not brings an operation of its own.
"""

import asyncio
import uuid
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from api.services.dependencies import Services
from api.services.long_running import accepted, resource_headers
from api.services.paging import Key
from api.services.quotas import check_given, within_quotas
from api.wire.errors import ArmError, changed_meanwhile, invalid, parent_not_found
from api.wire.merge import canonical, merged, without_read_only
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions
from api.wire.properties import REGION, normal_location
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.store.database.secret_places import without_secrets
from instar.store.errors import Conflict
from instar.store.resources import StoredResource

Json = dict[str, Any]

NAME_AT_MOST = 80


@dataclass(frozen=True)
class ResourceName:
    """Which resource a path names. `type` is ARM's, `names` one name for each part of it: gallery, image, version."""

    type: str
    subscription_id: str
    resource_group: str
    names: tuple[str, ...]

    @property
    def resource_id(self) -> str:
        """Its ARM id."""
        namespace, *types = self.type.split("/")
        parts = "".join(f"/{kind}/{name}" for kind, name in zip(types, self.names, strict=True))
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/{namespace}{parts}"

    @property
    def parent(self) -> "ResourceName | None":
        """The resource that it is below, if there is one."""
        if len(self.names) == 1:
            return None
        return ResourceName(self.type.rpartition("/")[0], self.subscription_id, self.resource_group, self.names[:-1])


async def stored_resource(services: Services, name: ResourceName) -> StoredResource:
    """Raises ArmError 404 ResourceNotFound."""
    found = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    if found is None:
        raise resource_not_found(name)
    return found


async def parent_resource(services: Services, name: ResourceName) -> StoredResource:
    """The same for what something is below, or a part of. Raises ArmError 404 ParentResourceNotFound."""
    found = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    if found is None:
        raise parent_not_found(name.names[-1])
    return found


async def merged_document(
    services: Services, name: ResourceName, body: Json, had: StoredResource | None, *, create: bool
) -> Json:
    """What would be stored: the body, merged into what is there on a PATCH (`create` false), without what is read only.

    Raises ArmError: 404 for a parent that does not exist, 400 without a region.
    """
    body = without_read_only(canonical(body))
    if name.parent is not None:
        await parent_resource(services, name.parent)
    document = merged({} if create or had is None else had.document, body)
    location = document.get("location") or (had.document.get("location") if had else "")
    if not isinstance(location, str) or not REGION.fullmatch(normal_location(location)):
        raise invalid("'location' must be the name of a region, like westus2.", "location")
    document["location"] = normal_location(location)
    for key in ("properties", "tags", "sku"):
        if not isinstance(document.get(key, {}), dict):
            raise invalid(f"'{key}' must be an object.", key)
    check_given(services, body, had.document if had else None)
    return document


def as_written(document: Json) -> Json:
    """A document without what is called like a secret of a machine's model: it would not be sealed here (F5)."""
    return document | {"properties": without_secrets(document["properties"])} if "properties" in document else document


async def write_resource(
    services: Services,
    name: ResourceName,
    document: Json,
    expected_etag: int | None = None,
    preconditions: Preconditions = NO_PRECONDITIONS,
) -> tuple[StoredResource, bool]:
    """Store a document that was found good; whether the resource is new.

    Raises ArmError 409 if another was faster, or if there are as many as there may be.

    `expected_etag`: that of the resource whose document this one was made from, 0 if there was none. 412 where it is
    not as the preconditions want it. What is called like a secret of a machine's model is left out: it would not be
    sealed here (F5).
    """
    document = as_written(document)
    if preconditions != NO_PRECONDITIONS:
        found = await _as_wanted(services, name, preconditions)
        expected_etag = found if expected_etag is None else expected_etag
    try:
        return await within_quotas(
            lambda: services.store.resources.put(
                name.type,
                name.resource_id,
                name.subscription_id,
                name.resource_group,
                document,
                services.clock(),
                parent_id=name.parent.resource_id if name.parent else "",
                expected_etag=expected_etag,
                quotas=services.settings.quotas.counted,
            )
        )
    except Conflict:
        raise changed_meanwhile() from None


def by_id(stored: StoredResource) -> Key:
    """The order of a list: that of ids without regard to case."""
    return (stored.resource_id.lower(),)


def resource_body(stored: StoredResource, **properties: Any) -> Json:
    """A resource as its owner gets it; `properties` are those that the service knows besides."""
    document = stored.document
    whole = {**(document.get("properties") or {}), "provisioningState": "Succeeded", **properties}
    return {
        **document,
        "name": stored.name,
        "id": stored.resource_id,
        "type": stored.type,
        "etag": quoted(stored),
        "properties": whole,
    }


def quoted(stored: StoredResource) -> str:
    """The entity tag as the header and the body carry it."""
    return f'"{stored.etag}"'


def shown(body: Json) -> Response:
    """The answer to a GET of one: its body, whose entity tag, if it has one, is a header as well."""
    return JSONResponse(body, headers=etag_header(body))


def etag_header(body: Json) -> dict[str, str]:
    """Old api-versions know no entity tags: their bodies have none."""
    return {"ETag": body["etag"]} if "etag" in body else {}


async def written(  # what an answer is made of
    request: Request,
    services: Services,
    stored: StoredResource,
    body: Json,
    api_version: str,
    *,
    new: bool,
    operation: Operation | None = None,
) -> Response:
    """The answer to PUT (201 for a new one) and PATCH; `operation`: one that goes on."""
    operation = operation or await done(services, OperationKind.PUT, stored)
    headers = resource_headers(request, services, operation, api_version) | {"ETag": quoted(stored)}
    return JSONResponse(body, status_code=201 if new else 200, headers=headers)


async def delete_resource(
    request: Request, services: Services, name: ResourceName, api_version: str, preconditions: Preconditions
) -> Response:
    """Delete it with all below it: 202, or 204 if there was none. 412 where it is not as the preconditions want it."""
    stored = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    preconditions.check(quoted(stored) if stored else "")
    if stored is None:
        return Response(status_code=204)
    expected = None if preconditions == NO_PRECONDITIONS else stored.etag
    try:
        await asyncio.to_thread(services.store.resources.delete, stored.resource_id, expected)
    except Conflict:
        raise changed_meanwhile() from None
    return accepted(request, services, await done(services, OperationKind.DELETE, stored), api_version)


def checked_name(name: str, parameter: str) -> str:
    """Raises ArmError 400 for a name that no resource may have."""
    allowed = name.replace("-", "").replace("_", "").replace(".", "")
    if not (allowed.isascii() and allowed.isalnum() and name[0].isalnum() and len(name) <= NAME_AT_MOST):
        raise invalid(
            f"'{parameter}' must begin with a letter or digit and have letters, digits, '-', '_' and '.', at most "
            f"{NAME_AT_MOST}.",
            parameter,
        )
    return name


def resource_not_found(name: ResourceName) -> ArmError:
    """No such resource in that group."""
    path = "/".join(name.resource_id.split("/providers/")[1].split("/"))
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{path}' under resource group '{name.resource_group}' was not found. For more details please go "
        "to https://aka.ms/ARMResourceNotFoundFix",
    )


async def _as_wanted(services: Services, name: ResourceName, preconditions: Preconditions) -> int:
    """The etag that the resource has, 0 if there is none. Raises ArmError 412."""
    found = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    preconditions.check(quoted(found) if found else "")
    return found.etag if found else 0


async def done(services: Services, kind: OperationKind, stored: StoredResource) -> Operation:
    """An operation on a resource that has ended well, written down."""
    now = services.clock()
    operation = Operation(
        id=str(uuid.uuid4()),
        kind=kind,
        scale_set_unique_id="",
        subscription_id=stored.subscription_id,
        location=str(stored.document["location"]),
        status=OperationStatus.SUCCEEDED,
        started_at=now,
        ended_at=now,
        resource_id=stored.resource_id,
    )
    await asyncio.to_thread(services.store.operations.create, operation)
    return operation
