"""Template deployments through HTTP, with the template of the original document and the shape that `az` sends."""

import json
from typing import Any

import httpx
import pytest

from api.deployments.deployment_runs import tend_once
from instar.domain.records.operations import OperationStatus
from tests.api.conftest import GROUP, INTERFACE, SECRETS, SUBSCRIPTION, Api, document, error_of

DEPLOYMENTS = f"{GROUP}/providers/Microsoft.Resources/deployments"
ONE = f"{DEPLOYMENTS}/first"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
SETS = "Microsoft.Compute/virtualMachineScaleSets"

TEMPLATE: dict[str, Any] = {
    "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "parameters": {
        "vmSSName": {"type": "string", "maxLength": 61, "metadata": {"description": "the set's [name]"}},
        "instanceCount": {"type": "int", "defaultValue": 3},
        "adminPassword": {"type": "securestring"},
    },
    "variables": {
        "namingInfix": "[toLower(substring(concat(parameters('vmSSName'), uniqueString(resourceGroup().id)), 0, 9))]",
        "vnet": "[concat(variables('namingInfix'), 'vnet')]",
        "image": {"publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS", "version": "latest"},
    },
    "resources": [
        {
            "type": SETS,
            "sku": {"name": "Standard_A1", "tier": "Standard", "capacity": "[parameters('instanceCount')]"},
            "name": "[parameters('vmSSName')]",
            "apiVersion": "2017-03-30",
            "location": "[resourceGroup().location]",
            "dependsOn": ["[concat('Microsoft.Network/virtualNetworks/', variables('vnet'))]"],
            "properties": {
                "overprovision": "false",
                "upgradePolicy": {"mode": "manual", "automaticOSUpgrade": "true"},
                "virtualMachineProfile": {
                    "storageProfile": {
                        "osDisk": {"createOption": "FromImage"},
                        "imageReference": "[variables('image')]",
                    },
                    "osProfile": {
                        "computerNamePrefix": "[variables('namingInfix')]",
                        "adminUsername": "operator",
                        "adminPassword": "[parameters('adminPassword')]",
                    },
                    "networkProfile": {"networkInterfaceConfigurations": [INTERFACE]},
                    "extensionProfile": {
                        "extensions": [
                            {
                                "name": "health",
                                "properties": {
                                    "publisher": "Microsoft.ManagedServices",
                                    "type": "ApplicationHealthLinux",
                                    "typeHandlerVersion": "1.0",
                                    "settings": {"protocol": "http", "port": "80", "requestPath": "/"},
                                },
                            }
                        ]
                    },
                },
            },
        },
        {
            "type": "Microsoft.Network/virtualNetworks",
            "name": "[variables('vnet')]",
            "location": "[resourceGroup().location]",
            "apiVersion": "2017-04-01",
            "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}},
        },
    ],
    "outputs": {
        "SET": {
            "type": "object",
            "value": "[reference(resourceId('Microsoft.Compute/virtualMachineScaleSets', parameters('vmSSName')),"
            "providers('Microsoft.Compute','virtualMachineScaleSets').apiVersions[0])]",
        }
    },
}
PARAMETERS = {"vmSSName": {"value": "web"}, "adminPassword": {"value": SECRETS[0]}}


def body(template: dict[str, Any] | None = None, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    given = PARAMETERS if parameters is None else parameters
    return {"properties": {"mode": "Incremental", "template": template or TEMPLATE, "parameters": given}}


async def has_group(api: Api) -> None:
    made = await api.call("PUT", GROUP, {"location": "westus2"})
    assert made.status_code == 201


async def status(api: Api, answer: httpx.Response) -> dict[str, Any]:
    url = answer.headers["Azure-AsyncOperation"].removeprefix("http://api.test:8000").partition("?")[0]
    found: dict[str, Any] = await api.get(url)
    return found


async def test_the_original_documents_template_makes_a_set_that_upgrades_itself(api: Api) -> None:
    await has_group(api)
    answer = await api.call("PUT", ONE, body())
    assert answer.status_code == 201, answer.text
    assert answer.json()["properties"]["provisioningState"] == "Running"
    assert await status(api, answer) == {"status": "Running"}
    stored = api.stored()
    assert stored.document["sku"]["capacity"] == 3
    properties = stored.document["properties"]
    assert properties["overprovision"] is False
    assert properties["upgradePolicy"]["mode"] == "Manual"
    assert properties["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] is True
    api.end_operations()
    await tend_once(api.app.state.services)
    assert await status(api, answer) == {"status": "Succeeded"}
    got = (await api.get(ONE))["properties"]
    assert got["provisioningState"] == "Succeeded"
    assert got["outputs"]["set"]["value"]["upgradePolicy"]["mode"] == "Manual"
    assert [one["id"].split("/")[-2] for one in got["outputResources"]] == [
        "virtualNetworks",
        "virtualMachineScaleSets",
    ]
    assert len((await api.get(f"{ONE}/operations"))["value"]) == 2
    assert [one["name"] for one in (await api.get(f"{DEPLOYMENTS}/"))["value"]] == ["first"]


async def test_f5_a_secure_parameter_is_neither_kept_nor_shown(api: Api) -> None:
    await has_group(api)
    answer = await api.call("PUT", ONE, body())
    shown = answer.text + json.dumps(await api.get(ONE)) + json.dumps(await api.get(f"{ONE}/operations"))
    assert SECRETS[0] not in shown
    stored = api.store.resources.find(ONE)
    assert stored is not None
    assert SECRETS[0] not in json.dumps(stored.document)
    opened = api.store.scale_sets.open_model(api.stored().identity.unique_id, 1)
    assert opened["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] == SECRETS[0]


async def test_what_az_sends_is_no_json_and_is_read_all_the_same(api: Api) -> None:
    await has_group(api)
    raw = (
        '{"properties": {"mode": "incremental", "parameters": '
        + json.dumps(PARAMETERS)
        + ", template: // the file\n"
        + json.dumps(TEMPLATE, indent=1).replace('"the set\'s [name]"', '"over two\nlines, // no comment"')
        + "/* the end */}}"
    )
    for method, path in (("POST", f"{ONE}/validate"), ("PUT", ONE)):
        answer = await api.http.request(
            method, path, params={"api-version": "2025-04-01"}, content=raw.encode("utf-8-sig")
        )
        assert answer.status_code in (200, 201), answer.text
    assert api.stored().identity.name == "web"


async def test_validating_makes_nothing(api: Api) -> None:
    await has_group(api)
    answer = await api.call("POST", f"{ONE}/validate", body())
    assert answer.json()["properties"]["provisioningState"] == "Succeeded"
    assert len(answer.json()["properties"]["validatedResources"]) == 2
    assert api.gateway.sent == []
    assert (await api.call("GET", ONE)).status_code == 404


async def test_a_resource_that_is_refused_fails_the_deployment_and_says_why(api: Api) -> None:
    await has_group(api)
    wrong = json.loads(json.dumps(TEMPLATE))
    wrong["resources"][0]["sku"]["capacity"] = -1
    answer = await api.call("PUT", ONE, body(wrong))
    assert answer.status_code == 201
    found = await status(api, answer)
    assert (found["status"], found["error"]["code"]) == ("Failed", "DeploymentFailed")
    assert "capacity" in found["error"]["details"][0]["message"]
    assert (await api.get(ONE))["properties"]["provisioningState"] == "Failed"
    assert api.gateway.sent == []


async def test_an_operation_that_fails_fails_the_deployment(api: Api) -> None:
    await has_group(api)
    answer = await api.call("PUT", ONE, body())
    [operation] = [message.operation_id for _, message in api.gateway.sent]
    api.store.operations.end(operation, OperationStatus.FAILED, api.clock(), "NoImage", "no version is published")
    await tend_once(api.app.state.services)
    found = await status(api, answer)
    assert found["error"]["details"] == [{"code": "NoImage", "message": "no version is published", "target": SET}]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"template": {**TEMPLATE, "resources": [{"type": "Contoso/x", "name": "a"}]}}, "Contoso/x"),
        ({"template": {**TEMPLATE, "outputs": {"x": {"type": "string", "value": "[mistKeys('a')]"}}}}, "mistkeys"),
        ({"parameters": {}}, "vmSSName"),
        ({"mode": "Complete"}, "Complete"),
        ({"templateLink": {"uri": "https://x"}}, "templateLink"),
        ({"template": []}, "template"),
        ({"parameters": []}, "parameters"),
    ],
)
async def test_what_cannot_be_deployed_is_refused_before_anything_is_made(
    api: Api, change: dict[str, Any], word: str
) -> None:
    await has_group(api)
    wrong = {"properties": body()["properties"] | change}
    for method, path in (("POST", f"{ONE}/validate"), ("PUT", ONE)):
        answer = await api.call(method, path, wrong)
        assert answer.status_code == 400
        assert word in error_of(answer)["message"]
    assert api.gateway.sent == []
    assert (await api.get(DEPLOYMENTS))["value"] == []


async def test_nonsense_and_missing_groups_are_told(api: Api) -> None:
    answer = await api.call("PUT", ONE, body())
    assert (answer.status_code, error_of(answer)["code"]) == (404, "ResourceGroupNotFound")
    await has_group(api)
    for content in (b"", b"[]", b"{", b"{a: b: c}", b"\xff\xff", b'{"properties": 3}', b'{"x": NaN}'):
        answer = await api.http.put(ONE, params={"api-version": "2024-11-01"}, content=content)
        assert answer.status_code == 400, content
        error_of(answer)
    missing = await api.call("GET", f"{DEPLOYMENTS}/none")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "DeploymentNotFound")
    assert (await api.call("DELETE", f"{DEPLOYMENTS}/none")).status_code == 204


async def test_a_template_may_change_what_is_there(api: Api) -> None:
    await api.create()
    answer = await api.call("PUT", ONE, body(parameters=PARAMETERS | {"instanceCount": {"value": "5"}}))
    assert answer.status_code == 201, answer.text
    assert api.stored().document["sku"]["capacity"] == 5
    api.end_operations()
    await tend_once(api.app.state.services)
    assert (await api.call("PUT", ONE, body())).status_code == 200
    assert document()["location"] == "West US 2"
    assert SUBSCRIPTION in ONE


async def test_a_template_makes_load_balancers_and_clusters_as_a_put_does(api: Api) -> None:
    await has_group(api)
    probe = {"protocol": "tcp", "port": "80", "intervalInSeconds": "15", "numberOfProbes": "2"}
    resources = [
        {
            "type": "Microsoft.Network/loadbalancers",
            "name": "front",
            "location": "[resourceGroup().location]",
            "sku": {"name": "standard"},
            "properties": {"probes": [{"name": "web", "properties": probe}]},
        },
        {
            "type": "Microsoft.Network/loadBalancers/inboundNatRules",
            "name": "front/ssh",
            "dependsOn": ["[resourceId('Microsoft.Network/loadBalancers', 'front')]"],
            "properties": {"backendPort": 22},
        },
        {
            "type": "Microsoft.ServiceFabric/clusters",
            "name": "main",
            "location": "West US 2",
            "properties": {"nodeTypes": [{"name": "front", "durabilityLevel": "silver"}]},
        },
    ]
    answer = await api.call("PUT", ONE, body({**TEMPLATE, "resources": resources, "outputs": {}}))
    assert await status(api, answer) == {"status": "Succeeded"}
    front = await api.get(f"{GROUP}/providers/Microsoft.Network/loadBalancers/front")
    assert (front["type"], front["sku"]) == (
        "Microsoft.Network/loadBalancers",
        {"name": "Standard", "tier": "Regional"},
    )
    assert (await api.get(f"{front['id']}/probes/web"))["properties"]["port"] == 80
    [ssh] = front["properties"]["inboundNatRules"]
    assert (ssh["name"], ssh["properties"]["backendPort"]) == ("ssh", 22)
    main = await api.get(f"{GROUP}/providers/Microsoft.ServiceFabric/clusters/main")
    assert main["properties"]["nodeTypes"][0]["durabilityLevel"] == "Silver"


@pytest.mark.parametrize(
    ("resource", "word"),
    [
        ({"type": "Microsoft.Network/loadBalancers", "properties": {"probes": [{"name": "x"}]}}, "properties"),
        ({"type": "Microsoft.ServiceFabric/clusters", "properties": {"nodeTypes": []}}, "nodeTypes"),
    ],
)
async def test_what_a_put_would_refuse_a_template_cannot_make(api: Api, resource: dict[str, Any], word: str) -> None:
    await has_group(api)
    resources = [{"name": "one", "location": "westus2", **resource}]
    answer = await api.call("PUT", ONE, body({**TEMPLATE, "resources": resources, "outputs": {}}))
    found = await status(api, answer)
    assert found["status"] == "Failed"
    assert word in found["error"]["details"][0]["message"]
    assert (await api.call("GET", f"{GROUP}/providers/{resource['type']}/one")).status_code == 404
