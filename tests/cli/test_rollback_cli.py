"""`instar rollback`, `instar keep`, `instar cancel --revert`: what they ask for and what they print (R1, R2, C5)."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from instar.cli import found
from instar.cli.app import app
from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.client.watch import DEFAULT_SUBSCRIPTION

SET = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/web"
EVIL = "\x1b[8m"
WAY: dict[str, Any] = {
    "retention": {"keepPreviousDisks": "P1D", "isOwn": False},
    "sentence": f"2 go back to 1.0.0 (0-1){EVIL}",
    "instances": [
        {"instanceId": "0", "version": "2.0.0", "kept": [{"version": "1.0.0", "until": "2026-12-01T00:00:00+00:00"}]},
        {"instanceId": "1", "version": "2.0.0", "kept": [{"version": "1.0.0", "keptWhile": "while an upgrade runs"}]},
        {"instanceId": "2", "version": "", "kept": []},
    ],
}
KEPT = {"properties": {"sentence": f"previous disks are kept for P7D: holidays (ann{EVIL})"}}
PLAN: dict[str, Any] = {
    "properties": {
        "target": {"exactVersion": "1.0.0"},
        "goesBackTo": [{"version": "1.0.0", "instances": "0-1"}],
        "sentence": f"2 go back to 1.0.0 (0-1){EVIL}",
        "quarantines": ["2.0.0"],
        "wouldBegin": False,
        "obstacles": [
            {"what": "unhealthySet", "reason": "2 of 3 sick", "stops": True, "override": "unhealthySet"},
        ],
        "instances": {"all": 3, "due": 2, "current": 1},
        "leftOut": [],
        "batches": [
            {"batch": 1, "size": 2, "instances": "0-1", "begins": "2026-03-01T13:00:00+00:00", "bake": "PT0S"},
        ],
        "pace": {"batch": "PT5M", "by": "lastUpgrades"},
        "takes": "PT10M",
        "ends": "2026-03-01T13:10:00+00:00",
        "remarks": [],
    }
}
OPERATION = "http://127.0.0.1:1/operations/1"

Run = Callable[..., Any]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    requests: list[httpx.Request] = []
    told = {
        "/tenant/oauth2/v2.0/token": httpx.Response(200, json={"access_token": "good"}),
        "/operations/1": httpx.Response(200, json={"status": "Succeeded"}),
        f"{SET}/rollingUpgrades/latest": httpx.Response(404, json={"error": {"code": "NotFound", "message": "none"}}),
        SET: httpx.Response(200, json={"id": SET}),
    }

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path in told:
            return told[path]
        requests.append(request)
        if path.endswith("/plan"):
            return httpx.Response(200, json=PLAN)
        if request.method == "POST":
            return httpx.Response(202, headers={"Azure-AsyncOperation": OPERATION})
        return httpx.Response(200, json={"properties": WAY} if path.endswith("/rollback") else KEPT)

    monkeypatch.setattr(found, "ApiClient", partial(ApiClient, transport=httpx.MockTransport(answer)))
    return requests


@pytest.fixture
def run(tmp_path: Path) -> Run:
    login = Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION)
    (tmp_path / FILE).write_text(login.text())

    def ran(*words: str) -> Any:
        return CliRunner().invoke(app, [words[0], SET, *words[1:], "--data-dir", str(tmp_path)])

    return ran


@pytest.mark.parametrize(
    ("words", "body", "says"),
    [
        (["--reason", "bad"], {"reason": "bad"}, "the rollback has begun"),
        (
            ["--reason", "bad", "--to", "1.0.0", "--instances", "0-1,7"],
            {"reason": "bad", "toVersion": "1.0.0", "instances": ["0", "1", "7"]},
            "the rollback has begun",
        ),
        (
            ["--reason", "bad", "--override", "unhealthySet", "--override", "window"],
            {"reason": "bad", "override": ["unhealthySet", "window"]},
            "the rollback has begun",
        ),
    ],
)
def test_r2_a_rollback_asks_for_what_was_said(
    asked: list[httpx.Request], run: Run, words: list[str], body: dict[str, Any], says: str
) -> None:
    done = run("rollback", *words)
    assert done.exit_code == 0, done.output
    [request] = asked
    assert (request.method, request.url.path) == ("POST", f"{SET}/instar/rollback")
    assert json.loads(request.content) == body
    assert says in done.output


def test_r2_the_status_of_a_wait_tells_how_it_ended(
    asked: list[httpx.Request], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []

    def wait(_api: Any, scale_set: str, accepted: httpx.Response, *_: Any) -> int:
        waited.extend((scale_set, accepted.headers["Azure-AsyncOperation"]))
        return 3

    monkeypatch.setattr("instar.client.sets.starting.wait", wait)
    assert run("rollback", "--reason", "bad", "--wait").exit_code == 3
    assert waited == [SET, OPERATION]
    assert [request.method for request in asked] == ["POST"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rollback"], "--reason is missing"),
        (["rollback", "--reason", "bad", "--instances", "7-1"], "'7-1' is no range of at most 10000 instances"),
        (["rollback", "--reason", "bad", "--instances", "all"], "'all' names no instances"),
        (["keep", "--for", "P7D"], "--reason is missing"),
    ],
)
def test_r1_r2_nonsense_is_refused_before_anybody_is_asked(
    asked: list[httpx.Request], run: Run, words: list[str], says: str
) -> None:
    done = run(*words)
    assert done.exit_code == 1
    assert says in done.output
    assert asked == []


def test_r1_what_could_be_gone_back_to_is_shown(asked: list[httpx.Request], run: Run) -> None:
    done = run("rollback", "--show")
    assert done.output.splitlines() == [
        "2 go back to 1.0.0 (0-1)\\x1b[8m",
        "previous disks are kept for P1D",
        "0: on 2.0.0; kept: 1.0.0 until 2026-12-01T00:00:00+00:00",
        "1: on 2.0.0; kept: 1.0.0 while an upgrade runs",
        "2: on no disk; kept: nothing",
    ]
    assert json.loads(run("rollback", "--show", "--output", "json").output) == WAY
    assert [request.method for request in asked] == ["GET", "GET"]


def test_c3_r2_a_plan_is_told_and_nothing_is_done(asked: list[httpx.Request], run: Run) -> None:
    done = run("rollback", "--plan", "--to", "1.0.0", "--instances", "0-1", "--override", "window", "--reason", "bad")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[:4] == [
        "to 1.0.0: 2 of 3 machines, 1 are there already",
        "2 go back to 1.0.0 (0-1)\\x1b[8m; quarantined then: 2.0.0",
        "stops it: unhealthySet: 2 of 3 sick (an owner may override unhealthySet)",
        "takes PT10M, until 2026-03-01T13:10:00+00:00, by PT5M a batch (the last upgrade)",
    ]
    assert lines[4].split() == ["BATCH", "MACHINES", "WAVE", "BEGINS", "WAITS", "FOR", "BAKE"]
    assert lines[5].split()[:2] == ["1", "2:"]
    body = {"toVersion": "1.0.0", "instances": ["0", "1"], "override": ["window"], "reason": "bad"}
    assert [(one.method, one.url.path, json.loads(one.content)) for one in asked] == [
        ("POST", f"{SET}/instar/rollback/plan", body)
    ]
    assert json.loads(run("rollback", "--plan", "--output", "json").output) == PLAN
    assert json.loads(asked[-1].content) == {}, "a plan takes no reason"


def test_r1_disks_are_kept_as_long_as_was_said(asked: list[httpx.Request], run: Run) -> None:
    done = run("keep", "--for", "P7D", "--until", "2026-12-24T00:00:00Z", "--reason", "holidays")
    assert done.output == "previous disks are kept for P7D: holidays (ann\\x1b[8m)\n"
    assert json.loads(asked[0].content) == {
        "keepPreviousDisks": "P7D",
        "until": "2026-12-24T00:00:00Z",
        "reason": "holidays",
    }
    assert "as long as the setting says" in run("keep", "--default").output
    assert [(one.method, one.url.path) for one in asked] == [
        ("PUT", f"{SET}/instar/retention"),
        ("DELETE", f"{SET}/instar/retention"),
    ]


def test_c5_a_cancel_goes_back_where_that_was_said(asked: list[httpx.Request], run: Run) -> None:
    assert "its machines have gone back" in run("cancel", "--revert", "--reason", "bad").output
    assert "gone back" not in run("cancel").output
    assert [one.url.path for one in asked] == [f"{SET}/instar/cancel"] * 2
    assert [json.loads(one.content) for one in asked] == [{"reason": "bad", "revert": True}, {}]
