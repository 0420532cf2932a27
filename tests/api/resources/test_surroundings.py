"""What clients ask for around scale sets: tenants, subscriptions, groups, providers, networks."""

from typing import Any

import pytest

from instar.domain.access import Grant, Role
from instar.domain.messages.scale_set import DeleteScaleSet
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, error_of

GROUPS = f"/subscriptions/{SUBSCRIPTION}/resourcegroups"
NET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"


async def test_a_caller_sees_the_subscriptions_in_which_it_has_a_role(api: Api) -> None:
    await api.create()
    assert {one["subscriptionId"] for one in (await api.get("/subscriptions"))["value"]} == {
        SUBSCRIPTION,
        "00000000-0000-0000-0000-000000000000",
    }
    client, _ = api.store.credentials.create(
        "one group", Grant(Role.READER, "/subscriptions/S/resourceGroups/g"), api.clock()
    )
    assert api.access.own is not None
    headers = {"Authorization": f"Bearer {api.access.own._token(client, api.clock())}"}
    listed = await api.http.get("/subscriptions", params={"api-version": "2022-12-01"}, headers=headers)
    [one] = listed.json()["value"]
    assert (one["id"], one["state"], one["managedByTenants"]) == ("/subscriptions/S", "Enabled", [])
    assert one["tenantId"] == (await api.get("/tenants"))["value"][0]["tenantId"]
    answer = await api.http.get("/subscriptions/S", params={"api-version": "2022-12-01"}, headers=headers)
    assert answer.json()["subscriptionId"] == "S"


async def test_a_group_is_made_shown_changed_and_listed(api: Api) -> None:
    assert (await api.call("HEAD", f"{GROUPS}/new")).status_code == 404
    made = await api.call("PUT", f"{GROUPS}/new", {"location": "West Europe", "tags": {"A": "b"}})
    assert made.status_code == 201
    assert made.json()["location"] == "westeurope"
    assert (await api.call("PUT", f"{GROUPS}/NEW", {"location": "westeurope"})).status_code == 200
    assert (await api.call("HEAD", f"{GROUPS}/new")).status_code == 204
    patched = await api.call("PATCH", f"{GROUPS}/new", {"tags": {"c": "d"}})
    assert patched.json()["tags"] == {"c": "d"}
    assert (await api.get(f"{GROUPS}/new"))["name"] == "new"
    assert [one["name"] for one in (await api.get(GROUPS))["value"]] == ["new"]


async def test_a_group_is_there_once_something_is_in_it(api: Api) -> None:
    missing = await api.call("GET", f"{GROUPS}/Farm")
    assert missing.status_code == 404
    assert error_of(missing)["code"] == "ResourceGroupNotFound"
    await api.create()
    assert (await api.get(f"{GROUPS}/farm"))["location"] == "westus2"
    assert [one["name"] for one in (await api.get(GROUPS))["value"]] == ["Farm"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Microsoft.Network/virtualNetworks", {}),
        ("Microsoft.Network/loadBalancers", {}),
        ("Microsoft.Compute/galleries", {}),
        ("Microsoft.ServiceFabric/clusters", {"properties": {"nodeTypes": [{"name": "front"}]}}),
    ],
)
async def test_whatever_is_in_a_group_makes_it_be_there_and_goes_with_it(
    api: Api, kind: str, body: dict[str, Any]
) -> None:
    one = f"{GROUP}/providers/{kind}/one"
    made = await api.call("PUT", one, {"location": "West US 2"} | body)
    assert made.status_code == 201, made.text
    assert [group["name"] for group in (await api.get(GROUPS))["value"]] == ["Farm"]
    assert (await api.get(f"{GROUPS}/farm"))["location"] == "westus2"
    assert (await api.call("DELETE", f"{GROUPS}/farm")).status_code == 202
    assert (await api.call("GET", one)).status_code == 404
    assert (await api.get(GROUPS))["value"] == []


async def test_deleting_a_group_deletes_what_is_in_it_and_ends_with_the_last_set(api: Api) -> None:
    await api.create()
    assert (await api.call("PUT", NET, {"location": "westus2"})).status_code == 201
    accepted = await api.call("DELETE", f"{GROUPS}/farm")
    assert accepted.status_code == 202
    assert isinstance(api.gateway.last, DeleteScaleSet)
    assert (await api.call("GET", NET)).status_code == 404
    operation = accepted.headers["Azure-AsyncOperation"].removeprefix("http://api.test:8000").partition("?")[0]
    assert (await api.get(operation))["status"] == "InProgress"
    api.store.scale_sets.delete(api.stored().identity.unique_id)
    assert (await api.get(operation))["status"] == "Succeeded"
    assert (await api.call("HEAD", f"{GROUPS}/farm")).status_code == 404
    assert (await api.call("DELETE", f"{GROUPS}/farm")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"location": 3},
        {"location": "9"},
        {"location": "westus2", "tags": [1]},
        {"location": "westus2", "tags": {"a": 1}},
    ],
)
async def test_a_group_that_is_none_is_refused(api: Api, body: dict[str, Any]) -> None:
    answer = await api.call("PUT", f"{GROUPS}/new", body)
    assert answer.status_code == 400
    error_of(answer)
    assert (await api.get(GROUPS))["value"] == []


async def test_a_group_stays_in_its_region(api: Api) -> None:
    await api.call("PUT", f"{GROUPS}/new", {"location": "westeurope"})
    answer = await api.call("PUT", f"{GROUPS}/new", {"location": "eastus"})
    assert (answer.status_code, error_of(answer)["code"]) == (409, "InvalidResourceGroupLocation")


async def test_every_provider_is_registered(api: Api) -> None:
    listed = (await api.get(f"/subscriptions/{SUBSCRIPTION}/providers"))["value"]
    assert {one["registrationState"] for one in listed} == {"Registered"}
    one = await api.get(f"/subscriptions/{SUBSCRIPTION}/providers/microsoft.compute")
    assert "virtualMachineScaleSets" in {kind["resourceType"] for kind in one["resourceTypes"]}
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/register"
    assert (await api.call("POST", path)).status_code == 200
    unknown = await api.call("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Contoso.Things")
    assert (unknown.status_code, error_of(unknown)["code"]) == (404, "InvalidResourceNamespace")


async def test_networks_are_kept_as_they_are_given(api: Api) -> None:
    properties = {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/8"]},
        "subnets": [{"name": "One", "properties": {}}],
    }
    body = {"location": "West US 2", "properties": properties}
    created = await api.call("PUT", NET, body)
    assert created.status_code == 201
    assert created.headers["Azure-AsyncOperation"]
    assert (await api.call("PUT", NET, body)).status_code == 200
    got = await api.get(NET.lower().replace("farm", "Farm"))
    assert got["properties"]["addressSpace"] == properties["addressSpace"]
    assert got["properties"]["provisioningState"] == "Succeeded"
    assert (await api.get(f"{NET}/subnets/one"))["id"] == f"{NET}/subnets/One"
    assert len((await api.get(f"{GROUP}/providers/Microsoft.Network/virtualNetworks"))["value"]) == 1
    of_subscription = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Network/virtualNetworks"
    assert len((await api.get(of_subscription))["value"]) == 1
    assert (await api.call("DELETE", NET)).status_code == 202
    assert (await api.call("DELETE", NET)).status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (NET.replace("virtualNetworks", "quantumNetworks"), {"location": "westus2"}, 404),
        (NET, {"location": "9"}, 400),
        (NET, {}, 400),
        (NET, {"location": "westus2", "properties": []}, 400),
        (NET, {"location": "westus2", "tags": 1}, 400),
        (f"{NET}%20x", {"location": "westus2"}, 400),
    ],
)
async def test_a_network_that_is_none_is_refused(api: Api, path: str, body: dict[str, Any], status: int) -> None:
    answer = await api.call("PUT", path, body)
    assert answer.status_code == status
    error_of(answer)
    for missing in (NET, f"{NET}/subnets/x", f"{NET}/moons/x"):
        assert (await api.call("GET", missing)).status_code == 404


async def test_regions_are_offered(api: Api) -> None:
    listed = (await api.get(f"/subscriptions/{SUBSCRIPTION}/locations"))["value"]
    assert ("westus2", "West US 2") in {(one["name"], one["displayName"]) for one in listed}
    assert SCALE_SET.startswith(GROUP)


async def test_sets_are_listed_by_region(api: Api) -> None:
    await api.create()
    path = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/locations"
    assert [one["name"] for one in (await api.get(f"{path}/West%20US%202/virtualMachineScaleSets"))["value"]] == ["web"]
    assert (await api.get(f"{path}/eastus/virtualMachineScaleSets"))["value"] == []
