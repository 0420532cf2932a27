"""Templates that mean harm: each ends in an error, soon, and never in another one than TemplateError."""

import json
import re
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.templates.budget import TEXT_AT_MOST, Budget
from api.templates.errors import TemplateError
from api.templates.expressions import parse
from api.templates.scope import Scope
from api.wire.errors import ArmError
from api.wire.lenient_json import lenient_object
from tests.api.templates.test_template import NETS, PLACE, read, resource

SOON = 20.0
"""Seconds, on a busy machine: none of these takes more than two on an idle one."""


def doubling(expression: str, first: Any = "xxxxxxxxxx") -> dict[str, Any]:
    """Sixty variables, each made of the one before it."""
    made = {f"v{index}": expression.replace("@", f"variables('v{index - 1}')") for index in range(1, 60)}
    return {"v0": first, **made}


@pytest.mark.parametrize(
    ("variables", "word"),
    [
        (doubling("[concat(@, @)]"), "longer than|too much work"),
        (doubling("[concat(@, @)]", ""), "too much work|too deep"),
        (doubling("[createArray(@, @)]"), "too much work|too deep"),
        (doubling("[concat(@, @)]", "[createArray(1)]"), "too much work|more than 10000 items"),
        (doubling("[format('{0}{0}{0}{0}', @)]"), "longer than"),
        (doubling("[replace('aaaaaaaaaa', 'a', @)]"), "longer than"),
        (doubling("[join(createArray('', '', ''), @)]"), "longer than|too much work"),
        (doubling("[mul(@, @)]", 1000), "64 bits"),
        (doubling("[createObject('a', @, 'b', @)]"), "too much work|too deep"),
        ({"v59": "[padLeft('x', 10000000000)]"}, "longer than"),
        ({"v59": "[variables('v59')]"}, "deeper than"),
        ({"v59": "[add(9223372036854775807, 1)]"}, "64 bits"),
        ({"v59": "[split(concat('" + "a," * 11000 + "'), ',')]"}, "more than 10000 items"),
        ({"v59": "[int('" + "9" * 9000 + "')]"}, "'int'"),
        ({"v59": "[json('" + "[" * 20000 + "')]"}, "'json'"),
        ({"v59": "[json('NaN')]"}, "'json'"),
        ({"v59": "[range(0, 1000000000)]"}, "'range'"),
        ({"v59": "[" + "concat(" * 3000 + ")" * 3000 + "]"}, "cannot be read"),
        ({"v59": "[parameters('a')" + ".a" * 9000 + "]"}, ""),
        ({"v59": "[" + "9" * 9000 + "]"}, "cannot be read"),
        ({"v59": "[format('{999999999999}')]"}, "'format'"),
        ({"v59": "[format('{0:Q}', 1)]"}, "':Q'"),
        ({"v59": "[cidrSubnet('::/0', 128, 340282366920938463463374607431768211456)]"}, "cidrsubnet"),
        ({"v59": "[dateTimeAdd('2020-01-01T00:00:00Z', 'P99999999Y')]"}, "datetimeadd"),
        ({"v59": "[map(range(0, 9000), lambda('a', map(range(0, 9000), lambda('b', 1))))]"}, "too much work"),
        (
            {
                "v59": "[sort(range(0, 10000), lambda('a', 'b', less(guid(string(lambdaVariables('a'))), guid(string(lambdaVariables('b'))))))]"  # noqa: E501  # an expression
            },
            "too much work",
        ),
        (
            {
                "v59": "[reduce(range(0, 60), 'xx', lambda('a', 'b', concat(lambdaVariables('a'), lambdaVariables('a'))))]"  # noqa: E501  # an expression
            },
            "longer than|too much",
        ),
        ({"v59": "[lambda('a', 1)]"}, "lambda"),
        ({"v59": "[map(createArray(1), lambda('a', lambda('b', 1)))]"}, "lambda"),
        ({"v59": "[createArray(lambda('a', 1))]"}, "takes no lambda"),
        (
            {"v59": "[" + "map(createArray(1), lambda('a', " * 200 + "1" + "))" * 200 + "]"},
            "deeper than|cannot be read|too deep",
        ),
        ({"v59": "[" + "'a'" * 9000 + "]"}, ""),
    ],
)
def test_a_value_that_grows_without_measure_is_refused_soon(variables: dict[str, Any], word: str) -> None:
    began = time.monotonic()
    with pytest.raises(TemplateError) as caught:
        Scope(PLACE, variables=variables).evaluated("[variables('v59')]")
    assert re.search(word, str(caught.value))
    assert len(str(caught.value)) < 400
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize(
    "copy",
    [
        {"name": "c", "count": 10**9},
        {"name": "c", "count": -1},
        {"name": "c", "count": 1.5},
        {"name": "c", "count": True},
    ],
)
def test_a_copy_of_too_many_is_refused(copy: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match="copy 'c'"):
        read([resource("[concat('n', copyIndex())]", NETS, copy=copy)])
    with pytest.raises(TemplateError, match="copy 'c'"):
        read([], variables={"copy": [{**copy, "input": 1}]})


def test_copies_within_copies_are_counted_together() -> None:
    began = time.monotonic()
    inner = {"type": "subnets", "name": "[concat('s', copyIndex('b'))]", "copy": {"name": "b", "count": 800}}
    with pytest.raises(TemplateError, match="more than 800 resources"):
        read([resource("[concat('n', copyIndex('a'))]", NETS, resources=[inner], copy={"name": "a", "count": 800})])
    nested: Any = "x"
    for name in "abcdef":
        nested = {"copy": [{"name": name, "count": 800, "input": nested}]}
    with pytest.raises(TemplateError, match="too much work"):
        read([resource("n", NETS, properties=nested)])
    assert time.monotonic() - began < SOON


def test_a_budget_is_spent_by_all_of_a_template_together() -> None:
    scope = Scope(PLACE, budget=Budget(100))
    for _ in range(10):
        scope.copying("c", 1).evaluated("[concat('a', 'b')]")
    with pytest.raises(TemplateError, match="too much work"):
        scope.copying("c", 1).evaluated(["[concat('a', 'b')]"] * 30)
    with pytest.raises(TemplateError, match="too much work"):
        Budget(1000).measured("x" * TEXT_AT_MOST)


def test_f5_a_refusal_does_not_quote_what_it_was_given() -> None:
    for expression in ("[int('hunter2')]", "[bool('hunter2')]", "[json('hunter2')]", "[base64ToString('hunter2')]"):
        with pytest.raises(TemplateError) as caught:
            Scope(PLACE, parameters={"p": "hunter2"}).evaluated(expression.replace("'hunter2'", "parameters('p')"))
        assert "hunter2" not in str(caught.value)


NAMES = st.sampled_from(
    [
        "concat",
        "format",
        "if",
        "equals",
        "substring",
        "split",
        "join",
        "int",
        "json",
        "range",
        "union",
        "resourceId",
        "copyIndex",
        "padLeft",
        "take",
        "skip",
        "items",
        "tryGet",
        "replace",
        "indexOf",
        "mod",
        "div",
        "first",
        "contains",
        "empty",
        "length",
        "min",
        "reference",
        "variables",
        "parameters",
        "map",
        "filter",
        "reduce",
        "sort",
        "toObject",
        "groupBy",
        "mapValues",
        "lambda",
        "lambdaVariables",
        "cidrSubnet",
        "parseCidr",
        "cidrHost",
        "dateTimeAdd",
        "dateTimeToEpoch",
        "dateTimeFromEpoch",
        "parseUri",
        "buildUri",
        "dataUriToString",
        "flatten",
        "float",
        "shallowMerge",
        "objectKeys",
        "indexFromEnd",
        "pickZones",
        "listKeys",
        "uri",
        "guid",
    ]
)
VALUES = st.recursive(
    st.one_of(
        st.text(max_size=8).map(lambda text: "'" + text.replace("'", "''") + "'"),
        st.integers(-(2**65), 2**65).map(str),
        st.sampled_from(
            ["null()", "true()", "parameters('p')", "variables('v')", "createArray(1, 'a')", "createObject('a', 1)"]
        ),
    ),
    lambda inner: st.one_of(
        st.tuples(NAMES, st.lists(inner, max_size=4)).map(lambda call: f"{call[0]}({', '.join(call[1])})"),
        inner.map(lambda value: f"concat({value}).a"),
        st.tuples(inner, inner).map(lambda pair: f"createArray({pair[0]})[{pair[1]}]"),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(VALUES)
@example("skip('a', 'b')")
@example("substring(null(), null())")
def test_an_expression_has_a_value_or_a_template_error(expression: str) -> None:
    scope = Scope(PLACE, parameters={"p": {"a": [1]}}, variables={"v": "[variables('w')]", "w": [None]})
    try:
        value = scope.evaluated(f"[{expression}]")
    except TemplateError:
        return
    json.dumps(value)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab'()[].,0-9 \"$_{}\n\\é"), max_size=60))
def test_any_text_is_an_expression_or_a_template_error(text: str) -> None:
    try:
        parse(f"[{text}]")
    except TemplateError:
        return


WRITABLE = st.characters(codec="utf-8", exclude_characters="\x00")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(WRITABLE, max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(WRITABLE, max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["type", "name", "copy", "condition", "dependsOn", "resources", "properties", "existing"]),
        JSON | st.just("[concat('a')]"),
    )
)
def test_any_resource_is_planned_or_a_template_error(entry: dict[str, Any]) -> None:
    for resources in ([entry], [resource("n", NETS) | entry]):
        try:
            read(resources)
        except TemplateError:
            continue


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["parameters", "variables", "outputs", "resources", "languageVersion", "$schema", "functions"]),
        JSON,
    )
)
def test_any_template_is_read_or_a_template_error(template: dict[str, Any]) -> None:
    resources = template.pop("resources", [])
    try:
        read(resources, **template)
    except TemplateError:
        return


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(alphabet="ab:/*\\\"'#\n x", max_size=8), JSON, max_size=4))
def test_whatever_is_json_reads_the_same_leniently(document: dict[str, Any]) -> None:
    for raw in (json.dumps(document), json.dumps(document, indent=1)):
        assert lenient_object(raw.encode()) == document


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}[]:,\"'/*a1 \n\\", max_size=60) | st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: str | bytes) -> None:
    try:
        lenient_object(raw.encode() if isinstance(raw, str) else raw)
    except ArmError:
        return


@pytest.mark.parametrize("part", ["a", "/*", "//", '"', '\\"', " ", "a ", "a\n:", "{", '{"a":'])
def test_a_body_that_does_not_fit_is_refused_in_time(part: str) -> None:
    began = time.monotonic()
    with pytest.raises(ArmError):
        lenient_object((part * (400_000 // len(part))).encode())
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize(
    ("raw", "document"),
    [
        ("{template: {x$_1: 1}}", {"template": {"x$_1": 1}}),
        ('{"a": "b: /* c */ // d"}', {"a": "b: /* c */ // d"}),
        ('{"a": "\\"x: 1\\\\"} // end', {"a": '"x: 1\\'}),
        ('{"a": "over\ntwo\tlines"}', {"a": "over\ntwo\tlines"}),
        ("{a : /* two */ 1, // three\n b: true}", {"a": 1, "b": True}),
        ("/* first */ {}", {}),
    ],
)
def test_what_template_files_have_is_read(raw: str, document: dict[str, Any]) -> None:
    assert lenient_object(raw.encode()) == document
