"""Tags by themselves: which there are in a subscription, and those of a subscription, a group or a resource."""

import asyncio
from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.resources.resource_groups import GROUP, group_tags
from api.services.dependencies import ServicesDep
from api.services.paging import PagingDep
from api.wire.errors import not_found

router = APIRouter(tags=["tags"])

NAMES = "/subscriptions/{subscriptionId}/tagNames"
DEFAULT = "/providers/Microsoft.Resources/tags/default"

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Group = Annotated[str, Path(alias="resourceGroupName")]


@router.get(NAMES, response_model=None)
async def list_tag_names(services: ServicesDep, subscription_id: Subscription, paging: PagingDep) -> Json:
    """The tags of everything in a subscription, groups too: names, values, and how often each is there."""
    sets = await asyncio.to_thread(services.store.scale_sets.list, subscription_id)
    others = await asyncio.to_thread(services.store.resources.all_of, subscription_id)
    tags = [*(stored.document.get("tags") for stored in sets), *(stored.document.get("tags") for stored in others)]
    found: dict[str, Counter[str]] = {}
    for given in tags:
        for name, value in (given or {}).items():
            found.setdefault(str(name), Counter())[str(value)] += 1
    page = paging.page(found, lambda name: (name,))
    return page.answer(_name(f"/subscriptions/{subscription_id}/tagNames", name, found[name]) for name in page.items)


@router.get("/subscriptions/{subscriptionId}" + DEFAULT, response_model=None)
async def tags_of_subscription(subscription_id: Subscription) -> Json:
    """The tags of a subscription: none, it has no tags of its own here."""
    return _tags(f"/subscriptions/{subscription_id}", {})


@router.get(GROUP + DEFAULT, response_model=None)
async def tags_of_group(services: ServicesDep, subscription_id: Subscription, name: Group) -> Json:
    """The tags of a resource group."""
    resource_id, tags = await group_tags(services, subscription_id, name)
    return _tags(resource_id, tags)


@router.get(GROUP + "/providers/{namespace}/{resourceType}/{resourceName}" + DEFAULT, response_model=None)
async def tags_of_resource(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: str,
    resource_type: Annotated[str, Path(alias="resourceType")],
    resource_name: Annotated[str, Path(alias="resourceName")],
) -> Json:
    """The tags of a scale set, or of a resource that is kept."""
    of_group = f"/subscriptions/{subscription_id}/resourceGroups/{group}"
    asked = f"{of_group}/providers/{namespace}/{resource_type}/{resource_name}"
    scale_set = await asyncio.to_thread(services.store.scale_sets.find, asked)
    if scale_set is not None:
        return _tags(scale_set.identity.resource_id, scale_set.document.get("tags"))
    stored = await asyncio.to_thread(services.store.resources.find, asked)
    if stored is None:
        raise not_found(f"Resource {asked} not found.")
    return _tags(stored.resource_id, stored.document.get("tags"))


def _tags(scope: str, tags: Json | None) -> Json:
    return {
        "id": scope + DEFAULT,
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": tags or {}},
    }


def _name(root: str, name: str, values: Counter[str]) -> Json:
    return {
        "id": f"{root}/{name}",
        "tagName": name,
        "count": _count(sum(values.values())),
        "values": [
            {"id": f"{root}/{name}/tagValues/{value}", "tagValue": value, "count": _count(values[value])}
            for value in sorted(values)
        ],
    }


def _count(number: int) -> Json:
    return {"type": "Total", "value": number}
