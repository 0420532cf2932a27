"""The expression language of ARM templates: `[concat(parameters('name'), '-', copyIndex())]`, as a small tree.

A string that begins with `[` and ends with `]` is an expression; `[[` is how a plain string begins with a bracket.
Function and property names compare without regard to case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError, VisitError

from api.templates.errors import TemplateError

GRAMMAR = r"""
    ?start: value
    ?value: literal | access
    ?access: call
           | access "." NAME -> property
           | access "[" value "]" -> index
    call: NAME ("." NAME)? "(" [value ("," value)*] ")"
    ?literal: STRING -> string
            | SIGNED_NUMBER -> number
    NAME: /[A-Za-z_$][\w$]*/
    STRING: /'(?:[^']|'')*'/
    %import common.SIGNED_NUMBER
    %import common.WS
    %ignore WS
"""

LONGEST = 24_576
"""Characters of one expression: ARM's own limit."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string or number."""

    value: str | int | float

    def calls(self) -> Iterator["Call"]:
        """None."""
        return iter(())


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments; the name in lower case."""

    name: str
    arguments: tuple["Node", ...]

    def calls(self) -> Iterator["Call"]:
        """This call, then those in its arguments."""
        yield self
        for argument in self.arguments:
            yield from argument.calls()


@dataclass(frozen=True, slots=True)
class Property:
    """`target.name`."""

    target: "Node"
    name: str

    def calls(self) -> Iterator["Call"]:
        """Those in its target."""
        return self.target.calls()


@dataclass(frozen=True, slots=True)
class Index:
    """`target[at]`: a number of an array, or a name of an object."""

    target: "Node"
    at: "Node"

    def calls(self) -> Iterator["Call"]:
        """Those in its target, then those in the index."""
        yield from self.target.calls()
        yield from self.at.calls()


Node = Literal | Call | Property | Index


class _Tree(Transformer[Token, Node]):
    def string(self, children: list[Token]) -> Literal:
        return Literal(children[0][1:-1].replace("''", "'"))

    def number(self, children: list[Token]) -> Literal:
        text = str(children[0])
        return Literal(int(text) if text.lstrip("+-").isdigit() else float(text))

    def property(self, children: list[Node | Token]) -> Property:
        return Property(_node(children[0]), str(children[1]))

    def index(self, children: list[Node | Token]) -> Index:
        return Index(_node(children[0]), _node(children[1]))

    def call(self, children: list[Node | Token | None]) -> Call:
        names = [child for child in children if isinstance(child, Token)]
        arguments = [child for child in children if child is not None and not isinstance(child, Token)]
        return Call(".".join(names).lower(), tuple(arguments))


def _node(child: Node | Token) -> Node:
    if isinstance(child, Token):
        raise TypeError(child)
    return child


_PARSER = Lark(GRAMMAR, parser="lalr", maybe_placeholders=False)


def is_expression(text: str) -> bool:
    """Whether a string of a template is to be evaluated.

    >>> is_expression("[concat('a')]"), is_expression("[[plain]"), is_expression("[0]x")
    (True, False, False)
    """
    return len(text) > 1 and text[0] == "[" and text[-1] == "]" and not text.startswith("[[")


def plain(text: str) -> str:
    """A string that is no expression, as it is meant.

    >>> plain("[[plain]"), plain("other")
    ('[plain]', 'other')
    """
    return text[1:] if text.startswith("[[") else text


@lru_cache(maxsize=1024)
def parse(text: str) -> Node:
    """The tree of an expression, brackets included. Raises TemplateError that quotes it.

    >>> parse("[parameters('a')]")
    Call(name='parameters', arguments=(Literal(value='a'),))
    """
    if len(text) > LONGEST:
        raise TemplateError(f"a template expression is longer than {LONGEST} characters")
    try:
        return _Tree().transform(_PARSER.parse(text[1:-1]))
    except (LarkError, VisitError, RecursionError) as error:
        shown = text if len(text) <= 120 else f"{text[:117]}..."  # noqa: PLR2004  # enough to find it by
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TemplateError(f"the template expression '{shown}' cannot be read: {reason}") from None


def calls_in(value: Any) -> Iterator[Call]:
    """Every function call in all expressions of a part of a template."""
    if isinstance(value, str):
        if is_expression(value):
            yield from parse(value).calls()
    elif isinstance(value, dict):
        for inner in value.values():
            yield from calls_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from calls_in(inner)
