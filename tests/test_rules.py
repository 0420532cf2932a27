"""docs/rules.md holds every rule, each with the tests that show it."""

import re

from tests.support.rules import DOCUMENT, RULES, listed, shown_by

ANEW = "write the lists anew: python -m tests.support.rules"


def test_the_document_has_every_rule_once_and_in_order() -> None:
    assert re.findall(r"^### (\w+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE) == list(RULES)


def test_every_rule_is_shown_by_a_test() -> None:
    assert [rule for rule, files in listed().items() if not files] == []


def test_the_document_lists_the_tests_that_there_are() -> None:
    assert listed() == shown_by(), ANEW


def test_every_rule_is_said_in_words() -> None:
    parts = re.split(r"^### \w+$", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert [part for part in parts if not part.strip() or part.strip().startswith("- `")] == []
