"""What a check comes to: a level, what was found, what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from instar.domain.legible import legible, legible_line

NAMES_SHOWN = 8
"""Names in a sentence; of the rest there is a count."""

NAME_AT_MOST = 120


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It goes on, and somebody should know."""
    PROBLEM = "problem"
    """Something does not go on, or is lost or open if nobody does anything."""
    NOT_LOOKED = "not looked"
    """Nobody can say from here."""


class Check(StrEnum):
    """Every check, in the order in which it is told; docs/doctor.md has each with its reason."""

    SETTINGS = "settings"
    API = "api"
    STORE = "store"
    TEMPORAL = "temporal"
    WORKERS = "workers"
    HOSTS = "hosts"
    VERSIONS = "versions"
    CLOCKS = "clocks"
    FILES = "files"
    KEYS = "keys"
    DISK = "disk"
    CERTIFICATES = "certificates"
    BACKUPS = "backups"
    WORKFLOWS = "workflows"
    HAND_OVERS = "hand-overs"
    SETS = "sets"
    WISHES = "wishes"
    IMAGES = "images"
    CREDENTIALS = "credentials"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. Texts are legible, whoever wrote what is in them."""

    check: Check
    level: Level
    found: str
    do: str = ""
    """What to do about it; "" where there is nothing to do."""


def ok(check: Check, found: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, Level.OK, legible_line(found))


def warning(check: Check, found: str, do: str) -> Finding:
    """Something that somebody should know."""
    return Finding(check, Level.WARNING, legible_line(found), legible_line(do))


def problem(check: Check, found: str, do: str) -> Finding:
    """Something that somebody has to do something about."""
    return Finding(check, Level.PROBLEM, legible_line(found), legible_line(do))


def not_looked(check: Check, why: str, do: str = "") -> Finding:
    """What nobody can say from here, and why."""
    return Finding(check, Level.NOT_LOOKED, legible_line(why), legible_line(do))


def or_ok(findings: Sequence[Finding], check: Check, found: str) -> list[Finding]:
    """What was found, or that there is nothing."""
    return list(findings) or [ok(check, found)]


def named(names: Iterable[str]) -> str:
    """The first of them by name, and how many more.

    >>> named(["b", "a"]), named(str(number) for number in range(10))
    ('a, b', '0, 1, 2, 3, 4, 5, 6, 7 and 2 more')
    """
    known = sorted(legible(name, NAME_AT_MOST) for name in names)
    rest = f" and {len(known) - NAMES_SHOWN} more" if len(known) > NAMES_SHOWN else ""
    return f"{', '.join(known[:NAMES_SHOWN])}{rest}"


def count_of(number: int, word: str, words: str = "") -> str:
    """So many of something.

    >>> count_of(1, "set"), count_of(2, "set"), count_of(0, "copy", "copies")
    ('1 set', '2 sets', '0 copies')
    """
    return f"{number} {word if number == 1 else words or f'{word}s'}"
