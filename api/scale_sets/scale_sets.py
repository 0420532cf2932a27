"""Scale sets: create, change, read, list, delete."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.remembered.answers import of_the_store
from api.scale_sets.model_changes import Change, change_model
from api.services.deletions import deleted
from api.services.dependencies import GROUP, LOCATION, SCALE_SET, ApiVersion, ScaleSetPathDep, Services, ServicesDep
from api.services.known_groups import require_group
from api.services.long_running import accepted, resource_headers, state_of
from api.services.paging import Page, Paging, PagingDep
from api.services.scale_set_lookup import StoredDep, find
from api.shapes.answers import provisioning_state, quoted_etag, scale_set_body
from api.shapes.instance_bodies import set_view
from api.wire.api_versions import SET_VIEW, knows_etags, shaped
from api.wire.bodies import JsonBody, described
from api.wire.preconditions import PreconditionsDep
from api.wire.properties import normal_location
from api.wire.queries import wanted
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.store.health_sources import health_source_of
from instar.store.sets.listing import ListedSet
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["scale sets"])

_SUBNET = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/demo/providers/Microsoft.Network"
    "/virtualNetworks/web/subnets/default"
)
_PUT_EXAMPLE = {
    "location": "westus2",
    "sku": {"name": "Standard_B2s", "capacity": 5},
    "properties": {
        "upgradePolicy": {"mode": "Automatic"},
        "virtualMachineProfile": {
            "storageProfile": {
                "imageReference": {
                    "publisher": "Canonical",
                    "offer": "UbuntuServer",
                    "sku": "18.04-LTS",
                    "version": "latest",
                },
            },
            "osProfile": {
                "computerNamePrefix": "web",
                "adminUsername": "operator",
                "linuxConfiguration": {
                    "disablePasswordAuthentication": True,
                    "ssh": {
                        "publicKeys": [{"path": "/home/operator/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA…"}]
                    },
                },
            },
            "networkProfile": {
                "networkInterfaceConfigurations": [
                    {
                        "name": "nic",
                        "properties": {
                            "primary": True,
                            "ipConfigurations": [{"name": "ip", "properties": {"subnet": {"id": _SUBNET}}}],
                        },
                    }
                ]
            },
        },
    },
}
_PATCH_EXAMPLE = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}}

Expand = Annotated[str, Query(alias="$expand", description="userData: taken, but a secret is never shown (F5)")]


@router.put(SCALE_SET, openapi_extra=described(_PUT_EXAMPLE), response_model=None)
async def put_scale_set(
    *,
    request: Request,
    services: ServicesDep,
    path: ScaleSetPathDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Create a scale set (201), or change one (200): an existing one is merged with the body."""
    change = await change_model(services, path, body, preconditions, create=True, api_version=api_version)
    return await _changed(request, services, change, api_version)


@router.patch(SCALE_SET, openapi_extra=described(_PATCH_EXAMPLE), response_model=None)
async def patch_scale_set(
    *,
    request: Request,
    services: ServicesDep,
    path: ScaleSetPathDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Change a scale set: objects are merged, null removes, all else replaces."""
    change = await change_model(services, path, body, preconditions, create=False, api_version=api_version)
    return await _changed(request, services, change, api_version)


@router.get(SCALE_SET, dependencies=[Depends(of_the_store)], response_model=None)
async def get_scale_set(
    services: ServicesDep, stored: StoredDep, api_version: ApiVersion, expand: Expand = ""
) -> Response:
    """One scale set, without its secrets."""
    wanted("$expand", expand, ("userData",))
    return JSONResponse(await _body(services, stored, api_version), headers=_etag(stored, api_version))


@router.head(SCALE_SET, response_model=None)
async def has_scale_set(stored: StoredDep) -> Response:
    """204 if there is such a scale set, else 404."""
    del stored
    return Response(status_code=204)


@router.get(GROUP + "/virtualMachineScaleSets", response_model=None)
async def list_scale_sets_of_group(
    services: ServicesDep,
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    resource_group: Annotated[str, Path(alias="resourceGroupName")],
    paging: PagingDep,
    api_version: ApiVersion,
) -> dict[str, Any]:
    """Every scale set of a resource group."""
    page = await _page(services, paging, subscription_id, resource_group)
    if not page.items:
        await require_group(services, subscription_id, resource_group)
    return _listed(page, api_version)


@router.get(
    "/subscriptions/{subscriptionId}/providers/Microsoft.Compute/virtualMachineScaleSets",
    response_model=None,
)
async def list_scale_sets_of_subscription(
    services: ServicesDep,
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    paging: PagingDep,
    api_version: ApiVersion,
) -> dict[str, Any]:
    """Every scale set of a subscription."""
    return _listed(await _page(services, paging, subscription_id), api_version)


@router.get(LOCATION + "/virtualMachineScaleSets", response_model=None)
async def list_scale_sets_of_location(
    services: ServicesDep,
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    location: Annotated[str, Path()],
    paging: PagingDep,
    api_version: ApiVersion,
) -> dict[str, Any]:
    """Every scale set of a subscription in one region."""
    page = await _page(services, paging, subscription_id, location=normal_location(location))
    return _listed(page, api_version)


@router.get(SCALE_SET + "/instanceView", response_model=None)
async def scale_set_instance_view(services: ServicesDep, stored: StoredDep, api_version: ApiVersion) -> dict[str, Any]:
    """How many machines are in which state of provisioning, power and health."""
    model = ScaleSetModel.from_arm(stored.document, stored.generation)
    instances = await services.provider.list_instances(stored.identity)
    source = await asyncio.to_thread(health_source_of, services.store, model)
    healths = await services.healths.of(stored.identity, source, instances)
    wait = await asyncio.to_thread(services.store.waits.of_set, stored.identity.unique_id)
    view = set_view(instances, healths.values(), await state_of(services, stored), wait)
    return shaped(view, SET_VIEW, api_version)


@router.delete(SCALE_SET, response_model=None)
async def delete_scale_set(
    request: Request,
    services: ServicesDep,
    path: ScaleSetPathDep,
    api_version: ApiVersion,
    preconditions: PreconditionsDep,
) -> Response:
    """Delete a scale set with its machines; a running upgrade is cancelled first (P15). 204 if there is none."""
    stored = await find(services, path)
    preconditions.check(quoted_etag(stored) if stored else "", "scale set")
    if stored is None:
        return Response(status_code=204)
    operation = await deleted(services, stored)
    return Response(status_code=204) if operation is None else accepted(request, services, operation, api_version)


async def _changed(request: Request, services: ServicesDep, change: Change, api_version: str) -> Response:
    headers = resource_headers(request, services, change.operation, api_version)
    # The operation may have ended by now; a client that has just asked for a change polls all the same.
    body = scale_set_body(change.stored, "Creating" if change.created else "Updating", api_version)
    headers |= _etag(change.stored, api_version)
    return JSONResponse(body, status_code=201 if change.created else 200, headers=headers)


async def _page(
    services: Services,
    paging: Paging,
    subscription_id: str,
    resource_group: str | None = None,
    location: str | None = None,
) -> Page[ListedSet]:
    found = await asyncio.to_thread(
        services.store.set_listing.page,
        subscription_id,
        resource_group,
        location,
        after=paging.after_text,
        most=paging.size + 1,
    )
    return paging.page_of(found, lambda one: one.key)


def _listed(page: Page[ListedSet], api_version: str) -> dict[str, Any]:
    return page.answer(
        scale_set_body(one.stored, provisioning_state(one.stored, list(one.running), one.last_put), api_version)
        for one in page.items
    )


async def _body(services: ServicesDep, stored: StoredScaleSet, api_version: str) -> dict[str, Any]:
    return scale_set_body(stored, await state_of(services, stored), api_version)


def _etag(stored: StoredScaleSet, api_version: str) -> dict[str, str]:
    return {"ETag": quoted_etag(stored)} if knows_etags(api_version) else {}
