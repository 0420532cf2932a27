"""What has no meaning here says so and names another way; what has one works."""

import pytest

from api.instances.unsupported import OF_INSTANCES, OF_SETS
from instar.domain.machines.actions import ActionKind
from tests.api.conftest import SCALE_SET, Api, document, error_of

INSTANCE = f"{SCALE_SET}/virtualMachines/0"


@pytest.fixture
async def web(api: Api) -> Api:
    await api.create()
    await api.add_machines(1)
    api.gateway.sent.clear()
    return api


@pytest.mark.parametrize("name", OF_SETS)
async def test_what_a_set_cannot_do_is_409_and_changes_nothing(web: Api, name: str) -> None:
    for body in (None, {"instanceIds": ["0"]}):
        answer = await web.call("POST", f"{SCALE_SET}/{name.lower()}", body)
        assert (answer.status_code, error_of(answer)["code"]) == (409, "OperationNotAllowed")
        assert error_of(answer)["message"].startswith(f"Operation '{name}' is not allowed because ")
    missing = await web.call("POST", f"{SCALE_SET}2/{name}")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "ResourceNotFound")
    assert web.gateway.sent == []
    assert web.store.operations.running(web.stored().identity.unique_id) == []


@pytest.mark.parametrize("name", OF_INSTANCES)
async def test_what_an_instance_cannot_do_is_409_and_changes_nothing(web: Api, name: str) -> None:
    answer = await web.call("POST", f"{INSTANCE}/{name}", {"commandId": "RunShellScript"})
    assert (answer.status_code, error_of(answer)["code"]) == (409, "OperationNotAllowed")
    missing = await web.call("POST", f"{SCALE_SET}/virtualMachines/7/{name}")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "NotFound")
    assert web.gateway.sent == []


@pytest.mark.parametrize("path", [SCALE_SET, INSTANCE])
async def test_a_redeployed_machine_is_off_and_on_again(web: Api, path: str) -> None:
    answer = await web.call("POST", f"{path}/redeploy")
    assert answer.status_code == 202
    action = web.gateway.last
    assert (action.kind, action.everyone) == (ActionKind.RESTART, path == SCALE_SET)


async def test_there_are_no_events_of_lifecycle_hooks(web: Api) -> None:
    path = f"{SCALE_SET}/lifecycleHookEvents"
    assert await web.get(path) == {"value": []}
    for method in ("GET", "PATCH"):
        answer = await web.call(method, f"{path}/6f4d", {} if method == "PATCH" else None)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "NotFound")


async def test_the_sizes_of_a_set_are_its_own(web: Api) -> None:
    [only] = (await web.get(f"{SCALE_SET}/skus"))["value"]
    assert only["resourceType"] == "Microsoft.Compute/virtualMachineScaleSets"
    assert only["sku"] == {"name": "Standard_B2s", "tier": "Standard"}
    assert only["capacity"]["scaleType"] == "Automatic"


async def test_scale_out_raises_the_capacity_and_never_lowers_it(web: Api) -> None:
    answer = await web.call("POST", f"{SCALE_SET}/scaleOut", {"capacity": 5})
    assert (answer.status_code, answer.content) == (202, b"")
    assert web.stored().document["sku"]["capacity"] == 5
    assert (web.gateway.last.generation, web.gateway.last.operation_id) == (2, answer.headers["x-ms-request-id"])
    for body, status in (
        ({"capacity": 5}, 400),
        ({"capacity": "6"}, 400),
        ({}, 400),
        ({"capacity": True}, 400),
        ({"capacity": 6, "properties": 1}, 400),
        ({"capacity": 6, "properties": {"zone": "1"}}, 409),
    ):
        refused = await web.call("POST", f"{SCALE_SET}/scaleOut", body)
        assert refused.status_code == status, body
        error_of(refused)
    assert (await web.call("POST", f"{SCALE_SET}2/scaleOut", {"capacity": 5})).status_code == 404
    assert web.stored().generation == 2


async def test_switches_of_azures_deletions_and_stops_are_taken(web: Api) -> None:
    for method, path, name in (
        ("POST", f"{SCALE_SET}/powerOff", "skipShutdown"),
        ("POST", f"{INSTANCE}/powerOff", "skipShutdown"),
        ("POST", f"{SCALE_SET}/deallocate", "hibernate"),
        ("POST", f"{SCALE_SET}/delete", "forceDeletion"),
        ("DELETE", INSTANCE, "forceDeletion"),
        ("DELETE", SCALE_SET, "forceDeletion"),
    ):
        body = {"instanceIds": ["0"]} if method == "POST" and path.startswith(f"{SCALE_SET}/") else None
        answer = await web.call(method, path, body, **{name: "true"})
        assert answer.status_code == 202, (path, answer.text)


async def test_user_data_may_be_asked_for_and_is_never_shown(web: Api) -> None:
    for path in (SCALE_SET, INSTANCE, f"{SCALE_SET}/virtualMachines"):
        answer = await web.call("GET", path, _expand="userData")
        assert answer.status_code == 200
        assert "userData" not in answer.text
        refused = await web.call("GET", path, _expand="everything")
        assert (refused.status_code, error_of(refused)["target"]) == (400, "$expand")
        assert "'everything'" in error_of(refused)["message"]
    assert document()["properties"]["virtualMachineProfile"]["userData"], "there is one"
