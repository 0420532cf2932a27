"""docs/doctor.md has every check, with why and what to do, in the order in which they are told."""

import re

from instar.doctor.examine import CHECKS
from instar.domain.checkup.findings import Check
from tests.support.house import ROOT

ROW = re.compile(r"^\| `([a-z-]+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_every_check_stands_on_the_page_with_why_and_what_to_do() -> None:
    rows = ROW.findall((ROOT / "docs/doctor.md").read_text(encoding="utf-8"))
    assert [name for name, _, _ in rows] == [check.value for check in Check]
    assert all(re.search(r"problem|warning", what) for _, _, what in rows)


def test_every_check_is_looked_at_in_that_order() -> None:
    assert list(CHECKS) == list(Check)
