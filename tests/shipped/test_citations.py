"""Whoever reads a rule's code in the sources finds the rule in docs/rules.md."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import OURS, ROOT
from tests.support.rules import RULES

SOURCES = sorted(path for name in (*OURS, "tests") for path in (ROOT / name).rglob("*.py"))
CITED = re.compile(r"docs/rules\.md ((?:[A-Z]\d*a?(?:(?:, | to |-| and )(?=[A-Z]\d))?)+)")
BARE = re.compile(r"[( ,](?<!\w)([PBHTIFAKGN]\d{1,2}a?)(?=[,;):. ]|$)")


def words_of(path: Path) -> Iterator[str]:
    """Docstrings and comments."""
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def test_every_rule_that_is_cited_exists() -> None:
    cited = {
        (code.upper(), path.relative_to(ROOT).as_posix())
        for path in SOURCES
        for words in words_of(path)
        for found in (*CITED.findall(words), *BARE.findall(words))
        for code in re.findall(r"[A-Z]\d+a?", found)
    }
    assert len(cited) > len(RULES)
    assert [one for one in sorted(cited) if one[0] not in RULES] == []


@pytest.mark.parametrize("elsewhere", ["behaviour.md", "contract.md", "steering.md", "spec/"])
def test_nothing_that_is_not_in_the_repository_is_cited(elsewhere: str) -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *SOURCES]
    own = Path(__file__).resolve()
    named = [path.relative_to(ROOT) for path in pages if path.resolve() != own and elsewhere in path.read_text("utf-8")]
    assert named == []
