"""What clients ask before they make anything: sizes, usages, tags, locks, and lists of what there is none of."""

import dataclasses
from typing import Any

import pytest

from api.kept.kinds import OF_COMPUTE
from tests.api.conftest import GROUP, LOCATION, SCALE_SET, SUBSCRIPTION, Api, document, error_of

ROOT = f"/subscriptions/{SUBSCRIPTION}"
COMPUTE = "/providers/Microsoft.Compute"
NET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"
SKUS = f"{ROOT}{COMPUTE}/skus"


async def test_sizes_are_those_that_the_compute_knows(api: Api) -> None:
    sizes = {size["name"]: size for size in (await api.get(f"{LOCATION}/vmSizes"))["value"]}
    assert (sizes["Standard_B2s"]["numberOfCores"], sizes["Standard_B2s"]["memoryInMB"]) == (2, 4096)
    skus = (await api.get(SKUS, _filter="location eq 'somewhere'"))["value"]
    assert {sku["name"] for sku in skus} == set(sizes)
    assert {tuple(sku["locations"]) for sku in skus} == {("somewhere",)}
    [small] = [sku for sku in skus if sku["name"] == "Standard_B1ls"]
    assert {one["name"]: one["value"] for one in small["capabilities"]} == {"vCPUs": "1", "MemoryGB": "0.5"}
    everywhere = (await api.get(SKUS))["value"]
    assert len(everywhere) > len(skus)
    assert "nextLink" in await api.get(SKUS, _top=3)


async def test_sizes_of_the_settings_come_first(api: Api) -> None:
    own = {"sizes": {"Tiny": {"cpus": 1, "memory_mib": 96}, "standard_b2s": {"cpus": 7, "memory_mib": 1024}}}
    services = api.app.state.services
    settings = services.settings.model_copy(update={"libvirt": own})
    api.app.state.services = dataclasses.replace(services, settings=settings)
    sizes = {size["name"]: size["numberOfCores"] for size in (await api.get(f"{LOCATION}/vmSizes"))["value"]}
    assert (sizes["Tiny"], sizes["standard_b2s"], "Standard_B2s" in sizes) == (1, 7, False)


async def test_usages_count_what_is_in_the_region(api: Api) -> None:
    await api.create()
    await api.call("PUT", NET, {"location": "westus2"})
    await api.call("PUT", f"{NET}2", {"location": "eastus"})

    async def used(path: str) -> dict[str, tuple[int, int]]:
        return {
            usage["name"]["value"]: (usage["currentValue"], usage["limit"]) for usage in (await api.get(path))["value"]
        }

    quotas = api.app.state.services.settings.quotas
    compute = await used(f"{LOCATION}/usages")
    assert compute["virtualMachineScaleSets"] == (1, quotas.scale_sets)
    assert compute["virtualMachines"][0] == 3
    network = await used(LOCATION.replace("Microsoft.Compute", "Microsoft.Network") + "/usages")
    assert (network["VirtualNetworks"], network["LoadBalancers"][0]) == ((1, quotas.resources), 0)
    assert (await used(f"{LOCATION}/usages".replace("westus2", "eastus")))["virtualMachines"][0] == 0


async def test_tags_are_counted_and_shown_of_every_scope(api: Api) -> None:
    await api.create(tags={"team": "web"})
    await api.call("PUT", NET, {"location": "westus2", "tags": {"team": "net", "cost": "7"}})
    await api.call("PUT", GROUP, {"location": "westus2", "tags": {"team": "web"}})
    cost, team = (await api.get(f"{ROOT}/tagNames"))["value"]
    assert (cost["tagName"], cost["count"]) == ("cost", {"type": "Total", "value": 1})
    assert (team["tagName"], team["count"]["value"]) == ("team", 3)
    assert {one["tagValue"]: one["count"]["value"] for one in team["values"]} == {"net": 1, "web": 2}
    default = "/providers/Microsoft.Resources/tags/default"
    for scope, tags in (
        (ROOT, {}),
        (GROUP, {"team": "web"}),
        (SCALE_SET, {"team": "web"}),
        (NET, {"team": "net", "cost": "7"}),
    ):
        body = await api.get(scope + default)
        assert (body["id"], body["name"], body["properties"]["tags"]) == (scope + default, "default", tags)
    missing = await api.call("GET", f"{NET}3{default}")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "NotFound")


@pytest.mark.parametrize("word", OF_COMPUTE)
async def test_what_there_is_none_of_is_an_empty_list_and_404_by_name(api: Api, word: str) -> None:
    in_group = f"{GROUP}{COMPUTE}/{word.upper()}"
    assert error_of(await api.call("GET", in_group))["code"] == "ResourceGroupNotFound"
    await api.call("PUT", GROUP, {"location": "westus2"})
    for path in (f"{ROOT}{COMPUTE}/{word}", in_group):
        assert await api.get(path) == {"value": []}
    answer = await api.call("GET", f"{in_group}/one")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "ResourceNotFound")
    assert f"Microsoft.Compute/{word}/one" in error_of(answer)["message"]
    assert (await api.call("HEAD", f"{in_group}/one")).status_code == 404


async def test_a_type_that_there_is_not_even_none_of_is_told_from_an_empty_list(api: Api) -> None:
    for path in (f"{ROOT}{COMPUTE}/quantumDisks", f"{GROUP}{COMPUTE}/quantumDisks", f"{GROUP}{COMPUTE}/quantumDisks/x"):
        answer = await api.call("GET", path)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "InvalidResourceType")


async def test_locks_are_none_and_a_template_is_not_exported(api: Api) -> None:
    locks = "/providers/Microsoft.Authorization/locks"
    assert error_of(await api.call("GET", GROUP + locks))["code"] == "ResourceGroupNotFound"
    await api.create()
    for scope in (ROOT, GROUP, SCALE_SET):
        assert await api.get(scope + locks) == {"value": []}
    answer = await api.call("POST", f"{GROUP}/exportTemplate", {"resources": ["*"]})
    assert (answer.status_code, error_of(answer)["code"]) == (409, "OperationNotAllowed")
    assert "secrets" in error_of(answer)["message"]


async def test_extensions_whose_meaning_is_known_are_listed(api: Api) -> None:
    types = f"{LOCATION}/publishers/microsoft.managedservices/artifacttypes/vmextension/types"
    listed: list[dict[str, Any]] = await api.get(types)
    assert [one["name"] for one in listed] == ["ApplicationHealthLinux", "ApplicationHealthWindows"]
    assert [one["name"] for one in await api.get(f"{types}/applicationhealthlinux/versions")] == ["1.0", "2.0"]
    assert await api.get(f"{types}/Other/versions") == []
    assert await api.get(types.replace("microsoft.managedservices", "Contoso")) == []


async def test_interfaces_are_those_of_the_model_for_each_machine(api: Api) -> None:
    subnet = {"id": f"{NET}/subnets/web"}
    address = {"subnet": subnet, "publicIPAddressConfiguration": {"name": "public"}}
    nic = {"name": "nic", "properties": {"primary": True, "ipConfigurations": [{"name": "ip", "properties": address}]}}
    profile = {"networkInterfaceConfigurations": [nic]}
    body = document(properties__virtualMachineProfile__networkProfile=profile)
    assert (await api.call("PUT", SCALE_SET, body)).status_code == 201
    assert await api.get(f"{SCALE_SET}/networkInterfaces") == {"value": []}
    await api.add_machines(2)
    both = (await api.get(f"{SCALE_SET}/networkInterfaces"))["value"]
    machines = [f"{SCALE_SET}/virtualMachines/{number}" for number in (0, 1)]
    assert [shown["properties"]["virtualMachine"]["id"] for shown in both] == machines
    [first] = (await api.get(f"{machines[0]}/networkInterfaces"))["value"]
    assert (first, first["id"]) == (both[0], f"{machines[0]}/networkInterfaces/nic")
    assert await api.get(f"{machines[0]}/networkInterfaces/NIC") == first
    assert first["properties"]["primary"] is True
    [configuration] = (await api.get(f"{machines[0]}/networkInterfaces/nic/ipConfigurations"))["value"]
    assert configuration["properties"] == {
        "subnet": subnet,
        "primary": True,
        "privateIPAddressVersion": "IPv4",
        "privateIPAllocationMethod": "Dynamic",
        "provisioningState": "Succeeded",
    }
    properties = first["properties"]
    assert (properties["enableIPForwarding"], properties["enableAcceleratedNetworking"]) == (False, False)
    assert properties["dnsSettings"] == {"dnsServers": [], "appliedDnsServers": []}
    assert (properties["hostedWorkloads"], properties["tapConfigurations"]) == ([], [])
    assert properties["resourceGuid"] != both[1]["properties"]["resourceGuid"]
    assert (first["etag"], configuration["etag"]) == (both[0]["etag"], both[0]["etag"])
    assert both[1]["etag"] != first["etag"]
    for path in (
        "/publicipaddresses",
        "/virtualMachines/0/networkInterfaces/nic/ipConfigurations/ip/publicipaddresses",
    ):
        assert await api.get(SCALE_SET + path) == {"value": []}
    for path in ("/virtualMachines/9/networkInterfaces", "/virtualMachines/0/networkInterfaces/none"):
        assert (await api.call("GET", SCALE_SET + path)).status_code == 404
    missing = "/virtualMachines/0/networkInterfaces/nic/ipConfigurations/none/publicipaddresses"
    assert (await api.call("GET", SCALE_SET + missing)).status_code == 404
