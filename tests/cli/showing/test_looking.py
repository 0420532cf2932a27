"""`instar list`, `show`, `history`, `lift`, `--version`, completion: what they ask, and what they say to nonsense."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from instar.cli import found as finding
from instar.cli.app import app
from instar.cli.showing import completion
from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.client.watch import DEFAULT_SUBSCRIPTION
from tests.cli.test_status import SET
from tests.client.showing.answers import MACHINE, RUNNING, UPGRADE, WEB

LOGIN = Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION)
LIST = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachineScaleSets"
MINE = WEB | {"id": SET}

Answer = Callable[[httpx.Request], httpx.Response]
runner = CliRunner()


@pytest.fixture
def logged_in(tmp_path: Path) -> list[str]:
    (tmp_path / FILE).write_text(LOGIN.text())
    return ["--data-dir", str(tmp_path)]


@pytest.fixture
def asked() -> list[httpx.Request]:
    return []


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, asked: list[httpx.Request]) -> dict[str, Any]:
    """Answers by path, that a test changes: a body, or a status with one. What is not there is 404."""
    answers: dict[str, Any] = {
        LIST: {"value": [{"id": SET}]},
        SET: {"id": SET, "properties": {"provisioningState": "Succeeded"}},
        "/instar/scaleSets": {"value": [MINE]},
        f"{SET}/instar/upgrades": {"value": [UPGRADE]},
        f"{SET}/instar/upgrades/3": UPGRADE,
        f"{SET}/instar/upgrades/latest": UPGRADE,
        f"{SET}/instar/automaticOSUpgrades": {"properties": {"enabled": True, "quarantine": []}},
        f"{SET}/virtualMachines": {"value": [MACHINE]},
        f"{SET}/instar/rolloutPolicy/check": {"properties": {"bake": "PT1M"}},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "good"})
        asked.append(request)
        found = answers.get(request.url.path)
        if found is None:
            return httpx.Response(404, json={"error": {"code": "ResourceNotFound", "message": "not there"}})
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    client = partial(ApiClient, transport=httpx.MockTransport(answer))
    for module in (finding, completion):
        monkeypatch.setattr(module, "ApiClient", client)
    return answers


def run(*words: str) -> tuple[int, str]:
    done = runner.invoke(app, list(words), env={"COLUMNS": "80"})
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert all(letter.isprintable() or letter == "\n" for letter in done.output)
    return done.exit_code, done.output


def test_a_list_of_500_sets_is_one_request(
    logged_in: list[str], api: dict[str, Any], asked: list[httpx.Request]
) -> None:
    asks = MINE["properties"] | {"needsPerson": ["quarantined: 2.0.0"]}
    sets = [MINE | {"name": f"web-{number}", "properties": asks} for number in range(500)]
    api["/instar/scaleSets"] = {"value": sets}
    status, output = run("list", *logged_in)
    assert status == 0
    assert "web-499" in output
    assert len(asked) == 1
    assert dict(asked[0].url.params) | {"api-version": ""} == {
        "scope": "/",
        "$top": "500",
        "$expand": "versions",
        "api-version": "",
    }


def test_a_list_goes_on_behind_its_first_page_and_is_json_for_programs(
    logged_in: list[str], api: dict[str, Any], asked: list[httpx.Request]
) -> None:
    api["/instar/scaleSets"] |= {"nextLink": "http://127.0.0.1:1/next?x=1"}
    api["/next"] = {"value": [MINE | {"name": "db"}]}
    status, output = run("list", "--output", "json", "--scope", "/subscriptions/s", *logged_in)
    assert status == 0
    assert [one["name"] for one in json.loads(output)] == ["web", "db"]
    assert asked[0].url.params["scope"] == "/subscriptions/s"
    api["/instar/scaleSets"] = {"value": []}
    assert run("list", *logged_in) == (0, "no scale set is there that you may read\n")
    assert json.loads(run("list", "--output", "json", *logged_in)[1]) == []


def test_history_of_the_newest_of_all_and_of_one(
    logged_in: list[str], api: dict[str, Any], asked: list[httpx.Request]
) -> None:
    status, output = run("history", "web", *logged_in)
    assert status == 0
    assert "1 h 5 min" in output
    assert asked[-1].url.params["$top"] == "10"
    assert "kind" not in asked[-1].url.params
    assert run("history", "web", "--all", *logged_in)[0] == 0
    assert asked[-1].url.params["kind"] == "osUpgrade,modelChange,rollback,instanceAction"
    assert "$top" not in asked[-1].url.params
    status, output = run("history", "web", "--number", "3", *logged_in)
    assert status == 0
    assert "never got healthy" in output
    assert asked[-1].url.params["$expand"] == "decisions,instances,from"
    assert json.loads(run("history", "web", "--number", "3", "--output", "json", *logged_in)[1]) == UPGRADE
    assert json.loads(run("history", "web", "--output", "json", *logged_in)[1]) == [UPGRADE]
    status, output = run("history", "web", "--number", "4", *logged_in)
    assert status == 1
    assert "web had no upgrade 4" in output
    api[f"{SET}/instar/upgrades"] = {"value": []}
    assert run("history", "web", *logged_in) == (0, "no upgrade has run yet\n")


def test_show_tells_what_a_person_is_to_do(logged_in: list[str], api: dict[str, Any]) -> None:
    status, output = run("show", "web", *logged_in)
    assert status == 0
    assert "history web --number 3" in output
    assert "tells which machines failed, and why" in output
    assert "bake PT1M" in output
    quarantine = [{"version": "2.0.0", "wholeSet": True, "since": "now", "upgrade": 3, "reason": "stopped"}]
    api[f"{SET}/instar/automaticOSUpgrades"] = {"properties": {"enabled": True, "quarantine": quarantine}}
    assert "lift web 2.0.0" in run("show", "web", *logged_in)[1]
    properties = json.loads(run("show", "web", "--output", "json", *logged_in)[1])["properties"]
    assert properties["quarantine"] == quarantine
    assert properties["rolloutPolicy"] == {"bake": "PT1M"}


def test_show_tells_the_forecast_of_a_running_upgrade(logged_in: list[str], api: dict[str, Any]) -> None:
    api[f"{SET}/instar/upgrades/latest"] = RUNNING
    forecast = {"told": "1 of 3 batches done in 5 minutes"}
    assert forecast["told"] not in run("show", "web", *logged_in)[1]
    api[f"{SET}/rollingUpgrades/latest"] = {"properties": {"forecast": forecast}}
    assert forecast["told"] in run("show", "web", *logged_in)[1]


def test_a_set_without_an_upgrade_and_one_that_goes_meanwhile(logged_in: list[str], api: dict[str, Any]) -> None:
    del api[f"{SET}/instar/upgrades/latest"]
    assert "none yet" in run("show", "web", *logged_in)[1]
    api["/instar/scaleSets"] = {"value": []}
    status, output = run("show", "web", *logged_in)
    assert (status, "is gone" in output) == (1, True)


def test_t5_lift_asks_for_that_version_and_no_other(
    logged_in: list[str], api: dict[str, Any], asked: list[httpx.Request]
) -> None:
    api[f"{SET}/instar/automaticOSUpgrades/quarantine/2.0.0/lift"] = httpx.Response(204)
    status, output = run("lift", "web", "2.0.0", *logged_in)
    assert status == 0
    assert asked[-1].method == "POST"
    assert output.startswith("2.0.0 is not quarantined any more")
    assert run("lift", "web", "3.0.0", *logged_in)[0] == 1
    before = len(asked)
    for nonsense in ("latest", "x\ny", "1/../2", "", "1.0\x1b[8m"):
        status, output = run("lift", "web", nonsense, *logged_in)
        assert status == 2, nonsense
        assert "is no image version" in output
    assert all(request.method == "GET" for request in asked[before:])


LOOKING = (["list"], ["show", "web"], ["history", "web"], ["lift", "web", "1.0"])


@pytest.mark.parametrize("command", LOOKING)
def test_without_credentials_or_an_api_each_says_so(command: list[str], tmp_path: Path, logged_in: list[str]) -> None:
    status, output = run(*command, "--data-dir", str(tmp_path / "nothing"))
    assert (status, "there are no credentials" in output) == (1, True)
    status, output = run(*command, *logged_in)
    assert (status, "no API answers at http://127.0.0.1:1" in output) == (1, True)


@pytest.mark.parametrize("command", LOOKING)
def test_a_wrong_token_is_told(command: list[str], logged_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(401, json={"error": "invalid_client", "error_description": "no such client"})
        return httpx.Response(401, json={"error": {"code": "AuthenticationFailed", "message": "who are you?"}})

    client = partial(ApiClient, transport=httpx.MockTransport(answer))
    monkeypatch.setattr(finding, "ApiClient", client)
    status, output = run(*command, *logged_in)
    assert status == 1
    assert output.startswith("instar: ")


@pytest.mark.parametrize("command", ["show", "history"])
def test_a_set_that_is_not_there_or_is_there_twice_or_is_nonsense(
    command: str, logged_in: list[str], api: dict[str, Any]
) -> None:
    status, output = run(command, "shop", *logged_in)
    assert (status, "there is no scale set 'shop'" in output) == (1, True)
    for nonsense in ("we\x1b[8mb", "we\nb", "/x\x1b", f"{SET}?x=1", "..", "/"):
        status, output = run(command, nonsense, *logged_in)
        assert status == 1, nonsense
    api[LIST] = {"value": [{"id": SET}, {"id": SET.replace("/rg/", "/live/")}]}
    status, output = run(command, "web", *logged_in)
    assert status == 1
    assert "add --resource-group GROUP" in output


def test_the_version_is_that_of_the_installation() -> None:
    assert run("--version") == (0, f"instar {version('instar')}\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = runner.invoke(app, ["--show-completion", shell], prog_name="instar")
    assert done.exit_code == 0
    assert f"_INSTAR_COMPLETE=complete_{shell}" in done.output


def completed(words: str, directory: Path) -> list[str]:
    line = f"instar {words} --data-dir {directory}" if words.endswith(" ") else f"instar {words}"
    env = {"_INSTAR_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = runner.invoke(app, [], prog_name="instar", env=env)
    assert done.stderr == ""
    return done.output.split()


def test_names_of_commands_and_of_sets_are_offered(
    tmp_path: Path, api: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {"show", "status"} <= set(completed("s", tmp_path))
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / FILE).write_text(LOGIN.text())
    monkeypatch.chdir(tmp_path)
    api["/instar/scaleSets"] = {"value": [{"name": "web"}, {"name": "Weaver"}, {"name": "db"}, {"name": "we\x1b"}]}
    assert completed("show we", tmp_path) == ["web"]
    api["/instar/scaleSets"] = httpx.Response(200, text="no json")
    assert completed("show we", tmp_path) == []
    (tmp_path / ".data" / FILE).unlink()
    assert completed("show we", tmp_path) == []


def test_a_completion_never_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "SECONDS", 0.05)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        login = Login(f"http://127.0.0.1:{silent.getsockname()[1]}", "t", "me", "secret", "s")
        (tmp_path / ".data").mkdir()
        (tmp_path / ".data" / FILE).write_text(login.text())
        monkeypatch.chdir(tmp_path)
        began = time.monotonic()
        assert completed("show we", tmp_path) == []
        # The client itself would wait for half a minute.
        assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "which scale set?"),
        (["web", "--all"], "either one scale set or all of them"),
        (["--all", "--until-parked"], "--until-parked is for one scale set"),
        (["web", "--scope", "/subscriptions/s"], "--scope is for --all"),
        (["--all", "--timeout", "0", "--resource-group", "rg"], "with --all give --scope"),
        (["--all", "--timeout", "0", "--subscription", "s"], "with --all give --scope"),
        (["--all", "--timeout", "nan"], "--timeout"),
    ],
)
def test_nonsense_to_watch_is_refused(logged_in: list[str], api: dict[str, Any], words: list[str], why: str) -> None:
    del api
    status, output = run("watch", *words, *logged_in)
    assert status == 2
    assert why in output


def test_watch_all_looks_at_a_scope(logged_in: list[str], api: dict[str, Any], asked: list[httpx.Request]) -> None:
    asks = MINE["properties"] | {"needsPerson": ["quarantined: 2.0.0"]}
    sets = [MINE | {"name": f"web-{number}", "properties": asks} for number in range(500)]
    api["/instar/scaleSets"] = {"value": sets}
    status, output = run("watch", "--all", "--timeout", "0", "--scope", "/subscriptions/s", *logged_in)
    assert status == 0
    assert asked[0].url.params["scope"] == "/subscriptions/s"
    assert output.splitlines()[0] == "500 sets: 500 need a person"
    assert "web-499: idle, last upgrade Faulted to 2.0.0: quarantined: 2.0.0" in output


def test_history_names_the_set_and_cuts_long_reasons_within_80_columns(
    logged_in: list[str], api: dict[str, Any]
) -> None:
    long = UPGRADE["properties"] | {"error": {"code": "E", "message": "because " * 200}}
    api[f"{SET}/instar/upgrades"] = {"value": [UPGRADE | {"properties": long}]}
    status, output = run("history", "web", *logged_in)
    assert status == 0
    assert output.startswith("web in group g\n")
    assert all(len(line) <= 80 for line in output.splitlines())
    assert "…" in output
    assert output.count("because") < 30
    assert run("history", "web", "--output", "json", *logged_in)[1].count("because") == 200
