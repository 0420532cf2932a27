"""A log that strangers cannot fill."""

import logging
import time

import pytest

from instar.connection import logs
from instar.connection.logs import Bounded


def record(text: str, *values: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("some", level, "file", 1, text, values, None)


def test_warnings_of_a_kind_are_written_a_few_times_a_minute_and_the_others_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    bounded = Bounded()
    assert sum(bounded.filter(record("%s is late", number)) for number in range(1000)) == logs.LINES_AT_MOST
    assert bounded.filter(record("another kind"))
    now = logs.WITHIN_SECONDS + 1
    again = record("%s is late", "he")
    assert bounded.filter(again)
    assert again.getMessage() == "(and 980 more such lines before) he is late"


def test_what_is_told_of_ones_own_doing_always_passes() -> None:
    bounded = Bounded()
    assert all(bounded.filter(record("done", level=logging.INFO)) for _ in range(1000))


def test_endless_kinds_are_not_remembered_for_ever() -> None:
    bounded = Bounded()
    for number in range(logs.KINDS_AT_MOST + 500):
        assert bounded.filter(record(f"kind {number}"))
    assert len(bounded._windows) == logs.KINDS_AT_MOST
