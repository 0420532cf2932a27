"""The requests of the PowerShell cmdlets of the original document, and of those around them.

PowerShell itself is not run. What each cmdlet sends was read in the source of Az.Compute: names of members, versions,
which of PATCH and PUT. Its poller waits before it asks the first time, so `Retry-After` counts (test_long_running.py).
"""

import re
from typing import Any

import pytest

from instar.domain.machines.actions import ActionKind
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.messages.scale_set import ApplyModel, CancelUpgrade, StartUpgrade
from tests.api.conftest import LOCATION, OLD, SCALE_SET, Api, document, error_of
from tests.api.galleries.gallery import IMAGE as GALLERY_IMAGE
from tests.api.galleries.gallery import make_image, publish
from tests.api.upgrades.test_rolling_upgrades import record

SETS = ("2024-11-01", "2025-04-01")
"""Versions of Az.Compute's model of sets; 2019-12-01 is that of the original document."""

UPGRADES = {"api-version": "2023-09-01"}
OPERATION = re.compile(r"(.*?)operations/[a-f0-9]{8}-([a-f0-9]{4}-){3}[a-f0-9]{12}")
"""Where cmdlets look for the name of an operation: in the URL that they asked last."""

sets = pytest.mark.parametrize("version", [*SETS, "2019-12-01"])


async def ended(api: Api, answer: Any) -> None:
    """What the poller asks until it sees the end."""
    assert answer.headers["Retry-After"] == "1"
    url = answer.headers["Azure-AsyncOperation"]
    assert OPERATION.match(url)
    assert (await api.http.get(url)).json()["status"] == "InProgress"
    api.end_operations()
    assert (await api.http.get(url)).json()["status"] == "Succeeded"
    if "Location" in answer.headers:
        assert OPERATION.match(answer.headers["Location"])
        assert (await api.http.get(answer.headers["Location"])).status_code == 200


@sets
async def test_update_azvmss_automatic_os_upgrade_is_a_patch_of_one_setting(api: Api, version: str) -> None:
    """`Update-AzVmss -ResourceGroupName … -VMScaleSetName … -AutomaticOSUpgrade $true`."""
    await api.create()
    body = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}}
    answer = await api.http.patch(SCALE_SET, params={"api-version": version}, json=body)
    assert answer.status_code == 200, "no other is taken for a PATCH"
    assert isinstance(api.gateway.last, ApplyModel)
    assert api.gateway.last.automatic
    await ended(api, answer)
    seen = (await api.http.get(SCALE_SET, params={"api-version": version})).json()
    assert seen["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    assert seen["properties"]["upgradePolicy"]["mode"] == "Automatic"


@sets
async def test_update_azvmss_with_a_set_from_get_azvmss_puts_it_back_whole(api: Api, version: str) -> None:
    """`$set = Get-AzVmss …`, a change of `$set.UpgradePolicy`, `Update-AzVmss -VirtualMachineScaleSet $set`.

    What PowerShell's model does not know is lost on the way (`instar` and secrets); read-only members are not sent.
    """
    await api.create()
    query = {"api-version": version}
    body = (await api.http.get(SCALE_SET, params=query)).json()
    sent = {key: body[key] for key in ("location", "tags", "sku")}
    read_only = ("provisioningState", "uniqueId", "timeCreated")
    sent["properties"] = {key: value for key, value in body["properties"].items() if key not in read_only}
    sent["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] = True
    answer = await api.http.put(SCALE_SET, params=query, json=sent)
    assert answer.status_code == 200, answer.text
    assert api.gateway.last.automatic
    await ended(api, answer)
    opened = api.store.scale_sets.open_model(api.stored().identity.unique_id, api.stored().generation)
    assert opened["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"], "secrets stay"


async def test_update_azvmss_leaves_out_a_gallery_image_that_stays(api: Api) -> None:
    """It GETs the set once more, and sends no `imageReference` if its id is the same."""
    await make_image(api)
    await publish(api, "1.0.0")
    api.clock.advance(api.app.state.services.settings.delays.replication)
    image = "properties__virtualMachineProfile__storageProfile__imageReference"
    changes: dict[str, Any] = {image: {"id": GALLERY_IMAGE}}
    await api.create(**changes)
    body = (await api.http.get(SCALE_SET, params={"api-version": SETS[0]})).json()
    del body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
    answer = await api.http.put(SCALE_SET, params={"api-version": SETS[0]}, json=body)
    assert answer.status_code == 200, answer.text
    kept = api.stored().document["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
    assert kept == {"id": GALLERY_IMAGE}


async def test_update_azvmss_can_be_conditional(api: Api) -> None:
    """`-IfMatch`, with the `Etag` that Get-AzVmss showed."""
    created = await api.create()
    query, headers = {"api-version": SETS[0]}, {"If-Match": created.json()["etag"]}
    assert (await api.http.patch(SCALE_SET, params=query, json={"tags": {}}, headers=headers)).status_code == 200
    assert (await api.http.patch(SCALE_SET, params=query, json={"tags": {}}, headers=headers)).status_code == 412


@pytest.mark.parametrize("version", SETS)
async def test_new_azvmss_of_new_azvmssconfig_is_a_put_of_a_new_set(api: Api, version: str) -> None:
    """`New-AzVmssConfig -AutomaticOSUpgrade -UpgradePolicyMode … -MaxBatchInstancePercent …`, then `New-AzVmss`."""
    policy = {
        "mode": "Automatic",
        "rollingUpgradePolicy": {"maxBatchInstancePercent": 20, "pauseTimeBetweenBatches": "PT0S"},
        "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True, "disableAutomaticRollback": False},
    }
    body = document(properties__upgradePolicy=policy, properties__overprovision=False, location="westus2")
    answer = await api.http.put(SCALE_SET, params={"api-version": version}, json=body)
    assert answer.status_code == 201, answer.text
    await ended(api, answer)
    again = await api.http.get(SCALE_SET, params={"api-version": version})
    assert again.json()["properties"]["provisioningState"] == "Succeeded"


@sets
async def test_get_azvmss_osupgradehistory(api: Api, version: str) -> None:
    """`Get-AzVmss -OSUpgradeHistory`: its model reads `endTime`, the original shows `completedTime`."""
    await api.create()
    path = f"{SCALE_SET}/osUpgradeHistory"
    assert (await api.http.get(path, params={"api-version": version})).json() == {"value": []}
    api.store.upgrades.write(record(api, 1, api.clock()))
    [item] = (await api.http.get(path, params={"api-version": version})).json()["value"]
    status = item["properties"]["runningStatus"]
    assert status["endTime"] == status["completedTime"]
    assert item["properties"]["startedBy"] == "Platform"
    assert item["properties"]["rollbackInfo"]["failedRolledbackInstanceCount"] == 0


async def test_get_azvmss_and_get_azvmssvm_with_instance_view(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    query = {"api-version": SETS[0]}
    view = (await api.http.get(f"{SCALE_SET}/instanceView", params=query)).json()
    assert {"code": "ProvisioningState/succeeded", "count": 1} in view["virtualMachine"]["statusesSummary"]
    one = (await api.http.get(f"{SCALE_SET}/virtualMachines/0/instanceView", params=query)).json()
    assert "PowerState/running" in {status["code"] for status in one["statuses"]}


async def test_start_azvmssrollingosupgrade(api: Api) -> None:
    await api.create()
    answer = await api.http.post(f"{SCALE_SET}/osRollingUpgrade", params=UPGRADES)
    assert answer.status_code == 202
    assert isinstance(api.gateway.last, StartUpgrade)
    await ended(api, answer)


async def test_stop_azvmssrollingupgrade(api: Api) -> None:
    await api.create()
    answer = await api.http.post(f"{SCALE_SET}/rollingUpgrades/cancel", params=UPGRADES)
    assert answer.status_code == 202
    assert isinstance(api.gateway.last, CancelUpgrade)
    await ended(api, answer)


async def test_get_azvmssrollingupgrade(api: Api) -> None:
    await api.create()
    path = f"{SCALE_SET}/rollingUpgrades/latest"
    none = await api.http.get(path, params=UPGRADES)
    assert (none.status_code, error_of(none)["code"]) == (404, "NotFound")
    api.store.upgrades.write(record(api, 1, api.clock()))
    body = (await api.http.get(path, params=UPGRADES)).json()
    assert body["properties"]["runningStatus"]["code"] == "Completed"
    assert body["properties"]["policy"]["pauseTimeBetweenBatches"] == "PT0S"


@pytest.mark.parametrize(("ids", "everyone"), [(["*"], True), (["0"], False)])
async def test_update_azvmssinstance(api: Api, ids: list[str], *, everyone: bool) -> None:
    """`Update-AzVmssInstance -InstanceId "*"`."""
    await api.create()
    await api.add_machines(1)
    answer = await api.http.post(
        f"{SCALE_SET}/manualupgrade", params={"api-version": SETS[0]}, json={"instanceIds": ids}
    )
    assert answer.status_code == 202
    asked = api.gateway.last
    assert isinstance(asked, InstanceAction)
    assert (asked.kind, asked.everyone) == (ActionKind.MANUAL_UPGRADE, everyone)
    await ended(api, answer)


@sets
async def test_get_azvmimage_and_its_publishers_offers_and_skus(api: Api, version: str) -> None:
    """Bare arrays; `-Location "West US 2"` is sent as westus2. With `-Version` the one version, with its properties."""
    api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", OLD, "westus2", {}, api.clock())
    path, query = f"{LOCATION}/publishers", {"api-version": version}
    below = {
        "": "Canonical",
        "/Canonical/artifacttypes/vmimage/offers": "UbuntuServer",
        "/UbuntuServer/skus": "18.04-LTS",
        "/18.04-LTS/versions": OLD,
    }
    for more, name in below.items():
        path += more
        listed = (await api.http.get(path, params=query)).json()
        assert name in [one["name"] for one in listed]
        assert all({"id", "name", "location"} <= one.keys() for one in listed)
    found = (await api.http.get(f"{path}/{OLD}", params=query)).json()
    assert found["properties"]["osDiskImage"]["operatingSystem"] == "Linux"
    assert found["properties"]["automaticOSUpgradeProperties"]["automaticOSUpgradeSupported"] is True
    assert found["properties"]["dataDiskImages"] == []
