from typing import Any

import pytest

from api.templates.errors import TemplateError
from api.templates.scope import Place
from api.templates.template import Template, read_template
from api.templates.types import Types

PLACE = Place(subscription_id="S", resource_group="Farm", location="westeurope", deployment="d")
SETS = "Microsoft.Compute/virtualMachineScaleSets"
NETS = "Microsoft.Network/virtualNetworks"
TYPES = Types(frozenset(kind.lower() for kind in (SETS, NETS, f"{NETS}/subnets")))
GROUP = "/subscriptions/S/resourceGroups/Farm/providers"


def read(resources: list[Any], given: dict[str, Any] | None = None, **template: Any) -> Template:
    parameters = {name: {"value": value} for name, value in (given or {}).items()}
    return read_template({"resources": resources, **template}, parameters, PLACE, TYPES, at_most=800)


def resource(name: str, kind: str = SETS, **more: Any) -> dict[str, Any]:
    return {"type": kind, "apiVersion": "2024-11-01", "name": name, "location": "westeurope"} | more


def ids(template: Template) -> list[str]:
    return [one.resource_id.removeprefix(f"{GROUP}/") for one in template.resources]


def test_resources_come_after_those_that_they_depend_on() -> None:
    needed = "[resourceId('Microsoft.Network/virtualNetworks', 'net')]"
    template = read([resource("web", dependsOn=[needed]), resource("net", NETS)])
    assert ids(template) == [f"{NETS}/net", f"{SETS}/web"]
    for word in ("net", "NET", f"{NETS}/net"):
        assert ids(read([resource("web", dependsOn=[word]), resource("net", NETS)]))[0] == f"{NETS}/net"


def test_a_resource_that_refers_to_another_comes_after_it_unasked() -> None:
    space = {"space": "[reference('net').addressSpace]"}
    template = read([resource("web", properties=space), resource("net", NETS)])
    assert ids(template) == [f"{NETS}/net", f"{SETS}/web"]
    found = {"properties": {"addressSpace": "10.0.0.0/8"}}
    assert template.resources[1].document(lambda _: found)["properties"] == {"space": "10.0.0.0/8"}


def test_a_copy_makes_as_many_and_can_be_depended_on() -> None:
    many = resource("[concat('web', copyIndex(1))]", copy={"name": "webs", "count": "[parameters('n')]"})
    template = read([resource("last", dependsOn=["webs"]), many], {"n": 3}, parameters={"n": {"type": "int"}})
    assert ids(template) == [f"{SETS}/web1", f"{SETS}/web2", f"{SETS}/web3", f"{SETS}/last"]


def test_children_may_stand_inside_their_parent() -> None:
    child = {"type": "subnets", "apiVersion": "2024-11-01", "name": "one", "properties": {"p": 1}}
    template = read([resource("net", NETS, resources=[child])])
    assert ids(template) == [f"{NETS}/net", f"{NETS}/net/subnets/one"]
    assert "resources" not in template.resources[0].document(lambda _: None)


def test_a_condition_leaves_a_resource_out() -> None:
    assert ids(read([resource("web", condition="[equals(1, 2)]")])) == []
    with pytest.raises(TemplateError, match="condition"):
        read([resource("web", condition="yes")])


def test_what_controls_the_deployment_is_no_part_of_the_document() -> None:
    [one] = read([resource("web", dependsOn=[], tags={"a": "[toUpper('b')]"}, comments="[no function(]")]).resources
    document = one.document(lambda _: None)
    assert document == {"name": "web", "location": "westeurope", "tags": {"a": "B"}}
    assert one.api_version == "2024-11-01"


def test_outputs_are_evaluated_at_the_end_and_secure_ones_not_shown() -> None:
    template = read(
        [resource("web")],
        {"secret": "hunter2"},
        parameters={"secret": {"type": "securestring"}, "size": {"type": "int", "defaultValue": 2}},
        outputs={
            "set": {"type": "object", "value": "[reference('web')]"},
            "size": {"type": "int", "value": "[parameters('size')]"},
            "secret": {"type": "securestring", "value": "[parameters('secret')]"},
            "none": {"type": "string", "condition": "[false()]", "value": "x"},
        },
    )
    assert template.results(lambda _: {"properties": {"a": 1}}) == {
        "set": {"type": "object", "value": {"a": 1}},
        "size": {"type": "int", "value": 2},
        "secret": {"type": "securestring"},
    }
    assert template.shown_parameters == {"secret": {"type": "securestring"}, "size": {"type": "int", "value": 2}}


def test_texts_are_taken_where_numbers_and_truths_are_declared() -> None:
    declared = {"n": {"type": "int"}, "yes": {"type": "Bool"}}
    outputs = {name: {"type": "string", "value": f"[parameters('{name}')]"} for name in declared}
    template = read([], {"N": "3", "yes": "True"}, parameters=declared, outputs=outputs)
    assert template.results(lambda _: None)["n"]["value"] == 3
    assert template.results(lambda _: None)["yes"]["value"] is True


def test_copies_within_copies_know_the_turns_of_both() -> None:
    inner = {"copy": [{"name": "Cells", "count": 2, "input": "[concat(copyIndex('rows'), copyIndex('CELLS'))]"}]}
    variables = {"COPY": [{"name": "Rows", "count": 2, "input": inner}]}
    outputs = {"all": {"type": "array", "value": "[variables('rows')]"}}
    found = read([], variables=variables, outputs=outputs).results(lambda _: None)["all"]["value"]
    assert found == [{"Cells": ["00", "01"]}, {"Cells": ["10", "11"]}]


@pytest.mark.parametrize(
    "copy", [1, "x", {}, {"name": "a", "count": 1}, {"count": 1, "input": "x"}, {"name": 3, "count": 1, "input": "x"}]
)
def test_a_copy_that_lacks_its_name_or_its_input_is_refused(copy: Any) -> None:
    with pytest.raises(TemplateError, match="needs 'name', 'count' and 'input'"):
        read([], variables={"copy": [copy]})


def test_the_copies_of_variables_are_no_variable() -> None:
    variables = {"COPY": [{"name": "a", "count": 1, "input": "x"}]}
    outputs = {"x": {"type": "array", "value": "[variables('copy')]"}}
    with pytest.raises(TemplateError, match="copy"):
        read([], variables=variables, outputs=outputs).results(lambda _: None)


def test_a_reference_to_what_another_reference_tells_is_left_for_later() -> None:
    late = {"x": "[reference(reference('net').peer).space]"}
    template = read([resource("web", properties=late), resource("net", NETS)])
    assert ids(template) == [f"{NETS}/net", f"{SETS}/web"]


def test_variables_may_be_copied() -> None:
    variables = {"copy": [{"name": "names", "count": 2, "input": "[concat('n', copyIndex('names'))]"}]}
    outputs = {"names": {"type": "array", "value": "[variables('names')]"}}
    assert read([], variables=variables, outputs=outputs).results(lambda _: None)["names"]["value"] == ["n0", "n1"]


@pytest.mark.parametrize(
    ("resources", "template", "word"),
    [
        ([resource("kv", "Microsoft.KeyVault/vaults")], {}, "Microsoft.KeyVault/vaults"),
        ([resource("web", dependsOn=[""])], {}, "is not defined"),
        ([resource("web", properties={"x": "[mistKeys('a', 'b')]"})], {}, "mistkeys"),
        ([resource("web", properties={"x": "[parameters('gone')]"})], {}, "gone"),
        ([resource("web", dependsOn=["nobody"])], {}, "nobody"),
        ([resource("a", dependsOn=["b"]), resource("b", dependsOn=["a"])], {}, "depend on each other"),
        ([resource("web"), resource("WEB")], {}, "twice"),
        ([resource("web", copy={"name": "c", "count": "x"})], {}, "copy 'c'"),
        ([resource("web", copy={"name": "c", "count": 801})], {}, "copy 'c'"),
        ([resource("web", copy={})], {}, "copy"),
        ([resource("a/b")], {}, "a/b"),
        ([resource("web", dependsOn="net")], {}, "dependsOn"),
        ([{"type": SETS}], {}, "name"),
        ([{"name": "x"}], {}, "type"),
        (["web"], {}, "object"),
        ([], {"resources": {}}, "resources"),
        ([], {"parameters": []}, "parameters"),
        ([], {"functions": [{"namespace": "x"}]}, "functions"),
        ([], {"parameters": {"a": {"type": "string"}}}, "'a'"),
        ([], {"parameters": {"a": {"type": "date", "defaultValue": 1}}}, "date"),
        ([], {"parameters": {"a": {"type": "int", "defaultValue": "x"}}}, "'a'"),
        ([], {"parameters": {"a": {"type": "int", "defaultValue": True}}}, "'a'"),
        ([], {"parameters": {"a": {"type": "string", "defaultValue": "x", "allowedValues": ["y"]}}}, "one of y"),
        ([], {"parameters": {"a": {"type": "int", "defaultValue": 9, "maxValue": 5}}}, "maxValue"),
        ([], {"parameters": {"a": {"type": "string", "defaultValue": "", "minLength": 1}}}, "minLength"),
        ([], {"outputs": {"a": 1}}, "output"),
    ],
)
def test_what_cannot_be_deployed_is_refused_by_name_before_anything_is_made(
    resources: list[Any], template: dict[str, Any], word: str
) -> None:
    with pytest.raises(TemplateError) as caught:
        read_template({"resources": resources, **template}, {}, PLACE, TYPES)
    assert word in str(caught.value)


def test_a_parameter_that_is_not_declared_is_refused() -> None:
    with pytest.raises(TemplateError, match="extra"):
        read([], {"extra": 1})
    declared = {"a": {"type": "string"}}
    entries: tuple[Any, ...] = ({"reference": {"keyVault": {}}}, "bare")
    for entry in entries:
        with pytest.raises(TemplateError, match="'a'"):
            read_template({"resources": [], "parameters": declared}, {"a": entry}, PLACE, TYPES)
