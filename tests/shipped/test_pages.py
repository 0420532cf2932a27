"""What the pages name is there."""

import re
from pathlib import Path

import pytest

from tests.support.house import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:api|activities|instar|worker|workflows|tests|docs|deploy|examples)/[\w./-]*)`")
OF_THEIR_TIME = {ROOT / "CHANGELOG.md"}
"""Pages that tell of what was."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    if page not in OF_THEIR_TIME:
        missing += [path for path in NAMED.findall(text) if not (ROOT / path).exists() and "NAME" not in path]
    assert missing == []
