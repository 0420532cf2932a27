"""Routes that act on machines: what is sent on, what is refused, and that nonsense changes nothing."""

import json
from typing import Any

import pytest

from api.wire.errors import not_allowed
from instar.compute.simulated.file.scripts import InstanceScript
from instar.domain.machines.actions import ActionKind, Protection
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.records.operations import OperationKind, OperationStatus
from tests.api.conftest import NEW, OLD, SCALE_SET, Api, error_of
from tests.api.nonsense import BODIES

INSTANCE = f"{SCALE_SET}/virtualMachines/1"


@pytest.fixture
async def web(api: Api) -> Api:
    await api.create()
    await api.add_machines(3)
    for version in (OLD, NEW):
        api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", version, "westus2", {}, api.clock())
    return api


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        ("manualupgrade", ActionKind.MANUAL_UPGRADE),
        ("reimage", ActionKind.REIMAGE),
        ("reimageall", ActionKind.REIMAGE),
        ("start", ActionKind.START),
        ("powerOff", ActionKind.POWER_OFF),
        ("poweroff", ActionKind.POWER_OFF),
        ("deallocate", ActionKind.DEALLOCATE),
        ("restart", ActionKind.RESTART),
        ("delete", ActionKind.DELETE),
    ],
)
async def test_an_action_on_the_set_is_202_with_both_urls_and_sent_on(web: Api, route: str, kind: ActionKind) -> None:
    answer = await web.call("POST", f"{SCALE_SET}/{route}", {"instanceIds": ["2", "0", "2"]})
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["Retry-After"] == "1"
    action = web.gateway.last
    assert isinstance(action, InstanceAction)
    assert (action.kind, action.ids.ranges, action.everyone, action.on_instance) == (kind, "0,2", False, False)
    operation = web.store.operations.get(answer.headers["x-ms-request-id"])
    assert operation is not None
    assert (operation.id, operation.status) == (action.operation_id, OperationStatus.IN_PROGRESS)
    assert operation.kind is OperationKind(kind.value)
    assert (await web.http.get(answer.headers["Location"])).status_code == 202
    assert (await web.get(SCALE_SET))["properties"]["provisioningState"] == "Updating"


@pytest.mark.parametrize("route", ["manualupgrade", "reimage", "reimageall", "restart", "delete"])
async def test_a_star_means_everyone(web: Api, route: str) -> None:
    answer = await web.call("POST", f"{SCALE_SET}/{route}", {"instanceIds": ["*"]})
    assert answer.status_code == 202
    assert web.gateway.last.everyone


@pytest.mark.parametrize("route", ["reimage", "reimageall", "start", "powerOff", "deallocate", "restart"])
async def test_no_body_and_no_ids_mean_everyone_where_the_body_is_optional(web: Api, route: str) -> None:
    for body in (None, {}, {"instanceIds": None}):
        assert (await web.call("POST", f"{SCALE_SET}/{route}", body)).status_code == 202
        assert web.gateway.last.everyone


@pytest.mark.parametrize("route", ["manualupgrade", "delete"])
async def test_what_could_concern_everyone_by_mistake_must_name_its_instances(web: Api, route: str) -> None:
    for body in (None, {}, {"instanceIds": None}):
        answer = await web.call("POST", f"{SCALE_SET}/{route}", body)
        assert answer.status_code == 400
        error_of(answer)


@pytest.mark.parametrize(
    ("method", "route", "kind"),
    [
        ("POST", "/reimage", ActionKind.REIMAGE),
        ("POST", "/reimageall", ActionKind.REIMAGE),
        ("POST", "/start", ActionKind.START),
        ("POST", "/powerOff", ActionKind.POWER_OFF),
        ("POST", "/deallocate", ActionKind.DEALLOCATE),
        ("POST", "/restart", ActionKind.RESTART),
        ("DELETE", "", ActionKind.DELETE),
    ],
)
async def test_1_7_an_action_on_the_instance_is_its_owners_own_will(
    web: Api, method: str, route: str, kind: ActionKind
) -> None:
    web.fleet.script_instance(web.stored().identity, "1", InstanceScript(protected=True))
    answer = await web.call(method, INSTANCE + route)
    assert answer.status_code == 202
    action = web.gateway.last
    assert (action.kind, action.ids.ranges, action.on_instance) == (kind, "1", True)
    unknown = await web.call(method, f"{SCALE_SET}/virtualMachines/77{route}")
    assert unknown.status_code == 404
    assert error_of(unknown)["code"] == "NotFound"


WRONG_IDS: tuple[Any, ...] = (
    [],
    "*",
    "0",
    0,
    {"0": 1},
    [0],
    [None],
    [["0"]],
    ["7"],
    ["0", "7"],
    ["00"],
    [" 0"],
    ["-1"],
    ["0.0"],
    ["٣"],
    ["9" * 5000],
    [""],
    ["../0"],
)


@pytest.mark.parametrize("route", ["manualupgrade", "reimage", "reimageall", "restart", "delete", "deallocate"])
async def test_wrong_instance_ids_are_400_and_nothing_is_sent(web: Api, route: str) -> None:
    sent = len(web.gateway.sent)
    for wrong in WRONG_IDS:
        answer = await web.call("POST", f"{SCALE_SET}/{route}", {"instanceIds": wrong})
        assert answer.status_code == 400, wrong
        error = error_of(answer)
        assert (error["code"], error["target"]) == ("InvalidParameter", "instanceIds")
        assert len(error["message"]) < 400
    assert len(web.gateway.sent) == sent
    assert web.store.operations.running(web.stored().identity.unique_id) == []


@pytest.mark.parametrize("name", BODIES)
async def test_no_body_whatever_does_harm_to_an_action(web: Api, name: str) -> None:
    sent = len(web.gateway.sent)
    for route in ("manualupgrade", "reimage", "reimageall", "restart", "delete", "virtualMachines/1/reimage"):
        if name == "empty" and route not in ("manualupgrade", "delete"):
            continue  # everyone
        query = {"api-version": "2026-04-01"}
        answer = await web.http.post(f"{SCALE_SET}/{route}", params=query, content=BODIES[name])
        assert 400 <= answer.status_code < 500, route
        error_of(answer)
    assert len(web.gateway.sent) == sent
    assert web.store.operations.running(web.stored().identity.unique_id) == []


async def test_unknown_instances_are_named(web: Api) -> None:
    answer = await web.call("POST", f"{SCALE_SET}/manualupgrade", {"instanceIds": ["0", "7", "8"]})
    assert error_of(answer)["message"] == "These instances do not exist in the scale set 'web': '7', '8'."


@pytest.mark.parametrize("path", [f"{SCALE_SET}/reimage", f"{SCALE_SET}/reimageall", f"{INSTANCE}/reimage"])
async def test_reimage_takes_a_version_of_the_sets_image_that_is_offered(web: Api, path: str) -> None:
    answer = await web.call("POST", path, {"exactVersion": NEW})
    assert answer.status_code == 202
    assert web.gateway.last.exact_version == NEW
    web.store.images.withdraw("Canonical", "UbuntuServer", "18.04-LTS", NEW, "westus2")
    nonsense: tuple[Any, ...] = (NEW, "18.04.999", "latest", "1.x", "..", 7, True, [], {}, "9" * 5000, "1\u0663")
    for wrong in nonsense:
        refused = await web.call("POST", path, {"exactVersion": wrong})
        assert refused.status_code == 400, wrong
        assert error_of(refused)["target"] == "exactVersion"
    profile = {"osProfile": {"adminPassword": "planted-secret"}}
    refused = await web.call("POST", path, profile)
    assert refused.status_code == 400
    assert "planted-secret" not in refused.text


async def test_protection_is_set_and_what_is_protected_from_actions_is_so_from_scale_in(web: Api) -> None:
    answer = await web.call("PUT", INSTANCE, {"properties": {"ProtectionPolicy": {"protectFromScaleSetActions": True}}})
    assert answer.status_code == 200
    assert answer.headers["Azure-AsyncOperation"]
    assert answer.headers["Retry-After"] == "1"
    assert "Location" not in answer.headers
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    action = web.gateway.last
    assert (action.kind, action.ids.ranges) == (ActionKind.PROTECT, "1")
    assert action.protection == Protection(from_actions=True, from_scale_in=True)


async def test_an_instance_put_back_as_it_was_shown_stays_as_it_is(web: Api) -> None:
    await web.fleet.protect(web.stored().identity, "1", from_actions=False, from_scale_in=True)
    shown = await web.get(INSTANCE)
    assert shown["properties"]["protectionPolicy"] == {"protectFromScaleIn": True, "protectFromScaleSetActions": False}
    bodies: tuple[Any, ...] = (shown, {"properties": {}}, {})
    for body in bodies:
        assert (await web.call("PUT", INSTANCE, body)).status_code == 200
        assert web.gateway.last.protection == Protection(from_actions=False, from_scale_in=True)
    shown["properties"]["protectionPolicy"]["protectFromScaleSetActions"] = True
    assert (await web.call("PUT", INSTANCE, shown)).status_code == 200
    assert web.gateway.last.protection.from_actions
    for lifted in (None, {}, {"protectFromScaleIn": False}):
        assert (await web.call("PUT", INSTANCE, {"properties": {"protectionPolicy": lifted}})).status_code == 200
        assert web.gateway.last.protection == Protection()


async def test_1_7_false_and_true_contradict_each_other(web: Api) -> None:
    policy = {"protectFromScaleIn": False, "protectFromScaleSetActions": True}
    answer = await web.call("PUT", INSTANCE, {"properties": {"protectionPolicy": policy}})
    assert answer.status_code == 400
    assert error_of(answer)["target"] == "properties.protectionPolicy.protectFromScaleIn"


@pytest.mark.parametrize(
    "body",
    [
        {"properties": []},
        {"properties": {"protectionPolicy": "on"}},
        {"properties": {"protectionPolicy": {"protectFromScaleIn": "true"}}},
        {"properties": {"protectionPolicy": {"protectFromScaleSetActions": 1}}},
    ],
)
async def test_a_wrong_protection_is_400_and_nothing_is_sent(web: Api, body: Any) -> None:
    sent = len(web.gateway.sent)
    answer = await web.call("PUT", INSTANCE, body)
    assert answer.status_code == 400
    error_of(answer)
    assert len(web.gateway.sent) == sent


async def test_an_unknown_instance_cannot_be_put(web: Api) -> None:
    assert (await web.call("PUT", f"{SCALE_SET}/virtualMachines/77", {"properties": {}})).status_code == 404


@pytest.mark.parametrize("route", ["manualupgrade", "reimage", "restart"])
async def test_p15_what_the_set_refuses_is_409_and_leaves_no_operation(web: Api, route: str) -> None:
    web.gateway.error = not_allowed(f"Operation '{route}' is not allowed because a Rolling Upgrade is in progress.")
    answer = await web.call("POST", f"{SCALE_SET}/{route}", {"instanceIds": ["0"]})
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "OperationNotAllowed"
    assert web.store.operations.running(web.stored().identity.unique_id) == []


async def test_2_3_a_set_reads_failed_after_a_failed_put_until_one_succeeds(web: Api) -> None:
    async def put_ends(status: OperationStatus) -> str:
        web.clock.now += web.clock.now.resolution
        answer = await web.call("PATCH", SCALE_SET, {"tags": {"a": json.dumps(status)}})
        assert (await web.get(SCALE_SET))["properties"]["provisioningState"] == "Updating"
        web.store.operations.end(answer.headers["x-ms-request-id"], status, web.clock(), "Code", "why")
        state: str = (await web.get(SCALE_SET))["properties"]["provisioningState"]
        statuses = (await web.get(f"{SCALE_SET}/instanceView"))["statuses"]
        assert statuses[0]["code"] == f"ProvisioningState/{state.lower()}"
        return state

    assert await put_ends(OperationStatus.FAILED) == "Failed"
    assert await put_ends(OperationStatus.CANCELED) == "Canceled"
    assert await put_ends(OperationStatus.SUCCEEDED) == "Succeeded"


async def test_a_put_announces_its_mode_and_what_it_says_to_machines(web: Api) -> None:
    await web.call("PATCH", SCALE_SET, {"sku": {"capacity": 5}})
    assert (web.gateway.last.generation, web.gateway.last.machine_generation) == (2, 1)
    assert web.gateway.last.mode == "Automatic"
    await web.call("PATCH", SCALE_SET, {"properties": {"virtualMachineProfile": {"licenseType": "x"}}})
    assert (web.gateway.last.generation, web.gateway.last.machine_generation) == (3, 3)
