"""What a template can make, and what it is refused: kinds of resources that are more than a document."""

import json
from typing import Any

import pytest

from instar.store.errors import Conflict
from instar.store.sets.stored_scale_set import StoredScaleSet
from tests.api.conftest import GROUP, SECRETS, SUBSCRIPTION, Api, error_of
from tests.api.deployments.deploying import (
    GALLERY,
    IMAGE,
    NETS,
    ONE,
    SETS,
    begin,
    deploy,
    look_after,
    resource,
    scale_set,
    state,
)


async def test_what_a_put_of_a_gallery_would_refuse_a_template_cannot_make(api: Api) -> None:
    wrong = resource(IMAGE, "own/web", "own", properties={"osType": "BeOS"})
    await begin(api, resource(GALLERY, "own"), wrong, resource(NETS, "after", "own/web"))
    found = (await api.get(ONE))["properties"]
    assert found["provisioningState"] == "Failed"
    [detail] = found["error"]["details"]
    assert "osType" in detail["message"]
    assert detail["target"].endswith("/galleries/own/images/web")
    assert [one["id"].rpartition("/")[2] for one in found["outputResources"]] == ["own"]
    [_, failed] = (await api.get(f"{ONE}/operations"))["value"]
    assert failed["properties"]["statusMessage"]["error"]["message"] == detail["message"]
    assert await api.get(f"{GROUP}/providers/{GALLERY}/own")
    assert (await api.call("GET", f"{GROUP}/providers/{NETS}/after")).status_code == 404


async def test_an_extension_of_a_set_is_a_change_of_its_model(api: Api) -> None:
    properties = {
        "publisher": "contoso",
        "type": "agent",
        "typeHandlerVersion": "1.0",
        "autoUpgradeMinorVersion": "true",
    }
    secret = {"protectedSettings": {"key": SECRETS[2]}}
    child = {"type": "extensions", "name": "agent", "properties": properties | secret}
    await begin(api, scale_set("web", resources=[child]))
    api.end_operations()
    await look_after(api)
    extensions = api.stored().document["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    assert [one["name"] for one in extensions] == ["health", "setup", "agent"]
    assert extensions[2]["properties"]["autoUpgradeMinorVersion"] is True
    opened = api.store.scale_sets.open_model(api.stored().identity.unique_id, 2)
    sealed = opened["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    assert [one["properties"].get("protectedSettings") for one in sealed[1:]] == [
        {"commandToExecute": SECRETS[2]},
        {"key": SECRETS[2]},
    ]
    api.end_operations()
    await look_after(api)
    assert await state(api) == "Succeeded"
    begun = await begin(api, resource(f"{SETS}/extensions", "none/agent", properties=properties))
    assert begun["error"]["details"][0]["code"] == "ResourceNotFound"
    begun = await begin(api, resource(f"{SETS}/extensions", "web/other", properties={"publisher": "contoso"}))
    assert begun["error"]["details"][0]["message"] == "Required parameter 'properties.type' is missing (null)."


async def test_an_extension_is_put_into_the_model_that_is_there_when_another_was_faster(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    real, faster = api.store.scale_sets.put_model, iter([{"by": "another"}])

    def put_model(unique_id: str, document: dict[str, Any], generation: int, *more: Any) -> StoredScaleSet:
        for tags in faster:
            real(unique_id, api.stored().document | {"tags": tags}, generation, api.clock())
            raise Conflict
        return real(unique_id, document, generation, *more)

    monkeypatch.setattr(api.store.scale_sets, "put_model", put_model)
    properties = {"publisher": "contoso", "type": "agent", "typeHandlerVersion": "1.0"}
    begun = await begin(api, resource(f"{SETS}/extensions", "web/agent", properties=properties))
    assert (begun["provisioningState"], api.stored().document["tags"]) == ("Running", {"by": "another"})
    assert "agent" in json.dumps(api.stored().document)


async def test_parts_of_networks_and_balancers_are_put_into_them(api: Api) -> None:
    parts = [
        resource(f"{NETS}/subnets", "net/one", "net", properties={"addressPrefix": "10.0.1.0/24"}),
        resource(f"{NETS}/subnets", "net/ONE", "net/one", properties={"addressPrefix": "10.0.2.0/24"}),
        resource("Microsoft.Network/loadBalancers/backendAddressPools", "front/pool", "front"),
        resource("Microsoft.Network/networkSecurityGroups/securityRules", "guard/ssh", "guard"),
    ]
    wholes = [
        resource(NETS, "net"),
        resource("Microsoft.Network/loadBalancers", "front"),
        resource("Microsoft.Network/networkSecurityGroups", "guard"),
        resource("Microsoft.Network/publicIPPrefixes", "prefix"),
    ]
    answer = await deploy(api, *parts, *wholes)
    assert "twice" in error_of(answer)["message"]
    await begin(api, *parts[:1], *parts[2:], *wholes)
    assert await state(api) == "Succeeded"
    await begin(api, parts[1] | {"dependsOn": []})
    network = f"{GROUP}/providers/Microsoft.Network"
    [subnet] = (await api.get(f"{network}/virtualNetworks/net"))["properties"]["subnets"]
    assert (subnet["name"], subnet["properties"]["addressPrefix"]) == ("ONE", "10.0.2.0/24")
    assert (await api.get(f"{network}/loadBalancers/front"))["properties"]["backendAddressPools"][0]["name"] == "pool"
    assert (await api.get(f"{network}/networkSecurityGroups/guard"))["properties"]["securityRules"][0]["name"] == "ssh"
    assert (await api.get(f"{network}/publicIPPrefixes/prefix"))["name"] == "prefix"
    begun = await begin(api, resource(f"{NETS}/subnets", "none/one"))
    assert begun["error"]["details"][0]["code"] == "ParentResourceNotFound"


async def test_k7_numbers_and_truths_of_every_stored_kind_may_be_text_in_a_template(api: Api) -> None:
    probe = {"protocol": "Tcp", "port": "80", "intervalInSeconds": "15", "numberOfProbes": "2"}
    balancer = {"probes": [{"name": "p", "properties": probe}]}
    front = resource("Microsoft.Network/loadBalancers", "front", properties=balancer)
    gallery = resource(GALLERY, "own", properties={"safety": {"allowDeletionOfReplicatedLocations": "True"}})
    net = resource(NETS, "net", properties={"encryption": {"enabled": "true"}})
    await begin(api, front, gallery, net)
    assert await state(api) == "Succeeded"
    [kept] = (await api.get(f"{GROUP}/providers/Microsoft.Network/loadBalancers/front"))["properties"]["probes"]
    assert (kept["properties"]["port"], kept["properties"]["intervalInSeconds"]) == (80, 15)
    assert (await api.get(f"{GROUP}/providers/{GALLERY}/own"))["properties"]["safety"] == {
        "allowDeletionOfReplicatedLocations": True
    }
    assert (await api.get(f"{GROUP}/providers/{NETS}/net"))["properties"]["encryption"] == {"enabled": True}


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", f"{ONE}/exportTemplate", "ExportTemplateNotSupported"),
        (
            "PUT",
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/first",
            "DeploymentScopeNotSupported",
        ),
        (
            "POST",
            f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Resources/deployments/first/validate",
            "DeploymentScopeNotSupported",
        ),
    ],
)
async def test_what_is_not_done_here_is_refused_clearly(api: Api, method: str, path: str, code: str) -> None:
    answer = await api.call(method, path, {"properties": {}})
    assert (answer.status_code, error_of(answer)["code"]) == (400, code)
