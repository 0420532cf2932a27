"""What Azure fills in of a set: shown, not stored, and no change of the set when it is put back."""

from typing import Any

import pytest

from tests.api.conftest import INTERFACE, OLD, SCALE_SET, Api, document

_PROFILE = "properties__virtualMachineProfile"
_STORAGE = f"{_PROFILE}__storageProfile"
_SYSTEM = f"{_PROFILE}__osProfile"

SILENT = {
    "sku__tier": None,
    f"{_STORAGE}__osDisk": None,
    f"{_PROFILE}__networkProfile": {
        "networkInterfaceConfigurations": [
            {"name": "nic", "properties": {"ipConfigurations": INTERFACE["properties"]["ipConfigurations"]}}
        ]
    },
}
SERVER = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022", "version": "latest"}


async def shown(api: Api, **changes: Any) -> Any:
    await api.create(**SILENT | changes)
    return await api.get(SCALE_SET)


async def test_k5_a_silent_document_is_shown_with_azures_defaults(api: Api) -> None:
    body = await shown(api)
    properties = body["properties"]
    profile = properties["virtualMachineProfile"]
    assert body["sku"]["tier"] == "Standard"
    assert properties["singlePlacementGroup"] is True
    assert properties["overprovision"] is True
    assert properties["doNotRunExtensionsOnOverprovisionedVMs"] is False
    assert properties["orchestrationMode"] == "Uniform"
    assert "platformFaultDomainCount" not in properties
    assert profile["osProfile"]["linuxConfiguration"] == {
        "disablePasswordAuthentication": False,
        "provisionVMAgent": True,
    }
    assert profile["osProfile"]["allowExtensionOperations"] is True
    assert profile["osProfile"]["requireGuestProvisionSignal"] is True
    assert profile["osProfile"]["secrets"] == []
    assert profile["storageProfile"]["osDisk"] == {
        "createOption": "FromImage",
        "managedDisk": {"storageAccountType": "Premium_LRS"},
    }
    [interface] = profile["networkProfile"]["networkInterfaceConfigurations"]
    assert interface["properties"]["primary"] is True
    assert interface["properties"]["enableAcceleratedNetworking"] is False
    assert interface["properties"]["enableIPForwarding"] is False
    assert interface["properties"]["dnsSettings"] == {"dnsServers": []}
    assert interface["properties"]["ipConfigurations"][0]["properties"]["privateIPAddressVersion"] == "IPv4"


async def test_k5_defaults_follow_the_system_the_size_the_zones_and_the_orchestration(api: Api) -> None:
    windows = await shown(api, **{f"{_STORAGE}__imageReference": SERVER, "sku__name": "Basic_A1", "zones": ["1"]})
    system = windows["properties"]["virtualMachineProfile"]["osProfile"]
    assert system["windowsConfiguration"] == {"provisionVMAgent": True, "enableAutomaticUpdates": True}
    assert "linuxConfiguration" not in system
    assert windows["sku"]["tier"] == "Basic"
    properties = windows["properties"]
    assert (properties["platformFaultDomainCount"], properties["zoneBalance"]) == (1, False)
    assert properties["singlePlacementGroup"] is True
    disk = windows["properties"]["virtualMachineProfile"]["storageProfile"]["osDisk"]
    assert disk["managedDisk"]["storageAccountType"] == "Standard_LRS"
    several = f"{SCALE_SET}-in-two-zones"
    await api.create(several, zones=["1", "2"])
    assert (await api.get(several))["properties"]["singlePlacementGroup"] is False
    spot = f"{SCALE_SET}-spot"
    await api.create(spot, **{f"{_PROFILE}__priority": "Spot"})
    properties = (await api.get(spot))["properties"]
    assert (properties["platformFaultDomainCount"], "zoneBalance" in properties) == (1, False)
    flexible = f"{SCALE_SET}-flexible"
    await api.create(flexible, properties__orchestrationMode="Flexible")
    properties = (await api.get(flexible))["properties"]
    assert properties["singlePlacementGroup"] is False
    assert "overprovision" not in properties


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        ("Standard_D2s_v3", "Premium_LRS"),
        ("Standard_DS1_v2", "Premium_LRS"),
        ("Standard_B2ms", "Premium_LRS"),
        ("standard_e4-2ds_v5", "Premium_LRS"),
        ("Standard_D2_v3", "Standard_LRS"),
        ("Standard_A3", "Standard_LRS"),
        ("Tiny", "Standard_LRS"),
    ],
)
async def test_k5_premium_disks_are_the_default_of_sizes_that_can_have_them(api: Api, size: str, kind: str) -> None:
    body = await shown(api, sku__name=size)
    disk = body["properties"]["virtualMachineProfile"]["storageProfile"]["osDisk"]
    assert disk["managedDisk"]["storageAccountType"] == kind


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("version", ["2018-10-01", "2026-04-01"])
async def test_k5_what_was_only_shown_changes_nothing_when_it_is_put_back(api: Api, method: str, version: str) -> None:
    await shown(api)
    await api.add_machines(1)
    before = api.stored()
    query = {"api-version": version}
    body = (await api.http.get(SCALE_SET, params=query)).json()
    answer = await api.http.request(method, SCALE_SET, params=query, json=body)
    assert answer.status_code == 200, answer.text
    assert api.stored() == before
    machine = await api.get(f"{SCALE_SET}/virtualMachines/0")
    assert machine["properties"]["latestModelApplied"] is True


async def test_k5_a_change_beside_what_was_only_shown_is_the_only_change(api: Api) -> None:
    body = await shown(api)
    before = api.stored()
    [interface] = body["properties"]["virtualMachineProfile"]["networkProfile"]["networkInterfaceConfigurations"]
    interface["properties"]["enableAcceleratedNetworking"] = True
    body["properties"]["overprovision"] = False
    body["properties"]["virtualMachineProfile"]["osProfile"]["linuxConfiguration"]["provisionVMAgent"] = False
    await api.call("PUT", SCALE_SET, body)
    stored = api.stored()
    assert stored.generation == before.generation + 1
    properties = stored.document["properties"]
    profile = properties["virtualMachineProfile"]
    assert (properties["overprovision"], "singlePlacementGroup" in properties) == (False, False)
    assert profile["osProfile"]["linuxConfiguration"] == {"provisionVMAgent": False}
    [interface] = profile["networkProfile"]["networkInterfaceConfigurations"]
    assert interface["properties"]["enableAcceleratedNetworking"] is True
    assert "enableIPForwarding" not in interface["properties"]


async def test_k5_what_is_no_default_after_the_change_is_a_wish(api: Api) -> None:
    body = await shown(api, zones=["1", "2"])
    change = {"zones": ["1"], "properties": {"singlePlacementGroup": False}}
    assert (await api.call("PATCH", SCALE_SET, change)).json()["properties"]["singlePlacementGroup"] is False
    assert api.stored().document["properties"]["singlePlacementGroup"] is False
    body["sku"]["name"] = "Standard_D2_v3"
    assert (await api.call("PUT", SCALE_SET, body)).status_code == 200
    storage = api.stored().document["properties"]["virtualMachineProfile"]["storageProfile"]
    assert storage["osDisk"]["managedDisk"] == {"storageAccountType": "Premium_LRS"}
    [disk] = storage["dataDisks"]
    assert disk["managedDisk"] == {"storageAccountType": "Premium_LRS"}
    assert "caching" not in disk, "still a default"


async def test_k5_public_addresses_data_disks_and_repairs_have_defaults_too(api: Api) -> None:
    subnet = INTERFACE["properties"]["ipConfigurations"][0]["properties"]["subnet"]
    address = {"name": "ip", "properties": {"subnet": subnet, "publicIPAddressConfiguration": {"name": "public"}}}
    network = {"networkInterfaceConfigurations": [{"name": "nic", "properties": {"ipConfigurations": [address]}}]}
    repairs = {"enabled": True}
    body = await shown(api, **{f"{_PROFILE}__networkProfile": network, "properties__automaticRepairsPolicy": repairs})
    profile = body["properties"]["virtualMachineProfile"]
    [address] = profile["networkProfile"]["networkInterfaceConfigurations"][0]["properties"]["ipConfigurations"]
    given = address["properties"]["publicIPAddressConfiguration"]
    assert given == {"name": "public", "properties": {"publicIPAddressVersion": "IPv4", "ipTags": []}}
    [disk] = profile["storageProfile"]["dataDisks"]
    assert (disk["caching"], disk["managedDisk"]) == ("None", {"storageAccountType": "Premium_LRS"})
    assert body["properties"]["automaticRepairsPolicy"] == {"enabled": True, "repairAction": "Replace"}
    before = api.stored()
    await api.call("PUT", SCALE_SET, body)
    assert api.stored() == before


async def test_k5_the_list_of_a_sets_sizes_has_the_tier(api: Api) -> None:
    await shown(api)
    [size] = (await api.get(f"{SCALE_SET}/skus"))["value"]
    assert size["sku"] == {"name": "Standard_B2s", "tier": "Standard"}


async def test_k5_a_default_that_the_owner_gave_is_stored_and_stays(api: Api) -> None:
    await api.create(properties__overprovision=True)
    assert api.stored().document["properties"]["overprovision"] is True
    await api.call("PUT", SCALE_SET, await api.get(SCALE_SET))
    assert api.stored().document["properties"]["overprovision"] is True


async def test_k5_members_of_odd_types_are_shown_as_they_are(api: Api) -> None:
    disk = {"managedDisk": "odd"}
    odd = document(**{f"{_STORAGE}__osDisk": disk, f"{_SYSTEM}__secrets": "odd", "properties__overprovision": "odd"})
    created = await api.call("PUT", SCALE_SET, odd)
    assert created.status_code == 201, created.text
    body = await api.get(SCALE_SET)
    assert body["properties"]["virtualMachineProfile"]["storageProfile"]["osDisk"]["managedDisk"] == "odd"
    assert (await api.call("PUT", SCALE_SET, body)).status_code == 200


async def test_k5_the_version_on_the_disk_is_not_the_models(api: Api) -> None:
    await shown(api)
    await api.add_machines(1)
    machine = await api.get(f"{SCALE_SET}/virtualMachines/0", _expand="instanceView")
    assert machine["properties"]["instanceView"]["osVersion"] == OLD
