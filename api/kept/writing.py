"""Writing what is kept by itself: `az resource create`, `az storage account create` and the like.

The answer is what a PUT of the type gives, and a `Warning` header says what does not happen: nothing is kept in
silence. `INSTAR_UNUSED_RESOURCES=refuse` refuses it.
"""

import asyncio
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from api.kept.documents import keep, kept_body
from api.kept.kinds import is_kept, warning_of, what_fails
from api.kept.routes import (
    BELOW,
    FURTHER,
    ONE,
    ChildKind,
    ChildName,
    GrandchildKind,
    GrandchildName,
    Group,
    KeptKind,
    KeptName,
    Namespace,
    Subscription,
)
from api.services.dependencies import ApiVersion, Services, ServicesDep
from api.services.known_groups import require_group
from api.stored.stored_resources import ResourceName, delete_resource, etag_header, quoted, resource_not_found
from api.wire.bodies import JsonBody, described
from api.wire.errors import ArmError, changed_meanwhile, invalid, not_found, parent_not_found
from api.wire.methods import LEFT_OVER, has_no_other_route
from api.wire.preconditions import Preconditions, PreconditionsDep
from instar.connection.settings import UnusedResources
from instar.store.errors import Conflict
from instar.store.resources import StoredResource

router = APIRouter(tags=[LEFT_OVER], dependencies=[Depends(has_no_other_route)])

_EXAMPLE = {"location": "westus2", "sku": {"name": "Standard_LRS"}, "properties": {}}
_TAGS = {"tags": {"team": "web"}}
NO_REGION = "global"
"""Where a resource is that says no region and is in none."""

_ADDED = "providers"
"""Stands for a child's type where a resource is added to another: `…/providers/NAMESPACE/TYPE/NAME`."""

Json = dict[str, Any]


@router.put(ONE, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_kept(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Keep a resource that nothing here acts on, and say so: 201, or 200 for one that is replaced."""
    which = _whole(subscription_id, group, namespace, (kind, name))
    return await _put(services, which, body, preconditions)


@router.put(BELOW, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_kept_below(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
    child_kind: ChildKind,
    child_name: ChildName,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Keep one that is below another, and say so: 201, or 200 for one that is replaced."""
    which = _whole(subscription_id, group, namespace, (kind, name), (child_kind, child_name))
    return await _put(services, which, body, preconditions)


@router.put(FURTHER, openapi_extra=described(_EXAMPLE), response_model=None)
async def put_kept_further_below(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
    child_kind: ChildKind,
    child_name: ChildName,
    grandchild_kind: GrandchildKind,
    grandchild_name: GrandchildName,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Keep one that is further below, or is added to a resource, and say so: 201 or 200."""
    pairs = ((kind, name), (child_kind, child_name), (grandchild_kind, grandchild_name))
    return await _put(services, _whole(subscription_id, group, namespace, *pairs), body, preconditions)


@router.patch(ONE, openapi_extra=described(_TAGS), response_model=None)
async def patch_kept(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Change the tags of a resource that is kept, and nothing else of it."""
    which = _whole(subscription_id, group, namespace, (kind, name))
    had = await _there(services, which)
    if had is None:
        raise resource_not_found(which)
    if strangers := sorted(set(body) - {"tags"}):
        raise invalid(
            f"Only 'tags' can be patched, not '{strangers[0][:40]}': PUT the whole resource for that.",
            strangers[0][:40],
        )
    tags = {"tags": body["tags"]} if body.get("tags") is not None else {}
    document = {key: value for key, value in had.document.items() if key != "tags"} | tags
    return await _written(services, which, had, document if "tags" in body else had.document, preconditions)


@router.delete(BELOW, response_model=None)
async def delete_kept_below(
    *,
    request: Request,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
    child_kind: ChildKind,
    child_name: ChildName,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Forget one that is below another; 204 if there is none."""
    which = _whole(subscription_id, group, namespace, (kind, name), (child_kind, child_name))
    return await delete_resource(request, services, which, api_version, preconditions)


@router.delete(FURTHER, response_model=None)
async def delete_kept_further_below(
    *,
    request: Request,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
    child_kind: ChildKind,
    child_name: ChildName,
    grandchild_kind: GrandchildKind,
    grandchild_name: GrandchildName,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Forget one that is below one below another, or is added to a resource; 204 if there is none."""
    pairs = ((kind, name), (child_kind, child_name), (grandchild_kind, grandchild_name))
    which = _whole(subscription_id, group, namespace, *pairs)
    return await delete_resource(request, services, which, api_version, preconditions)


def _whole(subscription: str, group: str, namespace: str, *pairs: tuple[str, str]) -> ResourceName:
    """Raises ArmError 404 for a type that is never kept."""
    kind = "/".join([namespace, *(word for word, _ in pairs)])
    if not is_kept(kind) or not is_kept(_own_kind(kind, pairs)):
        raise not_found(f"The resource type '{kind[:120]}' is not supported.")
    return ResourceName(kind, subscription, group, tuple(name for _, name in pairs))


def _own_kind(kind: str, pairs: tuple[tuple[str, str], ...]) -> str:
    """The type of a resource itself, where its path is that of what it is added to."""
    at = next((index for index, (word, _) in enumerate(pairs[:-1]) if word.lower() == _ADDED), None)
    return kind if at is None else "/".join([pairs[at][1], *(word for word, _ in pairs[at + 1 :])])


async def _there(services: Services, which: ResourceName) -> StoredResource | None:
    return await asyncio.to_thread(services.store.resources.find, which.resource_id)


async def _put(services: Services, which: ResourceName, body: Json, preconditions: Preconditions) -> Response:
    await require_group(services, which.subscription_id, which.resource_group)
    for key, kind, word in (("properties", dict, "an object"), ("location", str, "a string")):
        if body.get(key) is not None and not isinstance(body[key], kind):
            raise invalid(f"'{key}' must be {word}.", key)
    above = await _above(services, which)
    document = {key: value for key, value in body.items() if value is not None}
    if not document.get("location"):
        document["location"] = str(above.document.get("location", NO_REGION)) if above else NO_REGION
    return await _written(services, which, await _there(services, which), document, preconditions)


async def _above(services: Services, which: ResourceName) -> StoredResource | None:
    """What a resource is below or added to. Raises ArmError 404 if that is not there."""
    if which.parent is None:
        return None
    words = which.resource_id.split("/")
    above = "/".join(words[:-4] if words[-4].lower() == _ADDED else words[:-2])
    found = await asyncio.to_thread(services.store.resources.find, above)
    if found is None:
        raise parent_not_found(above.rpartition("/")[2])
    return found


async def _written(
    services: Services, which: ResourceName, had: StoredResource | None, document: Json, preconditions: Preconditions
) -> Response:
    """Write it down and answer with a warning. Raises ArmError."""
    kind = had.type if had is not None else _own_kind(which.type, tuple(_pairs(which)))
    if services.settings.unused_resources is UnusedResources.REFUSE:
        why = what_fails(kind) or "nothing here acts on it"
        message = f"The resource type '{kind[:120]}' is not supported: {why} (INSTAR_UNUSED_RESOURCES is refuse)."
        raise ArmError(400, "InvalidResourceType", message)
    preconditions.check(quoted(had) if had else "")
    location = str(document.get("location", NO_REGION))
    where = (which.subscription_id, which.resource_group, location)
    try:
        stored, new = await keep(services, kind, which.resource_id, where, document, had.etag if had else 0)
    except Conflict:
        raise changed_meanwhile() from None
    body = kept_body(stored)
    headers = {**etag_header(body), "Warning": warning_of(kind)}
    return JSONResponse(body, status_code=201 if new else 200, headers=headers)


def _pairs(which: ResourceName) -> list[tuple[str, str]]:
    return list(zip(which.type.split("/")[1:], which.names, strict=True))
