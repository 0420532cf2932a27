"""Service Fabric clusters, and scale sets that are nodes of one (section S)."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import ENABLE, GROUP, SCALE_SET, SUBSCRIPTION, Api, document, error_of

EXAMPLES = Path(__file__).parents[3] / "examples"
CLUSTERS = f"{GROUP}/providers/Microsoft.ServiceFabric/clusters"
MAIN = f"{CLUSTERS}/Main"
SILVER: dict[str, Any] = {
    "location": "West US 2",
    "tags": {"Service": "web"},
    "properties": {
        "managementEndpoint": "https://main.example:19080",
        "nodeTypes": [{"name": "front", "durabilityLevel": "Silver", "isPrimary": True, "vmInstanceCount": 5}],
        "fabricSettings": [{"name": "Security", "parameters": []}],
    },
}
PROBE = {"id": "/subscriptions/s/probes/p"}


def fabric(endpoint: str, **changes: Any) -> dict[str, Any]:
    settings = {"clusterEndpoint": endpoint, "nodeTypeRef": "front", "durabilityLevel": "Silver"}
    properties = {
        "publisher": "Microsoft.Azure.ServiceFabric",
        "type": "ServiceFabricNode",
        "typeHandlerVersion": "1.1",
        "settings": settings | changes.pop("settings", {}),
    }
    return {"name": "fabric", "properties": properties | changes}


def fabric_set(extension: dict[str, Any], **changes: Any) -> dict[str, Any]:
    extensions = {"properties__virtualMachineProfile__extensionProfile__extensions": [extension]}
    return document(**(extensions | changes))


async def endpoint_of_main(api: Api) -> str:
    response = await api.call("PUT", MAIN, SILVER)
    assert response.status_code in (200, 201), response.text
    return str(response.json()["properties"]["clusterEndpoint"])


async def test_a_cluster_is_stored_as_it_was_given_and_gets_an_endpoint(api: Api) -> None:
    response = await api.call("PUT", MAIN, SILVER)
    assert response.status_code == 201, response.text
    assert "Azure-AsyncOperation" in response.headers
    body = await api.get(MAIN.upper().replace("/SUBSCRIPTIONS", "/subscriptions"))
    assert (body["id"], body["name"], body["type"]) == (MAIN, "Main", "Microsoft.ServiceFabric/clusters")
    assert (body["location"], body["tags"]) == ("westus2", {"Service": "web"})
    properties = body["properties"]
    assert properties["clusterEndpoint"].startswith("https://westus2.servicefabric.azure.com/runtime/clusters/")
    assert (properties["provisioningState"], properties["clusterState"]) == ("Succeeded", "Ready")
    assert {key: properties[key] for key in SILVER["properties"]} == SILVER["properties"]
    again = await api.call("PUT", MAIN, SILVER)
    assert (again.status_code, again.json()) == (200, body)


async def test_a_clusters_own_endpoint_is_kept(api: Api) -> None:
    given = copy.deepcopy(SILVER)
    given["properties"]["clusterEndpoint"] = "https://farm/7"
    assert (await api.call("PUT", MAIN, given)).json()["properties"]["clusterEndpoint"] == "https://farm/7"


async def test_a_patch_changes_what_it_names(api: Api) -> None:
    endpoint = await endpoint_of_main(api)
    change = {"properties": {"nodetypes": [{"name": "front", "durabilitylevel": "GOLD"}]}}
    response = await api.call("PATCH", MAIN, change)
    assert response.status_code == 200, response.text
    properties = (await api.get(MAIN))["properties"]
    assert properties["nodeTypes"] == [{"name": "front", "durabilityLevel": "Gold"}]
    assert properties["clusterEndpoint"] == endpoint
    assert properties["managementEndpoint"] == SILVER["properties"]["managementEndpoint"]
    assert (await api.call("PATCH", f"{CLUSTERS}/none", {})).status_code == 404


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        (None, "properties.nodeTypes"),
        ({}, "properties.nodeTypes"),
        ({"nodeTypes": []}, "properties.nodeTypes"),
        ({"nodeTypes": {"name": "x"}}, "properties.nodeTypes"),
        ({"nodeTypes": ["front"]}, "properties.nodeTypes[0]"),
        ({"nodeTypes": [{"name": "a"}, {}]}, "properties.nodeTypes[1].name"),
        ({"nodeTypes": [{"name": " "}]}, "properties.nodeTypes[0].name"),
        ({"nodeTypes": [{"name": 7}]}, "properties.nodeTypes[0].name"),
        ({"nodeTypes": [{"name": "a", "durabilityLevel": "Platinum"}]}, "properties.nodeTypes[0].durabilityLevel"),
        ({"nodeTypes": [{"name": "a", "durabilityLevel": 3}]}, "properties.nodeTypes[0].durabilityLevel"),
        ({"nodeTypes": [{"name": "a", "durabilityLevel": None}]}, "properties.nodeTypes[0].durabilityLevel"),
        ({"nodeTypes": [{"name": "a"}, {"name": "A"}]}, "properties.nodeTypes"),
        ({"nodeTypes": [{"name": "a"}], "clusterEndpoint": 7}, "properties.clusterEndpoint"),
        ({"nodeTypes": [{"name": "a"}], "managementEndpoint": []}, "properties.managementEndpoint"),
    ],
)
async def test_nonsense_is_refused_and_changes_nothing(api: Api, properties: Any, target: str) -> None:
    await api.call("PUT", MAIN, SILVER)
    before = await api.get(MAIN)
    body = {"location": "westus2"} | ({} if properties is None else {"properties": properties})
    response = await api.call("PUT", MAIN, body)
    assert response.status_code == 400, response.text
    assert error_of(response)["target"] == target
    assert await api.get(MAIN) == before


@pytest.mark.parametrize("body", [{}, {"location": 7}, {"location": "westus2", "properties": []}])
async def test_a_cluster_that_is_none_is_refused(api: Api, body: Any) -> None:
    response = await api.call("PUT", MAIN, body)
    assert response.status_code == 400, response.text
    assert (await api.call("GET", MAIN)).status_code == 404


async def test_a_name_that_no_cluster_may_have_is_refused(api: Api) -> None:
    assert error_of(await api.call("PUT", f"{CLUSTERS}/-x", SILVER))["target"] == "clusterName"


async def test_f5_a_secret_in_a_cluster_is_not_kept(api: Api) -> None:
    given = copy.deepcopy(SILVER)
    given["properties"]["adminPassword"] = "hunter2"
    response = await api.call("PUT", MAIN, given)
    assert "hunter2" not in response.text
    assert "hunter2" not in str(api.store.resources.find(MAIN))


async def test_s_automatic_upgrades_of_a_durable_set_need_no_health_source(api: Api) -> None:
    endpoint = await endpoint_of_main(api)
    assert (await api.call("PUT", SCALE_SET, fabric_set(fabric(endpoint)))).status_code == 201
    response = await api.call("PATCH", SCALE_SET, ENABLE)
    assert response.status_code == 200, response.text
    policy = response.json()["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]
    assert policy["enableAutomaticOSUpgrade"] is True


@pytest.mark.parametrize(
    ("extension", "part"),
    [
        ({"settings": {"durabilityLevel": "Bronze"}}, "must be Silver or Gold"),
        ({"settings": {"durabilityLevel": "Gold"}}, "they must be equal"),
        ({"settings": {"nodeTypeRef": "back"}}, "has no node type 'back'"),
        ({"settings": {"clusterEndpoint": "https://elsewhere"}}, "no Service Fabric cluster is known"),
        ({"typeHandlerVersion": "1.0"}, "must be 1.1 or later"),
        ({"publisher": "Somebody"}, "a health probe or health extension was not specified"),
    ],
)
async def test_s_what_is_not_durable_is_refused_and_changes_nothing(
    api: Api, extension: dict[str, Any], part: str
) -> None:
    endpoint = await endpoint_of_main(api)
    extension = copy.deepcopy(extension)
    created = await api.call("PUT", SCALE_SET, fabric_set(fabric(endpoint, **extension)))
    assert created.status_code == 201, created.text
    before = await api.get(SCALE_SET)
    response = await api.call("PATCH", SCALE_SET, ENABLE)
    assert response.status_code == 400, response.text
    assert part in error_of(response)["message"]
    assert (await api.get(SCALE_SET))["properties"]["upgradePolicy"] == before["properties"]["upgradePolicy"]
    assert api.stored().generation == 1


async def test_s_a_load_balancer_probe_is_refused(api: Api) -> None:
    endpoint = await endpoint_of_main(api)
    body = fabric_set(
        fabric(endpoint),
        properties__virtualMachineProfile__networkProfile__healthProbe=PROBE,
        properties__upgradePolicy__automaticOSUpgradePolicy={"enableAutomaticOSUpgrade": True},
    )
    response = await api.call("PUT", SCALE_SET, body)
    assert response.status_code == 400, response.text
    assert "must not have a load balancer health probe" in response.text
    assert (await api.call("GET", SCALE_SET)).status_code == 404


async def test_s_another_subscriptions_cluster_is_not_known(api: Api) -> None:
    other = MAIN.replace(SUBSCRIPTION, "other")
    response = await api.call("PUT", other, SILVER)
    endpoint = response.json()["properties"]["clusterEndpoint"]
    await api.call("PUT", SCALE_SET, fabric_set(fabric(endpoint)))
    assert "no Service Fabric cluster is known" in error_of(await api.call("PATCH", SCALE_SET, ENABLE))["message"]


async def test_s_the_examples_are_good(api: Api) -> None:
    cluster, nodes = (json.loads((EXAMPLES / f"service-fabric.{one}.json").read_text()) for one in ("cluster", "vmss"))
    assert (await api.call("PUT", SCALE_SET, nodes)).status_code == 400, "the cluster comes first"
    assert (await api.call("PUT", MAIN, cluster)).status_code == 201
    response = await api.call("PUT", SCALE_SET, nodes)
    assert response.status_code == 201, response.text
