"""Resource groups. One is there when somebody made it, or when something is in it: making it first is not needed."""

import asyncio
import contextlib
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.resources.group_deletion import refuse_blocked
from api.services.deletions import deleted
from api.services.dependencies import ApiVersion, Services, ServicesDep
from api.services.long_running import accepted, begin
from api.services.paging import PagingDep
from api.services.quotas import check_given, within_quotas
from api.wire.bodies import JsonBody, described
from api.wire.errors import ArmError, group_not_found, invalid
from api.wire.filters import TAG, by_tag, read_filter
from api.wire.merge import canonical, merged
from api.wire.properties import REGION, normal_location
from instar.domain.access import need_of
from instar.domain.records.operations import OperationKind
from instar.store.quotas import GROUPS_TYPE
from instar.store.resources import StoredResource

router = APIRouter(tags=["resource groups"])

TYPE = GROUPS_TYPE
GROUPS = "/subscriptions/{subscriptionId}/resourceGroups"
GROUP = GROUPS + "/{resourceGroupName}"
EXAMPLE = {"location": "westeurope", "tags": {"owner": "night shift"}}

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Name = Annotated[str, Path(alias="resourceGroupName")]


@router.put(GROUP, openapi_extra=described(EXAMPLE), response_model=None)
async def put_group(services: ServicesDep, subscription_id: Subscription, name: Name, body: JsonBody) -> Response:
    """Make a group (201), or change its tags (200). Its region stays."""
    body = canonical(body)
    location = body.get("location")
    if not isinstance(location, str) or not REGION.fullmatch(normal_location(location)):
        raise invalid("'location' must be the name of a region, like westus2.", "location")
    had = await _made(services, subscription_id, name)
    if had is not None and had.document["location"] != normal_location(location):
        raise ArmError(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{had.document['location']}'.",
        )
    check_given(services, {"tags": body.get("tags")}, had.document if had else None)
    document = {"location": normal_location(location), "tags": body.get("tags") or {}}
    stored, new = await _written(services, subscription_id, name, document)
    return JSONResponse(_body(stored.resource_id, stored.name, stored.document), status_code=201 if new else 200)


@router.patch(GROUP, openapi_extra=described({"tags": {"a": "b"}}), response_model=None)
async def patch_group(services: ServicesDep, subscription_id: Subscription, name: Name, body: JsonBody) -> Json:
    """Change a group's tags."""
    resource_id, shown, document = await _existing(services, subscription_id, name)
    tags = canonical(body).get("tags")
    check_given(services, {"tags": tags}, document)
    document = merged(document, {"tags": tags or {}})
    await _written(services, subscription_id, shown, document)
    return _body(resource_id, shown, document)


@router.get(GROUP, response_model=None)
async def get_group(services: ServicesDep, subscription_id: Subscription, name: Name) -> Json:
    """One group."""
    return _body(*await _existing(services, subscription_id, name))


@router.head(GROUP, response_model=None)
async def has_group(services: ServicesDep, subscription_id: Subscription, name: Name) -> Response:
    """204 if there is such a group, else 404."""
    try:
        await _existing(services, subscription_id, name)
    except ArmError:
        return Response(status_code=404)
    return Response(status_code=204)


@router.get(GROUPS, response_model=None)
async def list_groups(
    services: ServicesDep,
    subscription_id: Subscription,
    paging: PagingDep,
    filter_: Annotated[str, Query(alias="$filter", description="tagName eq 'a' and tagValue eq 'b'")] = "",
) -> Json:
    """The groups of a subscription in which the caller has a role; `$filter` by name, location and tag."""
    chosen = read_filter(filter_, ("name", "location", *TAG))
    names = [
        name
        for name in await asyncio.to_thread(services.store.resource_groups, subscription_id)
        if services.caller.may(need_of("GET", _id(subscription_id, name)))
    ]
    groups = []
    for name in names:
        with contextlib.suppress(ArmError):  # it may be gone by now
            groups.append(_body(*await _existing(services, subscription_id, name)))
    page = paging.page([group for group in groups if by_tag(chosen, group)], lambda one: (one["name"].lower(),))
    return page.answer(page.items)


@router.delete(GROUP, response_model=None)
async def delete_group(
    *, request: Request, services: ServicesDep, subscription_id: Subscription, name: Name, api_version: ApiVersion
) -> Response:
    """Delete a group with all that is in it; the operation ends with the last of its scale sets.

    409 while scale sets of other groups use an image or a probe of it: none of it is deleted then.
    """
    resource_id, _, document = await _existing(services, subscription_id, name)
    await refuse_blocked(services, subscription_id, resource_id, name)
    for stored in await asyncio.to_thread(services.store.scale_sets.list, subscription_id, name):
        await deleted(services, stored)
    await asyncio.to_thread(services.store.resources.delete_group, subscription_id, name)
    operation = await begin(
        services, OperationKind.DELETE_GROUP, subscription_id, resource_id=resource_id, location=document["location"]
    )
    return accepted(request, services, operation, api_version)


async def is_gone(services: Services, resource_id: str) -> bool:
    """Whether nothing is left in a group that is being deleted."""
    _, _, subscription_id, _, name = resource_id.split("/")
    return not await asyncio.to_thread(services.store.scale_sets.list, subscription_id, name)


async def group_location(services: Services, subscription_id: str, name: str) -> str:
    """The region of a group. Raises ArmError 404 ResourceGroupNotFound."""
    _, _, document = await _existing(services, subscription_id, name)
    return str(document["location"])


async def group_tags(services: Services, subscription_id: str, name: str) -> tuple[str, Json]:
    """Id and tags of a group. Raises ArmError 404 ResourceGroupNotFound."""
    made = await _made(services, subscription_id, name)
    resource_id, _, _ = await _existing(services, subscription_id, name)
    return resource_id, (made.document.get("tags") or {}) if made else {}


async def _existing(services: Services, subscription_id: str, name: str) -> tuple[str, str, Json]:
    """Id, name and document of a group. Raises ArmError 404 ResourceGroupNotFound."""
    made = await _made(services, subscription_id, name)
    if made is not None:
        return made.resource_id, made.name, made.document
    sets = await asyncio.to_thread(services.store.scale_sets.list, subscription_id, name)
    if sets:
        shown = sets[0].resource_group
        return _id(subscription_id, shown), shown, {"location": sets[0].identity.location}
    other = await asyncio.to_thread(services.store.resources.first_of_group, subscription_id, name)
    if other is None:
        raise group_not_found(name)
    return _id(subscription_id, other.resource_group), other.resource_group, {"location": other.document["location"]}


async def _made(services: Services, subscription_id: str, name: str) -> StoredResource | None:
    return await asyncio.to_thread(services.store.resources.find, _id(subscription_id, name))


async def _written(services: Services, subscription_id: str, name: str, document: Json) -> tuple[StoredResource, bool]:
    where = (TYPE, _id(subscription_id, name), subscription_id, name)
    put, quotas = services.store.resources.put, services.settings.quotas.counted
    return await within_quotas(lambda: put(*where, document, services.clock(), quotas=quotas))


def _id(subscription_id: str, name: str) -> str:
    return f"/subscriptions/{subscription_id}/resourceGroups/{name}"


def _body(resource_id: str, name: str, document: Json) -> Json:
    return {
        "id": resource_id,
        "name": name,
        "type": TYPE,
        "location": document["location"],
        "tags": document.get("tags") or {},
        "properties": {"provisioningState": "Succeeded"},
    }
