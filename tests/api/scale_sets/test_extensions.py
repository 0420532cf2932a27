"""Extensions of a model as they are stored, and of machines as they are shown."""

from typing import Any

import pytest

from instar.compute.provider import MachineExtension, MachineModel
from instar.compute.simulated.file.scripts import ExtensionScript
from tests.api.conftest import HEALTH_EXTENSION, IMAGE, NEW, OLD, SCALE_SET, Api, document, error_of

PROFILE = "properties__virtualMachineProfile__extensionProfile"
IN_ARM = "properties.virtualMachineProfile.extensionProfile"
KIND = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}
SETUP = MachineExtension("setup", KIND["publisher"], KIND["type"], KIND["typeHandlerVersion"])
SUCCEEDED = {"code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded"}
FAILED = {
    "code": "ProvisioningState/failed/VMExtensionProvisioningError",
    "level": "Error",
    "displayStatus": "Provisioning failed",
}


def extension(name: str, *after: str) -> dict[str, Any]:
    return {"name": name, "properties": KIND | ({"provisionAfterExtensions": list(after)} if after else {})}


def profile(*extensions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {PROFILE: {"extensions": [HEALTH_EXTENSION, *extensions]} | more}


@pytest.mark.parametrize(
    ("changes", "words", "target"),
    [
        (
            profile(extension("a", "b"), extension("b", "a")),
            "Extensions wait for each other in a circle: 'a' before 'b' before 'a'.",
            "extensions",
        ),
        (profile(extension("a", "zz")), "'a' is to run after 'zz', but no extension", "extensions"),
        (profile(extension("a"), extension("A")), "2 extensions are named 'a'", "extensions"),
        (profile(extension("")), "Every extension must have a name.", "extensions"),
        (profile(extension("a", "b"), extension("b"), extension("HEALTH")), "named 'health'", "extensions"),
        (profile(extensionsTimeBudget="PT14M"), "from 15 minutes (PT15M) to 120 minutes (PT120M)", "TimeBudget"),
        (profile(extensionsTimeBudget="PT2H1S"), "from 15 minutes (PT15M) to 120 minutes (PT120M)", "TimeBudget"),
        (profile(extensionsTimeBudget="soon"), f"'{IN_ARM}.extensionsTimeBudget' is invalid", "TimeBudget"),
        (profile(extensionsTimeBudget=90), "must be a string", "TimeBudget"),
        (
            profile({"name": "a", "properties": {"provisionAfterExtensions": "b"}}),
            "must be a list of names of extensions",
            "provisionAfterExtensions",
        ),
        (
            profile({"name": "a", "properties": {"provisionAfterExtensions": [None]}}),
            "must be a list of names of extensions",
            "provisionAfterExtensions",
        ),
    ],
)
async def test_p4_extensions_that_cannot_run_are_refused_and_nothing_is_stored(
    api: Api, changes: dict[str, Any], words: str, target: str
) -> None:
    answer = await api.call("PUT", SCALE_SET, document(**changes))
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["code"] == "InvalidParameter"
    assert words in error["message"]
    assert target in error["target"]
    assert api.store.scale_sets.find(SCALE_SET) is None
    await api.create()
    before = api.stored()
    body = document(**changes)["properties"]["virtualMachineProfile"]
    answer = await api.call("PATCH", SCALE_SET, {"properties": {"virtualMachineProfile": body}})
    assert answer.status_code == 400
    assert api.stored() == before


async def test_p4_an_order_and_a_budget_are_stored_and_shown_as_given(api: Api) -> None:
    await api.create(**profile(extension("b", "A", "health"), extension("a"), extensionsTimeBudget="PT2H"))
    body = await api.get(SCALE_SET)
    shown = body["properties"]["virtualMachineProfile"]["extensionProfile"]
    assert shown["extensionsTimeBudget"] == "PT2H"
    assert shown["extensions"][1]["properties"]["provisionAfterExtensions"] == ["A", "health"]


async def make(api: Api, *ids: str, version: str = OLD) -> None:
    model = MachineModel(generation=1, extensions=(SETUP, MachineExtension("app", "Mine", "App")))
    for one in ids:
        await api.fleet.create_instance(api.stored().identity, one, IMAGE.at(version), model)


async def test_an_instance_view_shows_how_each_extension_ended(api: Api) -> None:
    await api.create()
    api.fleet.script_extensions(ExtensionScript(name="setup", fails="exit code 3", instances=("1",)))
    await make(api, "0", "1")
    good = await api.get(f"{SCALE_SET}/virtualMachines/0/instanceView")
    assert good["extensions"] == [
        {
            "name": "setup",
            "type": "Microsoft.Azure.Extensions.CustomScript",
            "typeHandlerVersion": "2.1",
            "statuses": [SUCCEEDED],
        },
        {"name": "app", "type": "Mine.App", "typeHandlerVersion": "", "statuses": [SUCCEEDED]},
    ]
    assert good["statuses"][0] == SUCCEEDED
    bad = await api.get(f"{SCALE_SET}/virtualMachines/1", _expand="instanceView")
    assert bad["properties"]["provisioningState"] == "Failed"
    view = bad["properties"]["instanceView"]
    assert [one["statuses"] for one in view["extensions"]] == [[FAILED | {"message": "exit code 3"}]]
    assert view["statuses"][0] == FAILED | {"message": "extension 'setup' failed: exit code 3"}


async def test_a_machine_has_its_extensions_among_its_resources_and_takes_them_back(api: Api) -> None:
    await api.create()
    api.fleet.script_extensions(ExtensionScript(name="setup", fails="exit code 3", instances=("1",)))
    await make(api, "0", "1")
    good, bad = (await api.get(f"{SCALE_SET}/virtualMachines"))["value"]
    of_first = f"{SCALE_SET}/virtualMachines/0/extensions"
    assert [one["id"] for one in good["resources"]] == [f"{of_first}/setup", f"{of_first}/app"]
    assert good["resources"][0]["properties"] == {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "provisioningState": "Succeeded",
    }
    assert [one["properties"]["provisioningState"] for one in bad["resources"]] == ["Failed"]
    shown = await api.get(f"{of_first}/setup")
    assert shown["properties"].pop("instanceView")["statuses"] == [SUCCEEDED]
    assert shown == good["resources"][0]
    body = await api.get(f"{SCALE_SET}/virtualMachines/0")
    body["properties"]["protectionPolicy"] = {"protectFromScaleSetActions": True}
    answer = await api.call("PUT", f"{SCALE_SET}/virtualMachines/0", body)
    assert answer.status_code == 200, answer.text


async def test_the_sets_instance_view_counts_how_extensions_ended(api: Api) -> None:
    await api.create()
    api.fleet.script_extensions(ExtensionScript(name="setup", fails="exit code 3", instances=("2",)))
    await make(api, "0", "1", "2")
    view = await api.get(f"{SCALE_SET}/instanceView")
    failed, succeeded = FAILED["code"], SUCCEEDED["code"]
    assert view["extensions"] == [
        {"name": "app", "statusesSummary": [{"code": succeeded, "count": 2}]},
        {"name": "setup", "statusesSummary": [{"code": failed, "count": 1}, {"code": succeeded, "count": 2}]},
    ]
    assert {"code": failed, "count": 1} in view["virtualMachine"]["statusesSummary"]


async def test_f4_extensions_are_scripted_and_credentials_expire_through_http(api: Api) -> None:
    await api.create()
    scripts = [{"name": "app", "fails": "no", "failsFrom": "2020-01-01T00:00:00Z", "takes": "PT1S"}]
    answer = await api.call("PUT", "/instar/simulated/extensions", {"scripts": scripts})
    assert answer.status_code == 200, answer.text
    await make(api, "0")
    path = f"{SCALE_SET}/virtualMachines"
    assert (await api.get(f"{path}/0"))["properties"]["provisioningState"] == "Failed"
    assert (await api.call("PUT", "/instar/simulated/extensions", {"scripts": []})).status_code == 200
    assert (await api.call("POST", "/instar/simulated/expired-credentials", {"secret": "old"})).status_code == 204
    model = MachineModel(generation=2, extensions=(MachineExtension("app", protected_settings={"key": "old"}),))
    await api.fleet.create_instance(api.stored().identity, "1", IMAGE.at(NEW), model)
    assert (await api.get(f"{path}/1"))["properties"]["provisioningState"] == "Failed"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "extensions", {}),
        ("PUT", "extensions", {"scripts": {}}),
        ("PUT", "extensions", {"scripts": [1]}),
        ("PUT", "extensions", {"scripts": [{"mine": 1}]}),
        ("PUT", "extensions", {"scripts": [{"failsFrom": "2020-01-01T00:00:00"}]}),
        ("PUT", "extensions", {"scripts": [{"takes": "-PT1S"}]}),
        ("POST", "expired-credentials", {}),
        ("POST", "expired-credentials", {"secret": ""}),
        ("POST", "expired-credentials", {"secret": 1}),
    ],
)
async def test_nonsense_scripts_are_refused(api: Api, method: str, path: str, body: dict[str, Any]) -> None:
    answer = await api.call(method, f"/instar/simulated/{path}", body)
    assert answer.status_code == 400
    error_of(answer)
