"""Each function of the template language: what it gives, and what it cannot take."""

from typing import Any

import pytest

from api.templates import values
from api.templates.errors import TemplateError
from api.templates.scope import DEPTH_AT_MOST
from tests.api.templates.test_expressions import SCOPE


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
        ("concat()", "at least 1 arguments, not 0"),
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
        ("utcNow()", "in defaults of parameters only"),
        ("parameters('tags').a[true()]", "index"),
        ("parameters('tags').a[-1]", "index"),
        ("'" + "a" * 30000 + "'", "longer than"),
    ],
)
def test_a_function_refuses_what_it_cannot_take(expression: str, word: str) -> None:
    with pytest.raises(TemplateError) as caught:
        SCOPE.evaluated(f"[{expression}]")
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
