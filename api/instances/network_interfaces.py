"""The network interfaces of a set's machines, as its model describes them; which addresses they have nobody says here.

What a machine is connected to is the compute's affair. Public addresses of machines there are none.
"""

import json
import uuid
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.instances.instances import INSTANCE, InstanceId, existing_instance
from api.services.dependencies import SCALE_SET, ServicesDep
from api.services.paging import PagingDep
from api.services.scale_set_lookup import StoredDep
from api.shapes.set_defaults import filled, with_defaults
from api.wire.errors import not_found
from api.wire.properties import at
from instar.domain.machines.instances import Instance
from instar.store.sets.stored_scale_set import StoredScaleSet

router = APIRouter(tags=["instances"])

INTERFACES = "/networkInterfaces"
ADDRESSES = "/publicIPAddresses"
ONE = f"{INSTANCE}{INTERFACES}/{{networkInterfaceName}}"
IN_THE_MODEL = "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations"
NOT_SHOWN = ("publicIPAddressConfiguration",)
SILENT: dict[str, Any] = {"dnsSettings": {"appliedDnsServers": []}, "hostedWorkloads": [], "tapConfigurations": []}
"""What is shown of every interface besides its model."""

Json = dict[str, Any]
InterfaceName = Annotated[str, Path(alias="networkInterfaceName")]


@router.get(SCALE_SET + INTERFACES, response_model=None)
async def list_interfaces_of_set(services: ServicesDep, stored: StoredDep, paging: PagingDep) -> Json:
    """List the network interfaces of all machines of a set."""
    instances = await services.provider.list_instances(stored.identity)
    page = paging.page(_interfaces(stored, instances), lambda shown: (shown["id"].lower(),))
    return page.answer(page.items)


@router.get(INSTANCE + INTERFACES, response_model=None)
async def list_interfaces(services: ServicesDep, stored: StoredDep, paging: PagingDep, instance_id: InstanceId) -> Json:
    """List the network interfaces of a machine."""
    instance = await existing_instance(services, stored, instance_id)
    page = paging.page(_interfaces(stored, [instance]), lambda shown: (shown["id"].lower(),))
    return page.answer(page.items)


@router.get(ONE, response_model=None)
async def get_interface(services: ServicesDep, stored: StoredDep, instance_id: InstanceId, name: InterfaceName) -> Json:
    """A network interface of a machine."""
    instance = await existing_instance(services, stored, instance_id)
    for shown in _interfaces(stored, [instance]):
        if shown["name"].lower() == name.lower():
            return shown
    raise not_found(f"The network interface '{name}' was not found in the instance '{instance.instance_id}'.")


@router.get(ONE + "/ipConfigurations", response_model=None)
async def list_configurations(
    services: ServicesDep, stored: StoredDep, instance_id: InstanceId, name: InterfaceName, paging: PagingDep
) -> Json:
    """List the IP configurations of a network interface."""
    interface = await get_interface(services, stored, instance_id, name)
    configurations: list[Json] = interface["properties"]["ipConfigurations"]
    page = paging.page(configurations, lambda shown: (str(shown["id"]).lower(),))
    return page.answer(page.items)


@router.get(ONE + "/ipConfigurations/{ipConfigurationName}" + ADDRESSES, response_model=None)
async def list_addresses(
    *,
    services: ServicesDep,
    stored: StoredDep,
    instance_id: InstanceId,
    name: InterfaceName,
    configuration: Annotated[str, Path(alias="ipConfigurationName")],
    paging: PagingDep,
) -> Json:
    """List the public addresses of an IP configuration: none. 404 without such a configuration."""
    interface = await get_interface(services, stored, instance_id, name)
    names = [str(shown["name"]).lower() for shown in interface["properties"]["ipConfigurations"]]
    if configuration.lower() not in names:
        raise not_found(f"The IP configuration '{configuration}' was not found in the network interface '{name}'.")
    return _no_addresses(paging)


@router.get(SCALE_SET + ADDRESSES, response_model=None)
async def list_addresses_of_set(stored: StoredDep, paging: PagingDep) -> Json:
    """List the public addresses of a set: none, no machine has one."""
    del stored
    return _no_addresses(paging)


def _no_addresses(paging: PagingDep) -> Json:
    none: list[Json] = []
    return paging.page(none, lambda shown: (str(shown["id"]).lower(),)).answer(none)


def _interfaces(stored: StoredScaleSet, instances: Iterable[Instance]) -> Iterator[Json]:
    model = at(with_defaults(stored.document), IN_THE_MODEL)
    described = [item for item in model if isinstance(item, dict)] if isinstance(model, list) else []
    for instance in instances:
        machine = f"{stored.identity.resource_id}/virtualMachines/{instance.instance_id}"
        for index, interface in enumerate(described):
            yield _interface(machine, f"{interface.get('name') or index}", interface.get("properties") or {})


def _interface(machine: str, name: str, model: Json) -> Json:
    own_id = f"{machine}{INTERFACES}/{name}"
    given = model.get("ipConfigurations")
    configurations = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
    alone = len(configurations) == 1
    shown: Json = {
        **filled({key: value for key, value in model.items() if key != "deleteOption"}, SILENT),
        "provisioningState": "Succeeded",
        "resourceGuid": str(uuid.uuid5(uuid.NAMESPACE_URL, own_id.lower())),
        "virtualMachine": {"id": machine},
        "ipConfigurations": [_configuration(own_id, item, alone=alone) for item in configurations],
    }
    etag = f'W/"{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(shown, sort_keys=True))}"'
    shown["ipConfigurations"] = [item | {"etag": etag} for item in shown["ipConfigurations"]]
    return {"name": name, "id": own_id, "etag": etag, "properties": shown}


def _configuration(interface_id: str, model: Json, *, alone: bool) -> Json:
    given = model.get("properties")
    properties = given if isinstance(given, dict) else {}
    kept = {key: value for key, value in properties.items() if key not in NOT_SHOWN}
    silent: Json = {"privateIPAllocationMethod": "Dynamic", **({"primary": True} if alone else {})}
    own = f"{interface_id}/ipConfigurations/{model.get('name')}"
    return {
        "name": model.get("name"),
        "id": own,
        "properties": {**filled(kept, silent), "provisioningState": "Succeeded"},
    }
