"""`instar upgrade` as it is wished, and what the status of `--wait` says (docs/rules.md C4)."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from instar.cli.app import app
from instar.client.api_client import ApiClient
from instar.client.ends import status_of
from instar.client.sets import starting
from instar.client.sets.named_ids import ids_of
from instar.client.sets.starting import Wish, wait
from instar.domain.records.upgrades import UpgradeStatus
from instar.errors import Trouble
from tests.client.sets.test_first_set import There

SET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"


def latest(code: str, *actions: str) -> dict[str, Any]:
    counts = ("successful", "failed", "inProgress", "pending")
    decisions = [
        {"sequence": number, "time": "2026-11-30T08:00:00Z", "batch": 1, "action": action, "reason": f"{action} so"}
        for number, action in enumerate(actions, 1)
    ]
    return {
        "properties": {
            "runningStatus": {"code": code, "startTime": "now"},
            "progress": {f"{name}InstanceCount": 0 for name in counts},
            "decisions": decisions,
            "instances": {},
        }
    }


ACCEPTED = httpx.Response(202, headers={"Azure-AsyncOperation": "/operations/one"})


@pytest.fixture(autouse=True)
def what_it_is_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instar.client.watch._what_it_is", lambda *_: "upgrade 1 by hand")


def waited(*answers: dict[str, Any], timeout: float | None = None, busy: int = 0) -> tuple[int, str]:
    statuses = [httpx.Response(200, json={"status": "InProgress"})] * busy
    ended = httpx.Response(200, json={"status": "Succeeded"})
    there, shown = (
        There(latest=[httpx.Response(200, json=one) for one in answers], one=[*statuses, ended]),
        io.StringIO(),
    )
    with there.client() as api:
        code = wait(api, SET, ACCEPTED, Console(file=shown, width=200), lambda _: None, timeout)
    assert there.answers["one"] == [ended], "it returned before the set was free"
    return code, shown.getvalue()


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([latest("RollingForward", "started"), latest("Completed", "started", "completed")], 0),
        ([latest("RollingBack", "started", "rollback"), latest("Faulted", "started", "faulted")], 3),
        ([latest("Cancelled", "started", "cancelled")], 4),
        ([latest("RollingForward", "started"), latest("RollingForward", "started", "parked")], 5),
        ([latest("RollingForward", "approval")], 5),
        ([latest("RollingForward", "parked", "batch"), latest("Completed", "parked", "batch", "completed")], 0),
    ],
)
def test_c4_the_status_of_a_wait_tells_how_it_ended(answers: list[dict[str, Any]], code: int) -> None:
    found, shown = waited(*answers, busy=0 if code == 5 else 3)
    assert found == code
    assert "so" in shown


def test_c4_a_wait_has_an_end() -> None:
    with pytest.raises(Trouble, match="has ended within 0 s"):
        waited(latest("RollingForward", "started"), timeout=0)


@pytest.mark.parametrize("text", ["x", "", ",", "3-", "-3", "5-3", "1,,2", "0-10000", "0-99999999999", "٣", "failed,1"])
def test_c4_instances_that_cannot_be_meant_are_told(text: str) -> None:
    with pytest.raises(Trouble):
        ids_of(text)


def test_c4_what_is_given_is_what_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []
    there = There()
    monkeypatch.setattr("instar.cli.sets_cli.found", lambda *_: found_in(there))

    def started(_api: Any, _id: Any, _pause: Any, body: Any) -> httpx.Response:
        asked.append(body)
        return ACCEPTED

    monkeypatch.setattr("instar.client.sets.steering.start", started)
    monkeypatch.setattr(starting, "wait", lambda *_: 5)
    run = CliRunner()
    words = ["upgrade", "web", "--data-dir", str(tmp_path)]
    wished = ["--version", "1.2", "--instances", "0,3-4", "--no-rollback", "--reason", "now", "--wait"]
    wished += ["--override", "hold", "--override", "window"]
    done = run.invoke(app, [*words, *wished])
    assert (done.exit_code, "started by hand" in done.output) == (5, True)
    assert run.invoke(app, words).exit_code == 0
    assert run.invoke(app, [*words, "--override", "everything"]).exit_code == 2
    assert run.invoke(app, [*words, "--wait"]).exit_code == 5
    body = {
        "version": "1.2", "instances": ["0", "3", "4"], "rollback": "none", "override": ["hold", "window"],
        "reason": "now",
    }  # fmt: skip
    assert asked == [body, {}, {}]


def test_c4_the_help_tells_every_status() -> None:
    told = " ".join(CliRunner().invoke(app, ["upgrade", "--help"], env={"COLUMNS": "200"}).output.split())
    for word in ("0 if it completed", "3 if it was faulted", "4 if it was cancelled", "5 if it is parked"):
        assert word in told
    assert {status_of(one) for one in UpgradeStatus} == {0, 3, 4, 5}


def test_c4_a_wish_without_anything_is_an_empty_body() -> None:
    assert Wish().body == {}


@contextmanager
def found_in(there: There) -> Iterator[tuple[ApiClient, str]]:
    with there.client() as api:
        yield api, SET
