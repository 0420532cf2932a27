"""`instar watch --all`: lines for a pipe, a screen for a terminal; an API that goes away, and 500 sets."""

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from rich.console import Console

from instar.client.api_client import ApiAway, ApiClient, ApiRefused
from instar.client.watch_all import Ends, watch_all
from tests.client.showing.test_board import ASKS, PARKED, UPGRADING, WORKING, a_set
from tests.client.test_watch import client


class Done(Exception):
    """Nobody looks on any more."""


def answering(answers: list[Any], asked: list[str] | None = None) -> Callable[[httpx.Request], httpx.Response]:
    left: Iterator[Any] = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request.url.path)
        if request.url.path != "/instar/scaleSets":
            return httpx.Response(200, json={"properties": {"forecast": {"ends": "2100-03-01T14:05:00Z"}}})
        found = next(left, None)
        if found is None:
            raise Done
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json={"value": found})

    return answer


def looked(answers: list[Any], **console: Any) -> str:
    shown = io.StringIO()
    with client(answering(answers)) as api, pytest.raises(Done):
        watch_all(api, "/", Console(file=shown, **{"width": 80, "height": 24, **console}), lambda _: None, None)
    return shown.getvalue()


STARTS = httpx.Response(503, json={"error": {"code": "ServiceUnavailable", "message": "waits for the database"}})


def test_a_pipe_gets_a_line_for_each_change_and_no_escape_code() -> None:
    further = a_set("up", state="upgrading", upgrade=WORKING | {"batch": 3})
    done = a_set("up", upgrade=WORKING | {"status": "Completed", "endTime": "2026-03-01T13:00:00Z"})
    idle = a_set("db")
    told = looked([[UPGRADING, ASKS, idle], [UPGRADING, ASKS, idle], [further, ASKS, idle], [done, PARKED]])
    assert "\x1b" not in told
    assert told.splitlines() == [
        "3 sets: 1 need a person, 1 being upgraded, 1 idle",
        (
            "asks: parked #####.....  20/40  batch 2  to 2.0.0  by itself: "
            "an approval is waited for, at the gate 'start'"
        ),
        "up: upgrading #####.....  20/40  batch 2  to 2.0.0  by itself",
        "up: upgrading #####.....  20/40  batch 3  to 2.0.0  by itself",
        "parked: parked #####.....  20/40  batch 2  to 2.0.0  by itself: parked: outside its window",
        "up: idle, last upgrade Completed to 2.0.0",
        "asks: is gone",
        "db: is gone",
    ]


def test_an_api_that_goes_away_is_told_once_and_waited_for() -> None:
    refused = httpx.ConnectError("refused")
    told = looked([[UPGRADING], refused, STARTS, refused, [UPGRADING]]).splitlines()
    assert [line for line in told if "API" in line] == [told[2], "the API is back"]
    assert told[2].startswith("the API is away, trying again: no API answers at")


def test_the_screen_says_so_too_and_keeps_what_was_known() -> None:
    told = looked([[UPGRADING], STARTS], force_terminal=True, color_system=None)
    last = told[told.rindex("the API is away") :]
    assert "the API answered 503" in last
    assert "up  #####....." in last
    assert told.endswith("\x1b[?25h"), "the cursor is there again"


def test_an_api_that_is_away_at_first_or_refuses_ends_it() -> None:
    console = Console(file=io.StringIO())
    with client(answering([httpx.ConnectError("no")])) as api, pytest.raises(ApiAway):
        watch_all(api, "/", console, lambda _: None, None)
    no = httpx.Response(403, json={"error": {"code": "AuthorizationFailed", "message": "no"}})
    with client(answering([[UPGRADING], no])) as api, pytest.raises(ApiRefused):
        watch_all(api, "/", console, lambda _: None, None)


def test_it_ends_when_its_time_is_over() -> None:
    with client(answering([[UPGRADING]] * 1000)) as api:
        watch_all(api, "/", Console(file=io.StringIO()), time.sleep, 0.2)


def test_500_sets_fit_a_terminal_of_24_lines() -> None:
    sets = [a_set(f"web-{n}", state="upgrading", upgrade=WORKING) for n in range(100)]
    sets += [a_set(f"db-{n}") for n in range(400)]
    told = looked([sets], force_terminal=True, color_system=None)
    frame = [line for line in told.replace("\r", "").split("\n") if line.strip("\x1b[?2lhK1A ")]
    assert any(line.endswith("500 sets: 100 being upgraded, 400 idle") for line in frame)
    assert len(frame) <= 24
    assert "and 79 more: instar list shows them all" in told
    lines = looked([sets, sets]).splitlines()
    assert len(lines) == 101, "nothing has changed, and who is idle is counted"


class Clock:
    """Seconds, as the test says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_forecasts_are_asked_for_two_at_a_time_and_not_too_often() -> None:
    sets = [a_set(name, state="upgrading", upgrade=WORKING) for name in "abc"]
    asked: list[str] = []
    clock = Clock()

    def names() -> list[str]:
        found = [path.split("/")[2] for path in asked]
        asked.clear()
        return found

    with client(answering([], asked)) as api:
        ends = Ends(api, clock)
        assert ends.of(sets) == {"/g/a": "2100-03-01T14:05:00Z", "/g/b": "2100-03-01T14:05:00Z"}
        assert names() == ["a", "b"]
        assert set(ends.of(sets)) == {"/g/a", "/g/b", "/g/c"}
        assert names() == ["c"]
        clock.now = 14
        ends.of(sets)
        assert names() == []
        clock.now = 15
        assert set(ends.of(sets[:1])) == {"/g/a"}, "what has ended is forgotten"
        assert names() == ["a"]


def test_forecasts_that_cannot_be_had_leave_the_rest_as_it_is() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    with client(away) as api:
        assert Ends(api).of([UPGRADING]) == {}
    assert isinstance(api, ApiClient)
