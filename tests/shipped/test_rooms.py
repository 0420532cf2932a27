"""The house is made of rooms that a stranger can look over: each says what it owns, none is full."""

import ast
from pathlib import Path

import pytest

from tests.support.house import OURS, ROOT

FILES_AT_MOST = 15
LINES_AT_MOST = 3000

MIGRATIONS = "instar/store/database/migrations/versions"
"""Alembic's own: loaded by its path, and never less than it was: what has run somewhere is joined to nothing."""

ROOMS = sorted({path.parent for name in OURS for path in (ROOT / name).rglob("*.py")})


@pytest.mark.parametrize("room", [path.relative_to(ROOT).as_posix() for path in ROOMS])
def test_a_room_says_what_it_owns_and_is_not_full(room: str) -> None:
    files = list((ROOT / room).glob("*.py"))
    assert len(files) <= FILES_AT_MOST or room == MIGRATIONS
    assert sum(len(_lines(path)) for path in files) <= LINES_AT_MOST
    if room != MIGRATIONS:
        assert ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
