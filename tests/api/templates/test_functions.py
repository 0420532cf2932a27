"""Each function of the template language: what it gives, and what it cannot take."""

from dataclasses import replace
from typing import Any

import pytest

from api.templates.errors import TemplateError
from api.templates.functions import values
from api.templates.scope import DEPTH_AT_MOST
from tests.api.templates.test_expressions import PLACE, SCOPE


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("greater(3, 3)", False),
        ("greater(4, 3)", True),
        ("greaterOrEquals(2, 3)", False),
        ("less(3, 3)", False),
        ("less(2, 3)", True),
        ("lessOrEquals(3, 3)", True),
        ("lessOrEquals(4, 3)", False),
        ("sub(7, 9)", -2),
        ("mul(-3, 4)", -12),
        ("div(-7, 2)", -3),
        ("div(-7, -2)", 3),
        ("mod(7, 3)", 1),
        ("max(3)", 3),
        ("max(1, 3, 2)", 3),
        ("max(createArray(1, 3, 2))", 3),
        ("min(createArray(4, 3))", 3),
        ("bool('True')", True),
        ("bool('0')", False),
        ("bool(2)", True),
        ("bool(false())", False),
        ("equals('1', 1)", False),
        ("equals('a', 'A')", False),
        ("contains(createArray('a'), 'A')", False),
        ("contains('abc', 'b')", True),
        ("contains(createObject('b', 1), 'a')", False),
        ("empty(null())", True),
        ("empty('')", True),
        ("empty(createArray(1))", False),
        ("first('abc')", "a"),
        ("first('')", ""),
        ("first(createArray())", None),
        ("last(createArray(1, 2))", 2),
        ("last('')", ""),
        ("skip('abc', 1)", "bc"),
        ("skip(createArray(1, 2), -1)", [1, 2]),
        ("take('abc', 2)", "ab"),
        ("take('abc', -2)", ""),
        ("substring('abc', 1)", "bc"),
        ("substring('abc', 3, 0)", ""),
        ("substring('abc', 0, 3)", "abc"),
        ("union(createArray(1, 2), createArray(2, 3))", [1, 2, 3]),
        ("union(createObject('a', 1), createObject('a', 2))", {"a": 2}),
        (
            "union(createArray(createObject('a', 1, 'b', 2)), createArray(createObject('b', 2, 'a', 1)))",
            [{"a": 1, "b": 2}],
        ),
        ("intersection(createArray(1, 2, 3), createArray(3, 2), createArray(2))", [2]),
        ("intersection(createObject('a', 1, 'b', 2), createObject('a', 1, 'b', 3))", {"a": 1}),
        ("items(createObject('b', 1, 'a', 2))", [{"key": "a", "value": 2}, {"key": "b", "value": 1}]),
        ("tryGet(createObject('a', createArray(5)), 'A', 0)", 5),
        ("tryGet(createArray(5), 1)", None),
        ("tryGet(createArray(5), -1)", None),
        ("tryGet('a', 'b')", None),
        ("startsWith('Abc', 'aB')", True),
        ("endsWith('Abc', 'BC')", True),
        ("indexOf('abcB', 'B')", 1),
        ("lastIndexOf('abcB', 'b')", 3),
        ("trim('  a ')", "a"),
        ("toUpper('a')", "A"),
        ("replace('aXa', 'a', 'bb')", "bbXbb"),
        ("uri('http://a/', '/b')", "http://a/b"),
        ("uriComponent('a/b c')", "a%2Fb%20c"),
        ("uriComponentToString('a%2Fb')", "a/b"),
        ("dataUri('hi')", "data:text/plain;charset=utf8;base64,aGk="),
        ("uri('http://a/b.json', 'c')", "http://a/c"),
        ("dataUriToString('data:;base64,SGVsbG8=')", "Hello"),
        ("base64ToJson(base64('{\"a\":1}'))", {"a": 1}),
        ("parseUri('https://h:1/p?q')", {"scheme": "https", "host": "h", "port": 1, "path": "/p", "query": "?q"}),
        ("buildUri(createObject('scheme', 'https', 'host', 'h', 'path', '/p'))", "https://h/p"),
        ("uniqueString('tyeth')", "zcztcwvu6iyg6"),
        (
            "uniqueString('/subscriptions/3c7f956b-55ee-4686-9d30-da1eb631dc59/resourceGroups/rg-devopsshieldek010dev')",
            "fd63l2gacbtca",
        ),
        ("parseCidr('10.144.0.0/20').broadcast", "10.144.15.255"),
        ("parseCidr('fd00::/64').lastUsable", "fd00::ffff:ffff:ffff:ffff"),
        ("parseCidr('10.0.0.0/31').firstUsable", "10.0.0.0"),
        ("cidrSubnet('10.144.0.0/20', 24, 0)", "10.144.0.0/24"),
        ("cidrHost('10.144.3.0/24', 1)", "10.144.3.2"),
        ("dateTimeAdd('2020-04-07 14:53:14Z', 'PT1H')", "4/7/2020 3:53:14 PM"),
        ("dateTimeAdd('20200407T145314Z', '-P9D', 'yyyy-MM-ddTHH:mm:ssZ')", "2020-03-29T14:53:14Z"),
        ("dateTimeAdd('2020-04-07T14:53:14+02:00', 'PT0S', 'u')", "2020-04-07 12:53:14Z"),
        ("dateTimeAdd('4/7/2020 2:53:14 PM', 'P1M', 'ddd d MMMM yy, h tt')", "Thu 7 May 20, 2 PM"),
        ("dateTimeFromEpoch(1683040573)", "2023-05-02T15:16:13Z"),
        ("dateTimeToEpoch('2023-05-02T15:16:13Z')", 1683040573),
        ("flatten(createArray(createArray(1), createArray(2, 3)))", [1, 2, 3]),
        ("float('1.5')", 1.5),
        ("indexOf(createArray('a', 'b'), 'b')", 1),
        ("lastIndexOf(createArray(1, 1), 1)", 1),
        ("indexFromEnd(createArray(1, 2, 3), 1)", 3),
        ("tryIndexFromEnd(createArray(1), 2)", None),
        ("objectKeys(createObject('b', 1, 'a', 2))", ["a", "b"]),
        (
            "shallowMerge(createArray(createObject('a', createObject('b', 1)), createObject('a', createObject('c', 2))))",  # noqa: E501  # an expression
            {"a": {"c": 2}},
        ),
        ("map(createArray(1, 2), lambda('n', mul(lambdaVariables('N'), 2)))", [2, 4]),
        (
            "map(createArray('a', 'b'), lambda('n', 'i', concat(lambdaVariables('n'), lambdaVariables('i'))))",
            ["a0", "b1"],
        ),
        ("filter(range(0, 5), lambda('n', greater(lambdaVariables('n'), 2)))", [3, 4]),
        ("reduce(range(1, 4), 0, lambda('a', 'b', add(lambdaVariables('a'), lambdaVariables('b'))))", 10),
        (
            "sort(createArray(3, 1, 2, 1), lambda('a', 'b', less(lambdaVariables('a'), lambdaVariables('b'))))",
            [1, 1, 2, 3],
        ),
        ("toObject(createArray('a', 'b'), lambda('n', lambdaVariables('n')), lambda('n', 1))", {"a": 1, "b": 1}),
        ("toObject(createArray('a'), lambda('n', lambdaVariables('n')))", {"a": "a"}),
        (
            "groupBy(createArray('ab', 'ac', 'b'), lambda('n', first(lambdaVariables('n'))))",
            {"a": ["ab", "ac"], "b": ["b"]},
        ),
        ("mapValues(createObject('a', 1), lambda('n', add(lambdaVariables('n'), 1)))", {"a": 2}),
        (
            "map(createArray(1, 2), lambda('a', map(createArray(3), lambda('b', add(lambdaVariables('a'), lambdaVariables('b'))))))",  # noqa: E501  # an expression
            [[4], [5]],
        ),
        ("pickZones('Microsoft.Compute', 'virtualMachines', 'westus2')", ["1"]),
        ("pickZones('Microsoft.Compute', 'virtualMachines', 'westus2', 2, 1)", ["2", "3"]),
        ("environment().suffixes.storage", "core.windows.net"),
        ("tenant().tenantId", "00000000-0000-0000-0000-000000000000"),
        (
            "resourceId('Microsoft.Network/virtualNetworks/', 'n')",
            f"{PLACE.group_id}/providers/Microsoft.Network/virtualNetworks/n",
        ),
        ("resourceId('s', 'g', 'A.B/c/d', 'e', 'f')", "/subscriptions/s/resourceGroups/g/providers/A.B/c/e/d/f"),
        ("subscriptionResourceId('A.B/c', 'd')", "/subscriptions/S/providers/A.B/c/d"),
        ("subscriptionResourceId('s', 'A.B/c', 'd')", "/subscriptions/s/providers/A.B/c/d"),
        ("tenantResourceId('A.B/c', 'd')", "/providers/A.B/c/d"),
        (
            "managementGroupResourceId('m', 'A.B/c', 'd')",
            "/providers/Microsoft.Management/managementGroups/m/providers/A.B/c/d",
        ),
        ("extensionResourceId('/x/y', 'A.B/c', 'd')", "/x/y/providers/A.B/c/d"),
        ("range(2, 3)", [2, 3, 4]),
        ("length(range(0, 10000))", 10000),
        ("array('a')", ["a"]),
        ("array(createArray('a'))", ["a"]),
        ("string(true())", "True"),
        ("padLeft('abc', 2)", "abc"),
        ("padLeft('a', 3)", "  a"),
        ("add(9223372036854775806, 1)", 2**63 - 1),
    ],
)
def test_a_function_gives_its_value(expression: str, value: Any) -> None:
    found = SCOPE.evaluated(f"[{expression}]")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("expression", "word"),
    [
        ("add(true(), 1)", "add"),
        ("add('a', 'b')", "add"),
        ("mul('a', 3)", "mul"),
        ("sub(1, '1')", "sub"),
        ("int(true())", "int"),
        ("min(createArray(1), 2)", "min"),
        ("substring('a')", "2 to 3 arguments, not 1"),
        ("concat()", "at least 1 argument, not 0"),
        ("union(createArray(1), createObject('a', 1))", "union"),
        ("union('a', createArray(1))", "union"),
        ("intersection(createArray(1), 'a')", "intersection"),
        ("concat(createArray(1), 'a')", "concat"),
        ("createObject('a')", "createobject"),
        ("substring('abc', -1, 1)", "substring"),
        ("substring('abc', 4)", "substring"),
        ("substring('abc', 2, -1)", "substring"),
        ("toLower(3)", "tolower"),
        ("range(0, 10001)", "range"),
        ("range(0, -1)", "range"),
        ("not('true')", "not"),
        ("or(true(), 'x')", "or"),
        ("if(true(), 1)", "if"),
        ("resourceId('a', 'b', 'c', 'N/t')", "resourceId"),
        ("resourceId('N.A/', 'x')", "resourceId"),
        ("tenantResourceId('g', 'A.B/c', 'd')", "tenantResourceId"),
        ("cidrHost('10.0.0.0/30', 2)", "cidrhost"),
        ("cidrSubnet('10.0.0.0/24', 25, 2)", "cidrsubnet"),
        ("parseCidr('hunter')", "parsecidr"),
        ("dateTimeAdd('2020-04-07 14:53:14Z', 'PT1H', 'q')", "'q'"),
        ("dateTimeToEpoch('yesterday')", "datetimetoepoch"),
        ("map(1, lambda('a', 1))", "'map'"),
        ("map(createArray(1), 1)", "'map'"),
        ("map(createArray(1), lambda('a', 'b', 'c', 1))", "'map'"),
        ("filter(createArray(1), lambda('a', 1))", "'filter'"),
        ("toObject(createArray(1), lambda('a', 1))", "'toobject'"),
        ("map(createArray(1), lambda(concat('a'), 1))", "a lambda of the template needs"),
        ("lambdaVariables('a')", "lambda variable"),
        ("map(createArray(1), lambda('a', variables('l')))", "lambda variable"),
        ("pickZones('a', 'b', 'c', 4)", "3 zones"),
        ("managementGroup()", "management group only"),
        ("fail('no such size')", "no such size"),
        ("listKeys('x', 'y')", "nothing is deployed yet"),
        ("utcNow()", "in defaults of parameters only"),
        ("parameters('tags').a[true()]", "index"),
        ("parameters('tags').a[-1]", "index"),
        ("'" + "a" * 30000 + "'", "longer than"),
    ],
)
def test_a_function_refuses_what_it_cannot_take(expression: str, word: str) -> None:
    with pytest.raises(TemplateError) as caught:
        replace(SCOPE, variables={"l": "[lambdaVariables('a')]"}).evaluated(f"[{expression}]")
    assert word in str(caught.value)


def test_a_text_is_measured_before_it_is_made() -> None:
    long = "a" * 2000
    with pytest.raises(TemplateError, match="longer than"):
        values.replaced(long, "a", long)
    with pytest.raises(TemplateError, match="longer than"):
        values.joined([""] * 2000, long)


def test_values_nest_as_deep_as_the_limit_and_no_deeper() -> None:
    nested: Any = "[toUpper('a')]"
    for _ in range(DEPTH_AT_MOST):
        nested = [nested]
    found = SCOPE.evaluated(nested)
    for _ in range(DEPTH_AT_MOST):
        [found] = found
    assert found == "A"
    with pytest.raises(TemplateError, match="deeper than"):
        SCOPE.evaluated([nested])
