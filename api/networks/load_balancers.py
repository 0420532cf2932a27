"""Load balancers: documents of which Instar reads the probes and the sku; no traffic passes here."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from api.networks.health_probes import probes_in_use
from api.services.dependencies import ApiVersion, Services, ServicesDep
from api.services.paging import PagingDep
from api.stored.stored_resources import (
    ResourceName,
    checked_name,
    delete_resource,
    listed,
    merged_document,
    quoted,
    resource_body,
    shown,
    stored_resource,
    write_resource,
    written,
)
from api.wire.bodies import JsonBody, described
from api.wire.errors import ArmError, invalid, not_found
from api.wire.merge import canonical
from api.wire.preconditions import NO_PRECONDITIONS, Preconditions, PreconditionsDep
from instar.domain.health.load_balancers import LOAD_BALANCER, normal_probe, probe_documents, probe_fault
from instar.store.resources import StoredResource

router = APIRouter(tags=["load balancers"])

Json = dict[str, Any]

_ALL = f"/subscriptions/{{subscriptionId}}/providers/{LOAD_BALANCER}"
_OF_GROUP = f"/subscriptions/{{subscriptionId}}/resourceGroups/{{resourceGroupName}}/providers/{LOAD_BALANCER}"
_ONE = _OF_GROUP + "/{loadBalancerName}"
_PROBES = "properties.probes"
_SKUS = {sku.lower(): sku for sku in ("Basic", "Standard", "Gateway")}
_NOT_STORED = frozenset({"id", "type", "etag"})
"""What a client that puts back what it got brings along with each probe."""

_PUT_EXAMPLE = {
    "location": "westus2",
    "sku": {"name": "Standard"},
    "properties": {
        "probes": [
            {
                "name": "web",
                "properties": {
                    "protocol": "Http",
                    "port": 80,
                    "requestPath": "/health",
                    "intervalInSeconds": 15,
                    "probeThreshold": 2,
                },
            },
        ],
    },
}


async def load_balancer_name(
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    resource_group: Annotated[str, Path(alias="resourceGroupName")],
    name: Annotated[str, Path(alias="loadBalancerName")],
) -> ResourceName:
    """Which one a path names."""
    return ResourceName(LOAD_BALANCER, subscription_id, resource_group, (name,))


NameDep = Annotated[ResourceName, Depends(load_balancer_name)]


@router.put(_ONE, openapi_extra=described(_PUT_EXAMPLE), response_model=None)
async def put_load_balancer(
    *,
    request: Request,
    services: ServicesDep,
    name: NameDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Create a load balancer (201), or replace it (200). A probe that a scale set names cannot be left out (409)."""
    stored, new = await make_load_balancer(services, name, body, preconditions)
    return await written(request, services, stored, _body(stored), api_version, new=new)


async def make_load_balancer(
    services: Services, name: ResourceName, body: Json, preconditions: Preconditions = NO_PRECONDITIONS
) -> tuple[StoredResource, bool]:
    """What a PUT does; whether it is a new one. Raises ArmError."""
    checked_name(name.names[0], "loadBalancerName")
    document = _checked(await merged_document(services, name, body, create=True))
    await _check_place(services, name, document["location"])
    kept = {str(probe["name"]).lower() for probe in probe_documents(document)}
    for probe, scale_set in (await probes_in_use(services, name.subscription_id, name.resource_id)).items():
        if probe not in kept:
            message = (
                f"Load balancer probe {name.resource_id}/probes/{probe} cannot be deleted because it is in use by "
                f"virtual machine scale set {scale_set}."
            )
            raise ArmError(409, "InUseLoadBalancerProbeCannotBeDeleted", message, target=_PROBES)
    return await write_resource(services, name, document, preconditions=preconditions)


@router.patch(_ONE, openapi_extra=described({"tags": {"service": "web"}}), response_model=None)
async def patch_load_balancer(
    *,
    request: Request,
    services: ServicesDep,
    name: NameDep,
    api_version: ApiVersion,
    body: JsonBody,
    preconditions: PreconditionsDep,
) -> Response:
    """Replace the tags of a load balancer; nothing else can be patched."""
    given = canonical(body)
    if strangers := sorted(set(given) - {"tags"}):
        raise invalid(f"Only 'tags' can be patched, not '{strangers[0][:40]}'.", strangers[0][:40])
    had = await stored_resource(services, name)
    document = _checked(await merged_document(services, name, given, create=False))
    stored, _ = await write_resource(services, name, document, had.etag, preconditions)
    return await written(request, services, stored, _body(stored), api_version, new=False)


@router.get(_ONE, response_model=None)
async def get_load_balancer(services: ServicesDep, name: NameDep) -> Response:
    """One load balancer, each of its probes with its id."""
    return shown(_body(await stored_resource(services, name)))


@router.get(_ONE + "/probes", response_model=None)
async def list_probes(services: ServicesDep, name: NameDep, paging: PagingDep) -> Json:
    """The probes of a load balancer."""
    page = paging.page(_probes(await stored_resource(services, name)), lambda one: (str(one["name"]).lower(),))
    return page.answer(page.items)


@router.get(_ONE + "/probes/{probeName}", response_model=None)
async def get_probe(services: ServicesDep, name: NameDep, probe: Annotated[str, Path(alias="probeName")]) -> Json:
    """One probe of a load balancer."""
    for one in _probes(await stored_resource(services, name)):
        if str(one["name"]).lower() == probe.lower():
            return one
    raise not_found(f"The probe '{probe}' was not found in the load balancer '{name.names[0]}'.")


@router.get(_OF_GROUP, response_model=None)
async def list_load_balancers_of_group(
    services: ServicesDep,
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    resource_group: Annotated[str, Path(alias="resourceGroupName")],
    paging: PagingDep,
) -> Json:
    """Every load balancer of a resource group."""
    return await listed(services, paging, LOAD_BALANCER, _body, subscription_id, resource_group)


@router.get(_ALL, response_model=None)
async def list_load_balancers_of_subscription(
    services: ServicesDep, subscription_id: Annotated[str, Path(alias="subscriptionId")], paging: PagingDep
) -> Json:
    """Every load balancer of a subscription."""
    return await listed(services, paging, LOAD_BALANCER, _body, subscription_id)


@router.delete(_ONE, response_model=None)
async def delete_load_balancer(
    request: Request, services: ServicesDep, name: NameDep, api_version: ApiVersion, preconditions: PreconditionsDep
) -> Response:
    """Delete a load balancer; 204 if there is none, 409 while a scale set names one of its probes."""
    for probe, scale_set in (await probes_in_use(services, name.subscription_id, name.resource_id)).items():
        message = (
            f"Cannot delete load balancer {name.resource_id} since its probe '{probe}' is in use by virtual machine "
            f"scale set {scale_set}."
        )
        raise ArmError(409, "LoadBalancerInUseByVirtualMachineScaleSet", message)
    return await delete_resource(request, services, name, api_version, preconditions)


async def _check_place(services: Services, name: ResourceName, location: str) -> None:
    """A load balancer stays in its region: scale sets name its probes from there."""
    had = await asyncio.to_thread(services.store.resources.find, name.resource_id)
    if had is not None and had.document["location"] != location:
        message = (
            f"The resource '{had.name}' already exists in location '{had.document['location']}' in resource group "
            f"'{had.resource_group}'. A resource with the same name cannot be created in location '{location}'. Please "
            "select a new resource name."
        )
        raise ArmError(409, "InvalidResourceLocation", message, target="location")


def _checked(document: Json) -> Json:
    """The document with its probes and sku in their one spelling. Raises ArmError 400 that names what is wrong."""
    sku = document.get("sku") or {}
    if not isinstance(sku, dict) or str(sku.get("name", "Basic")).lower() not in _SKUS:
        raise invalid("'sku.name' must be Basic, Standard or Gateway.", "sku.name")
    if "name" in sku:
        document = document | {"sku": sku | {"name": _SKUS[str(sku["name"]).lower()]}}
    properties = document.get("properties") or {}
    given = properties.get("probes")
    if given is None:
        return document
    if not isinstance(given, list) or not all(isinstance(probe, dict) for probe in given):
        raise invalid(f"'{_PROBES}' must be a list of objects.", _PROBES)
    probes: list[Json] = []
    for index, probe in enumerate(given):
        probes.append(_checked_probe(probe, f"{_PROBES}[{index}]"))
        if [one["name"].lower() for one in probes].count(probes[-1]["name"].lower()) > 1:
            raise invalid(f"A load balancer cannot have two probes named '{probes[-1]['name']}'.", _PROBES)
    return document | {"properties": properties | {"probes": probes}}


def _checked_probe(probe: Json, path: str) -> Json:
    name, properties = probe.get("name"), probe.get("properties")
    if not isinstance(name, str) or not name:
        raise invalid(f"'{path}.name' must be a string.", f"{path}.name")
    if not isinstance(properties, dict):
        raise invalid(f"'{path}.properties' must be an object.", f"{path}.properties")
    checked_name(name, f"{path}.name")
    wrong, why = probe_fault(properties)
    if wrong:
        raise invalid(f"'{path}.properties.{wrong}' {why}.", f"{path}.properties.{wrong}")
    kept = {key: value for key, value in properties.items() if key != "provisioningState"}
    return {key: value for key, value in probe.items() if key not in _NOT_STORED} | {"properties": normal_probe(kept)}


def _body(stored: StoredResource) -> Json:
    probes = _probes(stored)
    return resource_body(stored, probes=probes) if probes else resource_body(stored)


def _probes(stored: StoredResource) -> list[Json]:
    return [_probe(stored, probe) for probe in probe_documents(stored.document)]


def _probe(stored: StoredResource, probe: Mapping[str, Any]) -> Json:
    return {
        **probe,
        "id": f"{stored.resource_id}/probes/{probe['name']}",
        "type": f"{LOAD_BALANCER}/probes",
        "etag": quoted(stored),
        "properties": {**probe["properties"], "provisioningState": "Succeeded"},
    }
