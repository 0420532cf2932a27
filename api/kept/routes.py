"""Reading and deleting what is kept; it comes with templates or by itself (`writing`).

Clients also ask here for what Instar has none of, as machines and disks by themselves: the list is empty. The routes
come last of all: whatever Instar acts on has routes of its own.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from api.kept.documents import find_kept, kept_body
from api.kept.kinds import is_kept, spelled
from api.services.dependencies import ApiVersion, ServicesDep
from api.services.known_groups import require_group
from api.services.paging import PagingDep
from api.stored.stored_resources import ResourceName, by_id, delete_resource, resource_not_found, shown
from api.wire.errors import not_found, unknown_type
from api.wire.methods import LEFT_OVER, has_no_other_route
from api.wire.preconditions import PreconditionsDep
from instar.store.resources import StoredResource

router = APIRouter(tags=[LEFT_OVER], dependencies=[Depends(has_no_other_route)])

SUBSCRIPTION = "/subscriptions/{subscriptionId}/providers/{keptNamespace}/{keptKind}"
GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/{keptNamespace}/{keptKind}"
ONE = GROUP + "/{keptName}"
BELOW = ONE + "/{childKind}/{childName}"
FURTHER = BELOW + "/{grandchildKind}/{grandchildName}"
LOCKS_OF_ONE = ONE + "/providers/Microsoft.Authorization/locks"
LOCKS = "Microsoft.Authorization/locks"

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Group = Annotated[str, Path(alias="resourceGroupName")]
Namespace = Annotated[str, Path(alias="keptNamespace")]
KeptKind = Annotated[str, Path(alias="keptKind")]
KeptName = Annotated[str, Path(alias="keptName")]
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
    namespace: Namespace,
    kind: KeptKind,
    paging: PagingDep,
) -> Json:
    """What is kept of a type in a resource group: nothing, as a rule."""
    return await _listed(services, paging, f"{namespace}/{kind}", subscription_id, group)


@router.get(SUBSCRIPTION, response_model=None)
async def list_kept_of_subscription(
    *, services: ServicesDep, subscription_id: Subscription, namespace: Namespace, kind: KeptKind, paging: PagingDep
) -> Json:
    """What is kept of a type in a subscription."""
    return await _listed(services, paging, f"{namespace}/{kind}", subscription_id, None)


@router.get(LOCKS_OF_ONE, response_model=None)
async def list_locks_of_resource(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
    paging: PagingDep,
) -> Json:
    """The locks that templates put on a resource. They protect nothing: roles say who may delete what."""
    whose = ResourceName(f"{namespace}/{kind}", subscription_id, group, (name,)).resource_id.lower()
    locks = await _of_type(services, LOCKS, subscription_id, group)
    return _page(paging, [one for one in locks if one.resource_id.lower().startswith(f"{whose}/")])


@router.get(ONE, response_model=None)
async def get_kept(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
) -> Response:
    """A resource that is kept, with what Azure fills in. 405 for a path of something else."""
    return await _shown(services, _name(subscription_id, group, namespace, (kind, name)))


@router.head(ONE, response_model=None)
async def has_kept(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
) -> Response:
    """204 if there is such a resource, else 404."""
    await _stored(services, _name(subscription_id, group, namespace, (kind, name)))
    return Response(status_code=204)


@router.get(BELOW, response_model=None)
async def get_kept_below(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
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
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
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
    namespace: Namespace,
    kind: KeptKind,
    name: KeptName,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Forget a resource that is kept, with what is below it; 204 if there is none."""
    which = _name(subscription_id, group, namespace, (kind, name))
    return await delete_resource(request, services, which, api_version, preconditions)


def _name(subscription: str, group: str, namespace: str, *pairs: tuple[str, str]) -> ResourceName:
    """Raises ArmError 404 for a type that is never kept."""
    kind = _taken("/".join([namespace, *(word for word, _ in pairs)]))
    return ResourceName(kind, subscription, group, tuple(name for _, name in pairs))


def _taken(kind: str) -> str:
    """The type as Azure writes it. Raises ArmError 404 for one that is never kept."""
    if is_kept(kind):
        return spelled(kind)
    namespace, _, word = kind.partition("/")
    if "/" in word:
        raise not_found(f"The resource type '{kind[:120]}' is not supported.")
    raise unknown_type(namespace, word)


async def _shown(services: ServicesDep, name: ResourceName) -> Response:
    return shown(kept_body(await _stored(services, name)))


async def _stored(services: ServicesDep, name: ResourceName) -> StoredResource:
    """Raises ArmError 404."""
    stored = await find_kept(services, name.resource_id)
    if stored is None:
        raise resource_not_found(name)
    return stored


async def _listed(services: ServicesDep, paging: PagingDep, kind: str, subscription_id: str, group: str | None) -> Json:
    """Raises ArmError 404 for a type that is never kept, and without such a group."""
    return _page(paging, await _of_type(services, _taken(kind), subscription_id, group))


async def _of_type(services: ServicesDep, kind: str, subscription_id: str, group: str | None) -> list[StoredResource]:
    found = await asyncio.to_thread(services.store.resources.of_type, kind, subscription_id, group)
    if not found and group is not None:
        await require_group(services, subscription_id, group)
    return found


def _page(paging: PagingDep, found: list[StoredResource]) -> Json:
    page = paging.page(found, by_id)
    return page.answer([kept_body(stored) for stored in page.items])
