"""All checks at once: what fails or hangs is said, and keeps no other."""

import threading
from pathlib import Path

import pytest

from instar.doctor.examine import counted, examine
from instar.doctor.place import NotLooked, Place
from instar.domain.checkup.findings import Check, Finding, Level, ok
from instar.errors import Trouble

PLACE = Place(None, "", Path("/none"))


def fine(_: Place) -> list[Finding]:
    return [ok(Check.API, "there")]


def fails(_: Place) -> list[Finding]:
    raise ValueError("no\x1b[8m")


def is_elsewhere(_: Place) -> list[Finding]:
    raise NotLooked("not from here", "go there")


def test_what_fails_or_hangs_is_said_and_keeps_no_other() -> None:
    forever = threading.Event()

    def hangs(_: Place) -> list[Finding]:
        forever.wait(20)
        return [ok(Check.STORE, "whoever waited longer than was said gets this")]

    checks = {Check.STORE: hangs, Check.KEYS: fails, Check.DISK: is_elsewhere, Check.API: fine}
    found = examine(PLACE, checks, 0.5)
    forever.set()
    assert [(one.check, one.level) for one in found] == [
        (Check.STORE, Level.PROBLEM),
        (Check.KEYS, Level.PROBLEM),
        (Check.DISK, Level.NOT_LOOKED),
        (Check.API, Level.OK),
    ]
    assert "no answer within 0.5 seconds" in found[0].found
    assert "ValueError: no\\x1b[8m" in found[1].found
    assert (found[2].found, found[2].do) == ("not from here", "go there")
    assert counted(found) == {"ok": 1, "warning": 0, "problem": 2, "not looked": 1}


@pytest.mark.parametrize(
    ("error", "level", "words"),
    [
        (PermissionError(13, "denied", "/d/store.sqlite"), Level.NOT_LOOKED, "/d/store.sqlite may not be read by this"),
        (Trouble("no pool"), Level.PROBLEM, "no pool"),
        (RuntimeError("odd"), Level.PROBLEM, "RuntimeError: odd"),
    ],
)
def test_what_kind_of_failure_it_was(error: Exception, level: Level, words: str) -> None:
    def look(_: Place) -> list[Finding]:
        raise error

    [found] = examine(PLACE, {Check.DISK: look}, 60)
    assert found.level is level
    assert words in found.found
    assert found.do


def test_a_check_that_hangs_does_not_keep_the_command_from_ending() -> None:
    def look(_: Place) -> list[Finding]:
        return [ok(Check.API, f"{threading.current_thread().daemon}")]

    assert [one.found for one in examine(PLACE, {Check.API: look}, 60)] == ["True"]


def test_they_look_at_once() -> None:
    met = threading.Barrier(4, timeout=60)

    def meets(_: Place) -> list[Finding]:
        met.wait()
        return [ok(Check.API, "met")]

    checks = dict.fromkeys([Check.API, Check.STORE, Check.KEYS, Check.DISK], meets)
    assert {one.found for one in examine(PLACE, checks, 60)} == {"met"}
