"""Zones, update domains and the order of upgrades on the wire (docs/rules.md K5, K4)."""

from typing import Any

import pytest

from instar.compute.provider import MachineModel
from instar.domain.machines.placement import Placement
from tests.api.conftest import IMAGE, OLD, SCALE_SET, Api, document, error_of


async def add_machine(api: Api, number: int, place: Placement) -> None:
    model = MachineModel(generation=1)
    await api.fleet.create_instance(api.stored().identity, str(number), IMAGE.at(OLD), model, place)


async def test_b4_an_instance_shows_its_zone_and_update_domain(api: Api) -> None:
    await api.create(zones=["1", "2"])
    await add_machine(api, 0, Placement("1", 0))
    await add_machine(api, 1, Placement("2", 3))
    listed = (await api.get(f"{SCALE_SET}/virtualMachines", _expand="instanceView"))["value"]
    assert [one["zones"] for one in listed] == [["1"], ["2"]]
    assert [one["properties"]["instanceView"]["platformUpdateDomain"] for one in listed] == [0, 3]
    assert (await api.get(f"{SCALE_SET}/virtualMachines/1/instanceView"))["platformUpdateDomain"] == 3


async def test_b4_an_instance_of_a_set_without_zones_shows_none(api: Api) -> None:
    await api.create()
    await api.add_machines(1)
    assert "zones" not in await api.get(f"{SCALE_SET}/virtualMachines/0")
    assert (await api.get(SCALE_SET)).get("zones") is None


@pytest.mark.parametrize(
    "zones", ["1", 1, {"1": True}, [1], [None], [[]], ["1", "1"], [""], ["x" * 33], ["1 2"], ["1\n"]]
)
async def test_b4_zones_that_are_none_are_refused(api: Api, zones: Any) -> None:
    response = await api.call("PUT", SCALE_SET, document(zones=zones))
    assert response.status_code == 400, response.text
    assert error_of(response)["target"] == "zones"
    assert (await api.call("GET", SCALE_SET)).status_code == 404


async def test_b4_the_cross_zone_flag_is_shown_only_if_it_is_set(api: Api) -> None:
    await api.create(properties__upgradePolicy__rollingUpgradePolicy={"maxBatchInstancePercent": 10})
    shown = (await api.get(SCALE_SET))["properties"]["upgradePolicy"]["rollingUpgradePolicy"]
    assert "enableCrossZoneUpgrade" not in shown
    change = {"properties": {"upgradePolicy": {"rollingUpgradePolicy": {"enablecrosszoneupgrade": True}}}}
    response = await api.call("PATCH", SCALE_SET, change)
    assert response.status_code == 200, response.text
    shown = response.json()["properties"]["upgradePolicy"]["rollingUpgradePolicy"]
    assert shown["enableCrossZoneUpgrade"] is True
    assert shown["maxBatchInstancePercent"] == 10


@pytest.mark.parametrize("flag", ["perhaps", 7, [], {"a": 1}])
async def test_b4_a_cross_zone_flag_that_is_none_is_refused(api: Api, flag: Any) -> None:
    response = await api.call(
        "PUT", SCALE_SET, document(properties__upgradePolicy__rollingUpgradePolicy={"enableCrossZoneUpgrade": flag})
    )
    assert response.status_code == 400, response.text
    assert "enableCrossZoneUpgrade" in error_of(response)["message"]


@pytest.mark.parametrize(
    "policy", [7, [], {"rules": "Default"}, {"rules": ["Random"]}, {"rules": ["Default", "Default"]}]
)
async def test_p16_a_scale_in_policy_that_is_none_is_refused(api: Api, policy: Any) -> None:
    response = await api.call("PUT", SCALE_SET, document(properties__scaleInPolicy=policy))
    assert response.status_code == 400, response.text
    assert "scaleInPolicy" in error_of(response)["message"]
    assert (await api.call("GET", SCALE_SET)).status_code == 404


async def test_p16_a_scale_in_policy_is_stored_and_shown(api: Api) -> None:
    await api.create(properties__scaleInPolicy={"rules": ["OldestVM"], "forceDeletion": False})
    shown = (await api.get(SCALE_SET))["properties"]["scaleInPolicy"]
    assert shown == {"rules": ["OldestVM"], "forceDeletion": False}
