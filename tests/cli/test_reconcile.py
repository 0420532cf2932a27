"""`instar reconcile`: what it asks for and what it prints (docs/rules.md F7)."""

from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from instar.cli import reconcile as reconciling
from instar.cli.app import app
from instar.cli.reconcile import lines
from instar.client.api_client import ApiClient
from instar.client.api_token import Login
from instar.client.watch import DEFAULT_SUBSCRIPTION

SET = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/web"
TOLD: dict[str, Any] = {
    "dryRun": True,
    "reason": "the records are older",
    "changes": True,
    "machines": 6,
    "unknownInstances": "3-5",
    "versions": [{"version": "1.2", "instances": "0-5"}],
    "unknownOperations": [{"number": 2, "instances": "0-5"}],
    "unknownGenerations": [{"generation": 4, "instances": "5"}],
    "numbersFrom": 3,
    "idsFrom": 6,
    "generation": {"found": 1, "then": 5},
    "capacity": {"found": 3, "then": 6},
    "disksToCollect": [{"number": 2, "key": "k"}],
}


def test_f7_a_dry_run_prints_all_that_would_be_taken_over() -> None:
    assert lines(TOLD) == [
        "machines             6",
        "                     1.2: 0-5",
        "why                  the records are older",
        "unknown machines     3-5",
        "unknown operation    2, last seen by 0-5",
        "unknown model        generation 4 of 5: they count as outdated",
        "capacity             3 becomes 6, so that no machine is deleted",
        "model                generation 1 becomes 5",
        "numbers              from 3 on",
        "instance ids         from 6 on",
        "kept disks           of operations 2: deleted when their time is over",
        "nothing was changed: --apply takes this over; no machine is changed or deleted by it",
    ]


def test_f7_it_says_when_it_is_done_and_when_there_is_nothing_to_do() -> None:
    assert lines(TOLD | {"dryRun": False})[-1].startswith("done: ")
    same = {"generation": {"found": 1, "then": 1}, "capacity": {"found": 6, "then": 6}}
    quiet = TOLD | {"changes": False, "reason": "", "unknownInstances": "", "disksToCollect": []} | same
    assert lines(quiet)[-1] == "nothing to take over: the records know these machines"


@pytest.mark.parametrize(("apply", "body"), [(False, b'{"dryRun":true}'), (True, b'{"dryRun":false}')])
def test_f7_only_apply_changes_anything(monkeypatch: pytest.MonkeyPatch, apply: bool, body: bytes) -> None:
    asked: list[tuple[str, str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/tenant/oauth2/v2.0/token":
            return httpx.Response(200, json={"access_token": "good"})
        asked.append((request.method, request.url.path, request.content))
        return httpx.Response(200, json=TOLD | {"id": SET})

    client = partial(ApiClient, transport=httpx.MockTransport(answer))
    monkeypatch.setattr(reconciling, "ApiClient", client)
    out = StringIO()
    login = Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION)
    reconciling.reconcile(SET, login, DEFAULT_SUBSCRIPTION, "", Console(file=out, width=200), apply=apply)
    assert [one for one in asked if one[0] == "POST"] == [("POST", f"{SET}/instar/reconcile", body)]
    assert "unknown machines     3-5" in out.getvalue()


def test_without_credentials_it_says_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["reconcile", "web", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "there are no credentials" in result.output
