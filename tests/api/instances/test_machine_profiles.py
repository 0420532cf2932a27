"""What a machine shows of its set's model: its name inside, its interfaces, its system."""

from tests.api.conftest import OLD, SCALE_SET, Api

_OS_PROFILE = "properties__virtualMachineProfile__osProfile"
_IMAGE = "properties__virtualMachineProfile__storageProfile__imageReference"


async def test_a3_a_machine_shows_its_name_its_interfaces_and_its_system(api: Api) -> None:
    await api.create()
    await api.add_machines(11)
    body = await api.get(f"{SCALE_SET}/virtualMachines/10", _expand="instanceView")
    properties, view = body["properties"], body["properties"]["instanceView"]
    assert properties["hardwareProfile"] == {}
    assert properties["osProfile"] == {
        "computerName": "web00000A",
        "adminUsername": "operator",
        "secrets": [],
        "allowExtensionOperations": True,
        "requireGuestProvisionSignal": True,
        "linuxConfiguration": {
            "disablePasswordAuthentication": False,
            "provisionVMAgent": True,
            "patchSettings": {"patchMode": "ImageDefault"},
        },
    }
    interface = f"{SCALE_SET}/virtualMachines/10/networkInterfaces/nic"
    assert properties["networkProfile"] == {"networkInterfaces": [{"id": interface}]}
    [model] = properties["networkProfileConfiguration"]["networkInterfaceConfigurations"]
    assert model["name"] == "nic"
    assert properties["storageProfile"]["osDisk"]["osType"] == "Linux"
    assert body["tags"] == {"Service": "web"}
    assert (view["computerName"], view["osName"], view["osVersion"]) == ("web00000A", "Linux", OLD)
    assert view["disks"][0]["name"] == properties["storageProfile"]["osDisk"]["name"]
    assert view["disks"][0]["statuses"][0]["code"] == "ProvisioningState/succeeded"
    assert "vmAgent" not in view
    listed = (await api.get(f"{SCALE_SET}/virtualMachines"))["value"]
    assert [machine["properties"]["osProfile"]["computerName"] for machine in listed][9:] == ["web000009", "web00000A"]


async def test_a3_a_view_by_itself_says_the_same(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    view = await api.get(f"{SCALE_SET}/virtualMachines/0/instanceView")
    assert view["computerName"] == "web000000"
    old = await api.http.get(f"{SCALE_SET}/virtualMachines/0/instanceView", params={"api-version": "2019-12-01"})
    assert "computerName" not in old.json()


async def test_a3_without_a_prefix_machines_are_called_by_the_name_of_their_set(api: Api) -> None:
    long = f"{SCALE_SET}-of-many-letters"
    server = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022", "version": "latest"}
    await api.create(long, **{f"{_OS_PROFILE}__computerNamePrefix": None, _IMAGE: server})
    await api.add_machines(1, path=long)
    body = await api.get(f"{long}/virtualMachines/0")
    assert body["properties"]["osProfile"]["computerName"] == "web-of-ma000000"
    assert body["properties"]["osProfile"]["windowsConfiguration"]["patchSettings"] == {"patchMode": "AutomaticByOS"}


async def test_a3_a_machine_has_the_tier_the_tags_and_the_disks_defaults_of_its_set(api: Api) -> None:
    await api.create(sku__tier=None, tags={})
    await api.add_machines(1)
    body = await api.get(f"{SCALE_SET}/virtualMachines/0")
    assert body["sku"] == {"name": "Standard_B2s", "tier": "Standard"}
    assert body["tags"] == {}
    [disk] = body["properties"]["storageProfile"]["dataDisks"]
    assert (disk["caching"], disk["toBeDetached"]) == ("None", False)
    assert disk["managedDisk"]["storageAccountType"] == "Premium_LRS"


async def test_a3_a_machine_has_its_models_licence_and_priority(api: Api) -> None:
    profile = "properties__virtualMachineProfile"
    await api.create(**{f"{profile}__licenseType": "SLES_BYOS", f"{profile}__priority": "Spot"})
    await api.add_machines(1)
    properties = (await api.get(f"{SCALE_SET}/virtualMachines/0"))["properties"]
    assert (properties["licenseType"], properties["priority"]) == ("SLES_BYOS", "Spot")
    assert "evictionPolicy" not in properties


async def test_a3_a_selected_view_comes_with_what_azure_always_says(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    [machine] = (await api.get(f"{SCALE_SET}/virtualMachines", _select="instanceView", _expand="instanceView"))["value"]
    assert sorted(machine["properties"]) == [
        "hardwareProfile",
        "instanceView",
        "latestModelApplied",
        "provisioningState",
    ]


async def test_a3_machines_are_found_by_their_name(api: Api) -> None:
    await api.create()
    await api.add_machines(3)
    asked = "properties/osProfile/computerName eq 'web000001'"
    listed = (await api.get(f"{SCALE_SET}/virtualMachines", _filter=asked))["value"]
    assert [machine["instanceId"] for machine in listed] == ["1"]


async def test_f5_no_secret_is_shown_of_a_machine(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    text = (await api.call("GET", f"{SCALE_SET}/virtualMachines/0", _expand="instanceView,userData")).text
    assert "adminPassword" not in text
    assert "customData" not in text
