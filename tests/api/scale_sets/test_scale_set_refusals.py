"""What a set cannot be and what of it cannot change: refused by name, and nothing is changed."""

import copy
from typing import Any

import pytest

from instar.domain.records.upgrades import UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from tests.api.conftest import (
    DOCUMENT,
    ENABLE,
    GROUP,
    HEALTH_EXTENSION,
    IMAGE,
    NEW,
    OLD,
    SCALE_SET,
    Api,
    document,
    error_of,
)

PROFILE = "properties__virtualMachineProfile"
IMAGE_PATH = f"{PROFILE}__storageProfile__imageReference"
EXTENSIONS = f"{PROFILE}__extensionProfile__extensions"
ENABLED = "properties__upgradePolicy__automaticOSUpgradePolicy__enableAutomaticOSUpgrade"
PROBE = f"{PROFILE}__networkProfile__healthProbe"


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"location": None}, "location"),
        ({"location": 7}, "location"),
        ({"sku__capacity": None}, "sku.capacity"),
        ({"sku__capacity": -1}, "sku.capacity"),
        ({"sku__capacity": 10_001}, "sku.capacity"),
        ({"sku__capacity": True}, "sku.capacity"),
        ({"sku__capacity": 2.5}, "sku.capacity"),
        ({"sku__capacity": "many"}, "sku.capacity"),
        ({"sku": []}, "sku"),
        ({"zones": 3}, "zones"),
        ({"tags": {"a": {}}}, "tags"),
        ({"properties": "x"}, "properties"),
        ({IMAGE_PATH: None}, "imageReference"),
        ({IMAGE_PATH: 5}, "imageReference"),
        ({f"{IMAGE_PATH}__offer": None}, "imageReference.offer"),
        ({f"{IMAGE_PATH}__offer": ["x"]}, "imageReference.offer"),
        ({f"{PROFILE}__storageProfile__dataDisks": 4}, "dataDisks"),
        ({f"{PROFILE}__storageProfile__dataDisks": [1]}, "dataDisks"),
        ({f"{PROFILE}__storageProfile__dataDisks": [{"lun": []}]}, "lun"),
        ({f"{PROFILE}__storageProfile__dataDisks": [{}] * 65}, "dataDisks"),
        ({EXTENSIONS: {}}, "extensions"),
        ({EXTENSIONS: ["x"]}, "extensions"),
        ({EXTENSIONS: [{"properties": {}}]}, "name"),
        ({EXTENSIONS: [{"name": "x", "properties": []}]}, "properties"),
        ({EXTENSIONS: [{"name": "x", "properties": {"settings": 1}}]}, "settings"),
        ({f"{PROFILE}__networkProfile": 1}, "networkProfile"),
        ({PROBE: {"id": {}}}, "healthProbe.id"),
        ({"properties__upgradePolicy": []}, "upgradePolicy"),
        ({"properties__upgradePolicy__mode": "Sometimes"}, "upgradePolicy.mode"),
        ({"properties__upgradePolicy__mode": {}}, "upgradePolicy.mode"),
        (
            {"properties__upgradePolicy__rollingUpgradePolicy": {"maxBatchInstancePercent": 4}},
            "maxBatchInstancePercent",
        ),
        ({"properties__upgradePolicy__rollingUpgradePolicy": {"maxBatchInstancePercent": 50}}, "rollingUpgradePolicy"),
        ({"properties__upgradePolicy__rollingUpgradePolicy": {"pauseTimeBetweenBatches": "soon"}}, "pauseTime"),
        ({ENABLED: "perhaps"}, "enableAutomaticOSUpgrade"),
    ],
)
async def test_a_wrong_property_is_400_and_named(api: Api, changes: dict[str, Any], target: str) -> None:
    answer = await api.call("PUT", SCALE_SET, document(**changes))
    assert answer.status_code == 400, answer.text
    error = error_of(answer)
    assert error["code"] == "InvalidParameter"
    assert target in error["target"]
    assert api.store.scale_sets.find(SCALE_SET) is None
    assert api.gateway.sent == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {ENABLED: True, f"{IMAGE_PATH}__version": OLD},
            (
                "virtualMachineScaleSets with Automatic OS Upgrade enabled must use Platform or Gallery Image with "
                "version set to 'latest'."
            ),
        ),
        (
            {ENABLED: True, EXTENSIONS: []},
            (
                "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because a health probe or "
                "health extension was not specified."
            ),
        ),
        (
            {ENABLED: True, PROBE: {"id": "/probes/p"}},
            (
                "Automatic OS Upgrade is not supported for this Virtual Machine Scale Set because both a health "
                "probe and a health extension were provided. Remove the health probe or health extension prior to "
                "enabling automatic OS upgrade."
            ),
        ),
        (
            {"properties__upgradePolicy__mode": "Rolling", EXTENSIONS: []},
            (
                "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set because a health probe or "
                "health extension was not provided."
            ),
        ),
    ],
)
async def test_i3_h1_h2_a_model_that_cannot_be_is_400_with_azures_sentence(
    api: Api, changes: dict[str, Any], sentence: str
) -> None:
    answer = await api.call("PUT", SCALE_SET, document(**changes))
    assert answer.status_code == 400
    assert error_of(answer)["code"] == "BadRequest"
    assert error_of(answer)["message"] == sentence


async def test_p6_a_source_too_slow_for_the_health_wait_is_refused_when_enabling(api: Api) -> None:
    slow = copy.deepcopy(HEALTH_EXTENSION)
    slow["properties"]["settings"] |= {"intervalInSeconds": 60, "numberOfProbes": 6}
    changes: dict[str, Any] = {EXTENSIONS: [slow]}
    await api.create(**changes)
    before = api.stored()
    answer = await api.call("PATCH", SCALE_SET, ENABLE)
    assert answer.status_code == 400
    assert "360 seconds" in error_of(answer)["message"]
    assert api.stored() == before


@pytest.mark.parametrize("name", ["publisher", "offer"])
async def test_i4_publisher_and_offer_cannot_change(api: Api, name: str) -> None:
    await api.create()
    before = api.stored()
    change = {"properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": {name: "Other"}}}}}
    answer = await api.call("PATCH", SCALE_SET, change)
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "PropertyChangeNotAllowed"
    assert error_of(answer)["message"] == f"Changing property 'imageReference.{name}' is not allowed."
    assert api.stored() == before


async def test_i4_the_sku_can_change(api: Api) -> None:
    await api.create()
    change = {"properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": {"sku": "16.04-LTS"}}}}}
    assert (await api.call("PATCH", SCALE_SET, change)).status_code == 200


async def test_p1_the_image_cannot_change_while_an_upgrade_runs_but_the_rest_can(api: Api) -> None:
    await api.create()
    record = UpgradeRecord(
        scale_set=api.stored().identity,
        number=1,
        operation_id="",
        started_by=StartedBy.USER,
        target=IMAGE.at(NEW),
        generation=1,
        policy=RollingUpgradePolicy(),
        status=UpgradeStatus.ROLLING_FORWARD,
        started_at=api.clock(),
    )
    api.store.upgrades.write(record)
    change = {"properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": {"version": OLD}}}}}
    answer = await api.call("PATCH", SCALE_SET, change)
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "OperationNotAllowed"
    assert (await api.call("PATCH", SCALE_SET, {"tags": {"a": "b"}})).status_code == 200
    api.store.upgrades.write(record.model_copy(update={"status": UpgradeStatus.COMPLETED, "ended_at": api.clock()}))
    assert (await api.call("PATCH", SCALE_SET, change)).status_code == 200


async def test_a_set_cannot_move(api: Api) -> None:
    await api.create()
    answer = await api.call("PUT", SCALE_SET, document(location="eastus"))
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "InvalidResourceLocation"


@pytest.mark.parametrize("name", ["we b", "-web", "web.", "x" * 65, "w%C3%A9b"])
async def test_a_name_that_no_set_can_have_is_400(api: Api, name: str) -> None:
    answer = await api.call("PUT", f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}", DOCUMENT)
    assert answer.status_code == 400
    error_of(answer)
