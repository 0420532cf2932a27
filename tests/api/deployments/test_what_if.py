"""What-if: what it says of a deployment is what the deployment then does, and nothing is written for it."""

import copy
import random
from typing import Any

import pytest

from instar.store.database.secret_places import without_secrets
from tests.api.conftest import GROUP, SCALE_SET, SECRETS, SUBSCRIPTION, Api, error_of
from tests.api.deployments.deploying import GALLERY, NETS, ONE, SETS, deploy, gallery_resources, resource, scale_set
from tests.api.deployments.deploying import stored as deployment
from tests.api.deployments.test_nested_deployments import nested, to_the_end

STORAGE = "Microsoft.Storage/storageAccounts"
GROUPS = "Microsoft.Network/networkSecurityGroups"
EXTENSION = f"{SETS}/extensions"
SUBNET = f"{NETS}/subnets"


async def ask(api: Api, *resources: dict[str, Any], settings: Any = None, **template: Any) -> Any:
    await api.call("PUT", GROUP, {"location": "westus2"})
    properties: dict[str, Any] = {"mode": "Incremental", "template": {"resources": [*resources], **template}}
    if settings is not None:
        properties["whatIfSettings"] = settings
    return await api.call("POST", f"{ONE}/whatIf", {"properties": properties})


async def told(api: Api, *resources: dict[str, Any], **template: Any) -> dict[str, dict[str, Any]]:
    """The changes by the ends of their ids."""
    answer = await ask(api, *resources, **template)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "Succeeded"
    changes = answer.json()["properties"]["changes"]
    found = {change["resourceId"].partition("/providers/")[2]: change for change in changes}
    assert len(found) == len(changes)
    return found


async def made(api: Api, *resources: dict[str, Any], **template: Any) -> str:
    answer = await deploy(api, *resources, **template)
    assert answer.status_code in (200, 201), answer.text
    state = "Running"
    for _ in range(6):
        api.end_operations()
        state = await to_the_end(api) if state == "Running" else state
    return state


def written(api: Api) -> dict[str, Any]:
    """All that is stored but for deployments, as it is written; the secrets of sets with it."""
    found: dict[str, Any] = {
        one.resource_id.lower(): copy.deepcopy(one.document)
        for one in api.store.resources.all_of(SUBSCRIPTION)
        if "/deployments/" not in one.resource_id
    }
    for one in api.store.scale_sets.list(SUBSCRIPTION):
        sealed = api.store.scale_sets.open_model(one.identity.unique_id, one.generation)
        found[one.identity.resource_id.lower()] = copy.deepcopy(sealed)
    return found


def document_in(world: dict[str, Any], resource_id: str) -> Any:
    """The document of a resource, or of a part of one; None if there is none."""
    word = resource_id.lower()
    if word in world:
        return world[word]
    whole_id, _, name = word.rpartition("/")
    whole_id, _, lists = whole_id.rpartition("/")
    whole = world.get(whole_id)
    if whole is None:
        return None
    properties = whole["properties"]
    if lists == "extensions":
        parts = (properties["virtualMachineProfile"].get("extensionProfile") or {}).get("extensions") or []
    else:
        parts = next((value for key, value in properties.items() if key.lower() == lists), None) or []
    return next((one for one in parts if one["name"].lower() == name), None)


def at_path(document: Any, path: str) -> Any:
    for word in path.split("."):
        document = document[int(word)] if isinstance(document, list) else (document or {}).get(word)
    return document


def check_delta(changes: list[dict[str, Any]], before: Any, after: Any) -> None:
    """Each change says what the documents say."""
    assert changes
    for change in changes:
        kind, path = change["propertyChangeType"], change["path"]
        if change["after"] == "*******":
            continue
        if kind == "Array":
            old, new = at_path(before, path), at_path(after, path)
            for child in change["children"]:
                index, named = int(child["path"]), child["propertyChangeType"]
                if named == "Create":
                    assert child["after"] == new[index]
                elif named == "Delete":
                    assert child["before"] == old[index]
                elif child["children"] is None:
                    assert (child["before"], child["after"]) == (old[index], new[index])
                else:
                    name = new[index].get("name")
                    twin = next((one for one in old if name and one.get("name") == name), None)
                    check_delta(child["children"], twin or old[index], new[index])
            continue
        assert (at_path(before, path), at_path(after, path)) == (change["before"], change["after"]), path


def wish(rng: random.Random, kind: str) -> dict[str, Any]:  # noqa: PLR0911  # one for each kind
    """Some resource, as some template might have it."""
    tags = {} if rng.random() < 0.5 else {"tags": {"team": rng.choice("ab")}}
    if kind == NETS:
        subnets = [
            {"name": name, "properties": {"addressPrefix": f"10.0.{ord(name)}.0/24"}}
            for name in "ab"
            if rng.random() < 0.6
        ]
        space = {"addressPrefixes": [rng.choice(("10.0.0.0/16", "10.0.0.0/12"))]}
        return resource(NETS, "net", properties={"addressSpace": space, "subnets": subnets}, **tags)
    if kind == SUBNET:
        prefix = f"10.0.{rng.choice((7, 8))}.0/24"
        return resource(
            SUBNET, f"net/{rng.choice('cd')}", f"[resourceId('{NETS}', 'net')]", properties={"addressPrefix": prefix}
        )
    if kind == GROUPS:
        rules = [
            {
                "name": name,
                "properties": {
                    "priority": 100 + ord(name),
                    "access": "Allow",
                    "direction": "Inbound",
                    "protocol": "Tcp",
                    "sourcePortRange": "*",
                    "destinationPortRange": rng.choice((80, "443")),
                    "sourceAddressPrefix": "*",
                    "destinationAddressPrefix": "*",
                },
            }
            for name in "xyz"
            if rng.random() < 0.6
        ]
        return resource(GROUPS, "rules", properties={"securityRules": rules}, **tags)
    if kind == STORAGE:
        properties: dict[str, Any] = {
            "tier": rng.choice(("Hot", "Cool")),
            "list": [rng.choice("ab"), {"deep": rng.choice("ab")}],
        }
        return resource(STORAGE, f"keep{rng.choice('12')}", properties=properties, sku={"name": "Standard_LRS"}, **tags)
    if kind == EXTENSION:
        properties = {
            "publisher": "Microsoft.Azure.Extensions",
            "type": "CustomScript",
            "typeHandlerVersion": rng.choice(("2.0", "2.1")),
            "protectedSettings": {"x": rng.choice(("hunter2-1", "hunter2-2"))},
        }
        return resource(EXTENSION, "web/late", f"[resourceId('{SETS}', 'web')]", properties=properties)
    if kind == GALLERY:
        return resource(GALLERY, "own", properties={"description": rng.choice("ab")}, **tags)
    profile = "properties__virtualMachineProfile__osProfile__"
    changes: dict[str, Any] = {"sku__capacity": rng.choice((1, "2", -1 if rng.random() < 0.2 else 3))}
    if rng.random() < 0.5:
        changes[f"{profile}adminPassword"] = rng.choice(("Hunter2-one!", "Hunter2-two!"))
    if rng.random() < 0.4:
        changes[f"{profile}customData"] = None
    return scale_set("web", **changes)


def template_of(rng: random.Random) -> list[dict[str, Any]]:
    kinds = [kind for kind in (NETS, SUBNET, GROUPS, STORAGE, SETS, EXTENSION, GALLERY) if rng.random() < 0.6]
    resources = [wish(rng, kind) for kind in kinds]
    there = {one["name"] for one in resources}
    for one in resources:
        one["dependsOn"] = [need for need in one["dependsOn"] if any(f"'{name}')" in need for name in there)]
    return resources


def kinds_of(found: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    return [(change["resourceId"], change["changeType"]) for change in found.values()]


@pytest.mark.parametrize("seed", range(24))
async def test_what_it_says_is_what_the_deployment_does(api: Api, seed: int) -> None:
    rng = random.Random(seed)
    first = template_of(rng)
    await made(api, *first)
    second = template_of(rng) if seed % 4 else [wish(rng, NETS), *first[1:]]
    before = written(api)
    found = await told(api, *second)
    assert written(api) == before
    state = await made(api, *second)
    after = written(api)
    named = {id_.lower() for id_, kind in kinds_of(found) if kind not in ("NoChange", "Ignore")}
    for change in found.values():
        old, new = document_in(before, change["resourceId"]), document_in(after, change["resourceId"])
        kind, word = change["changeType"], change["resourceId"].lower()
        is_whole = any(id_.lower().startswith(f"{word}/") for id_, _ in kinds_of(found))
        if kind in ("NoChange", "Ignore"):
            assert old == new or is_whole, word
        elif kind == "Unsupported":
            assert (state, old) == ("Failed", new)
        elif state == "Succeeded" and kind == "Create":
            assert (old is None, new is None) == (True, False)
        elif state == "Succeeded" and kind == "Modify" and not is_whole:
            assert old != new
            check_delta(change["delta"], without_secrets(old), without_secrets(new))
    for key in (key for key in {*before, *after} if before.get(key) != after.get(key)):
        assert any(one == key or one.startswith(f"{key}/") for one in named), key
    assert "hunter2" not in str(found).lower()


async def test_of_a_group_with_nothing_everything_is_created(api: Api) -> None:
    found = await told(api, *gallery_resources(), resource(STORAGE, "own", tags={"x": "[resourceGroup().name]"}))
    assert {change["changeType"] for change in found.values()} == {"Create"}
    assert len(found) == 5
    kept = found[f"{STORAGE}/own"]
    assert (kept["before"], kept["delta"]) == (None, None)
    assert kept["after"]["tags"] == {"x": "Farm"}
    assert written(api) == {key: value for key, value in written(api).items() if "/providers/" not in key}
    assert (await api.call("GET", ONE)).status_code == 404
    assert api.gateway.sent == []


async def test_what_is_there_and_not_in_the_template_is_ignored(api: Api) -> None:
    await api.create()
    await made(api, resource(NETS, "net"))
    found = await told(api, resource(STORAGE, "own"))
    kinds = {name: change["changeType"] for name, change in found.items()}
    assert kinds == {f"{STORAGE}/own": "Create", f"{SETS}/web": "Ignore", f"{NETS}/net": "Ignore"}
    assert found[f"{SETS}/web"]["before"]["sku"]["capacity"] == 3


async def test_f5_secrets_are_never_shown_and_a_change_of_one_is_told(api: Api) -> None:
    parameters = {"word": {"type": "securestring", "defaultValue": "Hunter2-first!"}}
    path = "properties__virtualMachineProfile__osProfile__adminPassword"
    web = scale_set("web", **{path: "[parameters('word')]"})
    setting = web["properties"]["virtualMachineProfile"]["extensionProfile"]["extensions"][1]["properties"]["settings"]
    setting["token"] = "[concat('x', parameters('word'))]"
    answer = await ask(api, web, parameters=parameters)
    assert answer.json()["properties"]["changes"][0]["changeType"] == "Create"
    for secret in (*SECRETS, "hunter2"):
        assert secret not in answer.text.lower()
    await made(api, web, parameters=parameters)
    assert [one["changeType"] for one in (await told(api, web, parameters=parameters)).values()] == ["NoChange"]
    parameters["word"]["defaultValue"] = "Hunter2-other!"
    answer = await ask(api, web, parameters=parameters)
    [change] = answer.json()["properties"]["changes"]
    assert change["changeType"] == "Modify"
    told_paths = {one["path"] for one in change["delta"]}
    assert "properties.virtualMachineProfile.osProfile.adminPassword" in told_paths
    assert "*******" in answer.text
    assert "hunter2" not in answer.text.lower()


async def test_f5_a_change_of_a_secret_alone_is_a_change(api: Api) -> None:
    path = "properties__virtualMachineProfile__osProfile__adminPassword"
    await made(api, scale_set("web", **{path: "Hunter2-first!"}))
    found = await told(api, scale_set("web", **{path: "Hunter2-other!"}))
    [change] = found.values()
    where = "properties.virtualMachineProfile.osProfile.adminPassword"
    assert (change["changeType"], [one["path"] for one in change["delta"]]) == ("Modify", [where])
    assert [(one["before"], one["after"]) for one in change["delta"]] == [("*******", "*******")]
    [change] = (await told(api, scale_set("web", **{path: "Hunter2-first!"}))).values()
    assert change["changeType"] == "NoChange"
    custom = "properties__virtualMachineProfile__osProfile__customData"
    gone = scale_set("web", **{path: "Hunter2-first!"})
    gone["properties"]["virtualMachineProfile"]["osProfile"]["customData"] = "[json('null')]"
    [change] = (await told(api, gone)).values()
    assert [one["path"].rpartition(".")[2] for one in change["delta"]] == [custom.rpartition("__")[2]]


async def test_what_is_known_only_when_deployed_is_said_to_be_so(api: Api) -> None:
    before = {"addressSpace": {"addressPrefixes": ["10.9.0.0/16"]}}
    await made(api, resource(NETS, "net", properties=before), resource(STORAGE, "own"))
    reads = "[reference(resourceId('Microsoft.Network/virtualNetworks', 'net')).addressSpace.addressPrefixes[0]]"
    net = resource(NETS, "net", properties={"addressSpace": {"addressPrefixes": ["10.1.0.0/16"]}})
    own = resource(STORAGE, "own", tags={"space": reads, "a": "[concat('b', 'c')]"})
    found = await told(api, net, own, own | {"name": "new"})
    assert found[f"{NETS}/net"]["changeType"] == "Modify"
    deployed = found[f"{STORAGE}/own"]
    assert (deployed["changeType"], deployed["delta"]) == ("Deploy", None)
    assert deployed["after"]["tags"] == {"space": reads, "a": "bc"}
    assert found[f"{STORAGE}/new"]["changeType"] == "Create"
    assert found[f"{STORAGE}/new"]["after"]["tags"]["space"] == reads
    await made(api, net)
    found = await told(api, net, own)
    assert found[f"{NETS}/net"]["changeType"] == "NoChange"
    assert found[f"{STORAGE}/own"]["after"]["tags"]["space"] == "10.1.0.0/16"


async def test_nested_deployments_are_told_resource_by_resource(api: Api) -> None:
    outputs = {"o": {"type": "string", "value": "x"}}
    inner = nested("inside", resource(NETS, "net"), template={"outputs": outputs})
    late = nested("late", resource(NETS, "[parameters('name')]"), template={"parameters": {"name": {"type": "string"}}})
    late["properties"]["parameters"] = {"name": {"value": "[reference('inside').outputs.o.value]"}}
    found = await told(api, inner, late)
    assert found[f"{NETS}/net"]["changeType"] == "Create"
    unknown = found["Microsoft.Resources/deployments/late"]
    assert (unknown["changeType"], "when its turn comes" in unknown["unsupportedReason"]) == ("Unsupported", True)


async def test_what_would_be_refused_says_why_and_the_others_are_told(api: Api) -> None:
    answer = await ask(api, scale_set("web", sku__capacity=-1), resource(NETS, "net"))
    changes = {one["resourceId"].rpartition("/")[2]: one for one in answer.json()["properties"]["changes"]}
    assert changes["net"]["changeType"] == "Create"
    assert changes["web"]["changeType"] == "Unsupported"
    assert "capacity" in changes["web"]["unsupportedReason"]
    [error] = [one for one in answer.json()["properties"]["diagnostics"] if one["level"] == "Error"]
    assert error["target"] == SCALE_SET


async def test_the_ids_alone_and_what_is_no_format(api: Api) -> None:
    answer = await ask(api, resource(STORAGE, "own"), settings={"resultFormat": "resourceIdOnly"})
    [change] = answer.json()["properties"]["changes"]
    assert change == {"resourceId": f"{GROUP}/providers/{STORAGE}/own", "changeType": "Create"}
    [warning] = answer.json()["properties"]["diagnostics"]
    assert warning["code"] == "ResourceKept"
    for wrong in ({"resultFormat": "Everything"}, {"resultFormat": 3}, "full", [1]):
        answer = await ask(api, resource(STORAGE, "own"), settings=wrong)
        assert answer.status_code == 400, wrong
        assert "FullResourcePayloads" in error_of(answer)["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"template": {"resources": [{"type": "Contoso/x", "name": "a"}]}},
        {"template": {"resources": [], "outputs": {"o": {"type": "string", "value": "[mist()]"}}}},
        {"template": {"parameters": {"p": {"type": "int"}}, "resources": []}},
        {"template": [], "parameters": {}},
        {"mode": "Complete", "template": {"resources": []}},
        {"templateLink": {"uri": "https://files.example.com/x.json"}},
    ],
)
async def test_what_validation_refuses_it_refuses_in_the_same_words(api: Api, wrong: dict[str, Any]) -> None:
    await api.call("PUT", GROUP, {"location": "westus2"})
    body = {"properties": {"mode": "Incremental"} | wrong}
    answers = [await api.call("POST", f"{ONE}/{action}", body) for action in ("validate", "whatIf")]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert error_of(answers[0]) == error_of(answers[1])


async def test_a_running_deployment_of_that_name_does_not_matter(api: Api) -> None:
    await deploy(api, scale_set("web"))
    assert deployment(api)["state"] == "Running"
    assert (await ask(api, resource(NETS, "net"))).status_code == 200
    assert deployment(api)["state"] == "Running"
