"""Deployments that take their time: what waits for what, and who goes on after a kill."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet

from api import app as application
from api import deployment_runs
from api.deployment_runs import CLAIM, tend, tend_once
from api.errors import ArmError
from api.templates import resource_types
from domain.delays import Delays
from domain.operations import OperationStatus
from store.errors import Conflict, Unavailable
from store.resources import StoredResource
from store.scale_sets import StoredScaleSet
from store.sealing import Sealer
from store.store import Store
from tests.api.conftest import GROUP, SECRETS, SUBSCRIPTION, Api, document, error_of

ONE = f"{GROUP}/providers/Microsoft.Resources/deployments/first"
SETS = "Microsoft.Compute/virtualMachineScaleSets"
GALLERY = "Microsoft.Compute/galleries"
IMAGE = f"{GALLERY}/images"
VERSION = f"{IMAGE}/versions"
NETS = "Microsoft.Network/virtualNetworks"


def resource(kind: str, name: str, *needs: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "apiVersion": "2024-11-01", "location": "westus2", "dependsOn": [*needs]} | more


def scale_set(name: str, *needs: str, **changes: Any) -> dict[str, Any]:
    return resource(SETS, name, *needs, **document(location="westus2", **changes))


def gallery_resources() -> list[dict[str, Any]]:
    identifier = {"publisher": "team", "offer": "web", "sku": "stable"}
    image = {"osType": "linux", "osState": "Generalized", "identifier": identifier}
    regions = [{"name": "West US 2", "regionalReplicaCount": "2", "excludeFromLatest": "false"}]
    profile = {"targetRegions": regions, "excludeFromLatest": "False"}
    version = {"publishingProfile": profile, "storageProfile": {"source": {"id": "/subscriptions/S/images/built"}}}
    reference = {"id": f"[resourceId('{IMAGE}', 'own', 'web')]"}
    return [
        scale_set(
            "web",
            f"[resourceId('{VERSION}', 'own', 'web', '1.0.0')]",
            properties__virtualMachineProfile__storageProfile__imageReference=reference,
        ),
        resource(VERSION, "own/web/1.0.0", f"[resourceId('{IMAGE}', 'own', 'web')]", properties=version),
        resource(IMAGE, "own/web", f"[resourceId('{GALLERY}', 'own')]", properties=image),
        resource(GALLERY, "own", properties={"description": "of the team"}),
    ]


async def deploy(api: Api, *resources: dict[str, Any], path: str = ONE, **template: Any) -> httpx.Response:
    await api.call("PUT", GROUP, {"location": "westus2"})
    body = {"properties": {"mode": "Incremental", "template": {"resources": [*resources], **template}}}
    return await api.call("PUT", path, body)


async def begin(api: Api, *resources: dict[str, Any], **template: Any) -> dict[str, Any]:
    answer = await deploy(api, *resources, **template)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()["properties"]
    return found


async def state(api: Api) -> str:
    found: str = (await api.get(ONE))["properties"]["provisioningState"]
    return found


async def made(api: Api) -> list[str]:
    found = (await api.get(f"{ONE}/operations"))["value"]
    return [one["properties"]["targetResource"]["resourceName"] for one in found]


async def look_after(api: Api) -> None:
    await tend_once(api.app.state.services)


def stored(api: Api) -> dict[str, Any]:
    found = api.store.resources.find(ONE)
    assert found is not None
    return found.document


async def test_a_set_is_made_of_a_gallery_version_of_the_same_template_once_that_is_replicated(api: Api) -> None:
    begun = await begin(api, *gallery_resources())
    assert begun["provisioningState"] == "Running"
    assert await made(api) == ["own", "own/web", "own/web/1.0.0"]
    await look_after(api)
    assert api.gateway.sent == []
    version = await api.get(f"{GROUP}/providers/{GALLERY}/own/images/web/versions/1.0.0")
    assert version["properties"]["publishingProfile"]["targetRegions"][0]["regionalReplicaCount"] == 2
    assert version["properties"]["publishingProfile"]["excludeFromLatest"] is False
    api.clock.advance(Delays().replication)
    await look_after(api)
    assert [one.name for one, _ in api.gateway.sent] == ["web"]
    assert await state(api) == "Running"
    api.end_operations()
    await look_after(api)
    found = (await api.get(ONE))["properties"]
    assert found["provisioningState"] == "Succeeded"
    assert isinstance(found["duration"], str)
    assert found["duration"] != "PT0S"
    assert len(found["outputResources"]) == 4
    assert {one["namespace"] for one in found["providers"]} == {"Microsoft.Compute"}
    needed = {one["resourceName"]: [it["resourceName"] for it in one["dependsOn"]] for one in found["dependencies"]}
    assert needed == {"web": ["own/web/1.0.0"], "own/web/1.0.0": ["own/web"], "own/web": ["own"]}


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


async def test_a_resource_waits_for_the_operation_of_the_one_that_it_needs(api: Api) -> None:
    await begin(api, scale_set("late", "early"), scale_set("early"))
    assert [one.name for one, _ in api.gateway.sent] == ["early"]
    api.end_operations()
    await look_after(api)
    assert [one.name for one, _ in api.gateway.sent] == ["early", "late"]


async def test_after_a_failure_nothing_more_begins_and_what_runs_is_waited_for(api: Api) -> None:
    await begin(api, scale_set("a"), scale_set("b"), scale_set("c", "a"))
    first, second = (message.operation_id for _, message in api.gateway.sent)
    api.store.operations.end(first, OperationStatus.FAILED, api.clock(), "NoImage", "no version is published")
    await look_after(api)
    assert await state(api) == "Running"
    api.store.operations.end(second, OperationStatus.SUCCEEDED, api.clock())
    await look_after(api)
    assert await state(api) == "Failed"
    assert [one.name for one, _ in api.gateway.sent] == ["a", "b"]
    error = (await api.get(ONE))["properties"]["error"]
    assert (error["code"], error["details"][0]["code"]) == ("DeploymentFailed", "NoImage")


async def test_f1_a_deployment_whose_process_was_killed_goes_on_in_the_next_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real = resource_types.made

    async def killed(services: Any, planned: Any) -> str:
        calls.append(planned.names[-1])
        operation = await real(services, planned)
        if planned.type == SETS:
            raise asyncio.CancelledError  # after the effect, before it is written down: the process is gone
        return operation

    monkeypatch.setattr(deployment_runs, "made", killed)
    with pytest.raises(asyncio.CancelledError):
        await deploy(api, resource(NETS, "net"), scale_set("web", "net"), resource(NETS, "last", "web"))
    monkeypatch.setattr(deployment_runs, "made", real)
    assert calls == ["net", "web"]
    await look_after(api)
    assert len(api.gateway.sent) == 1, "the claim of another process is not taken away at once"
    api.clock.advance(CLAIM)
    await look_after(api)
    assert len(api.gateway.sent) == 2
    assert api.stored().generation == 1, "made again, it is the same set"
    api.end_operations()
    await look_after(api)
    assert await state(api) == "Succeeded"
    assert await api.get(f"{GROUP}/providers/{NETS}/last")


async def test_f1_the_application_looks_after_deployments_as_long_as_it_lives(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment_runs, "PAUSE", timedelta(milliseconds=5))
    await begin(api, scale_set("web"))
    api.end_operations()
    away = iter([Unavailable("away")])
    real = api.store.deployments.unfinished

    def unfinished() -> Any:
        for error in away:
            raise error
        return real()

    monkeypatch.setattr(api.store.deployments, "unfinished", unfinished)
    async with application.life(api.app):
        async with asyncio.timeout(10):
            while await state(api) == "Running":  # noqa: ASYNC110  # nobody tells a client either
                await asyncio.sleep(0.01)
    assert await state(api) == "Succeeded"
    assert not [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") == tend.__name__]


async def test_something_unexpected_fails_the_deployment_instead_of_running_for_ever(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_services: Any, _planned: Any) -> str:
        raise LookupError(SECRETS[0])

    monkeypatch.setattr(deployment_runs, "made", broken)
    begun = await begin(api, resource(NETS, "net"))
    assert begun["provisioningState"] == "Failed"
    assert begun["error"]["details"][0]["code"] == "InternalServerError"
    assert "LookupError" in caplog.text
    assert SECRETS[0] not in caplog.text + json.dumps(begun)


async def test_something_unexpected_in_one_deployment_stops_no_other(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [ONE.replace("/first", f"/{name}") for name in ("a", "b")]
    for path in paths:
        await deploy(api, scale_set(f"of-{path[-1]}"), path=path)
    api.end_operations()
    real = api.store.deployments.opened

    failures = iter([Unavailable("away"), KeyError(SECRETS[0])])

    def opened(stored: StoredResource) -> dict[str, Any]:
        if stored.name == "a":
            raise next(failures)
        return real(stored)

    monkeypatch.setattr(api.store.deployments, "opened", opened)
    states = []
    for _ in range(2):
        await look_after(api)
        states.append([(await api.get(path))["properties"]["provisioningState"] for path in paths])
    assert states == [["Running", "Succeeded"], ["Failed", "Succeeded"]]


async def test_outputs_that_no_json_can_hold_fail_the_deployment_instead_of_running_for_ever(api: Api) -> None:
    begun = await begin(api, outputs={"x": {"type": "object", "value": {"x": "[json('1e999')]"}}})
    assert begun["provisioningState"] == "Failed"


async def test_a_group_may_have_letters_that_no_header_may(api: Api) -> None:
    group = GROUP.replace("/Farm", "/жж")
    await api.call("PUT", group, {"location": "westus2"})
    body = {"properties": {"mode": "Incremental", "template": {"resources": []}}}
    answer = await api.call("PUT", ONE.replace(GROUP, group), body)
    assert answer.status_code == 201
    status = await api.http.get(answer.headers["Azure-AsyncOperation"])
    assert status.json() == {"status": "Succeeded"}


async def test_f1_with_the_store_away_a_resource_is_made_later(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_services: Any, _planned: Any) -> str:
        raise Unavailable("away")

    real = resource_types.made
    monkeypatch.setattr(deployment_runs, "made", away)
    assert (await deploy(api, resource(NETS, "net"))).status_code == 503
    monkeypatch.setattr(deployment_runs, "made", real)
    api.clock.advance(CLAIM)
    await look_after(api)
    assert await state(api) == "Succeeded"


async def test_an_announcement_that_fails_is_told(api: Api) -> None:
    api.gateway.error = ArmError(503, "ServiceUnavailable", "Temporal does not answer just now.")
    begun = await begin(api, scale_set("web"))
    assert begun["provisioningState"] == "Failed"
    assert begun["error"]["details"][0]["code"] == "ServiceUnavailable"
    api.gateway.error = None
    assert (await begin(api, scale_set("web")))["provisioningState"] == "Running"


async def test_one_name_runs_once_at_a_time_and_may_run_again(api: Api) -> None:
    answer = await deploy(api, scale_set("web"))
    first = answer.json()["properties"]["correlationId"]
    polled = f"{ONE}/operationStatuses/{first}"
    again = await deploy(api, resource(NETS, "net"))
    assert (again.status_code, error_of(again)["code"]) == (409, "DeploymentActive")
    refused = await api.call("DELETE", ONE)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "DeploymentActive")
    api.end_operations()
    await look_after(api)
    assert (await api.get(polled))["status"] == "Succeeded"
    again = await deploy(api, scale_set("web"))
    assert again.status_code == 200
    assert api.stored().generation == 1
    assert (await api.call("GET", polled)).status_code == 404, "that run is no longer the one of this name"
    api.end_operations()
    await look_after(api)
    assert (await api.call("HEAD", ONE)).status_code == 204
    assert (await api.call("DELETE", ONE)).status_code == 204
    assert (await api.call("HEAD", ONE)).status_code == 404


async def test_two_requests_of_one_name_at_once_begin_one_run(api: Api) -> None:
    await api.call("PUT", GROUP, {"location": "westus2"})
    answers = await asyncio.gather(*(deploy(api, scale_set("web")) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [201, 409, 409, 409]
    assert len(api.gateway.sent) == 1


async def test_two_processes_that_look_after_one_deployment_make_each_resource_once(api: Api) -> None:
    await begin(api, scale_set("first"), *(resource(NETS, f"net{number}", "first") for number in range(4)))
    api.end_operations()
    calls: list[str] = []
    real = resource_types.made

    async def counted(services: Any, planned: Any) -> str:
        calls.append(planned.names[-1])
        return await real(services, planned)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment_runs, "made", counted)
        await asyncio.gather(*(look_after(api) for _ in range(3)))
    assert await state(api) == "Succeeded"
    assert sorted(calls) == ["net0", "net1", "net2", "net3"]


async def test_a_cancelled_deployment_begins_nothing_more(api: Api) -> None:
    await begin(api, scale_set("early"), scale_set("late", "early"))
    assert (await api.call("POST", f"{ONE}/cancel")).status_code == 204
    found = (await api.get(ONE))["properties"]
    assert (found["provisioningState"], found["error"]["code"]) == ("Canceled", "DeploymentCanceled")
    assert [one["id"].rpartition("/")[2] for one in found["outputResources"]] == ["early"]
    assert await made(api) == ["early"]
    api.end_operations()
    await look_after(api)
    assert len(api.gateway.sent) == 1
    again = await api.call("POST", f"{ONE}/cancel")
    assert (again.status_code, error_of(again)["code"]) == (409, "DeploymentCannotBeCancelled")
    assert (await api.call("POST", f"{ONE}x/cancel")).status_code == 404


async def test_f5_what_a_run_needs_is_sealed_while_it_lasts_and_forgotten_then(api: Api) -> None:
    parameters = {"word": {"type": "securestring", "defaultValue": SECRETS[0]}}
    late = scale_set(
        "late", "early", properties__virtualMachineProfile__osProfile__adminPassword="[parameters('word')]"
    )
    await begin(api, scale_set("early"), late, parameters=parameters)
    shown = json.dumps(stored(api)) + (await api.call("GET", ONE)).text
    assert not any(secret in shown for secret in SECRETS)
    api.end_operations()
    await look_after(api)
    opened = api.store.scale_sets.open_model(api.stored(f"{GROUP}/providers/{SETS}/late").identity.unique_id, 1)
    assert opened["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] == SECRETS[0]
    assert "sealed" in stored(api)
    api.end_operations()
    await look_after(api)
    assert await state(api) == "Succeeded"
    assert "sealed" not in stored(api)


async def test_f5_seals_of_running_deployments_are_made_anew_with_the_others(api: Api) -> None:
    await begin(api, resource(SETS, "early", **document(properties__virtualMachineProfile__userData=None)))
    before = stored(api)["sealed"]
    old = (api.app.state.services.settings.data_dir / "keys").read_text().strip()
    fresh = Fernet.generate_key().decode()
    url = f"sqlite:///{api.app.state.services.settings.data_dir / 'store.sqlite'}"
    both = Store.open(url, Sealer([fresh, old]))
    assert both.reseal() >= 1
    both.close()
    assert stored(api)["sealed"] != before
    newest = Store.open(url, Sealer([fresh]))
    [one] = newest.deployments.unfinished()
    assert newest.deployments.opened(one)["template"]["resources"][0]["name"] == "early"
    newest.close()


async def test_f5_an_output_must_not_show_a_secret(api: Api) -> None:
    parameters = {"word": {"type": "securestring", "defaultValue": SECRETS[0]}}
    variables = {"a": "[variables('b')]", "b": "[base64(parameters('word'))]"}
    for value in ("[parameters('WORD')]", "[variables('a')]", "[parameters(concat('wo', 'rd'))]"):
        outputs = {"shown": {"type": "string", "value": value}}
        answer = await deploy(api, parameters=parameters, variables=variables, outputs=outputs)
        assert answer.status_code == 400
        assert "'shown'" in error_of(answer)["message"]
        assert SECRETS[0] not in answer.text
    outputs = {"hidden": {"type": "securestring", "value": "[variables('a')]"}}
    begun = await begin(api, parameters=parameters, variables=variables, outputs=outputs)
    assert begun["outputs"] == {"hidden": {"type": "securestring"}}


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

    def put_model(unique_id: str, document: dict[str, Any], generation: int, now: datetime) -> StoredScaleSet:
        for tags in faster:
            real(unique_id, api.stored().document | {"tags": tags}, generation, now)
            raise Conflict
        return real(unique_id, document, generation, now)

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
    assert (await api.get(f"{network}/virtualNetworks/net"))["properties"]["subnets"] == [
        {"name": "ONE", "properties": {"addressPrefix": "10.0.2.0/24"}}
    ]
    assert (await api.get(f"{network}/loadBalancers/front"))["properties"]["backendAddressPools"][0]["name"] == "pool"
    assert (await api.get(f"{network}/networkSecurityGroups/guard"))["properties"]["securityRules"][0]["name"] == "ssh"
    assert (await api.get(f"{network}/publicIPPrefixes/prefix"))["name"] == "prefix"
    begun = await begin(api, resource(f"{NETS}/subnets", "none/one"))
    assert begun["error"]["details"][0]["code"] == "ResourceNotFound"


@pytest.mark.parametrize(
    "kind",
    [
        "Microsoft.Resources/deployments",
        "Microsoft.Insights/autoscaleSettings",
        "Microsoft.Storage/storageAccounts",
        "Microsoft.Network/networkInterfaces",
        "Microsoft.Compute/virtualMachines",
    ],
)
async def test_a_type_that_would_mean_nothing_here_is_refused_with_its_reason(api: Api, kind: str) -> None:
    answer = await deploy(api, resource(NETS, "net"), resource(kind, "one"))
    assert (answer.status_code, error_of(answer)["code"]) == (400, "InvalidResourceType")
    assert f"'{kind}' is not supported: " in error_of(answer)["message"]
    assert (await api.call("GET", f"{GROUP}/providers/{NETS}/net")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", f"{ONE}/whatIf", "WhatIfNotSupported"),
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


async def test_the_operations_of_a_deployment_can_be_read_one_by_one(api: Api) -> None:
    await begin(api, scale_set("web"))
    [one] = (await api.get(f"{ONE}/operations"))["value"]
    assert one["properties"]["provisioningState"] == "Running"
    assert await api.get(f"{ONE}/operations/{one['operationId']}") == one
    assert (await api.call("GET", f"{ONE}/operations/7")).status_code == 404


async def test_what_begins_between_two_pages_of_operations_shifts_nothing(api: Api) -> None:
    await begin(api, *map(scale_set, "ab"), scale_set("of-a", "a"), scale_set("of-b", "b"), scale_set("more", "b"))
    api.store.operations.end(api.gateway.sent[1][1].operation_id, OperationStatus.SUCCEEDED, api.clock())
    await look_after(api)
    page = await api.get(f"{ONE}/operations", _top=3)
    api.end_operations()
    await look_after(api)
    assert await made(api) == ["a", "b", "of-a", "of-b", "more"]
    rest = (await api.http.get(page["nextLink"])).json()
    assert [one["operationId"] for one in (*page["value"], *rest["value"])] == ["0", "1", "3", "4"]


async def test_outputs_that_cannot_be_evaluated_fail_the_deployment_after_its_resources(api: Api) -> None:
    outputs = {"x": {"type": "string", "value": "[reference('net').nothing]"}}
    begun = await begin(api, resource(NETS, "net"), outputs=outputs)
    assert begun["provisioningState"] == "Failed"
    assert "nothing" in begun["error"]["details"][0]["message"]
    assert await api.get(f"{GROUP}/providers/{NETS}/net")
    assert "sealed" not in stored(api)
