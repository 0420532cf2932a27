"""`instar doctor`: its lines, its document, its status; everything away, and nonsense."""

import json
import time
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from instar.cli.app import app
from instar.cli.showing import doctor_cli
from instar.client.api_token import FILE, Login
from instar.doctor import examine as examining
from instar.doctor import reach
from instar.doctor.place import Place
from instar.domain.checkup.findings import Check, Finding, Level, not_looked, ok, problem, warning

runner = CliRunner()
CLIENT = httpx.Client


def run(*words: str, **environment: str) -> tuple[int, str]:
    done = runner.invoke(app, ["doctor", *words], env={"COLUMNS": "80", "INSTAR_DATA_DIR": "", **environment})
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "\x1b" not in done.output
    return done.exit_code, done.output


def finding(monkeypatch: pytest.MonkeyPatch, *found: Finding) -> None:
    monkeypatch.setattr(doctor_cli, "examine", lambda _: list(found))


NAME = "a-name-of-a-set-that-is-as-long-as-names-may-be-" * 3
SICK = problem(Check.SETS, f"overdue: {NAME}\x1b[8m[bold red]", "go " * 60)
ODD = warning(Check.BACKUPS, "none", "make one")


def test_every_finding_is_readable_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = [not_looked(check, "not from here", "go there") for check in (Check.FILES, Check.DISK)]
    finding(monkeypatch, ok(Check.API, "it answers"), SICK, ODD, *elsewhere)
    status, output = run("--data-dir", "/none")
    assert status == 1
    lines = output.splitlines()
    assert all(len(line) <= 80 for line in lines)
    folded = "".join(line.split(maxsplit=2)[-1] if line[0] != " " else line.strip() for line in lines)
    assert NAME in folded
    assert "\\x1b[8m[bold red]" in folded
    assert lines[-1] == "findings: 1 ok, 1 warning, 1 problem, 2 not looked"
    assert "files, disk: not from here" in output
    assert output.count("go there") == 1


@pytest.mark.parametrize(
    ("found", "status"), [([ok(Check.API, "x")], 0), ([ODD], 0), ([not_looked(Check.API, "x")], 0), ([ODD, SICK], 1)]
)
def test_the_status_tells_whether_there_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, found: list[Finding], status: int
) -> None:
    finding(monkeypatch, *found)
    assert run("--data-dir", "/none")[0] == status
    code, output = run("--data-dir", "/none", "--output", "json")
    assert code == status
    told = json.loads(output)
    assert [one["level"] for one in told["findings"]] == [one.level for one in found]
    assert sum(told["summary"].values()) == len(found)
    assert set(told["findings"][0]) == {"check", "level", "found", "do"}


def test_everything_away_is_told_and_nothing_hangs(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(Login("http://127.0.0.1:1", "t", "me", "secret", "s").text())
    (tmp_path / FILE).chmod(0o600)
    tmp_path.chmod(0o700)
    away = {"TEMPORAL_ADDRESS": "127.0.0.1:1", "INSTAR_DATABASE_URL": "postgresql://u:s3cret@127.0.0.1:1/x"}
    began = time.monotonic()
    status, output = run("--data-dir", str(tmp_path), "--output", "json", **away)
    assert status == 1
    levels = {one["check"]: one["level"] for one in json.loads(output)["findings"]}
    assert set(levels) == set(Check)
    assert {name for name, level in levels.items() if level == Level.PROBLEM} >= {"api", "store", "temporal", "keys"}
    assert {name for name, level in levels.items() if level == Level.NOT_LOOKED} >= {"workers", "workflows", "wishes"}
    assert "s3cret" not in output
    assert time.monotonic() - began < 60, "bounded by the time of all checks, with room for a slow machine"


def test_settings_that_are_nonsense_are_one_more_finding(tmp_path: Path) -> None:
    status, output = run("--data-dir", str(tmp_path), "--output", "json", INSTAR_SWEEP="soon", INSTAR_DATA_DIR="x")
    assert status == 1
    [told] = [one for one in json.loads(output)["findings"] if one["check"] == "settings"]
    assert told["level"] == Level.PROBLEM
    assert "INSTAR_SWEEP: must be a time" in told["found"]


@pytest.mark.parametrize(
    "words",
    [["--api", "localhost"], ["--api", "ftp://x"], ["--output", "xml"], ["everything"], ["--api", "http://[::1"]],
)
def test_a_wrong_call_is_refused(words: list[str]) -> None:
    assert run(*words, "--data-dir", "/none")[0] == 2


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, output = run("--data-dir", str(tmp_path / "file"), "--output", "json")
    levels = {one["check"]: one["level"] for one in json.loads(output)["findings"]}
    assert status == 0
    assert levels["files"] == levels["disk"] == levels["store"] == Level.NOT_LOOKED


def place_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response) -> Place:
    def client(**given: object) -> httpx.Client:
        given["transport"] = httpx.MockTransport(lambda _: answer)
        return CLIENT(**given)  # type: ignore[arg-type]

    monkeypatch.setattr("instar.doctor.place.httpx.Client", client)
    return Place(None, "", tmp_path, endpoint="http://a")


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (httpx.Response(200, json={"status": "ready", "temporal": "up"}), Level.OK),
        (httpx.Response(200, json={"status": "ready", "temporal": "away"}), Level.PROBLEM),
        (httpx.Response(503, json={"error": {"message": "waits for the database"}}), Level.PROBLEM),
        (httpx.Response(200, text="<html>"), Level.PROBLEM),
        (httpx.Response(200, json=[1]), Level.PROBLEM),
        (httpx.Response(503, json={"error": "no"}), Level.PROBLEM),
    ],
)
def test_whatever_answers_in_the_apis_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, level: Level
) -> None:
    assert [one.level for one in reach.api(place_with(tmp_path, monkeypatch, answer))] == [level]


def test_the_apis_version_and_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    date = "Mon, 30 Nov 2026 12:00:00 GMT"
    answer = httpx.Response(200, json={"info": {"version": "0.2.0"}}, headers={"date": date})
    place = place_with(tmp_path, monkeypatch, answer)
    assert reach.api_version(place) == "0.2.0"
    ahead = reach.api_ahead(place)
    assert ahead is not None
    silent = place_with(tmp_path, monkeypatch, httpx.Response(200, text="", headers={"date": "soon"}))
    assert reach.api_version(silent) == ""
    assert reach.api_ahead(silent) is None


def test_all_checks_are_there() -> None:
    assert set(examining.CHECKS) == set(Check)
