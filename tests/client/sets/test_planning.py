"""`instar plan`, and the forecast that `status` and `watch` show (docs/rules.md C3, C6)."""

import io
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from instar.cli.app import app
from instar.client import watch as watching
from instar.client.sets import planning
from instar.client.sets.forecasts import Outlook, forecast
from instar.client.showing.screens import LiveScreen
from instar.client.showing.upgrade_view import upgrade_view
from tests.client.sets.test_first_set import There
from tests.client.sets.test_starting import SET, found_in, latest

TOLD: dict[str, Any] = {
    "target": {"publisher": "C", "version": "2.0.0"},
    "wouldBegin": False,
    "obstacles": [
        {"what": "hold", "reason": "held by 'freeze'", "stops": True, "override": "hold"},
        {"what": "window", "reason": "outside of its windows", "stops": False, "override": "window"},
        {"what": "pause", "reason": "paused by ann", "stops": True},
    ],
    "instances": {"all": 20, "due": 5, "current": 12},
    "leftOut": [{"instances": "1-3", "reason": "protected"}],
    "batches": [
        {"batch": 1, "size": 1, "instances": "7", "wave": "canary", "begins": "2026-03-01T20:00:00+00:00",
         "bake": "PT1H", "waits": "outside of its windows"},
        {"batch": 2, "size": 4, "instances": "8-11", "begins": "2026-03-01T21:05:00+00:00", "bake": "PT0S",
         "gate": "afterCanary"},
    ],
    "further": {"instances": 9, "batches": 3},
    "pace": {"batch": "PT5M", "by": "lastUpgrades"},
    "takes": "PT2H", "ends": "2026-03-01T22:00:00+00:00",
    "remarks": ["2 instances were not observed yet"],
}  # fmt: skip


def test_c3_the_heading_says_what_it_comes_to_and_what_stops_it() -> None:
    assert planning.heading(TOLD) == [
        "to 2.0.0: 5 of 20 machines, 12 are there already",
        "stops it: hold: held by 'freeze' (an owner may override hold)",
        "waits for: window: outside of its windows (an owner may override window)",
        "stops it: pause: paused by ann",
        "left out: 1-3: protected",
        "and about 3 batches more, of 9 machines",
        "takes PT2H, until 2026-03-01T22:00:00+00:00, by PT5M a batch (the last upgrade)",
        "2 instances were not observed yet",
    ]
    assert [row[4] for row in planning.rows(TOLD)] == ["outside of its windows", "approval"]


def test_c3_a_plan_is_a_table_for_people_and_json_for_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there = There(plan={"properties": TOLD})
    monkeypatch.setattr("instar.cli.sets_cli.found", lambda *_: found_in(there))
    words = ["plan", "web", "--version", "2.0.0", "--instances", "failed", "--data-dir", str(tmp_path)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0
    assert there.sent == [("POST", "plan", {"version": "2.0.0", "instances": "failed"})]
    row = next(line for line in shown.output.splitlines() if "8-11" in line)
    assert row.split() == ["2", "4:", "8-11", "2026-03-01T21:05:00+00:00", "approval"]
    asked = CliRunner().invoke(app, [*words, "--output", "json"])
    assert json.loads(asked.output)["properties"] == TOLD


def test_c6_a_forecast_is_asked_for_now_and_then_and_kept_while_the_api_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = [0.0]
    monkeypatch.setattr("instar.client.sets.forecasts.time.monotonic", lambda: at[0])
    answers = [
        httpx.Response(200, json={"properties": {"forecast": {"told": "1 of 2 \x1b[8m"}}}),
        httpx.Response(409, json={"error": {"code": "x", "message": "no"}}),
        httpx.Response(200, json={"properties": {}}),
        httpx.Response(404, json={"error": {"code": "x", "message": "no"}}),
    ]
    with There(latest=answers).client() as api:
        outlook, seen = Outlook(api, SET), []
        for moment in (0.0, 4.9, 5.0, 10.0):
            at[0] = moment
            seen.append(outlook.sentence())
        assert seen == ["1 of 2 \\x1b[8m"] * 3 + [""]
        assert forecast(api, SET) == "", "none has run"


def test_c6_watch_shows_it_on_a_terminal_while_the_upgrade_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    running = latest("RollingForward", "started")
    running["properties"]["forecast"] = {"told": "2 of 5 batches done in 6 minutes"}
    shown: list[str] = []
    monkeypatch.setattr(watching, "_what_it_is", lambda *_: "upgrade 1")
    monkeypatch.setattr(LiveScreen, "show", lambda _self, view: shown.append(view.forecast))
    answers = [httpx.Response(200, json=one) for one in (running, running, latest("Completed", "completed"))]
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with There(latest=answers).client() as api:
        assert watching.follow(api, SET, console, lambda _: None).status.ended
    assert shown == ["2 of 5 batches done in 6 minutes", ""]


def test_c6_it_is_told_below_how_long_it_has_run() -> None:
    view = replace(upgrade_view(latest("RollingForward", "started")), forecast="2 of 5 batches done")
    assert view.pace(datetime.fromisoformat("2026-11-30T08:30:00Z"))[1:] == ["2 of 5 batches done"]
