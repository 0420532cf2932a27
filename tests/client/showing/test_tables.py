"""Sets and upgrades as people see them: everything that counts, within 80 columns, colours only on a terminal."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from instar.client.showing.set_list import table_of
from instar.client.showing.set_page import SetPage, facts, in_columns
from instar.client.showing.upgrade_list import time_line, upgrades_table
from tests.client.showing.answers import RUNNING, UPGRADE, WEB, machine, web

NOW = datetime(2026, 3, 1, 13, 0, tzinfo=UTC)
STANDING: dict[str, Any] = {"enabled": True, "quarantine": []}


def text_of(shown: RenderableType, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b" not in text
    assert all(len(line) <= width for line in text.splitlines())
    return text


def words_of(shown: RenderableType) -> str:
    """On a wide screen, with one blank between words."""
    return " ".join(text_of(shown, 600).split())


def page(**changes: Any) -> SetPage:
    given: dict[str, Any] = {
        "overview": WEB,
        "automatic": STANDING,
        "machines": [machine("0"), machine("1", "2.0.0", "unhealthy")],
        "upgrade": UPGRADE["properties"],
        "policy": {},
    }
    return SetPage(**given | changes)


def told(**changes: Any) -> str:
    return words_of(in_columns(facts(page(**changes), NOW)))


def test_a_set_is_told_within_80_columns() -> None:
    text = text_of(table_of([WEB, web(state="held", reason="held by 'freeze' on / by ann: " + "why " * 60)]))
    for word in ("web", "UbuntuServer 22.04-LTS", "24 on 1.0.0, 16 on", "idle", "quarantined: 2.0.0", "Faulted 2.0.0"):
        assert word in text, word
    assert "looks 2026-03-01 14:00Z" in text
    assert "on" in text.split()
    assert len(text.splitlines()) < 16, "a sentence is cut: show has the rest"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": "upgrading", "upgrade": RUNNING["properties"]}, "upgrading 20/40"),
        ({"state": "parked", "reason": "outside of its windows", "upgrade": RUNNING["properties"]}, "outside of its"),
        ({"state": "paused", "reason": "paused by ann"}, "paused: paused by ann"),
        ({"provisioningState": "Failed"}, "its last request failed"),
        ({"versions": None}, "capacity 40"),
        ({"versions": {}}, "no machines"),
        ({"versions": {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}}, "5 on 5, 4 on 4, 3 on 3, 3 on others"),
        ({"automatic": False}, "off"),
        ({"upgrade": None}, "none yet"),
        ({"upgrade": RUNNING["properties"]}, "to 2.0.0 since 2026-03-01 12:00Z"),
    ],
)
def test_each_state_of_a_set_has_its_words(changes: dict[str, Any], words: str) -> None:
    [one] = [" ".join(words_of(table_of([web(**changes)])).split())]
    for word in words.split():
        assert word in one


def test_the_history_tells_what_who_where_to_how_long_how_it_went_and_why() -> None:
    text = text_of(upgrades_table([UPGRADE, RUNNING], NOW))
    for word in ("upgrade", "by itself", "2.0.0", "1 h 5 min", "1 h", "Faulted", "16 ok, 4 failed, 3 back", "RollingF"):
        assert word in text, word
    assert "stopped: 4 of 20 attempted" in words_of(upgrades_table([UPGRADE], NOW))


def test_p17_one_upgrade_is_a_time_line_with_the_machines_that_failed() -> None:
    text = text_of(time_line(UPGRADE, NOW))
    assert "upgrade 3 by itself to 2.0.0 from 1.0.0" in text
    rows = [row.split() for row in text.splitlines()]
    assert ["03-01", "12:05:02", "5", "min", "2", "s", "1", "verdict", "go", "on"] in rows
    machines = [row for row in rows if row[:1] in (["9"], ["10"], ["1"], ["2"])]
    assert [row[0] for row in machines] == ["9", "10"], "by their numbers, without those that are well"
    assert "not healthy on either disk" in text
    assert "waits since 2026-03-01 12:30Z for: paused by ann" in text_of(time_line(RUNNING, NOW))


def test_a_page_tells_machines_by_version_and_the_sick_ones_by_name() -> None:
    text = told()
    assert "set web in group g, subscription s" in text
    assert "machines 2: 1 on 1.0.0, 1 on 2.0.0" in text
    assert "health 1 healthy; not: 1" in text
    assert "last upgrade upgrade 3 by itself to 2.0.0 from 1.0.0: Faulted, 2026-03-01 13:05Z" in text
    assert "took 1 h 5 min, batches done: 1" in text
    many = [machine(str(number), health="unknown") for number in range(30)]
    assert "health 0 healthy; not: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 20 more" in told(machines=many)
    assert "machines none" in told(machines=[])
    assert "last upgrade none yet" in told(upgrade=None)
    text_of(in_columns(facts(page(), NOW)))


def test_a_page_tells_a_running_upgrade_with_its_pace_and_what_it_waits_for() -> None:
    text = told(upgrade=RUNNING["properties"])
    assert "upgrade upgrade 3 by itself to 2.0.0 from 1.0.0: RollingForward, since 2026-03-01 12:00Z" in text
    assert "20/40 machines" in text
    assert "running for 1 h, batches done: 1" in text
    assert "waits for paused by ann (since 2026-03-01 12:30Z, 30 min)" in text


def test_c1_c2_g3_a_page_tells_what_keeps_it_back_its_policy_and_its_looks() -> None:
    overview = web(
        paused={"sentence": "paused by ann: full"},
        holds=[{"sentence": "held by 'freeze' on /"}, {"sentence": "held by 'audit' on /"}],
        approval={"gate": "first", "since": "2026-03-01T12:00:00+00:00"},
        state="held",
        reason="held by 'freeze' on /",
        provisioningState="Failed",
    )
    automatic = {
        "enabled": True,
        "lastLook": {"at": "2026-03-01T12:00:00+00:00", "outcome": "nothing newer"},
        "nextLookAt": "2026-03-01T12:40:00+00:00",
        "quarantine": [
            {
                "version": "2.0.0",
                "wholeSet": True,
                "since": "2026-03-01T12:00:00+00:00",
                "upgrade": 3,
                "reason": "stopped",
                "instances": "0-1",
            }
        ],
    }
    text = told(overview=overview, automatic=automatic, policy={"waves": [1, "5%"], "bake": "PT10M"})
    for fact in (
        "state held: held by 'freeze' on /",
        "last request Failed",
        "pause paused by ann: full",
        "hold held by 'freeze' on /",
        "hold held by 'audit' on /",
        "approval waited for since 2026-03-01 12:00Z, at the gate 'first'",
        'rollout policy waves [1, "5%"], bake PT10M',
        "last look 2026-03-01 12:00Z: nothing newer",
        "next look 2026-03-01 12:40Z",
        "quarantined 2.0.0 since upgrade 3, 2026-03-01 12:00Z: stopped",
        "not offered again 2.0.0 to instances 0-1",
    ):
        assert fact in text, fact
    before = {"enabled": True, "firstTriggerAt": "2026-03-01T15:00:00+00:00", "quarantine": []}
    assert "first upgrade not before 2026-03-01 15:00Z" in told(automatic=before)


def test_a_page_for_programs_has_all_of_it() -> None:
    document = page(policy={"bake": "PT1M"}).document()
    assert document["id"] == WEB["id"]
    properties = document["properties"]
    assert properties["versions"] == {"1.0.0": 1, "2.0.0": 1}
    assert properties["health"] == {"healthy": 1, "unhealthy": 1}
    assert properties["rolloutPolicy"] == {"bake": "PT1M"}
    assert properties["upgrade"]["decisions"]
    assert properties["enabled"] is True


def test_colours_only_where_there_is_a_terminal_and_none_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(terminal: bool) -> str:
        console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system="standard")
        console.print(upgrades_table([UPGRADE], NOW))
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    assert "\x1b[31m" in shown(terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in shown(terminal=True)
