"""The pictures of the pages: those that the script takes, small, and each shown somewhere."""

import struct
from pathlib import Path

import pytest

from tests.support.house import ROOT

pytest.importorskip("playwright")

from tests.pictures.browser import MOST_BYTES, SIZE  # after the skip
from tests.pictures.shots import SHOTS

FOLDER = ROOT / "docs" / "pictures"
PICTURES = sorted(FOLDER.glob("*"))


def test_they_are_those_that_the_script_takes() -> None:
    assert [path.name for path in PICTURES] == sorted(f"{shot.name}.png" for shot in SHOTS)


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_each_is_small_and_shown_on_a_page(path: Path) -> None:
    content = path.read_bytes()
    assert len(content) <= MOST_BYTES
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    [height] = [shot.height for shot in SHOTS if shot.name == path.stem]
    assert struct.unpack(">II", content[16:24]) == (SIZE["width"], height)
    pages = (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    assert any(f"pictures/{path.name})" in page.read_text(encoding="utf-8") for page in pages)
