"""What is kept, written by itself: a document and a warning, never in silence; refused where the operator wants it."""

from dataclasses import replace
from typing import Any

import pytest

from instar.connection.settings import UnusedResources
from tests.api.conftest import GROUP, SCALE_SET, Api, error_of
from tests.api.deployments.deploying import NETS, begin, resource

PROVIDERS = f"{GROUP}/providers"
STORAGE = f"{PROVIDERS}/Microsoft.Storage/storageAccounts/own"
BLOBS = f"{STORAGE}/blobServices/default"
CONTAINER = f"{BLOBS}/containers/logs"
SCALING = f"{PROVIDERS}/Microsoft.Insights/autoscaleSettings/auto"
LOCK = f"{STORAGE}/providers/Microsoft.Authorization/locks/keep"
ACCOUNT: dict[str, Any] = {"location": "westus2", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}


@pytest.fixture
async def farm(api: Api) -> Api:
    await api.call("PUT", GROUP, {"location": "westus2"})
    return api


async def put(api: Api, path: str, **body: Any) -> Any:
    answer = await api.call("PUT", path, body)
    assert answer.status_code in (200, 201), answer.text
    return answer


async def test_it_is_kept_as_a_template_keeps_it_and_a_warning_says_so(farm: Api) -> None:
    answer = await put(farm, STORAGE, **ACCOUNT, tags={"a": "b"})
    assert answer.status_code == 201
    assert answer.headers["Warning"] == (
        '299 instar "Microsoft.Storage/storageAccounts: it is kept as a document, and nothing here acts on it."'
    )
    assert answer.json()["properties"]["primaryEndpoints"]["blob"] == "https://own.blob.core.windows.net/"
    assert answer.json() == await farm.get(STORAGE)
    assert (await put(farm, STORAGE, **ACCOUNT)).status_code == 200
    assert "tags" not in await farm.get(STORAGE)
    whole = await farm.get(STORAGE)
    await begin(farm, resource("Microsoft.Storage/storageAccounts", "own") | ACCOUNT)
    by_template = await farm.get(STORAGE)
    assert {**by_template, "etag": ""} == {**whole, "etag": ""}


async def test_what_would_act_on_machines_says_what_does_not_happen(farm: Api) -> None:
    answer = await put(farm, SCALING, location="westus2", properties={"enabled": True})
    assert "nothing here scales a set: its capacity stays as it was given" in answer.headers["Warning"]
    assert farm.gateway.sent == []


async def test_those_below_and_those_added_go_with_what_they_are_below(farm: Api) -> None:
    missing = await farm.call("PUT", BLOBS, {"properties": {}})
    assert (missing.status_code, error_of(missing)["code"]) == (404, "ParentResourceNotFound")
    await put(farm, STORAGE, **ACCOUNT)
    for path in (BLOBS, CONTAINER):
        await put(farm, path, properties={"x": 1})
        assert (await farm.get(path))["location"] == "westus2"
    answer = await put(farm, LOCK, properties={"level": "CanNotDelete"})
    assert "it protects nothing here" in answer.headers["Warning"]
    assert (await farm.get(LOCK))["type"] == "Microsoft.Authorization/locks"
    for path in (LOCK, CONTAINER):
        assert (await farm.call("DELETE", path)).status_code == 202
        assert (await farm.call("DELETE", path)).status_code == 204
    assert (await farm.call("DELETE", STORAGE)).status_code == 202
    assert (await farm.call("GET", BLOBS)).status_code == 404


async def test_tags_are_patched_and_nothing_else(farm: Api) -> None:
    absent = await farm.call("PATCH", STORAGE, {"tags": {"a": "b"}})
    assert absent.status_code == 404
    await put(farm, STORAGE, **ACCOUNT, properties={"x": 1})
    answer = await farm.call("PATCH", STORAGE, {"tags": {"a": "b"}})
    assert (answer.status_code, answer.json()["tags"]) == (200, {"a": "b"})
    assert answer.headers["Warning"].startswith("299 ")
    assert (await farm.get(STORAGE))["properties"]["x"] == 1
    assert (await farm.call("PATCH", STORAGE, {})).json()["tags"] == {"a": "b"}
    assert "tags" not in (await farm.call("PATCH", STORAGE, {"tags": None})).json()
    patches: tuple[dict[str, Any], ...] = (
        {"properties": {}},
        {"tags": "x"},
        {"tags": {"a": 1}},
        {"sku": {"name": "x"}, "tags": {}},
    )
    for wrong in patches:
        refused = await farm.call("PATCH", STORAGE, wrong)
        assert refused.status_code == 400, wrong
        error_of(refused)


async def test_etags_are_honoured(farm: Api) -> None:
    answer = await put(farm, STORAGE, **ACCOUNT)
    stale = {"If-Match": answer.headers["ETag"]}
    await put(farm, STORAGE, **ACCOUNT, tags={"a": "b"})
    version = {"api-version": "2023-01-01"}
    for method, headers in (("PUT", stale), ("PATCH", stale), ("PUT", {"If-None-Match": "*"})):
        refused = await farm.http.request(method, STORAGE, params=version, json={"tags": {}}, headers=headers)
        assert refused.status_code == 412, method
    assert (await farm.get(STORAGE))["tags"] == {"a": "b"}


async def test_f5_what_is_called_like_a_secret_is_not_kept(farm: Api) -> None:
    properties = {"administratorLoginPassword": "hunter2-password", "x": {"connectionString": "hunter2-string"}}
    await put(farm, f"{PROVIDERS}/Microsoft.Sql/servers/own", location="westus2", properties=properties)
    assert "hunter2" not in str([one.document for one in farm.store.resources.all_of(GROUP.split("/")[2])])


async def test_a_setting_refuses_it_and_is_named(farm: Api) -> None:
    await put(farm, STORAGE, **ACCOUNT)
    services = farm.app.state.services
    settings = services.settings.model_copy(update={"unused_resources": UnusedResources.REFUSE})
    farm.app.state.services = replace(services, settings=settings)
    for method, path, body in (("PUT", SCALING, ACCOUNT), ("PUT", STORAGE, ACCOUNT), ("PATCH", STORAGE, {"tags": {}})):
        answer = await farm.call(method, path, body)
        assert (answer.status_code, error_of(answer)["code"]) == (400, "InvalidResourceType")
        assert "INSTAR_UNUSED_RESOURCES" in error_of(answer)["message"]
    assert (await farm.call("GET", SCALING)).status_code == 404
    assert (await farm.call("DELETE", STORAGE)).status_code == 202


@pytest.mark.parametrize(
    "path",
    [
        f"{SCALE_SET}/runCommands/x",
        f"{SCALE_SET}/providers/Microsoft.Authorization/locks/x",
        f"{PROVIDERS}/Microsoft.Resources/tags/x",
        f"{PROVIDERS}/Microsoft.Storage/storageAccounts/own/providers/Microsoft.Resources/tags/default",
        f"{PROVIDERS}/nonsense/x/y",
        f"{PROVIDERS}/Microsoft.Network/loadBalancers/front/strange/x",
    ],
)
async def test_what_would_change_what_instar_acts_on_is_never_kept(farm: Api, path: str) -> None:
    await put(farm, STORAGE, **ACCOUNT)
    before = len(farm.store.resources.all_of(GROUP.split("/")[2]))
    answer = await farm.call("PUT", path, {"location": "westus2", "properties": {}})
    assert 400 <= answer.status_code < 500, answer.text
    assert len(farm.store.resources.all_of(GROUP.split("/")[2])) == before


@pytest.mark.parametrize(
    "body",
    [
        {"properties": []},
        {"properties": "x"},
        {"location": 5},
        {"tags": {"a": 1}},
        {"tags": "x"},
        {"tags": {"a" * 600: ""}},
    ],
)
async def test_nonsense_is_told(farm: Api, body: dict[str, Any]) -> None:
    answer = await farm.call("PUT", STORAGE, ACCOUNT | body)
    assert answer.status_code == 400, answer.text
    error_of(answer)
    assert (await farm.call("GET", STORAGE)).status_code == 404


async def test_a_group_that_is_not_there_is_told(api: Api) -> None:
    answer = await api.call("PUT", STORAGE, ACCOUNT)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "ResourceGroupNotFound")


async def test_what_instar_knows_keeps_its_own_routes(farm: Api) -> None:
    answer = await farm.call("PUT", f"{PROVIDERS}/{NETS}/net", {"location": "westus2"})
    assert "Warning" not in answer.headers
    assert answer.headers["Azure-AsyncOperation"]
