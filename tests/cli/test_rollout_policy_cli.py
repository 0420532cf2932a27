"""`instar rollout-policy`: what it asks for, what it prints, what it refuses before it asks anybody (W1 to W3)."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from instar.cli import found, policies_cli
from instar.cli.app import app
from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.domain.steering.outside.asked_calls import MEMBERS, asked_calls
from instar.domain.steering.rollout_policy import RolloutPolicy

SET = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/web"
POLICY: dict[str, Any] = {"waves": [1, "5%"], "bake": "PT10M"}
EVIL = "\x1b[8m[bold red]"
STORED = {
    "id": f"{SET}/instar/rolloutPolicy",
    "properties": POLICY,
    "systemData": {"lastModifiedBy": f"owner{EVIL}", "lastModifiedAt": "2026-12-04T12:00:00+00:00"},
    "reason": f"why{EVIL}",
}
TOLD = {
    "properties": POLICY,
    "windows": {"open": False, "told": f"outside{EVIL}"},
    "openings": [{"from": "2026-12-05T00:00:00+00:00", "to": "2026-12-05T04:00:00+00:00"}],
    "batches": [
        {"batch": 1, "size": 1, "instances": "0", "bakeSeconds": 600, "instancesAfter": 9, "reason": f"wave 1{EVIL}"}
    ],
    "remarks": [f"its calendar{EVIL}"],
}

HOOK = {"name": "drain", "at": "beforeSwap", "url": "https://drain.example.com/"}
TRIED: dict[str, Any] = {
    "hooks": [{"name": "drain", "at": "beforeSwap", "outcome": "goesOn", "reason": f"answered 204{EVIL}"}],
    "judges": [{"name": "slo", "outcome": "yes", "reason": "says yes"}],
}

Run = Callable[..., Any]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/tenant/oauth2/v2.0/token":
            return httpx.Response(200, json={"access_token": "good"})
        requests.append(request)
        if request.url.path == SET:
            return httpx.Response(200, json={"id": SET})
        if request.method == "DELETE":
            return httpx.Response(204 if request.url.path.startswith("/instar") else 200)
        if request.url.path.endswith("/test"):
            return httpx.Response(200, json=TRIED)
        return httpx.Response(200, json=TOLD if request.url.path.endswith("/check") else STORED)

    monkeypatch.setattr(found, "ApiClient", partial(ApiClient, transport=httpx.MockTransport(answer)))
    return requests


@pytest.fixture
def run(tmp_path: Path) -> Run:
    login = Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION)
    (tmp_path / FILE).write_text(login.text())

    def ran(*words: str, given: str | None = None) -> Any:
        return CliRunner().invoke(app, ["rollout-policy", *words, "--data-dir", str(tmp_path)], input=given)

    return ran


@pytest.mark.parametrize("document", [POLICY, STORED], ids=["bare", "as it was shown"])
def test_w1_a_policy_is_stored_from_a_file_or_from_standard_input(
    asked: list[httpx.Request], run: Run, tmp_path: Path, document: dict[str, Any]
) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(document))
    for words, given in ((["--file", str(file)], None), ([], json.dumps(document))):
        result = run("set", SET, *words, "--reason", "busy", given=given)
        assert result.exit_code == 0, result.output
        assert (asked[-1].method, asked[-1].url.path) == ("PUT", f"{SET}/instar/rolloutPolicy")
        assert json.loads(asked[-1].content) == {"properties": POLICY, "reason": "busy"}


def test_w3_a_calendar_is_sent_as_it_is(asked: list[httpx.Request], run: Run, tmp_path: Path) -> None:
    file = tmp_path / "days.ics"
    file.write_bytes("BEGIN:VCALENDAR\r\nü".encode())
    assert run("set", SET, "--not-on", str(file), given="{}").exit_code == 0
    assert json.loads(asked[-1].content)["properties"] == {"notOn": "BEGIN:VCALENDAR\nü"}


def test_w1_without_a_set_it_is_the_default_one(asked: list[httpx.Request], run: Run) -> None:
    assert run("get").exit_code == 0
    assert run("set", given="{}").exit_code == 0
    assert run("check").exit_code == 0
    result = run("delete", "--reason", "over & out")
    assert result.output == "there was no rollout policy\n"
    assert [(one.method, one.url.path) for one in asked] == [
        ("GET", "/instar/rolloutPolicy"),
        ("PUT", "/instar/rolloutPolicy"),
        ("POST", "/instar/rolloutPolicy/check"),
        ("DELETE", "/instar/rolloutPolicy"),
    ]
    assert asked[-1].url.params["reason"] == "over & out"
    assert run("delete", SET).output == "the rollout policy was removed\n"


def test_w1_what_is_shown_steers_no_terminal_and_is_whole(asked: list[httpx.Request], run: Run) -> None:
    shown = run("get", SET).output
    assert "\x1b" not in shown
    assert "owner\\x1b[8m[bold red]" in shown
    assert '[1, "5%"]' in shown
    told = run("check", SET).output
    assert "\x1b" not in told
    for words in ("outside\\x1b", "2026-12-05T04:00", "wave 1\\x1b", "9 more instances", "mind: its calendar\\x1b"):
        assert words in told
    assert json.loads(run("get", SET, "--output", "json").output) == STORED
    assert json.loads(run("check", SET, "--output", "json").output) == TOLD
    assert asked[-1].content == b""
    run("check", SET, "--file", "-", given=json.dumps(POLICY))
    assert json.loads(asked[-1].content) == {"properties": POLICY}


@pytest.mark.parametrize(
    ("words", "given", "why"),
    [
        (["set", SET], "", "standard input is no JSON"),
        (["set", SET], "[1]", "a rollout policy is a JSON object"),
        (["set", SET], "[" * 100_000, "is no JSON"),
        (["set", SET, "--file", "/nowhere/policy.json"], "", "/nowhere/policy.json cannot be read"),
        (["set", SET, "--not-on", "/nowhere/days.ics"], "{}", "/nowhere/days.ics cannot be read"),
        (["set", SET, "--file", "/bin/true"], "", "no UTF-8 text"),
        (["check", SET, "--not-on", "/nowhere/days.ics"], "", "give --file too"),
        (["get", SET, "--output", "yaml"], "", "'yaml'"),
    ],
)
def test_w1_nonsense_asks_nobody(asked: list[httpx.Request], run: Run, words: list[str], given: str, why: str) -> None:
    result = run(*words, given=given)
    assert result.exit_code == 2, result.output
    assert why in result.output.replace("\n", " ")
    assert asked == []


def test_w1_help_shows_an_example_that_is_a_policy() -> None:
    for command in ("set", "check"):
        result = CliRunner().invoke(app, ["rollout-policy", command, "--help"], env={"COLUMNS": "200"})
        assert '"timeZone": "Europe/Berlin"' in result.output
    document = json.loads(policies_cli.EXAMPLE.removeprefix("\b\n"))
    calls = asked_calls(document)
    assert (calls.hooks[0].name, calls.judges[0].name) == ("drain", "errors")
    rest = {name: value for name, value in document.items() if name not in MEMBERS}
    assert RolloutPolicy.model_validate(rest).document == rest


def test_w1_the_example_that_is_shipped_is_a_policy() -> None:
    file = Path(__file__).parents[2] / "examples" / "rollout-policy.json"
    document = json.loads(file.read_text())
    assert RolloutPolicy.model_validate(document).document == document


def test_g1_g2_a_test_shows_what_hooks_and_judges_answer(
    asked: list[httpx.Request], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("test", SET)
    assert (result.exit_code, asked[-1].method, asked[-1].url.path) == (0, "POST", f"{SET}/instar/rolloutPolicy/test")
    assert "\x1b" not in result.output
    for words in ("drain", "beforeSwap", "goesOn", "answered 204", "slo", "says yes"):
        assert words in result.output
    assert json.loads(run("test", "--output", "json").output) == TRIED
    monkeypatch.setitem(TRIED, "judges", [{"name": "slo", "outcome": "no", "reason": "burning"}])
    result = run("test", SET)
    assert result.exit_code == 1
    assert "burning" in result.output


def test_g4_secrets_stand_in_files_of_their_own(asked: list[httpx.Request], run: Run, tmp_path: Path) -> None:
    file = tmp_path / "drain.secret"
    file.write_text("whsec_x\n")
    given = json.dumps({"hooks": [HOOK]})
    assert run("set", SET, "--secret-file", f"drain={file}", given=given).exit_code == 0
    assert json.loads(asked[-1].content)["properties"]["hooks"] == [HOOK | {"secret": "whsec_x"}]
    count = len(asked)
    for wrong, why in (
        ("drain", "NAME=FILE"),
        (f"other={file}", "no hook and no judge 'other'"),
        ("drain=/nowhere/at/all", "cannot read the secret"),
    ):
        result = run("set", SET, "--secret-file", wrong, given=given)
        assert result.exit_code != 0
        assert why in result.output
    assert len(asked) == count, "nobody was asked"
