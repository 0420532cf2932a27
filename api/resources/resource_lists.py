"""Everything in a subscription or a group, whatever its type: `az resource list`, `az group show`'s neighbours.

Groups and deployments are no resources in ARM's sense, and not among them.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.resources.resource_groups import GROUP, group_location
from api.resources.resource_groups import TYPE as RESOURCE_GROUP
from api.services.dependencies import Services, ServicesDep
from api.services.paging import Paging, PagingDep
from api.shapes.answers import SCALE_SET_TYPE
from api.wire.filters import TAG, by_tag, read_filter
from api.wire.moments import moment
from api.wire.queries import wanted
from instar.store.deployments import TYPE as DEPLOYMENT

router = APIRouter(tags=["resources"])

NOT_LISTED = (RESOURCE_GROUP, DEPLOYMENT)
EXPANSIONS = ("createdTime", "changedTime", "provisioningState")
FILTERED = ("name", "id", "location", "resourceType", "resourceGroup", "type", *TAG)

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Filtering = Annotated[str, Query(alias="$filter", description="resourceType eq 'Microsoft.Compute/galleries'")]
Expand = Annotated[str, Query(alias="$expand", description=", ".join(EXPANSIONS))]


ALL = "/subscriptions/{subscriptionId}/resources"


@router.get(ALL, response_model=None)
async def list_resources(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    paging: PagingDep,
    filter_: Filtering = "",
    expand: Expand = "",
) -> Json:
    """The resources of a subscription; `$filter` by name, type, group, location and tag."""
    return await _listed(services, paging, filter_, expand, subscription_id)


@router.get(GROUP + "/resources", response_model=None)
async def list_resources_of_group(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Annotated[str, Path(alias="resourceGroupName")],
    paging: PagingDep,
    filter_: Filtering = "",
    expand: Expand = "",
) -> Json:
    """The resources of a group; `$filter` by name, type, group, location and tag. 404 without such a group."""
    await group_location(services, subscription_id, group)
    return await _listed(services, paging, filter_, expand, subscription_id, group)


async def _listed(  # noqa: PLR0917  # a list, what of it, and where
    services: Services, paging: Paging, filter_: str, expand: str, subscription_id: str, group: str | None = None
) -> Json:
    chosen = read_filter(filter_, FILTERED)
    expanded = wanted("$expand", expand, EXPANSIONS)
    sets = await asyncio.to_thread(services.store.scale_sets.list, subscription_id, group)
    others = await asyncio.to_thread(services.store.resources.all_of, subscription_id, group)
    found = [
        _body(scale_set.identity.resource_id, SCALE_SET_TYPE, scale_set.document, scale_set.created_at)
        for scale_set in sets
    ]
    found += [
        _body(other.resource_id, other.type, other.document, other.created_at)
        for other in others
        if other.type not in NOT_LISTED
    ]

    def holds(body: Json) -> bool:
        group_of = {"resourceType": body["type"], "resourceGroup": body["id"].split("/")[4]}
        return by_tag(chosen, body | group_of)

    page = paging.page([one for one in found if holds(one)], lambda one: (one["id"].lower(),))
    for item in page.items:
        created = item.pop("createdTime")
        if "createdtime" in expanded:
            item["createdTime"] = moment(created)
    return page.answer(page.items)


def _body(resource_id: str, resource_type: str, document: Json, created: Any) -> Json:
    """A resource as a line of a list. Its name has a part for each of its type: gallery/image/version."""
    parts = resource_id.split("/providers/")[1].split("/")
    kept = {key: document[key] for key in ("tags", "sku", "zones") if document.get(key)}
    return {
        "id": resource_id,
        "name": "/".join(parts[2::2]),
        "type": resource_type,
        "location": document["location"],
        **kept,
        "createdTime": created,
    }
