"""Deployments in deployments: their scopes, their outputs, what goes wrong in them, and how many there may be."""

from typing import Any

import pytest

from tests.api.conftest import GROUP, SUBSCRIPTION, Api, error_of
from tests.api.deployments.deploying import NETS, ONE, begin, deploy, look_after, resource, state, stored

NESTED = "Microsoft.Resources/deployments"


def nested(name: str, *resources: Any, inner: bool = True, **more: Any) -> dict[str, Any]:
    template = {"resources": [*resources], **more.pop("template", {})}
    options = {"expressionEvaluationOptions": {"scope": "inner"}} if inner else {}
    properties = {"mode": "Incremental", "template": template, **options, "parameters": more.pop("parameters", {})}
    return {"type": NESTED, "name": name, "apiVersion": "2022-09-01", "properties": properties, **more}


async def to_the_end(api: Api) -> str:
    for _ in range(8):
        if await state(api) != "Running":
            break
        await look_after(api)
    return await state(api)


async def test_a_module_is_given_the_outputs_of_another(api: Api) -> None:
    template = {
        "parameters": {"name": {"type": "string"}},
        "outputs": {"made": {"type": "string", "value": "[concat(parameters('name'), '-2')]"}},
    }
    first = nested("first-module", resource(NETS, "[parameters('name')]"), template=template)
    first["properties"]["parameters"] = {"name": {"value": "[variables('name')]"}}
    second = nested("second-module", resource(NETS, "[parameters('name')]"), template=template)
    given = f"[reference(resourceId('{NESTED}', 'first-module'), '2022-09-01').outputs.made.value]"
    second["properties"]["parameters"] = {"name": {"value": given}}
    outputs = {"last": {"type": "string", "value": "[reference('second-module').outputs.made.value]"}}
    await begin(api, second, first, variables={"name": "net"}, outputs=outputs)
    assert await to_the_end(api) == "Succeeded"
    assert stored(api)["outputs"]["last"]["value"] == "net-2-2"
    for name in ("net", "net-2"):
        assert (await api.get(f"{GROUP}/providers/{NETS}/{name}"))["name"] == name
    listed = (await api.get(f"{GROUP}/providers/{NESTED}"))["value"]
    assert {one["name"] for one in listed} == {"first", "first-module", "second-module"}


async def test_in_the_outer_scope_the_template_around_is_seen_copies_too(api: Api) -> None:
    child = nested("[concat('d', copyIndex())]", resource(NETS, "[concat(variables('n'), copyIndex())]"), inner=False)
    await begin(api, child | {"copy": {"name": "c", "count": 2}}, variables={"n": "net"})
    assert await to_the_end(api) == "Succeeded"
    assert [(await api.get(f"{GROUP}/providers/{NETS}/net{number}"))["name"] for number in (0, 1)] == ["net0", "net1"]


async def test_a_nested_deployment_may_go_to_another_group(api: Api) -> None:
    other = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Other"
    await api.call("PUT", other, {"location": "westeurope"})
    child = nested("there", resource(NETS, "net", location="[resourceGroup().location]"), resourceGroup="Other")
    await begin(api, child)
    assert await to_the_end(api) == "Succeeded"
    assert (await api.get(f"{other}/providers/{NETS}/net"))["location"] == "westeurope"
    lost = nested("lost", resource(NETS, "net"), resourceGroup="Nowhere")
    await begin(api, lost)
    assert await to_the_end(api) == "Failed"


async def test_what_goes_wrong_inside_is_told_outside(api: Api) -> None:
    wrong = resource("Microsoft.Compute/galleries/images", "own/web", properties={})
    await begin(api, nested("inside", wrong), resource(NETS, "late", "inside"))
    assert await to_the_end(api) == "Failed"
    [detail] = stored(api)["error"]["details"]
    assert detail["target"].endswith("/deployments/inside")
    assert detail["details"][0]["target"].endswith("/own/images/web")
    assert (await api.call("GET", f"{GROUP}/providers/{NETS}/late")).status_code == 404


async def test_a_cancel_reaches_those_inside(api: Api) -> None:
    slow = resource(NETS, "slow", tags={"x": "[reference('gone').x]"})
    await begin(api, nested("inside", slow), resource(NETS, "late", "inside"))
    inside = f"{GROUP}/providers/{NESTED}/inside"
    assert await state(api) == "Running"
    assert (await api.call("POST", f"{ONE}/cancel")).status_code == 204
    assert (await api.get(inside))["properties"]["provisioningState"] == "Canceled"


async def test_f5_a_secret_stays_one_in_a_parameter_that_is_none(api: Api) -> None:
    template = {"parameters": {"plain": {"type": "string"}}}
    child = nested("inside", resource(NETS, "net"), template=template)
    child["properties"]["parameters"] = {"plain": {"value": "[parameters('secret')]"}}
    secret = {"secret": {"type": "securestring", "defaultValue": "hunter2-secret"}}
    await begin(api, child, parameters=secret)
    assert await to_the_end(api) == "Succeeded"
    found = await api.get(f"{GROUP}/providers/{NESTED}/inside")
    assert found["properties"]["parameters"] == {"plain": {"type": "string"}}
    assert "hunter2" not in str([one.document for one in api.store.resources.all_of(SUBSCRIPTION)])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"templateLink": {"uri": "https://x"}, "template": None}, "'templateLink'"),
        ({"parametersLink": {"uri": "https://x"}}, "'parametersLink'"),
        ({"mode": "Complete"}, "Incremental"),
        ({"template": None}, "no 'template'"),
        ({"template": {"resources": [{"type": "Contoso/x", "name": "a"}]}}, "Contoso/x"),
        ({"template": {"resources": [], "outputs": {"o": {"type": "string", "value": "[mist()]"}}}}, "'mist'"),
        ({"parameters": {"stranger": {"value": 1}}}, "'stranger'"),
        ({"parameters": {"stranger": {"value": "[reference('net').x]"}}, "template": {"variables": []}}, "variables"),
    ],
)
async def test_what_is_wrong_inside_is_refused_before_anything_is_made(
    api: Api, change: dict[str, Any], word: str
) -> None:
    child = nested("inside")
    child["properties"] |= change
    answer = await deploy(api, resource(NETS, "net"), child)
    assert answer.status_code == 400
    assert word in error_of(answer)["message"]
    assert (await api.call("GET", f"{GROUP}/providers/{NETS}/net")).status_code == 404


async def test_nested_deployments_share_what_a_template_may_ask_for(api: Api) -> None:
    many = resource(NETS, "[concat('n', copyIndex())]", copy={"name": "n", "count": 500})
    answer = await deploy(api, nested("a", many), nested("b", many))
    assert "more than 399 resources" in error_of(answer)["message"]
    copies = nested("[concat('d', copyIndex())]", copy={"name": "d", "count": 101})
    assert "more than 100 nested deployments" in error_of(await deploy(api, copies))["message"]
    deep = nested("d", resource(NETS, "n"))
    for number in range(10):
        deep = nested(f"d{number}", deep)
    assert "deeper than" in error_of(await deploy(api, deep))["message"]
    large = nested("[concat('d', copyIndex())]", *({"x": "y" * 9000} for _ in range(100)), inner=False)
    answer = await deploy(api, large | {"copy": {"name": "d", "count": 90}})
    assert answer.status_code == 400
    assert (await api.call("GET", f"{GROUP}/providers/{NETS}/n0")).status_code == 404
