"""Resources that Instar has no use for: kept, told of, shown, deleted; or refused, all at once."""

import json
from dataclasses import replace
from typing import Any

import pytest

from instar.connection.settings import UnusedResources
from tests.api.conftest import GROUP, SUBSCRIPTION, Api, error_of
from tests.api.deployments.deploying import (
    NETS,
    ONE,
    SETS,
    begin,
    deploy,
    look_after,
    resource,
    scale_set,
    state,
    stored,
)

STORAGE = "Microsoft.Storage/storageAccounts"
SCALING = "Microsoft.Insights/autoscaleSettings"
VAULT = "Microsoft.KeyVault/vaults"
ADDRESS = "Microsoft.Network/publicIPAddresses"
ROLES = "Microsoft.Authorization/roleAssignments"


async def test_what_nothing_acts_on_is_kept_and_told(api: Api) -> None:
    begun = await begin(api, resource(STORAGE, "own"), resource(SCALING, "auto"), resource(NETS, "net"))
    told = {one["target"].rpartition("/")[2]: one for one in begun["diagnostics"]}
    assert {name: (one["level"], one["code"]) for name, one in told.items()} == {
        "own": ("Warning", "ResourceKept"),
        "auto": ("Warning", "ResourceWithoutEffect"),
    }
    assert "nothing here acts on it" in told["own"]["message"]
    assert "its capacity stays as it was given" in told["auto"]["message"]
    assert await state(api) == "Succeeded"
    kept = await api.get(f"{GROUP}/providers/{STORAGE}/own")
    assert (kept["type"], kept["location"], kept["properties"]["provisioningState"]) == (
        STORAGE,
        "westus2",
        "Succeeded",
    )
    assert kept["properties"]["primaryEndpoints"]["blob"] == "https://own.blob.core.windows.net/"
    of_group = await api.get(f"{GROUP}/providers/{STORAGE}")
    everywhere = await api.get(f"/subscriptions/{SUBSCRIPTION}/providers/{STORAGE}")
    assert [one["name"] for one in of_group["value"]] == [one["name"] for one in everywhere["value"]] == ["own"]
    assert "own" in [one["name"] for one in (await api.get(f"{GROUP}/resources"))["value"]]


async def test_what_is_kept_is_deleted_by_itself_with_all_below_it_and_with_its_group(api: Api) -> None:
    below = resource(f"{STORAGE}/blobServices", "own/default", f"{STORAGE}/own")
    await begin(api, resource(STORAGE, "own"), below, resource(SCALING, "auto"))
    inner = f"{GROUP}/providers/{STORAGE}/own/blobServices/default"
    assert (await api.get(inner))["name"] == "default"
    assert (await api.call("DELETE", f"{GROUP}/providers/{STORAGE}/own")).status_code == 202
    assert (await api.call("DELETE", f"{GROUP}/providers/{STORAGE}/own")).status_code == 204
    assert error_of(await api.call("GET", inner))["code"] == "ResourceNotFound"
    assert (await api.call("DELETE", GROUP)).status_code == 202
    assert api.store.resources.find(f"{GROUP}/providers/{SCALING}/auto") is None


async def test_validation_says_the_same(api: Api) -> None:
    await api.call("PUT", GROUP, {"location": "westus2"})
    body = {"properties": {"mode": "Incremental", "template": {"resources": [resource(VAULT, "own")]}}}
    found = (await api.call("POST", f"{ONE}/validate", body)).json()["properties"]
    assert [one["code"] for one in found["diagnostics"]] == ["ResourceWithoutEffect"]
    assert api.store.resources.find(f"{GROUP}/providers/{VAULT}/own") is None


async def test_a_setting_refuses_them_and_names_every_type(api: Api) -> None:
    services = api.app.state.services
    settings = services.settings.model_copy(update={"unused_resources": UnusedResources.REFUSE})
    api.app.state.services = replace(services, settings=settings)
    answer = await deploy(api, resource(NETS, "net"), resource(STORAGE, "own"), resource(SCALING, "auto"))
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "InvalidResourceType")
    assert f"'{STORAGE}', '{SCALING}' are not supported" in error["message"]
    assert (await api.call("GET", f"{GROUP}/providers/{NETS}/net")).status_code == 404


@pytest.mark.parametrize(
    "kind",
    [
        f"{SETS}/virtualMachines",
        f"{SETS}/runCommands",
        "Microsoft.Network/loadBalancers/probes",
        "Microsoft.Resources/resourceGroups",
        "nonsense/x",
    ],
)
async def test_what_would_change_what_instar_acts_on_is_never_kept(api: Api, kind: str) -> None:
    answer = await deploy(api, resource(kind, "a/b" if kind.count("/") > 1 else "a"))
    assert error_of(answer)["code"] == "InvalidResourceType"
    assert kind in error_of(answer)["message"]


async def test_f5_no_secret_is_kept_in_a_document(api: Api) -> None:
    properties: dict[str, Any] = {
        "plain": "seen",
        "hidden": "[parameters('secret')]",
        "byVariable": ["[variables('made')]", "seen too"],
        "key": "[listKeys('own', '2023-01-01').keys[0].value]",
        "administratorLoginPassword": "hunter2-password",
    }
    await begin(
        api,
        resource(STORAGE, "own"),
        resource(VAULT, "vault", properties=properties),
        resource(f"{VAULT}/secrets", "vault/one", f"{VAULT}/vault", properties={"value": "hunter2-value"}),
        parameters={"secret": {"type": "securestring", "defaultValue": "hunter2-parameter"}},
        variables={"made": "[concat('x', parameters('secret'))]"},
    )
    kept = api.store.resources.find(f"{GROUP}/providers/{VAULT}/vault")
    assert kept is not None
    assert kept.document["properties"] == {"plain": "seen", "byVariable": ["seen too"]}
    everything = json.dumps([one.document for one in api.store.resources.all_of(SUBSCRIPTION)])
    assert "hunter2" not in everything
    assert await state(api) == "Succeeded"


async def test_references_read_what_azure_would_fill_in(api: Api) -> None:
    address = resource(ADDRESS, "ip", properties={"dnsSettings": {"domainNameLabel": "Web"}})
    identity = resource("Microsoft.ManagedIdentity/userAssignedIdentities", "me")
    outputs = {
        "name": {"type": "string", "value": "[reference('ip').dnsSettings.fqdn]"},
        "address": {"type": "string", "value": f"[reference('{ADDRESS}/ip').ipAddress]"},
        "blob": {"type": "string", "value": f"[reference(resourceId('{STORAGE}/', 'own')).primaryEndpoints.blob]"},
        "who": {"type": "string", "value": "[reference('me').principalId]"},
        "subnet": {
            "type": "string",
            "value": f"[reference(resourceId('{NETS}/subnets', 'net', 'one'), '2023-01-01', 'Full').id]",
        },
    }
    net = resource(NETS, "net", properties={"subnets": [{"name": "one", "properties": {}}]})
    await begin(api, address, identity, net, resource(STORAGE, "own"), outputs=outputs)
    assert await state(api) == "Succeeded"
    values = {name: one["value"] for name, one in stored(api)["outputs"].items()}
    assert values["name"] == "web.westus2.cloudapp.instar.invalid"
    assert values["address"].startswith("198.1")
    assert values["blob"] == "https://own.blob.core.windows.net/"
    assert len(values["who"]) == 36
    assert values["subnet"].endswith("/subnets/one")


async def test_made_up_keys_are_told_where_a_set_gets_them_and_never_shown(api: Api) -> None:
    data = "[base64(listKeys('own', '2023-01-01').keys[0].value)]"
    web = scale_set("web", properties__virtualMachineProfile__osProfile__customData=data)
    outputs = {"key": {"type": "string", "value": "[listKeys('own', '2023-01-01').keys[0].value]"}}
    begun = await begin(api, web, resource(STORAGE, "own"), outputs=outputs)
    assert {one["code"] for one in begun["diagnostics"]} == {"ResourceKept", "ValueMadeUp", "OutputNotShown"}
    await look_after(api)
    api.end_operations()
    await look_after(api)
    assert await state(api) == "Succeeded"
    assert stored(api)["outputs"] == {"key": {"type": "string"}}


async def test_what_is_added_to_a_resource_is_kept_below_it(api: Api) -> None:
    await begin(api, resource(NETS, "net"), resource(ROLES, "r", "net", scope=f"{NETS}/net"))
    assert await state(api) == "Succeeded"
    found = await api.get(f"{GROUP}/providers/{NETS}/net/providers/{ROLES}/r")
    assert (found["name"], found["type"]) == ("r", ROLES)


async def test_parts_of_one_resource_that_are_made_at_once_do_not_get_in_each_others_way(api: Api) -> None:
    rules = [resource(f"{NETS}/subnets", f"net/s{number}", "net", properties={}) for number in range(12)]
    await begin(api, resource(NETS, "net"), *rules)
    assert await state(api) == "Succeeded"
    assert len((await api.get(f"{GROUP}/providers/{NETS}/net"))["properties"]["subnets"]) == 12
