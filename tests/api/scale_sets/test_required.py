"""What a new set must have, as Azure wants it, and what sets that are there already may go on without."""

from typing import Any

import pytest

from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.api.conftest import INTERFACE, SCALE_SET, SUBSCRIPTION, Api, document, error_of

_PROFILE = "properties__virtualMachineProfile"
_SYSTEM = f"{_PROFILE}__osProfile"
_LINUX = f"{_SYSTEM}__linuxConfiguration"
_NETWORK = f"{_PROFILE}__networkProfile"
_IMAGE = f"{_PROFILE}__storageProfile__imageReference"
SERVER = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022", "version": "latest"}
KEY = {"path": "/home/operator/.ssh/authorized_keys", "keyData": "ssh-ed25519 AAAA"}
NO_PASSWORDS: dict[str, Any] = {"disablePasswordAuthentication": True}


def addressed(address: Any) -> dict[str, Any]:
    return {"networkInterfaceConfigurations": [{"name": "nic", "properties": {"ipConfigurations": [address]}}]}


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"properties__upgradePolicy": None}, "upgradePolicy"),
        ({"properties__upgradePolicy": {"rollingUpgradePolicy": {}}}, "upgradePolicy.mode"),
        ({_SYSTEM: None}, "osProfile"),
        ({f"{_SYSTEM}__adminUsername": None}, "adminUsername"),
        ({f"{_SYSTEM}__adminPassword": None}, "adminPassword"),
        ({f"{_SYSTEM}__adminPassword": None, _LINUX: {"ssh": {"publicKeys": [KEY]}}, _IMAGE: SERVER}, "adminPassword"),
        ({_NETWORK: None}, "networkProfile"),
        ({_NETWORK: {"networkInterfaceConfigurations": []}}, "networkProfile.networkInterfaceConfigurations"),
        (
            {_NETWORK: {"networkInterfaceConfigurations": [{"properties": INTERFACE["properties"]}]}},
            "networkInterfaceConfigurations[0].name",
        ),
        (
            {_NETWORK: {"networkInterfaceConfigurations": [{"name": "nic", "properties": {}}]}},
            "networkInterfaceConfigurations[0].properties.ipConfigurations",
        ),
        (
            {_NETWORK: addressed({"name": "ip", "properties": {}})},
            "networkInterfaceConfigurations[0].properties.ipConfigurations[0].properties.subnet.id",
        ),
        (
            {_NETWORK: addressed({"properties": {"subnet": {"id": "x"}}})},
            "networkInterfaceConfigurations[0].properties.ipConfigurations[0].name",
        ),
    ],
)
async def test_k6_a_new_set_without_what_azure_requires_is_refused(
    api: Api, changes: dict[str, Any], missing: str
) -> None:
    answer = await api.call("PUT", SCALE_SET, document(**changes))
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert error["code"] == "InvalidParameter"
    assert error["message"] == f"Required parameter '{missing}' is missing (null)."
    assert error["target"] == missing
    assert api.store.scale_sets.find(SCALE_SET) is None


@pytest.mark.parametrize(
    ("changes", "target", "message"),
    [
        ({f"{_SYSTEM}__adminUsername": "root"}, "adminUsername", "The Admin Username specified is not allowed."),
        ({f"{_SYSTEM}__adminPassword": "x"}, "adminPassword", "The supplied password must be between 6-72"),
        (
            {f"{_SYSTEM}__adminPassword": "x", _IMAGE: SERVER},
            "adminPassword",
            "The supplied password must be between 8",
        ),
        ({f"{_SYSTEM}__computerNamePrefix": "a" * 59}, "computerNamePrefix", "Linux host name prefix cannot exceed 58"),
        ({f"{_SYSTEM}__computerNamePrefix": "a" * 10, _IMAGE: SERVER}, "computerNamePrefix", "Windows computer name"),
        ({f"{_SYSTEM}__customData": "#!/bin/sh"}, "customData", "Custom data in OSProfile must be in Base64"),
        ({_LINUX: NO_PASSWORDS}, "linuxConfiguration", "Authentication using either SSH or by user name and password"),
    ],
)
async def test_k6_names_passwords_and_keys_are_judged_in_azures_words(
    api: Api, changes: dict[str, Any], target: str, message: str
) -> None:
    answer = await api.call("PUT", SCALE_SET, document(**changes))
    assert (answer.status_code, error_of(answer)["code"], error_of(answer)["target"]) == (
        400,
        "InvalidParameter",
        target,
    )
    assert error_of(answer)["message"].startswith(message)


@pytest.mark.parametrize(
    "changes",
    [
        {_LINUX: {"ssh": {"publicKeys": [KEY]}}, f"{_SYSTEM}__adminPassword": None},
        {_LINUX: NO_PASSWORDS | {"ssh": {"publicKeys": [KEY]}}, f"{_SYSTEM}__adminPassword": None},
        {_IMAGE: SERVER, f"{_SYSTEM}__adminPassword": "Long-enough-1"},
        {"properties__upgradePolicy": None, "properties__orchestrationMode": "Flexible"},
        {f"{_SYSTEM}__computerNamePrefix": None},
    ],
)
async def test_k6_what_azure_takes_is_taken(api: Api, changes: dict[str, Any]) -> None:
    answer = await api.call("PUT", SCALE_SET, document(**changes))
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("member", ["computerNamePrefix", "adminUsername", "adminPassword", "customData"])
async def test_k6_what_must_be_text_is_text_and_never_repeated(api: Api, member: str) -> None:
    answer = await api.call("PUT", SCALE_SET, document(**{f"{_SYSTEM}__{member}": 73_310_233}))
    assert answer.status_code == 400
    assert "73310233" not in answer.text


@pytest.mark.parametrize(
    "disk", [{"image": {"uri": "https://a.example/os.vhd"}}, {"vhdContainers": ["https://a.example/vhds"]}]
)
async def test_i2_a_vhd_is_told_what_may_stand_in_its_place(api: Api, disk: dict[str, Any]) -> None:
    answer = await api.call("PUT", SCALE_SET, document(**{_IMAGE: None, f"{_PROFILE}__storageProfile__osDisk": disk}))
    assert answer.status_code == 400
    assert "VHD" in error_of(answer)["message"]
    assert "gallery" in error_of(answer)["message"]
    assert error_of(answer)["target"].endswith(f"osDisk.{next(iter(disk))}")


async def test_adopted_machines_need_no_profiles_and_what_is_given_is_judged(api: Api) -> None:
    adopted = {"properties__instar": {"adopted": True}, _SYSTEM: None, _NETWORK: None, "sku__capacity": 0}
    assert (await api.call("PUT", SCALE_SET, document(**adopted))).status_code == 201
    assert (await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 2}})).status_code == 200
    await api.add_machines(1)
    machine = await api.get(f"{SCALE_SET}/virtualMachines/0", _expand="instanceView")
    assert "osProfile" not in machine["properties"]
    assert "computerName" not in machine["properties"]["instanceView"]
    odd = document(**adopted | {_SYSTEM: {"adminUsername": "root", "adminPassword": "An-example-0nly!"}})
    refused = await api.call("PUT", f"{SCALE_SET}-odd", odd)
    assert error_of(refused)["target"] == "adminUsername"


async def test_a_set_from_before_these_rules_goes_on_and_gets_no_worse(api: Api) -> None:
    old = document(
        **{_SYSTEM: {"adminUsername": "root", "computerNamePrefix": "a_b"}, _NETWORK: None, "location": "westus2"}
    )
    identity = ScaleSetIdentity(resource_id=SCALE_SET, name="web", unique_id="old", location="westus2")
    api.store.scale_sets.create(identity, SUBSCRIPTION, "Farm", old, api.clock())
    body = await api.get(SCALE_SET)
    assert (await api.call("PUT", SCALE_SET, body)).status_code == 200
    assert api.stored().generation == 1
    assert (await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 4}})).status_code == 200
    for change, target in (
        ({"adminPassword": "x"}, "adminPassword"),
        ({"adminUsername": "guest"}, "adminUsername"),
        ({"computerNamePrefix": "c_d"}, "computerNamePrefix"),
        ({"linuxConfiguration": NO_PASSWORDS}, "linuxConfiguration"),
    ):
        asked = {"properties": {"virtualMachineProfile": {"osProfile": change}}}
        refused = await api.call("PATCH", SCALE_SET, asked)
        assert (refused.status_code, error_of(refused)["target"]) == (400, target), refused.text


async def test_a_set_cannot_lose_what_a_new_one_must_have(api: Api) -> None:
    await api.create()
    for change, target in (
        ({"osProfile": None}, "osProfile"),
        ({"networkProfile": None}, "networkProfile"),
        ({"osProfile": {"adminPassword": None}}, "adminPassword"),
        ({"osProfile": {"adminUsername": None}}, "adminUsername"),
    ):
        refused = await api.call("PATCH", SCALE_SET, {"properties": {"virtualMachineProfile": change}})
        assert (refused.status_code, error_of(refused)["target"]) == (400, target)
    kept = await api.call("PATCH", SCALE_SET, {"properties": {"virtualMachineProfile": {"osProfile": {"secrets": []}}}})
    assert kept.status_code == 200, "the password from before is still there"
