"""Sets: what is answered to a PUT, a PATCH, a GET and a DELETE of one, and what its workflow is told."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from api.wire.errors import unavailable
from instar.domain.messages.scale_set import ApplyModel, DeleteScaleSet
from tests.api.conftest import (
    DOCUMENT,
    ENABLE,
    GROUP,
    OLD,
    SCALE_SET,
    SECRETS,
    SUBSCRIPTION,
    Api,
    document,
    error_of,
    trusting,
)


async def test_put_creates_a_set_and_tells_its_workflow(api: Api) -> None:
    response = await api.call("PUT", SCALE_SET, DOCUMENT)
    assert response.status_code == 201
    body = response.json()
    assert body["id"] == SCALE_SET
    assert body["name"] == "web"
    assert body["type"] == "Microsoft.Compute/virtualMachineScaleSets"
    assert body["location"] == "westus2"
    assert body["properties"]["provisioningState"] == "Creating"
    assert body["properties"]["timeCreated"] == "2026-03-01T12:00:00.1234+00:00"
    stored = api.stored()
    assert body["properties"]["uniqueId"] == stored.identity.unique_id
    assert isinstance(api.gateway.last, ApplyModel)
    assert (api.gateway.last.generation, api.gateway.last.automatic) == (1, False)


async def test_put_and_patch_answer_with_an_operation_and_no_location(api: Api) -> None:
    created = await api.call("PUT", SCALE_SET, DOCUMENT)
    changed = await api.call("PUT", SCALE_SET, {"sku": {"capacity": 4}})
    patched = await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 5}})
    assert [one.status_code for one in (created, changed, patched)] == [201, 200, 200]
    for response in (created, changed, patched):
        assert response.headers["Retry-After"] == "1"
        assert "Location" not in response.headers
        url = response.headers["Azure-AsyncOperation"]
        assert url.startswith("http://api.test:8000/subscriptions/")
        assert "/locations/westus2/operations/" in url
        assert "api-version=2026-04-01" in url
        status = await api.http.get(url)
        assert status.status_code == 200
        assert status.json()["status"] == "InProgress"
        assert status.headers["Retry-After"] == "1"
    assert changed.json()["properties"]["provisioningState"] == "Updating"


async def test_urls_follow_the_proxy_in_front_but_nothing_that_is_no_host(api: Api) -> None:
    await api.create()
    query = {"api-version": "2024-11-01"}
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "arm.example:8443"}
    response = await api.http.patch(SCALE_SET, params=query, json={}, headers=proxied)
    assert response.headers["Azure-AsyncOperation"].startswith("http://api.test:8000/"), "whoever says so is believed"
    trusting(api, "10.0.0.0/8", "127.0.0.1")
    response = await api.http.patch(SCALE_SET, params=query, json={}, headers=proxied)
    assert response.headers["Azure-AsyncOperation"].startswith("https://arm.example:8443/subscriptions/")
    rubbish = {"X-Forwarded-Host": "evil/ path"}
    response = await api.http.patch(SCALE_SET, params=query, json={}, headers=rubbish)
    assert response.headers["Azure-AsyncOperation"].startswith("http://api.test:8000/subscriptions/")


async def test_provisioning_state_follows_the_operations(api: Api) -> None:
    await api.call("PUT", SCALE_SET, DOCUMENT)
    assert (await api.get(SCALE_SET))["properties"]["provisioningState"] == "Creating"
    api.end_operations()
    assert (await api.get(SCALE_SET))["properties"]["provisioningState"] == "Succeeded"
    await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 7}})
    assert (await api.get(SCALE_SET))["properties"]["provisioningState"] == "Updating"
    api.end_operations()
    await api.call("DELETE", SCALE_SET)
    assert (await api.get(SCALE_SET))["properties"]["provisioningState"] == "Deleting"


async def test_secrets_are_never_returned(api: Api) -> None:
    created = await api.create()
    await api.add_machines(1)
    patched = await api.call("PATCH", SCALE_SET, {"properties": {"virtualMachineProfile": {"userData": SECRETS[3]}}})
    paths = ("", "/virtualMachines", "/virtualMachines/0", "/virtualMachines/0/instanceView", "/instanceView")
    answers = [created, patched, await api.call("GET", SCALE_SET, _expand="userData")]
    answers += [await api.call("GET", SCALE_SET + path) for path in paths]
    answers += [await api.call("GET", SCALE_SET + path, _expand="instanceView,userData") for path in paths[1:3]]
    answers.append(await api.call("GET", f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets"))
    for answer in answers:
        assert answer.status_code < 300
        for secret in SECRETS:
            assert secret not in answer.text
    opened = api.store.scale_sets.open_model(api.stored().identity.unique_id, api.stored().generation)
    assert all(secret in str(opened) for secret in SECRETS), "the control: they are there to be returned"


async def test_put_on_an_existing_set_merges_as_az_needs_it(api: Api) -> None:
    await api.create()
    scaled = await api.call("PUT", SCALE_SET, {"location": "westus2", "sku": {"name": "Standard_B2s", "capacity": 9}})
    assert scaled.status_code == 200
    assert scaled.json()["sku"] == {"name": "Standard_B2s", "tier": "Standard", "capacity": 9}
    profile = scaled.json()["properties"]["virtualMachineProfile"]
    assert profile["storageProfile"]["imageReference"]["offer"] == "UbuntuServer"

    returned = await api.get(SCALE_SET)
    del returned["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
    put_back = await api.call("PUT", SCALE_SET, returned)
    assert put_back.status_code == 200, put_back.text
    assert api.stored().generation == 2, "a model that says the same is no new generation"

    pinned = {"properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": {"version": OLD}}}}}
    answer = await api.call("PUT", SCALE_SET, pinned)
    image = answer.json()["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
    assert image == {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS", "version": OLD}
    opened = api.store.scale_sets.open_model(api.stored().identity.unique_id, 3)
    assert all(secret in str(opened) for secret in SECRETS), "secrets that were not put back are kept"


async def test_patch_merges_objects_removes_nulls_and_replaces_tags_and_lists(api: Api) -> None:
    await api.create(properties__overprovision=True, zones=["1", "2"])
    change = {
        "tags": {"Other": "x"},
        "zones": ["3"],
        "properties": {"Overprovision": None, "singlePlacementGroup": False},
    }
    answer = await api.call("PATCH", SCALE_SET, change)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["tags"] == {"Other": "x"}
    assert body["zones"] == ["3"]
    assert "overprovision" not in api.stored().document["properties"]
    assert body["properties"]["singlePlacementGroup"] is False
    assert body["sku"]["capacity"] == 3


async def test_keys_are_matched_without_regard_to_case(api: Api) -> None:
    created = await api.call("PUT", SCALE_SET, {key.upper(): value for key, value in DOCUMENT.items()})
    assert created.status_code == 201, created.text
    change = {"Properties": {"UpgradePolicy": {"AutomaticOsUpgradePolicy": {"EnableAutomaticOSUpgrade": True}}}}
    answer = await api.call("PATCH", SCALE_SET, change)
    assert answer.status_code == 200
    assert api.gateway.last.automatic is True
    policy = answer.json()["properties"]["upgradePolicy"]
    assert [key for key in policy if key.lower() == "automaticosupgradepolicy"] == ["automaticOSUpgradePolicy"]


async def test_mode_is_taken_in_any_case(api: Api) -> None:
    answer = await api.create(properties__upgradePolicy={"mode": "manual"})
    assert answer.json()["properties"]["upgradePolicy"]["mode"] == "Manual"


async def test_the_automatic_policy_is_always_echoed_with_its_three_fields(api: Api) -> None:
    answer = await api.create()
    policy = answer.json()["properties"]["upgradePolicy"]
    off = {"enableAutomaticOSUpgrade": False, "disableAutomaticRollback": False, "useRollingUpgradePolicy": False}
    assert policy == {"mode": "Automatic", "automaticOSUpgradePolicy": off}

    enabled = (await api.call("PATCH", SCALE_SET, ENABLE)).json()["properties"]["upgradePolicy"]
    assert enabled["automaticOSUpgradePolicy"] == off | {"enableAutomaticOSUpgrade": True}
    assert enabled["rollingUpgradePolicy"] == {
        "maxBatchInstancePercent": 20,
        "maxUnhealthyInstancePercent": 20,
        "maxUnhealthyUpgradedInstancePercent": 20,
        "pauseTimeBetweenBatches": "PT0S",
        "maxSurge": False,
        "rollbackFailedInstancesOnPolicyBreach": False,
    }


async def test_patch_of_an_absent_set_is_404_and_creates_nothing(api: Api) -> None:
    answer = await api.call("PATCH", SCALE_SET, ENABLE)
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "ResourceGroupNotFound"
    assert api.store.scale_sets.list(SUBSCRIPTION) == []


async def test_if_match_and_if_none_match_are_honoured(api: Api) -> None:
    created = await api.create()
    query = {"api-version": "2026-04-01"}
    tag = created.headers["ETag"]
    assert created.json()["etag"] == tag

    async def put(header: str, value: str) -> int:
        return (
            await api.http.put(SCALE_SET, params=query, json={"tags": {"t": value}}, headers={header: value})
        ).status_code

    assert await put("If-None-Match", "*") == 412
    assert await put("If-Match", '"77"') == 412
    assert await put("If-Match", tag) == 200
    assert await put("If-Match", tag) == 412
    assert await put("If-Match", "*") == 200


async def test_f6_with_temporal_away_a_put_is_accepted_and_says_what_it_waits_for(api: Api) -> None:
    api.gateway.error = unavailable("Temporal is away")
    answer = await api.call("PUT", SCALE_SET, DOCUMENT)
    assert answer.status_code == 201
    status = await api.get(urlsplit(answer.headers["Azure-AsyncOperation"]).path)
    assert status["status"] == "InProgress"
    assert status["properties"] == {"waitsFor": "Temporal is away", "waitsSince": status["startTime"]}
    api.gateway.error = None
    api.clock.advance(timedelta(seconds=1))
    again = await api.call("PUT", SCALE_SET, DOCUMENT)
    assert again.status_code == 200
    assert [m.generation for _, m in api.gateway.sent if isinstance(m, ApplyModel)] == [1, 1, 1]
    assert len({scale_set.unique_id for scale_set, _ in api.gateway.sent}) == 1


async def test_changes_made_at_once_are_all_kept(api: Api) -> None:
    await api.create()
    changes = [{"properties": {f"mine{number}": number}} for number in range(4)]
    answers = await asyncio.gather(*(api.call("PATCH", SCALE_SET, one) for one in changes))
    assert {one.status_code for one in answers} == {200}
    properties = (await api.get(SCALE_SET))["properties"]
    assert [properties[f"mine{number}"] for number in range(4)] == [0, 1, 2, 3]


async def test_one_name_put_many_times_at_once_is_one_set(api: Api) -> None:
    answers = await asyncio.gather(*(api.call("PUT", SCALE_SET, DOCUMENT) for _ in range(5)))
    assert sorted(one.status_code for one in answers) == [200, 200, 200, 200, 201]
    assert len(api.store.operations.running(api.stored().identity.unique_id)) == 5


async def test_delete_is_204_for_none_and_202_with_both_urls_for_one(api: Api) -> None:
    assert (await api.call("DELETE", SCALE_SET)).status_code == 204
    await api.create()
    answer = await api.call("DELETE", SCALE_SET)
    assert answer.status_code == 202
    assert answer.content == b""
    assert answer.headers["Retry-After"] == "1"
    assert "monitor" not in answer.headers["Azure-AsyncOperation"]
    assert "monitor=true" in answer.headers["Location"]
    assert isinstance(api.gateway.last, DeleteScaleSet)
    again = await api.call("DELETE", SCALE_SET)
    assert again.headers["Location"] == answer.headers["Location"]
    assert api.gateway.sent[-1] == api.gateway.sent[-2], "repeated, it deletes again"
    assert (await api.call("PATCH", SCALE_SET, {})).status_code == 409


async def test_lists_hold_the_sets_of_the_group_or_the_subscription(api: Api) -> None:
    other = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/other/providers/Microsoft.Compute/virtualMachineScaleSets/x"
    await api.create()
    await api.create(other)
    group = await api.get(f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets")
    every = await api.get(f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachineScaleSets")
    assert [one["id"] for one in group["value"]] == [SCALE_SET]
    assert {one["id"] for one in every["value"]} == {SCALE_SET, other}


async def test_f5_an_answer_files_content_is_never_shown_and_kept_when_it_is_put_back(api: Api) -> None:
    told = {"passName": "OobeSystem", "componentName": "Microsoft-Windows-Shell-Setup", "settingName": "AutoLogon"}
    system = "properties__virtualMachineProfile__osProfile__windowsConfiguration"
    content = {"Content": "<Password>hunter2-unattend</Password>"}
    changes: dict[str, Any] = {system: {"AdditionalUnattendContent": [told | content]}}
    made = await api.create(**changes)
    got = await api.get(SCALE_SET)
    patched = await api.call("PATCH", SCALE_SET, {"properties": got["properties"], "tags": {"a": "b"}})
    for answer in (made.text, str(got), patched.text, str(await api.get(SCALE_SET, _expand="userData"))):
        assert "hunter2-unattend" not in answer
    profile = got["properties"]["virtualMachineProfile"]
    assert profile["osProfile"]["windowsConfiguration"]["additionalUnattendContent"] == [told]
    stored = api.stored()
    assert (stored.generation, stored.machine_generation) == (2, 1)
    assert "hunter2-unattend" in str(api.store.scale_sets.open_model(stored.identity.unique_id, 2))


async def test_f5_an_answer_file_that_is_no_list_is_refused_and_not_quoted(api: Api) -> None:
    system = "properties__virtualMachineProfile__osProfile__windowsConfiguration"
    for odd in ("hunter2-unattend", [["hunter2-unattend"]], {"content": "hunter2-unattend"}):
        refused = await api.call("PUT", SCALE_SET, document(**{system: {"additionalUnattendContent": odd}}))
        assert refused.status_code == 400
        assert "additionalUnattendContent" in error_of(refused)["target"]
        assert "hunter2" not in refused.text
