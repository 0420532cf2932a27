"""Extensions of a scale set, one by one: each change of one is a change of the model like any other."""

from typing import Any

import pytest

from instar.compute.provider import MachineExtension, MachineModel
from instar.compute.simulated.file.scripts import ExtensionScript
from instar.domain.messages.scale_set import ApplyModel
from instar.store.sets.stored_scale_set import StoredScaleSet
from tests.api.conftest import ENABLE, IMAGE, OLD, SCALE_SET, SECRETS, Api, error_of

EXTENSIONS = f"{SCALE_SET}/extensions"
SETUP = f"{EXTENSIONS}/setup"
NEW: dict[str, Any] = {
    "properties": {
        "publisher": "Contoso",
        "type": "Agent",
        "typeHandlerVersion": "1.0",
        "settings": {"Level": 3},
        "protectedSettings": {"key": "hunter2-agent"},
        "provisionAfterExtensions": ["setup"],
    }
}


@pytest.fixture
async def web(api: Api) -> Api:
    await api.create()
    return api


def opened(api: Api, stored: StoredScaleSet) -> dict[str, Any]:
    """Protected settings by name of extension, as machines get them."""
    model = api.store.scale_sets.open_model(stored.identity.unique_id, stored.generation)
    found = model["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"]
    return {one["name"]: one["properties"].get("protectedSettings") for one in found}


async def test_extensions_are_read_without_their_secrets(web: Api) -> None:
    answer = await web.get(EXTENSIONS)
    assert [one["name"] for one in answer["value"]] == ["health", "setup"]
    [_, setup] = answer["value"]
    assert setup == {
        "name": "setup",
        "id": SETUP,
        "type": "Microsoft.Compute/virtualMachineScaleSets/extensions",
        "properties": {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "typeHandlerVersion": "2.1",
            "settings": {"x": 1},
            "provisioningState": "Succeeded",
        },
    }
    assert await web.get(f"{EXTENSIONS}/SETUP", _expand="instanceView") == setup
    missing = await web.call("GET", f"{EXTENSIONS}/none")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "NotFound")


async def test_a_new_extension_is_a_new_generation_that_is_announced_and_its_secret_sealed(web: Api) -> None:
    answer = await web.call("PUT", f"{EXTENSIONS}/Agent", NEW)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["properties"]["provisioningState"] == "Creating"
    stored = web.stored()
    message = web.gateway.last
    assert isinstance(message, ApplyModel)
    assert (stored.generation, message.generation, message.machine_generation) == (2, 2, 2)
    assert message.operation_id == answer.headers["x-ms-request-id"]
    status = await web.http.get(answer.headers["Azure-AsyncOperation"])
    assert status.json()["status"] == "InProgress"
    assert opened(web, stored) == {
        "health": None,
        "setup": {"commandToExecute": SECRETS[2]},
        "Agent": {"key": "hunter2-agent"},
    }
    assert (
        "hunter2" not in answer.text + (await web.call("GET", f"{EXTENSIONS}/agent")).text + message.model_dump_json()
    )


async def test_a_put_replaces_one_extension_and_keeps_the_secret_that_it_does_not_give(web: Api) -> None:
    had = (await web.get(SETUP)) | {"properties": (await web.get(SETUP))["properties"] | {"settings": {"y": 2}}}
    answer = await web.call("PUT", f"{EXTENSIONS}/SetUp", had)
    assert (answer.status_code, answer.json()["name"]) == (200, "setup")
    assert answer.json()["properties"]["settings"] == {"y": 2}
    assert [one["name"] for one in (await web.get(EXTENSIONS))["value"]] == ["health", "setup"]
    assert opened(web, web.stored())["setup"] == {"commandToExecute": SECRETS[2]}
    other = NEW | {"properties": NEW["properties"] | {"provisionAfterExtensions": [], "protectedSettings": None}}
    assert (await web.call("PUT", SETUP, other)).status_code == 200
    assert not opened(web, web.stored())["setup"], "another handler never gets its predecessor's secret"


async def test_a_patch_changes_what_it_names(web: Api) -> None:
    answer = await web.call(
        "PATCH", SETUP, {"properties": {"settings": {"z": 3}, "protectedSettings": {"k": "hunter3"}}}
    )
    assert answer.status_code == 200, answer.text
    properties = (await web.get(SETUP))["properties"]
    assert (properties["type"], properties["settings"]) == ("CustomScript", {"z": 3})
    assert opened(web, web.stored())["setup"] == {"k": "hunter3"}
    assert "hunter3" not in answer.text
    missing = await web.call("PATCH", f"{EXTENSIONS}/none", {"properties": {}})
    assert (missing.status_code, error_of(missing)["code"]) == (404, "NotFound")


async def test_a_deleted_extension_leaves_the_model_and_its_secret_with_it(web: Api) -> None:
    answer = await web.call("DELETE", f"{EXTENSIONS}/Setup")
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["Location"]
    assert opened(web, web.stored()) == {"health": None}
    assert web.gateway.last.generation == 2
    assert (await web.call("DELETE", SETUP)).status_code == 204
    assert web.stored().generation == 2


async def test_a_bad_extension_is_refused_as_a_bad_model_is_and_changes_nothing(web: Api) -> None:
    good = NEW["properties"]
    bad: list[tuple[dict[str, Any], str]] = [
        ({}, "properties.publisher"),
        ({"properties": {"publisher": "P"}}, "properties.type"),
        ({"properties": []}, "properties"),
        (NEW | {"name": "other"}, "name"),
        ({"properties": good | {"settings": 1}}, "settings"),
        ({"properties": good | {"provisionAfterExtensions": ["nothing"]}}, ""),
    ]
    for body, target in bad:
        answer = await web.call("PUT", f"{EXTENSIONS}/agent", body)
        assert answer.status_code == 400, body
        assert target in error_of(answer).get("target", ""), answer.text
    assert (await web.call("PUT", f"{EXTENSIONS}/a%20b", NEW)).status_code == 400
    assert web.stored().generation == 1


async def test_h1_the_one_health_source_cannot_be_deleted_while_automatic_upgrades_need_it(web: Api) -> None:
    assert (await web.call("PATCH", SCALE_SET, ENABLE)).status_code == 200
    answer = await web.call("DELETE", f"{EXTENSIONS}/health")
    assert answer.status_code == 400
    assert "health" in error_of(answer)["message"]
    assert web.stored().generation == 2


async def test_an_extension_of_a_set_in_deletion_is_409(web: Api) -> None:
    web.store.scale_sets.mark_deleting(web.stored().identity.unique_id)
    for method, body in (("PUT", NEW), ("PATCH", {"properties": {}}), ("DELETE", None)):
        answer = await web.call(method, SETUP, body)
        assert (answer.status_code, error_of(answer)["code"]) == (409, "OperationNotAllowed")


async def test_an_extension_can_be_asked_to_be_new_or_as_it_was_seen(web: Api) -> None:
    async def put(path: str, **headers: str) -> int:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"properties": NEW["properties"] | {"provisionAfterExtensions": []}}
        return (await web.http.put(path, params={"api-version": "2026-04-01"}, json=body, headers=given)).status_code

    assert await put(SETUP, If_None_Match="*") == 412
    assert await put(f"{EXTENSIONS}/agent", If_None_Match="*") == 201
    assert await put(SETUP, If_Match='"1"') == 412
    assert await put(SETUP, If_Match=(await web.get(SCALE_SET))["etag"]) == 200


async def test_a_change_that_another_overtakes_is_made_again_and_loses_nothing(
    web: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_model = web.store.scale_sets.put_model

    def overtaken(*given: Any) -> StoredScaleSet:
        monkeypatch.undo()
        document = dict(web.stored().document)
        profile = document["properties"]["virtualMachineProfile"]["extensionProfile"]
        profile["extensions"].append({"name": "quick", "properties": {"publisher": "P", "type": "T"}})
        put_model(web.stored().identity.unique_id, document, 1, web.clock())
        return put_model(*given)

    monkeypatch.setattr(web.store.scale_sets, "put_model", overtaken)
    assert (await web.call("PUT", f"{EXTENSIONS}/Agent", NEW)).status_code == 201
    assert [one["name"] for one in (await web.get(EXTENSIONS))["value"]] == ["Agent", "health", "quick", "setup"]


async def test_the_extensions_of_an_instance_are_read_and_changed_in_the_model_only(web: Api) -> None:
    web.fleet.script_extensions(ExtensionScript(name="setup", fails="exit code 3"))
    extensions = (MachineExtension("app", "Mine", "App"), MachineExtension("setup", "Mine", "Setup"))
    model = MachineModel(generation=1, extensions=extensions)
    await web.fleet.create_instance(web.stored().identity, "0", IMAGE.at(OLD), model)
    path = f"{SCALE_SET}/virtualMachines/0/extensions"
    app, setup = (await web.get(path))["value"]
    assert (app["properties"]["publisher"], app["properties"]["type"]) == ("Mine", "App")
    assert [one["properties"]["provisioningState"] for one in (app, setup)] == ["Succeeded", "Failed"]
    assert await web.get(f"{path}/SETUP") == setup
    assert setup["properties"]["instanceView"]["statuses"][0]["message"] == "exit code 3"
    for method in ("PUT", "PATCH", "DELETE"):
        refused = await web.call(method, f"{path}/setup", {})
        assert (refused.status_code, error_of(refused)["code"]) == (409, "OperationNotAllowed")
        assert "manualupgrade" in error_of(refused)["message"]
    assert (await web.call("GET", f"{path}/none")).status_code == 404
