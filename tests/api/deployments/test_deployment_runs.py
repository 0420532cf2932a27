"""Deployments that take their time: what waits for what, what a failure stops, and what is told of it."""

import asyncio
import json
from typing import Any

import pytest

from api.deployments import deployment_runs
from api.wire.errors import ArmError
from instar.domain.delays import Delays
from instar.domain.records.operations import OperationStatus
from instar.store.deployments import TYPE
from instar.store.resources import StoredResource
from tests.api.conftest import GROUP, SCALE_SET, SECRETS, Api, error_of
from tests.api.deployments.deploying import (
    GALLERY,
    NETS,
    ONE,
    begin,
    deploy,
    gallery_resources,
    look_after,
    made,
    resource,
    scale_set,
    state,
    stored,
)


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


async def test_a_resource_waits_for_the_operation_of_the_one_that_it_needs(api: Api) -> None:
    await begin(api, scale_set("late", "early"), scale_set("early"))
    assert [one.name for one, _ in api.gateway.sent] == ["early"]
    api.end_operations()
    await look_after(api)
    assert [one.name for one, _ in api.gateway.sent] == ["early", "late"]


async def test_after_a_failure_nothing_more_begins_and_what_runs_is_waited_for(api: Api) -> None:
    await begin(api, scale_set("a"), scale_set("b"), scale_set("c", "a"))
    of = {one.name: message.operation_id for one, message in api.gateway.sent}
    api.store.operations.end(of["a"], OperationStatus.FAILED, api.clock(), "NoImage", "no version is published")
    await look_after(api)
    assert await state(api) == "Running"
    api.store.operations.end(of["b"], OperationStatus.SUCCEEDED, api.clock())
    await look_after(api)
    assert await state(api) == "Failed"
    assert sorted(one.name for one, _ in api.gateway.sent) == ["a", "b"]
    error = (await api.get(ONE))["properties"]["error"]
    assert (error["code"], error["details"][0]["code"]) == ("DeploymentFailed", "NoImage")


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


async def test_f6_an_announcement_that_waits_for_temporal_is_no_failure(api: Api) -> None:
    api.gateway.error = ArmError(503, "ServiceUnavailable", "Temporal does not answer just now.")
    assert (await begin(api, scale_set("web")))["provisioningState"] == "Running"
    assert (await api.get(SCALE_SET))["properties"]["provisioningState"] == "Creating"


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


async def test_the_operations_of_a_deployment_can_be_read_one_by_one(api: Api) -> None:
    await begin(api, scale_set("web"))
    [one] = (await api.get(f"{ONE}/operations"))["value"]
    assert one["properties"]["provisioningState"] == "Running"
    assert await api.get(f"{ONE}/operations/{one['operationId']}") == one
    assert (await api.call("GET", f"{ONE}/operations/7")).status_code == 404


async def test_outputs_that_cannot_be_evaluated_fail_the_deployment_after_its_resources(api: Api) -> None:
    outputs = {"x": {"type": "string", "value": "[reference('net').nothing]"}}
    begun = await begin(api, resource(NETS, "net"), outputs=outputs)
    assert begun["provisioningState"] == "Failed"
    assert "nothing" in begun["error"]["details"][0]["message"]
    assert await api.get(f"{GROUP}/providers/{NETS}/net")
    assert "sealed" not in stored(api)


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


async def test_what_begins_between_two_pages_of_operations_shifts_nothing(api: Api) -> None:
    await begin(api, *map(scale_set, "ab"), scale_set("of-a", "a"), scale_set("of-b", "b"), scale_set("more", "b"))
    of = {one.name: message.operation_id for one, message in api.gateway.sent}
    api.store.operations.end(of["b"], OperationStatus.SUCCEEDED, api.clock())
    await look_after(api)
    page = await api.get(f"{ONE}/operations", _top=3)
    api.end_operations()
    await look_after(api)
    assert await made(api) == ["a", "b", "of-a", "of-b", "more"]
    rest = (await api.http.get(page["nextLink"])).json()
    assert [one["operationId"] for one in (*page["value"], *rest["value"])] == ["0", "1", "3", "4"]


def copies(count: int) -> dict[str, Any]:
    return resource(NETS, "[concat('net', copyIndex())]", copy={"name": "many", "count": count})


async def test_what_a_deployment_writes_for_each_resource_does_not_grow_with_their_number(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    replace = api.store.resources.replace

    def counted(before: StoredResource, document: dict[str, Any]) -> StoredResource:
        if before.type == TYPE:
            written.append(len(json.dumps(document)))
        return replace(before, document)

    monkeypatch.setattr(api.store.resources, "replace", counted)
    each: list[float] = []
    for count in (100, 400):
        written.clear()
        path = f"{GROUP}/providers/Microsoft.Resources/deployments/of-{count}"
        assert (await deploy(api, copies(count), path=path)).is_success
        await look_after(api)
        assert (await api.get(path))["properties"]["provisioningState"] == "Succeeded"
        each.append(len(written) / count)
    assert each[1] <= each[0]


async def test_a_small_deployment_does_not_wait_for_a_large_one(api: Api) -> None:
    large = asyncio.create_task(
        deploy(api, copies(300), path=f"{GROUP}/providers/Microsoft.Resources/deployments/large")
    )
    await asyncio.sleep(0)
    small = f"{GROUP}/providers/Microsoft.Resources/deployments/small"
    assert (await deploy(api, resource(NETS, "one"), path=small)).is_success
    assert (await api.get(small))["properties"]["provisioningState"] == "Succeeded"
    assert not large.done()
    assert (await large).is_success
