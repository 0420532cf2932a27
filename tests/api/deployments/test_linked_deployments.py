"""Deployments of what is linked to: fetched once, checked like any other, and shown without a token."""

import dataclasses
import json
from typing import Any

import pytest

from api.links.errors import LinkError
from tests.api.conftest import GROUP, Api, error_of
from tests.api.deployments.deploying import NETS, ONE, deploy, resource, stored
from tests.api.deployments.test_nested_deployments import NESTED, to_the_end

MAIN = "https://files.example.com/team/main.json"
TOKEN = "?sig=hunter2-signature"


class Files:
    """What the allowed host has, by address; and what was asked for."""

    def __init__(self, api: Api, **files: Any) -> None:
        self.files = {f"https://files.example.com/team/{name}.json": one for name, one in files.items()}
        self.asked: list[str] = []
        self.down = False
        api.app.state.services = dataclasses.replace(api.app.state.services, fetch=self)

    def __call__(self, address: str, _at_most: int, _seconds: float) -> bytes:
        self.asked.append(address)
        found = self.files.get(address.partition("?")[0])
        if self.down or found is None:
            raise LinkError("its host answers with the status 404")
        return json.dumps(found).encode()


def linked(name: str, link: dict[str, Any], *needs: str, **more: Any) -> dict[str, Any]:
    properties = {"mode": "Incremental", "templateLink": link, **more}
    return {"type": NESTED, "name": name, "apiVersion": "2022-09-01", "dependsOn": [*needs], "properties": properties}


def net(name: str = "[parameters('name')]") -> dict[str, Any]:
    declared = {"name": {"type": "string"}}
    outputs = {"made": {"type": "string", "value": name}}
    return {
        "contentVersion": "1.0.0.0",
        "parameters": declared,
        "resources": [resource(NETS, name)],
        "outputs": outputs,
    }


async def put(api: Api, **properties: Any) -> Any:
    await api.call("PUT", GROUP, {"location": "westus2"})
    return await api.call("PUT", ONE, {"properties": {"mode": "Incremental", **properties}})


async def test_a_nested_deployment_is_of_what_its_link_says(api: Api) -> None:
    files = Files(api, net=net())
    link = {"uri": "https://files.example.com/team/net.json", "contentVersion": "1.0.0.0"}
    child = linked("inside", link, parameters={"name": {"value": "web"}})
    answer = await deploy(
        api, child, outputs={"o": {"type": "string", "value": "[reference('inside').outputs.made.value]"}}
    )
    assert answer.status_code == 201, answer.text
    assert await to_the_end(api) == "Succeeded"
    assert stored(api)["outputs"]["o"]["value"] == "web"
    assert (await api.get(f"{GROUP}/providers/{NETS}/web"))["name"] == "web"
    assert files.asked == ["https://files.example.com/team/net.json"]
    shown = await api.get(f"{GROUP}/providers/{NESTED}/inside")
    assert shown["properties"]["templateLink"] == {"uri": "https://files.example.com/team/net.json"}


async def test_what_was_checked_is_what_is_deployed_also_if_the_host_is_away_or_has_changed(api: Api) -> None:
    files = Files(api, net=net())
    link = {"uri": "https://files.example.com/team/net.json"}
    slow = resource(NETS, "slow", tags={"x": "[resourceGroup().name]"})
    await deploy(api, slow, linked("inside", link, "slow", parameters={"name": {"value": "web"}}))
    files.down, files.files = True, {}
    assert await to_the_end(api) == "Succeeded"
    assert len(files.asked) == 1


async def test_a_whole_deployment_by_a_link_knows_where_it_is_from(api: Api) -> None:
    base = "[uri(deployment().properties.templateLink.uri, 'deeper/net.json')]"
    main = {
        "parameters": {"_artifactsLocation": {"type": "string", "defaultValue": base}, "name": {"type": "string"}},
        "resources": [
            linked("one", {"uri": "[parameters('_artifactsLocation')]"}, parameters={"name": {"value": "one"}}),
            linked("two", {"relativePath": "deeper/net.json"}, parameters={"name": {"value": "[parameters('name')]"}}),
        ],
        "outputs": {"from": {"type": "object", "value": "[deployment().properties]"}},
    }
    given = {"parameters": {"name": {"value": "two"}}}
    files = Files(api, main=main, given=given, **{"deeper/net": net()})
    answer = await put(
        api,
        templateLink={"uri": MAIN, "queryString": TOKEN},
        parametersLink={"uri": "https://files.example.com/team/given.json"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["properties"]["templateLink"] == {"uri": MAIN}
    assert await to_the_end(api) == "Succeeded", stored(api)["error"]
    for name in ("one", "two"):
        assert (await api.get(f"{GROUP}/providers/{NETS}/{name}"))["name"] == name
    deeper = "https://files.example.com/team/deeper/net.json"
    assert sorted(files.asked) == sorted(
        [MAIN + TOKEN, "https://files.example.com/team/given.json", deeper, deeper + TOKEN]
    )
    assert stored(api)["outputs"]["from"]["value"]["templateLink"] == {"uri": MAIN}
    written = str([one.document for one in api.store.resources.all_of(GROUP.split("/")[2])])
    assert "hunter2" not in written


async def test_a_link_that_is_known_only_later_is_fetched_when_its_turn_comes(api: Api) -> None:
    files = Files(api, net=net(), which={"resources": [], "outputs": {"o": {"type": "string", "value": MAIN}}})
    first = linked("which", {"uri": "https://files.example.com/team/which.json"})
    late = "[uri(reference('which').outputs.o.value, 'net.json')]"
    answer = await deploy(api, first, linked("late", {"uri": late}, parameters={"name": {"value": "web"}}))
    assert answer.status_code == 201, answer.text
    assert await to_the_end(api) == "Succeeded", stored(api)["error"]
    assert files.asked[-1] == "https://files.example.com/team/net.json"


async def test_a_late_link_that_is_not_there_fails_the_deployment_and_says_so(api: Api) -> None:
    Files(api, which={"resources": [], "outputs": {"o": {"type": "string", "value": MAIN}}})
    first = linked("which", {"uri": "https://files.example.com/team/which.json"})
    await deploy(api, first, linked("late", {"uri": "[reference('which').outputs.o.value]", "queryString": TOKEN}))
    assert await to_the_end(api) == "Failed"
    [detail] = stored(api)["error"]["details"]
    assert (detail["code"], "status 404" in detail["message"]) == ("InvalidContentLink", True)
    assert "hunter2" not in str(stored(api))


async def test_a_template_that_links_to_itself_comes_to_an_end(api: Api) -> None:
    Files(api, main={"resources": [linked("[concat(deployment().name, 'x')]", {"relativePath": "main.json"})]})
    answer = await put(api, templateLink={"uri": MAIN})
    assert answer.status_code == 400
    assert "deeper than 8 levels" in error_of(answer)["message"]
    fan = [linked(f"n{number}", {"relativePath": "main.json"}) for number in range(60)]
    Files(api, main={"resources": fan})
    answer = await put(api, templateLink={"uri": MAIN})
    assert answer.status_code == 400
    assert "makes more than" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (
            {"templateLink": {"uri": "https://files.example.com/team/none.json" + TOKEN}},
            "team/none.json' cannot be used",
        ),
        ({"templateLink": {"uri": MAIN, "contentVersion": "2.0.0.0"}}, "contentVersion"),
        ({"templateLink": {"uri": MAIN}, "template": {"resources": []}}, "both 'template' and 'templateLink'"),
        (
            {"templateLink": {"uri": MAIN}, "parameters": {"name": {"value": "x"}}, "parametersLink": {"uri": MAIN}},
            "both",
        ),
        ({"templateLink": {"relativePath": "main.json"}}, "not deployed by a link"),
        ({"templateLink": {"id": "/subscriptions/s/x"}}, "template specs"),
        ({"templateLink": {}, "template": None}, "template"),
        ({"templateLink": "https://x"}, "must be an object"),
        ({"templateLink": {"uri": "https://files.example.com/team/bad.json"}}, "'mist'"),
        (
            {"templateLink": {"uri": MAIN}, "parametersLink": {"uri": "https://files.example.com/team/list.json"}},
            "object",
        ),
        ({"templateLink": {"uri": MAIN}}, "'name' has no value"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_anything_is_made(
    api: Api, change: dict[str, Any], word: str
) -> None:
    bad = {"resources": [], "outputs": {"o": {"type": "string", "value": "[mist()]"}}}
    Files(api, main=net(), bad=bad, list={"parameters": []})
    answer = await put(api, **change)
    assert answer.status_code == 400, answer.text
    assert word in error_of(answer)["message"]
    assert "hunter2" not in answer.text
    child = linked("inside", {}) | {"properties": {"mode": "Incremental"} | change}
    answer = await deploy(api, resource(NETS, "net"), child)
    assert answer.status_code == 400, answer.text
    assert word in error_of(answer)["message"] or change["templateLink"] == {}
    assert "hunter2" not in answer.text
    assert (await api.call("GET", f"{GROUP}/providers/{NETS}/net")).status_code == 404


async def test_by_default_nothing_is_fetched_and_the_setting_is_named(api: Api) -> None:
    answer = await put(api, templateLink={"uri": MAIN})
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (400, "InvalidContentLink")
    assert "INSTAR_TEMPLATE_LINKS__HOSTS" in error["message"]
    answer = await deploy(api, linked("inside", {"uri": MAIN}))
    assert "'templateLink' of the nested deployment 'inside'" in error_of(answer)["message"]
    assert "INSTAR_TEMPLATE_LINKS__HOSTS" in error_of(answer)["message"]


async def test_a_template_that_is_sent_whole_is_from_nowhere(api: Api) -> None:
    outputs = {"from": {"type": "object", "value": "[deployment().properties]"}}
    assert (await deploy(api, outputs=outputs)).status_code == 201
    assert "templateLink" not in stored(api)["outputs"]["from"]["value"]
    assert "templateLink" not in (await api.get(ONE))["properties"]


async def test_what_is_linked_is_counted_and_its_roles_are_asked_for(api: Api) -> None:
    Files(api, net={"resources": [resource("Contoso/none", "a")]})
    answer = await put(api, templateLink={"uri": "https://files.example.com/team/net.json"})
    assert "Contoso/none" in error_of(answer)["message"]
    many = {"resources": [resource(NETS, "[concat('n', copyIndex())]") | {"copy": {"name": "c", "count": 800}}]}
    Files(api, net=many)
    link = {"uri": "https://files.example.com/team/net.json"}
    answer = await deploy(api, linked("one", link), linked("two", link))
    assert answer.status_code == 400
    assert "INSTAR_QUOTAS__TEMPLATE_RESOURCES" in error_of(answer)["message"]
