"""`$filter` of lists: `startswith(instanceView/statuses/code, 'PowerState') and properties/latestModelApplied eq true`.

A small part of OData: properties by their path, `eq`, `ne`, `and`, `or`, `not`, `startswith`, parentheses. What else
there is of it is refused, and the refusal says what was not understood. Names and texts compare without regard to case,
as ARM's do. A path that leads through a list means any of it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from api.wire.errors import ArmError, invalid

GRAMMAR = r"""
    ?start: either
    ?either: both ("or"i both)* -> either
    ?both: one ("and"i one)*    -> both
    ?one: "not"i one            -> denied
        | "(" either ")"
        | comparison
        | begins                -> bare
    comparison: operand OPERATOR literal
    ?operand: begins | PATH     -> path
    begins: FUNCTION "(" PATH "," STRING ")"
    literal: STRING -> text | TRUTH -> truth | NULL -> null | NUMBER -> number
    OPERATOR.2: /(eq|ne)\b/i
    TRUTH.2: /(true|false)\b/i
    NULL.2: /null\b/i
    FUNCTION.3: /startswith(?=\s*\()/i
    PATH: /[A-Za-z_][\w.\-]*(\/[A-Za-z_][\w.\-]*)*/
    STRING: /'(?:[^']|'')*'/
    NUMBER: /-?[0-9]{1,15}(\.[0-9]{1,15})?/
    %import common.WS
    %ignore WS
"""

LONGEST = 2_000
"""Characters of a filter."""

DEEPEST = 20
"""Parentheses within each other."""

Json = dict[str, Any]
Test = Callable[[Json], bool]


@dataclass(frozen=True)
class Filter:
    """A filter that was understood. `paths` are those that it looks at, in lower case."""

    holds: Test
    paths: frozenset[str]

    def looks_at(self, name: str) -> bool:
        """Whether one of its paths has that segment."""
        return any(name.lower() in path.split("/") for path in self.paths)


EVERYTHING = Filter(lambda _: True, frozenset())


def read_filter(text: str, known: Iterable[str]) -> Filter:
    """Read a `$filter`, "" for everything. `known`: the paths that there are; what is below one is known as well.

    >>> chosen = read_filter("instanceId eq '1' or startsWith(zones, 'w') eq true", ("instanceId", "zones"))
    >>> [chosen.holds(one) for one in ({"instanceId": "1"}, {"zones": ["e", "West"]}, {"instanceId": "2"})]
    [True, True, False]

    Raises ArmError 400 that names what is not understood.
    """
    if not text.strip():
        return EVERYTHING
    if len(text) > LONGEST or text.count("(") > DEEPEST or text.lower().count("not") > DEEPEST:
        raise _refused(f"it is longer than {LONGEST} characters, or nested deeper than {DEEPEST}")
    reader = _Reader(tuple(one.lower() for one in known))
    try:
        test = cast("Test", reader.transform(_parser().parse(text)))
    except UnexpectedCharacters as error:
        raise _refused(f"'{_word(text, error.pos_in_stream)}' is not understood") from None
    except UnexpectedToken as error:
        if error.token.type == "$END":
            raise _refused("it is not complete") from None
        raise _refused(f"'{_word(text, error.pos_in_stream)}' is not understood") from None
    except UnexpectedInput:
        raise _refused("it is not understood") from None
    except VisitError as error:
        if isinstance(error.orig_exc, ArmError):
            raise error.orig_exc from None
        raise
    return Filter(test, frozenset(reader.paths))


TAG = ("tagName", "tagValue")
"""What ARM's lists of resources and groups may be filtered by, besides properties: both are of one and the same tag."""


def by_tag(chosen: Filter, body: Json) -> bool:
    """Whether a filter holds for a resource with one of its tags, or without any."""
    tags: Json = body.get("tags") or {}
    pairs: list[Json] = [{"tagName": name, "tagValue": value} for name, value in tags.items()] or [{}]
    return any(chosen.holds(body | pair) for pair in pairs)


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr")


class _Reader(Transformer[Token, Any]):
    """From the parsed filter to a test of a document."""

    def __init__(self, known: tuple[str, ...]) -> None:
        super().__init__()
        self._known = known
        self.paths: set[str] = set()

    def either(self, tests: list[Test]) -> Test:
        return tests[0] if len(tests) == 1 else lambda body: any(test(body) for test in tests)

    def both(self, tests: list[Test]) -> Test:
        return tests[0] if len(tests) == 1 else lambda body: all(test(body) for test in tests)

    def denied(self, tests: list[Test]) -> Test:
        return lambda body: not tests[0](body)

    def bare(self, tests: list[Callable[[Json], Iterator[Any]]]) -> Test:
        return lambda body: any(tests[0](body))

    def comparison(self, parts: list[Any]) -> Test:
        values, operator, literal = parts
        if operator.lower() == "eq":
            return lambda body: any(_same(one, literal) for one in _or_null(values(body)))
        return lambda body: all(not _same(one, literal) for one in _or_null(values(body)))

    def path(self, parts: list[Token]) -> Callable[[Json], Iterator[Any]]:
        segments = self._segments(parts[0])
        return lambda body: _values(body, segments)

    def begins(self, parts: list[Token]) -> Callable[[Json], Iterator[Any]]:
        _, path, text = parts
        segments, start = self._segments(path), _unquoted(text).lower()

        def values(body: Json) -> Iterator[Any]:
            yield any(
                str(value).lower().startswith(start) for value in _values(body, segments) if isinstance(value, str)
            )

        return values

    def text(self, parts: list[Token]) -> str:
        return _unquoted(parts[0])

    def truth(self, parts: list[Token]) -> bool:
        return parts[0].lower() == "true"

    def null(self, _parts: list[Token]) -> None:
        return None

    def number(self, parts: list[Token]) -> float:
        return float(parts[0])

    def _segments(self, path: str) -> tuple[str, ...]:
        lower = path.lower()
        if not any(lower == one or lower.startswith(f"{one}/") for one in self._known):
            raise _refused(f"there is no property '{path[:80]}' to filter by")
        self.paths.add(lower)
        return tuple(lower.split("/"))


def _values(node: Any, segments: tuple[str, ...]) -> Iterator[Any]:
    """What stands at a path; of a list, each. `properties` in front of it may be left out."""
    if isinstance(node, list):
        for one in node:
            yield from _values(one, segments)
    elif not segments:
        yield node
    elif isinstance(node, dict):
        lower = {key.lower(): value for key, value in node.items()}
        if segments[0] in lower:
            yield from _values(lower[segments[0]], segments[1:])
        elif isinstance(lower.get("properties"), dict) and "type" in lower:
            yield from _values(lower["properties"], segments)


def _or_null(values: Iterator[Any]) -> list[Any]:
    return list(values) or [None]


def _same(value: Any, literal: Any) -> bool:
    if isinstance(value, str) and isinstance(literal, str):
        return value.lower() == literal.lower()
    return isinstance(value, bool) == isinstance(literal, bool) and bool(value == literal)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _word(text: str, position: int | None) -> str:
    """The word that begins there; the name before it where that is called like a function."""
    before, rest = text[: position or 0].rstrip(), text[position or 0 :]
    word = before.split()[-1] if rest.startswith("(") and before else (rest.split() or [""])[0]
    return "".join(character for character in word[:40] if character.isprintable())


def _refused(why: str) -> ArmError:
    return invalid(
        f"The value of parameter '$filter' is invalid: {why}. There are eq, ne, and, or, not, startswith.",
        "$filter",
    )
