"""What one api-version showed and it or another puts back: nothing is lost, nothing changes (docs/rules.md K5)."""

from typing import Any

import pytest

from tests.api.conftest import OLD, Api, error_of
from tests.api.wire.test_api_versions import AUTOMATIC, FIRST, NEWEST, ROLLING, put, seen


@pytest.mark.parametrize("version", [FIRST, "2019-12-01", "2022-03-01", "2023-09-01", NEWEST])
async def test_k7_what_was_got_can_be_put_back_and_changes_nothing(api: Api, version: str) -> None:
    """docs/rules.md K7: `az vmss update` and PowerShell put back the whole answer. What is only shown is no wish."""
    await api.create()
    before = api.stored()
    body = await seen(api, version)
    profile = body["properties"]["virtualMachineProfile"]
    profile["timeCreated"] = "2026-03-01T12:00:00+00:00"
    profile["storageProfile"]["imageReference"]["exactVersion"] = OLD
    answer = await put(api, version, body)
    assert answer.status_code == 200, answer.text
    assert api.stored().generation == before.generation
    assert api.stored().document == before.document


async def test_k7_a_newer_answer_put_back_by_an_older_version_loses_what_is_read_only_and_is_refused_the_rest(
    api: Api,
) -> None:
    changes: dict[str, Any] = {f"{ROLLING}__maxBatchInstancePercent": 10}
    await api.create(**changes)
    body = await seen(api, NEWEST)
    answer = await put(api, "2023-07-01", body)
    assert answer.status_code == 200, "etag, timeCreated and the like are no wishes, whatever the version"
    assert error_of(await put(api, "2022-08-01", body))["message"].startswith("Could not find member")


async def test_k5_what_a_version_cannot_see_it_does_not_delete(api: Api) -> None:
    """PUT merges: a whole set put back by 2019-12-01 keeps what came later."""
    changes: dict[str, Any] = {
        f"{ROLLING}__prioritizeUnhealthyInstances": True,
        f"{ROLLING}__rollbackFailedInstancesOnPolicyBreach": True,
        f"{AUTOMATIC}__useRollingUpgradePolicy": True,
        f"{AUTOMATIC}__osRollingUpgradeDeferral": False,
    }
    await api.create(**changes)
    before = api.stored().document
    body = await seen(api, "2019-12-01")
    policy = body["properties"]["upgradePolicy"]["rollingUpgradePolicy"]
    assert "prioritizeUnhealthyInstances" not in policy
    policy["maxBatchInstancePercent"] = 15
    assert (await put(api, "2019-12-01", body)).status_code == 200
    after = api.stored().document["properties"]["upgradePolicy"]
    assert after["rollingUpgradePolicy"].pop("maxBatchInstancePercent") == 15
    assert after["automaticOSUpgradePolicy"] == before["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]
    for name in ("prioritizeUnhealthyInstances", "rollbackFailedInstancesOnPolicyBreach"):
        assert after["rollingUpgradePolicy"][name] is True


async def test_k5_a_null_removes_an_object_with_what_the_version_cannot_see(api: Api) -> None:
    """It was named, whole. The defaults of 1.2 come in its place."""
    changes: dict[str, Any] = {
        f"{ROLLING}__prioritizeUnhealthyInstances": True,
        f"{AUTOMATIC}__enableAutomaticOSUpgrade": True,
    }
    await api.create(**changes)
    body = {"properties": {"upgradePolicy": {"rollingUpgradePolicy": None}}}
    assert (await put(api, "2019-12-01", body)).status_code == 200
    policy = (await seen(api, NEWEST))["properties"]["upgradePolicy"]["rollingUpgradePolicy"]
    assert "prioritizeUnhealthyInstances" not in policy
    assert policy["maxBatchInstancePercent"] == 20
