from typing import Any

import pytest

from api.templates.errors import TemplateError
from api.templates.scope import Place, Scope

PLACE = Place(subscription_id="S", resource_group="Farm", location="westeurope", deployment="d")
SCOPE = Scope(
    PLACE,
    parameters={"name": "web", "count": 3, "tags": {"a": [1, {"B": "deep"}]}},
    variables={"full": "[concat(parameters('name'), '-', variables('suffix'))]", "suffix": "x"},
    resources={"web": "/subscriptions/S/resourceGroups/Farm/providers/Microsoft.Compute/virtualMachineScaleSets/web"},
)
SET_ID = SCOPE.resources["web"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("plain", "plain"),
        ("[[not one]", "[not one]"),
        ("[0] is no expression", "[0] is no expression"),
        ("['it''s']", "it's"),
        ("[PARAMETERS('NAME')]", "web"),
        ("[parameters('tags').A[1].b]", "deep"),
        ("[parameters('tags')['a'][0]]", 1),
        ("[variables('full')]", "web-x"),
        ("[concat('a', 1, true())]", "a1True"),
        ("[concat(createArray(1), createArray(2))]", [1, 2]),
        ("[format('{0}/{1}-{{x}}', 'a', 2)]", "a/2-{x}"),
        ("[if(equals(parameters('count'), 3), 'three', parameters('missing'))]", "three"),
        ("[and(true(), not(false()))]", True),
        ("[or(false(), false())]", False),
        ("[resourceId('Microsoft.Compute/virtualMachineScaleSets', 'web')]", SET_ID),
        (
            "[resourceId('other', 'Microsoft.Network/virtualNetworks/subnets', 'v', 's')]",
            "/subscriptions/S/resourceGroups/other/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
        ),
        ("[resourceGroup().location]", "westeurope"),
        ("[subscription().subscriptionId]", "S"),
        ("[deployment().name]", "d"),
        ("[length(range(0, 4))]", 4),
        ("[int('7')]", 7),
        ("[add(div(7, 2), mod(-7, 2))]", 2),
        ("[toLower(substring('ABCDE', 1, 2))]", "bc"),
        ("[first(split('a,b;c', createArray(',', ';')))]", "a"),
        ("[join(createArray('a', 'b'), '-')]", "a-b"),
        ("[contains(createObject('A', 1), 'a')]", True),
        (
            "[union(createObject('a', createObject('x', 1)), createObject('a', createObject('y', 2)))]",
            {"a": {"x": 1, "y": 2}},
        ),
        ("[base64ToString(base64('hi'))]", "hi"),
        ("[json('{\"a\": [1]}').a[0]]", 1),
        ("[string(createArray(1, 'a'))]", '[1,"a"]'),
        ("[coalesce(null(), 'b')]", "b"),
        ("[padLeft(7, 3, '0')]", "007"),
        ("[greaterOrEquals(3, 3)]", True),
        ("[providers('Microsoft.Compute', 'virtualMachineScaleSets').apiVersions[0]]", "2024-11-01"),
    ],
)
def test_an_expression_has_its_value(expression: str, value: Any) -> None:
    assert SCOPE.evaluated(expression) == value


def test_unique_strings_and_guids_are_the_same_for_the_same_words_and_differ_else() -> None:
    one, again, other = (SCOPE.evaluated(f"[uniqueString('{word}')]") for word in ("a", "a", "b"))
    assert one == again != other
    assert len(one) == 13
    assert SCOPE.evaluated("[guid('a')]") == SCOPE.evaluated("[guid('a')]") != SCOPE.evaluated("[guid('b')]")


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("[listKeys('x', '2024-01-01')]", "listkeys"),
        ("[contoso.name('x')]", "contoso.name"),
        ("[parameters('nothing')]", "nothing"),
        ("[variables('nothing')]", "nothing"),
        ("[parameters('tags').b]", "'b'"),
        ("[parameters('tags').a[9]]", "9"),
        ("[concat(]", "concat("),
        ("[concat('a' 'b')]", "concat('a' 'b')"),
        ("['open]", "open"),
        ("[]", "[]"),
        ("[substring('abc', 2, 5)]", "substring"),
        ("[div(1, 0)]", "div"),
        ("[int('x')]", "int"),
        ("[bool('maybe')]", "bool"),
        ("[and(1, true())]", "and"),
        ("[if('yes', 1, 2)]", "if"),
        ("[concat()]", "concat"),
        ("[equals(1)]", "equals"),
        ("[json('{')]", "json"),
        ("[range(0, 100000)]", "range"),
        ("[copyIndex()]", "copyIndex"),
        ("[resourceId('web')]", "resourceId"),
        ("[resourceId('Microsoft.Compute/virtualMachineScaleSets')]", "resourceId"),
        ("[reference('web')]", "reference"),
        ("[" + "concat(" * 400 + "'a'" + ")" * 400 + "]", "concat("),
    ],
)
def test_what_cannot_be_evaluated_is_named(expression: str, word: str) -> None:
    with pytest.raises(TemplateError, match=None) as caught:
        SCOPE.evaluated(expression)
    assert word.lower() in str(caught.value).lower()
    assert len(str(caught.value)) < 400


def test_variables_that_name_each_other_end_in_an_error() -> None:
    scope = Scope(PLACE, variables={"a": "[variables('b')]", "b": "[variables('a')]"})
    with pytest.raises(TemplateError, match="deeper"):
        scope.evaluated("[variables('a')]")


def test_a_property_is_copied() -> None:
    copy = {"copy": [{"name": "disks", "count": "[parameters('count')]", "input": {"lun": "[copyIndex('disks')]"}}]}
    assert SCOPE.evaluated(copy) == {"disks": [{"lun": 0}, {"lun": 1}, {"lun": 2}]}


def test_a_reference_gives_the_properties_or_all_of_a_resource() -> None:
    scope = Scope(PLACE, resources=SCOPE.resources, look_up={SET_ID: {"id": SET_ID, "properties": {"a": 1}}}.get)
    assert scope.evaluated("[reference('web').a]") == 1
    assert scope.evaluated(f"[reference('{SET_ID}', '2024-11-01', 'Full').id]") == SET_ID
    with pytest.raises(TemplateError, match="elsewhere"):
        scope.evaluated("[reference('elsewhere')]")
