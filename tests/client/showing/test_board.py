"""All sets on one screen: who needs a person first, nothing wider or higher than the terminal, no name cut."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len

from instar.client.showing.board import Rank, board, counted, in_order, names_of, rank_of
from tests.client.showing.answers import RUNNING, WEB

NOW = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
WORKING = {name: told for name, told in RUNNING["properties"].items() if name not in {"waitsFor", "waitsSince"}}
WORKING |= {"progress": WORKING["progress"] | {"needsPersonInstanceCount": 0}}
EVIL = "\x1b[8m[bold red]\n"


def a_set(name: str, **changes: Any) -> dict[str, Any]:
    idle = {"state": "idle", "upgrade": None}
    return WEB | {"name": name, "id": f"/g/{name}", "properties": WEB["properties"] | idle | changes}


UPGRADING = a_set("up", state="upgrading", upgrade=WORKING)
PARKED = a_set("parked", state="parked", reason="outside its window", upgrade=WORKING)
WAITS = "an approval is waited for, at the gate 'start'"
ASKS = a_set("asks", state="parked", upgrade=WORKING, needsPerson=[WAITS])


def text_of(sets: list[dict[str, Any]], width: int = 80, height: int = 24) -> list[str]:
    lines = [line.text for line in board(sets, width, height, NOW, {})]
    assert len(lines) <= height
    assert all(cell_len(line) <= width for line in lines), lines
    assert all(line.isprintable() for line in lines)
    return lines


@pytest.mark.parametrize(
    ("one", "rank", "words"),
    [
        (a_set("web"), Rank.REST, None),
        (a_set("web", state="paused", reason="paused by ann", paused={}), Rank.REST, None),
        (a_set("web", state="held", reason="held by ann", holds=[{}]), Rank.REST, None),
        (a_set("web", needsPerson=["quarantined: 2.0.0"]), Rank.PERSON, "quarantined: 2.0.0"),
        (a_set("web", needsPerson=["upgrade 3 is Faulted", "bad"]), Rank.PERSON, "upgrade 3 is Faulted; bad"),
        (ASKS, Rank.PERSON, WAITS),
        (UPGRADING, Rank.UPGRADING, "##........  20/40  batch 2  to 2.0.0  by itself  1 h"),
        (PARKED, Rank.PARKED, "parked: outside its window"),
    ],
)
def test_who_is_shown_and_why(one: dict[str, Any], rank: Rank, words: str | None) -> None:
    assert rank_of(one) is rank
    lines = text_of([one])
    assert (words is None) == (len(lines) == 1)
    assert words is None or words.replace("##........", "#####.....") in " / ".join(lines)


def test_a_running_upgrade_tells_what_it_waits_for_and_when_it_ends() -> None:
    waits = a_set(
        "web", state="upgrading", upgrade=WORKING | {"waitsFor": "the judge", "waitsSince": "2026-03-01T12:30Z"}
    )
    lines = text_of([waits])
    assert lines[-1] == "  waits since 2026-03-01 12:30Z: the judge"
    [line] = [one.text for one in board([UPGRADING], 80, 9, NOW, {"/g/up": "2026-03-01T14:05:00Z"})][1:]
    assert line.endswith("ends 14:05Z")
    [line] = [one.text for one in board([UPGRADING], 80, 9, NOW, {"/g/up": "2026-03-02T14:05:00Z"})][1:]
    assert line.endswith("ends 03-02 14:05Z")


def test_who_needs_a_person_is_first_then_who_is_upgraded_longest() -> None:
    later = a_set("a", state="upgrading", upgrade=WORKING | {"startTime": "2026-03-01T12:59:00+00:00"})
    assert [one["name"] for one in in_order([a_set("z"), PARKED, later, UPGRADING, ASKS])] == [
        *("asks", "up", "a", "parked", "z"),
    ]


@pytest.mark.parametrize("height", [1, 2, 3, 10, 24, 60])
def test_500_sets_fit_the_screen_and_the_rest_is_counted(height: int) -> None:
    upgrading = [
        a_set(f"web-{number}", state="upgrading", upgrade=WORKING | {"waitsFor": "it " * 90, "waitsSince": "now"})
        for number in range(100)
    ]
    idle = [a_set(f"db-{number}") for number in range(400)]
    lines = text_of([*idle, *upgrading], height=height)
    assert lines[0] == "500 sets: 100 being upgraded, 400 idle"
    shown = sum(line.startswith("web-") for line in lines)
    assert height < 3 or lines[-1] == f"and {100 - shown} more: instar list shows them all"
    assert shown == max(0, (height - 2) // 2)


def test_those_that_fit_exactly_are_all_shown() -> None:
    three = [a_set(name, state="upgrading", upgrade=WORKING) for name in "abc"]
    assert [line[0] for line in text_of(three, height=4)[1:]] == ["a", "b", "c"]
    assert text_of(three, height=3)[-1].startswith("and 2 more")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("name", ["web", "w" * 64, "界" * 40, f"web{EVIL}"])
def test_no_name_is_cut_on_a_screen_of_any_width(name: str, width: int) -> None:
    lines = text_of([a_set(name, state="upgrading", upgrade=WORKING), *[a_set(f"i{n}") for n in range(9)]], width)
    shown = names_of([a_set(name)])[f"/g/{name}"]
    assert shown in "".join(lines)


def test_sets_of_one_name_are_told_apart_by_their_groups() -> None:
    one, other = a_set("web"), a_set("WEB", resourceGroup="live") | {"id": "/live/web"}
    assert names_of([one, other]) == {"/g/web": "web (g)", "/live/web": "WEB (live)"}


def test_the_head_counts_all() -> None:
    assert counted([ASKS, UPGRADING, PARKED, a_set("a"), a_set("b"), a_set("c", state="paused", paused={})]) == (
        "6 sets: 1 need a person, 1 being upgraded, 1 parked, 2 idle, 1 paused"
    )
