"""Reading and deleting what is kept; it comes with templates or by itself (`writing`).

The routes come last of all: whatever Instar acts on has routes of its own.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.kept.documents import find_kept, kept_body
from api.kept.kinds import is_kept
from api.services.dependencies import ApiVersion, ServicesDep
from api.services.paging import PagingDep
from api.stored.stored_resources import ResourceName, by_id, delete_resource, resource_not_found, shown
from api.wire.errors import not_found
from api.wire.preconditions import PreconditionsDep

router = APIRouter(tags=["kept resources"])

SUBSCRIPTION = "/subscriptions/{subscriptionId}/providers/{namespace}/{kind}"
GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/{namespace}/{kind}"
ONE = GROUP + "/{name}"
BELOW = ONE + "/{childKind}/{childName}"
FURTHER = BELOW + "/{grandchildKind}/{grandchildName}"

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Group = Annotated[str, Path(alias="resourceGroupName")]
Word = Annotated[str, Path()]
ChildKind = Annotated[str, Path(alias="childKind")]
ChildName = Annotated[str, Path(alias="childName")]
GrandchildKind = Annotated[str, Path(alias="grandchildKind")]
GrandchildName = Annotated[str, Path(alias="grandchildName")]


@router.get(GROUP, response_model=None)
async def list_kept_of_group(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Word,
    kind: Word,
    paging: PagingDep,
) -> Json:
    """What is kept of a type in a resource group."""
    return await _listed(services, paging, f"{namespace}/{kind}", subscription_id, group)


@router.get(SUBSCRIPTION, response_model=None)
async def list_kept_of_subscription(
    *, services: ServicesDep, subscription_id: Subscription, namespace: Word, kind: Word, paging: PagingDep
) -> Json:
    """What is kept of a type in a subscription."""
    return await _listed(services, paging, f"{namespace}/{kind}", subscription_id, None)


@router.get(ONE, response_model=None)
async def get_kept(
    *, services: ServicesDep, subscription_id: Subscription, group: Group, namespace: Word, kind: Word, name: Word
) -> Response:
    """A resource that is kept, with what Azure fills in."""
    return await _shown(services, _name(subscription_id, group, namespace, (kind, name)))


@router.get(BELOW, response_model=None)
async def get_kept_below(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Word,
    kind: Word,
    name: Word,
    child_kind: ChildKind,
    child_name: ChildName,
) -> Response:
    """One that is below another."""
    return await _shown(services, _name(subscription_id, group, namespace, (kind, name), (child_kind, child_name)))


@router.get(FURTHER, response_model=None)
async def get_kept_further_below(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Word,
    kind: Word,
    name: Word,
    child_kind: ChildKind,
    child_name: ChildName,
    grandchild_kind: GrandchildKind,
    grandchild_name: GrandchildName,
) -> Response:
    """One that is below one below another, or is added to a resource: `…/providers/NAMESPACE/TYPE/NAME`."""
    pairs = ((kind, name), (child_kind, child_name), (grandchild_kind, grandchild_name))
    return await _shown(services, _name(subscription_id, group, namespace, *pairs))


@router.delete(ONE, response_model=None)
async def delete_kept(
    *,
    request: Request,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Word,
    kind: Word,
    name: Word,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Forget a resource that is kept, with what is below it; 204 if there is none."""
    which = _name(subscription_id, group, namespace, (kind, name))
    return await delete_resource(request, services, which, api_version, preconditions)


def _name(subscription: str, group: str, namespace: str, *pairs: tuple[str, str]) -> ResourceName:
    """Raises ArmError 404 for a type that is never kept."""
    kind = "/".join([namespace, *(word for word, _ in pairs)])
    if not is_kept(kind):
        raise not_found(f"The resource type '{kind[:120]}' is not supported.")
    return ResourceName(kind, subscription, group, tuple(name for _, name in pairs))


async def _shown(services: ServicesDep, name: ResourceName) -> Response:
    stored = await find_kept(services, name.resource_id)
    if stored is None:
        raise resource_not_found(name)
    return shown(kept_body(stored))


async def _listed(services: ServicesDep, paging: PagingDep, kind: str, subscription_id: str, group: str | None) -> Json:
    """Raises ArmError 404 for a type that is never kept."""
    if not is_kept(kind):
        raise not_found(f"The resource type '{kind[:120]}' is not supported.")
    found = await asyncio.to_thread(services.store.resources.of_type, kind, subscription_id, group)
    page = paging.page(found, by_id)
    return page.answer([kept_body(stored) for stored in page.items])
