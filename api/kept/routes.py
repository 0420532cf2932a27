"""Reading and deleting what is kept; it comes with templates or by itself (`writing`).

Clients also ask here for what Instar has none of, as machines and disks by themselves: the list is empty. The routes
come last of all: whatever Instar acts on has routes of its own.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from api.kept.documents import find_kept, kept_body
from api.kept.named import BELOW, FURTHER, GROUP, ONE, SUBSCRIPTION, KeptNameDep, KeptType
from api.services.dependencies import ApiVersion, ServicesDep
from api.services.known_groups import require_group
from api.services.paging import PagingDep
from api.stored.stored_resources import ResourceName, by_id, delete_resource, resource_not_found, shown
from api.wire.methods import LEFT_OVER, has_no_other_route
from api.wire.preconditions import PreconditionsDep
from instar.store.resources import StoredResource

router = APIRouter(tags=[LEFT_OVER], dependencies=[Depends(has_no_other_route)])

LOCKS_OF_ONE = ONE + "/providers/Microsoft.Authorization/locks"
LOCKS = "Microsoft.Authorization/locks"

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Group = Annotated[str, Path(alias="resourceGroupName")]


@router.get(GROUP, response_model=None)
async def list_kept_of_group(
    services: ServicesDep, subscription_id: Subscription, group: Group, kind: KeptType, paging: PagingDep
) -> Json:
    """What is kept of a type in a resource group: nothing, as a rule."""
    return _page(paging, await _of_type(services, kind, subscription_id, group))


@router.get(SUBSCRIPTION, response_model=None)
async def list_kept_of_subscription(
    services: ServicesDep, subscription_id: Subscription, kind: KeptType, paging: PagingDep
) -> Json:
    """What is kept of a type in a subscription."""
    return _page(paging, await _of_type(services, kind, subscription_id, None))


@router.get(LOCKS_OF_ONE, response_model=None)
async def list_locks_of_resource(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    namespace: Annotated[str, Path(alias="keptNamespace")],
    kind: Annotated[str, Path(alias="keptKind")],
    name: Annotated[str, Path(alias="keptName")],
    paging: PagingDep,
) -> Json:
    """The locks that templates put on a resource. They protect nothing: roles say who may delete what."""
    whose = ResourceName(f"{namespace}/{kind}", subscription_id, group, (name,)).resource_id.lower()
    locks = await _of_type(services, LOCKS, subscription_id, group)
    return _page(paging, [one for one in locks if one.resource_id.lower().startswith(f"{whose}/")])


@router.get(ONE, response_model=None)
@router.get(BELOW, response_model=None)
@router.get(FURTHER, response_model=None)
async def get_kept(services: ServicesDep, which: KeptNameDep) -> Response:
    """A resource that is kept, with what Azure fills in. 405 for a path of something else."""
    return shown(kept_body(await _stored(services, which)))


@router.head(ONE, response_model=None)
async def has_kept(services: ServicesDep, which: KeptNameDep) -> Response:
    """204 if there is such a resource, else 404."""
    await _stored(services, which)
    return Response(status_code=204)


@router.delete(ONE, response_model=None)
@router.delete(BELOW, response_model=None)
@router.delete(FURTHER, response_model=None)
async def delete_kept(
    request: Request,
    services: ServicesDep,
    which: KeptNameDep,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Forget a resource that is kept, with what is below it; 204 if there is none."""
    return await delete_resource(request, services, which, api_version, preconditions)


async def _stored(services: ServicesDep, name: ResourceName) -> StoredResource:
    """Raises ArmError 404."""
    stored = await find_kept(services, name.resource_id)
    if stored is None:
        raise resource_not_found(name)
    return stored


async def _of_type(services: ServicesDep, kind: str, subscription_id: str, group: str | None) -> list[StoredResource]:
    """Raises ArmError 404 without such a group."""
    found = await asyncio.to_thread(services.store.resources.of_type, kind, subscription_id, group)
    if not found and group is not None:
        await require_group(services, subscription_id, group)
    return found


def _page(paging: PagingDep, found: list[StoredResource]) -> Json:
    page = paging.page(found, by_id)
    return page.answer([kept_body(stored) for stored in page.items])
