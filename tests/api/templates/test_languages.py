"""Symbolic names, copies, conditions, and what depends on what."""

from typing import Any

import pytest

from api.templates.errors import TemplateError
from api.templates.template import read_template
from api.templates.types import Types
from tests.api.templates.test_template import GROUP, NETS, PLACE, SETS, TYPES, ids, read, resource

NEW = {"languageVersion": "2.0"}


def symbols(resources: dict[str, Any], **template: Any) -> Any:
    parsed: Any = resources
    return read(parsed, **{**NEW, **template})


def needs(template: Any, name: str) -> set[str]:
    [one] = [one for one in template.resources if one.names[-1] == name]
    return {need.rpartition("/")[2] for need in one.needs}


def test_resources_may_be_called_by_symbolic_names() -> None:
    template = symbols(
        {
            "theSet": resource("web", dependsOn=["theNet"], properties={"x": "[reference('theNet').space]"}),
            "theNet": resource("net", NETS),
        },
        outputs={"space": {"type": "string", "value": "[reference('theNet').space]"}},
    )
    assert ids(template) == [f"{NETS}/net", f"{SETS}/web"]
    found = {"properties": {"space": "10.0.0.0/8"}}
    assert template.resources[1].document(lambda _: found) == {
        "name": "web",
        "location": "westeurope",
        "properties": {"x": "10.0.0.0/8"},
    }
    assert template.results(lambda _: found)["space"]["value"] == "10.0.0.0/8"


def test_what_exists_already_is_referred_to_and_not_made() -> None:
    kept = {"type": "Contoso/any", "apiVersion": "1", "name": "old", "existing": True}
    template = symbols({"old": kept, "web": resource("web", dependsOn=["old"], tags={"x": "[reference('old').y]"})})
    assert ids(template) == [f"{SETS}/web"]
    assert template.resources[0].needs == ()
    assert template.resources[0].document(lambda _: {"properties": {"y": "z"}})["tags"] == {"x": "z"}
    with pytest.raises(TemplateError, match="existing"):
        symbols({"old": kept | {"existing": "yes"}})


def test_one_turn_of_a_symbolic_copy_can_be_named() -> None:
    many = resource("[format('net{0}', copyIndex())]", NETS, copy={"name": "nets", "count": 2})
    template = symbols(
        {"nets": many, "one": resource("one", dependsOn=["nets[1]"]), "all": resource("all", dependsOn=["nets"])}
    )
    assert needs(template, "one") == {"net1"}
    assert needs(template, "all") == {"net0", "net1"}


def test_a_serial_copy_is_made_batch_by_batch() -> None:
    copy = {"name": "nets", "count": 5, "mode": "Serial", "batchSize": 2}
    template = read([resource("[concat('net', copyIndex())]", NETS, copy=copy)])
    assert [len(one.needs) for one in template.resources] == [0, 0, 2, 2, 2]
    assert needs(template, "net4") == {"net2", "net3"}
    one_by_one = {"name": "nets", "count": 3, "mode": "serial"}
    template = read([resource("[concat('net', copyIndex())]", NETS, copy=one_by_one)])
    assert needs(template, "net2") == {"net1"}
    parallel = read([resource("[concat('net', copyIndex())]", NETS, copy={"name": "nets", "count": 3, "batchSize": 1})])
    assert all(one.needs == () for one in parallel.resources)


@pytest.mark.parametrize(
    "copy", [{"mode": "sideways"}, {"mode": "serial", "batchSize": 0}, {"batchSize": True}, {"batchSize": "1"}]
)
def test_a_copy_is_parallel_or_serial(copy: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match="copy 'nets'"):
        read([resource("[concat('net', copyIndex())]", NETS, copy={"name": "nets", "count": 2} | copy)])


def test_what_is_left_out_can_be_depended_on() -> None:
    left_out = resource("net", NETS, condition=False)
    none = resource("[concat('n', copyIndex())]", NETS, copy={"name": "nets", "count": 0})
    child = {"type": "subnets", "name": "one"}
    template = read(
        [left_out | {"resources": [child]}, none, resource("web", dependsOn=["net", "nets", f"{NETS}/net"])]
    )
    assert ids(template) == [f"{SETS}/web"]
    assert template.resources[0].needs == ()


def test_a_type_that_cannot_be_made_may_be_left_out() -> None:
    assert ids(read([resource("kv", "Microsoft.KeyVault/vaults", condition="[equals(1, 2)]")])) == []


def test_a_child_may_be_depended_on_by_all_its_names() -> None:
    child = {"type": "subnets", "name": "one"}
    template = read([resource("web", dependsOn=["net/one"]), resource("net", NETS, resources=[child])])
    assert needs(template, "web") == {"one"}
    assert needs(template, "one") == {"net"}


def test_a_reference_by_id_is_a_need_too() -> None:
    by_id = "[reference(resourceId('Microsoft.Network/virtualNetworks', 'net')).x]"
    template = read([resource("web", properties={"x": by_id}), resource("net", NETS)])
    assert needs(template, "web") == {"net"}
    elsewhere = "[reference(resourceId('other', 'Microsoft.Network/virtualNetworks', 'net')).x]"
    assert needs(read([resource("web", properties={"x": elsewhere})]), "web") == set()


def test_outputs_may_be_copied() -> None:
    outputs = {
        "names": {"type": "array", "copy": {"count": 3, "input": "[concat('n', copyIndex())]"}},
        "none": {"type": "array", "condition": False, "copy": {"count": 3, "input": "[reference('none')]"}},
    }
    assert read([], outputs=outputs).results(lambda _: None) == {
        "names": {"type": "array", "value": ["n0", "n1", "n2"]}
    }
    with pytest.raises(TemplateError, match="'names'"):
        read([], outputs={"names": {"type": "array", "copy": {"count": 1}}}).results(lambda _: None)


@pytest.mark.parametrize(
    ("template", "word"),
    [
        ({"languageVersion": "3.0"}, "languageVersion '3.0'"),
        (
            {"$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"},
            "subscription",
        ),
        (
            {"$schema": "https://schema.management.azure.com/schemas/2019-08-01/tenantDeploymentTemplate.json#"},
            "tenant",
        ),
        ({"imports": {"x": {}}}, "imports"),
        ({"definitions": []}, "definitions"),
        ({"definitions": {"x": {"$ref": "#/definitions/x"}}, "parameters": {"a": {"$ref": "#/definitions/x"}}}, "'a'"),
        ({"functions": [{"namespace": "own"}]}, "'members'"),
        ({"functions": [{"namespace": "own", "members": {"f": {}}}]}, "'f'"),
        ({"variables": {"v": ["[mistKeys()]", "[pickStones()]"]}}, "'mistkeys', 'pickstones' are"),
        ({"parameters": {"a": {"$ref": "#/definitions/x"}}}, "'a'"),
        ({"variables": []}, "variables"),
        ({"outputs": ""}, "outputs"),
        ({"resources": {"web": resource("web")}}, "languageVersion 2.0"),
        (
            {"resources": [resource("web", dependsOn=["/subscriptions/S/resourceGroups/Farm/providers/A/b/c"])]},
            "not defined",
        ),
        ({"resources": [resource("web", dependsOn=["web"])]}, "depends on itself"),
        (
            {
                "resources": [
                    resource("web", dependsOn=["b"]),
                    resource("b", dependsOn=["c"]),
                    resource("c", dependsOn=["web"]),
                ]
            },
            "each other",
        ),
        ({"resources": [resource("web", scope="Microsoft.X/y/z")]}, "'scope'"),
        ({"resources": [resource("web", scope="y")]}, "scope 'y'"),
        ({"resources": [resource("web", resources={})]} | NEW, ""),
        ({"resources": [resource("web", resources="x")]}, "'resources'"),
        ({"resources": [resource("web", condition="[mistSecrets()]")]}, "mistsecrets"),
        ({"resources": [resource("web", copy={"name": "c", "count": "[pickStones('a', 'b', 'c')]"})]}, "pickstones"),
        ({"outputs": {"o": {"type": "string", "condition": "[employer()]", "value": ""}}}, "employer"),
        ({"outputs": {"o": {"type": "string", "value": "[if(true(), 'a', surroundings().name)]"}}}, "surroundings"),
        ({"variables": {"v": {"deep": ["[dateTimeSub('a', 'b')]"]}}}, "datetimesub"),
        ({"parameters": {"a": {"type": "string", "defaultValue": "[mistKeys('x', 'y')]"}}}, "mistkeys"),
        ({"resources": [resource("web", tags={"metadata": "[mistKeys('x', 'y')]"})]}, "mistkeys"),
        ({"resources": [resource("web", properties={"comments": ["[mistKeys('x', 'y')]"]})]}, "mistkeys"),
        (
            {"resources": [resource("net", NETS, resources=[{"type": "subnets", "name": "[mistKeys('x', 'y')]"}])]},
            "mistkeys",
        ),
        ({"resources": [resource("web", tags={"x": "[utcNow()]"})]}, "utcNow"),
        ({"resources": [resource("web", tags={"x": "[newGuid()]"})]}, "newGuid"),
    ],
)
def test_what_this_language_cannot_say_is_refused_by_name(template: dict[str, Any], word: str) -> None:
    if not word:
        assert ids(read_template({**template}, {}, PLACE, TYPES))
        return
    with pytest.raises(TemplateError) as caught:
        read_template({"resources": [], **template}, {}, PLACE, TYPES)
    assert word in str(caught.value)


def test_notes_for_the_reader_are_no_expressions() -> None:
    noted = resource("web", comments="[see below]", metadata={"x": "[mistKeys(]"})
    declared = {"a": {"type": "string", "defaultValue": "x", "metadata": {"description": "[any (word]"}}}
    template = read([noted], parameters=declared, metadata={"_generator": "[bicep"}, outputs={})
    assert template.resources[0].document(lambda _: None) == {"name": "web", "location": "westeurope"}


def test_the_clock_and_chance_may_be_asked_in_defaults() -> None:
    declared = {
        "at": {"type": "string", "defaultValue": "[utcNow()]"},
        "day": {"type": "string", "defaultValue": "[utcNow('yyyy-MM-dd')]"},
        "some": {"type": "string", "defaultValue": "[newGuid()]"},
    }
    values = read([], parameters=declared).scope.parameters
    assert (values["at"], values["day"], len(values["some"])) == ("19700101T000000Z", "1970-01-01", 36)
    with pytest.raises(TemplateError, match="'qq'"):
        read([], parameters={"at": {"type": "string", "defaultValue": "[utcNow('qq')]"}})


def test_a_default_may_be_made_of_parameters_before_it() -> None:
    declared = {"a": {"type": "string"}, "b": {"type": "string", "defaultValue": "[concat(parameters('a'), '!')]"}}
    assert read([], {"a": "x"}, parameters=declared).scope.parameters["b"] == "x!"
    with pytest.raises(TemplateError, match="'z'"):
        read([], parameters={"a": {"type": "string", "defaultValue": "[parameters('z')]"}})


def test_a_template_brings_functions_of_its_own() -> None:
    members = {
        "named": {
            "parameters": [{"name": "first", "type": "string"}],
            "output": {"type": "string", "value": "[concat(parameters('first'), '-', own.end())]"},
        },
        "end": {"output": {"type": "string", "value": "z"}},
    }
    functions = [{"namespace": "own", "members": members}]
    template = read([resource("[Own.Named('a')]")], functions=functions)
    assert ids(template) == [f"{SETS}/a-z"]
    with pytest.raises(TemplateError, match="1 argument, not 0"):
        read([resource("[own.named()]")], functions=functions)
    endless = {"f": {"output": {"type": "string", "value": "[own.f()]"}}}
    with pytest.raises(TemplateError, match="deeper than"):
        read([resource("[own.f()]")], functions=[{"namespace": "own", "members": endless}])
    peeking = {"f": {"output": {"type": "string", "value": "[parameters('name')]"}}}
    with pytest.raises(TemplateError, match="no parameter 'name'"):
        read(
            [resource("[own.f()]")],
            {"name": "x"},
            parameters={"name": {"type": "string"}},
            functions=[{"namespace": "own", "members": peeking}],
        )


def test_parameters_may_have_types_of_the_template_and_be_null() -> None:
    declared = {"n": {"$ref": "#/definitions/size"}, "m": {"$ref": "#/definitions/size", "nullable": True}}
    definitions = {"size": {"type": "int", "minValue": 2}}
    found = read([], {"n": 3}, parameters=declared, definitions=definitions).scope.parameters
    assert found == {"n": 3, "m": None}
    with pytest.raises(TemplateError, match="minValue"):
        read([], {"n": 1}, parameters=declared, definitions=definitions)


def test_all_types_that_are_not_taken_are_named_at_once() -> None:
    with pytest.raises(TemplateError, match="types 'Contoso/a', 'Contoso/b' are not supported"):
        read([resource("x", "Contoso/a"), resource("y", "Contoso/b"), resource("z", "Contoso/a")])


def test_what_is_added_to_a_resource_has_an_id_below_it() -> None:
    keeping = Types(frozenset(), kept=lambda _: True)
    added = [
        resource("r", "Microsoft.Authorization/roleAssignments", scope=f"{NETS}/net"),
        resource("net/Microsoft.Authorization/s", f"{NETS}/providers/roleAssignments"),
    ]
    template = read_template({"resources": added}, {}, PLACE, keeping, at_most=9)
    below = f"{GROUP}/{NETS}/net/providers/Microsoft.Authorization/roleAssignments"
    assert [one.resource_id for one in template.resources] == [f"{below}/r", f"{below}/s"]
    assert {one.type for one in template.resources} == {"Microsoft.Authorization/roleAssignments"}
