"""What commands that do something tell to programs: one document of what is there afterwards, nothing beside it."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from instar.cli import found as finding
from instar.cli.app import app
from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.client.watch import DEFAULT_SUBSCRIPTION

SET = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/web"
PAUSE = {"properties": {"sentence": "paused by ann"}}
HOLD = {"properties": {"sentence": "held by 'freeze'"}}
KEPT = {"properties": {"sentence": "previous disks are kept for P7D"}}
STANDING = {"properties": {"enabled": True, "quarantine": []}}
UPGRADE = {"properties": {"number": 3, "runningStatus": {"code": "RollingForward"}}}
RETENTION = {"properties": {"keepPreviousDisks": "P1D"}}


@pytest.fixture(autouse=True)
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION).text())
    told = {
        ("GET", SET): {"id": SET},
        ("POST", f"{SET}/instar/pause"): PAUSE,
        ("PUT", "/instar/holds/freeze"): HOLD,
        ("DELETE", "/instar/holds/freeze"): {},
        ("PUT", f"{SET}/instar/retention"): KEPT,
        ("GET", f"{SET}/instar/retention"): RETENTION,
        ("DELETE", f"{SET}/instar/retention"): {},
        ("GET", f"{SET}/instar/automaticOSUpgrades"): STANDING,
        ("GET", f"{SET}/instar/upgrades/latest"): UPGRADE,
        ("GET", "/operation"): {"status": "Succeeded"},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "good"})
        if (found := told.get((request.method, request.url.path))) is not None:
            return httpx.Response(200, json=found)
        if request.method == "GET":
            return httpx.Response(404, json={"error": {"code": "NotFound", "message": "none"}})
        return httpx.Response(202, json={}, headers={"Azure-AsyncOperation": "http://127.0.0.1:1/operation"})

    client = partial(ApiClient, transport=httpx.MockTransport(answer))
    monkeypatch.setattr(finding, "ApiClient", client)


@pytest.mark.parametrize(
    ("words", "document"),
    [
        (["pause", SET, "--reason", "r"], PAUSE),
        (["resume", SET], STANDING),
        (["hold", "--reason", "r"], HOLD),
        (["release"], {"name": "freeze", "released": True}),
        (["approve", SET], UPGRADE),
        (["reject", SET, "--reason", "r"], UPGRADE),
        (["lift", SET, "2.0.0"], STANDING),
        (["upgrade", SET], UPGRADE),
        (["cancel", SET], UPGRADE),
        (["cancel", SET, "--revert"], UPGRADE),
        (["automatic", SET, "on"], STANDING),
        (["rollback", SET, "--reason", "r"], UPGRADE),
        (["keep", SET, "--for", "P7D", "--reason", "r"], KEPT),
        (["keep", SET, "--default"], RETENTION),
    ],
)
def test_a_program_reads_one_document(words: list[str], document: dict[str, Any], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*words, "--output", "json", "--data-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == document
    people = CliRunner().invoke(app, [*words, "--data-dir", str(tmp_path)])
    assert people.exit_code == 0
    assert people.stdout.strip()
    assert "{" not in people.stdout


def test_how_it_goes_on_is_told_beside_the_document(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def wait(_api: Any, _set: str, _accepted: Any, console: Any, *_: Any) -> int:
        console.print("batch 1")
        return 5

    monkeypatch.setattr("instar.client.sets.starting.wait", wait)
    for words in (["upgrade", SET], ["rollback", SET, "--reason", "r"]):
        done = CliRunner().invoke(app, [*words, "--wait", "--output", "json", "--data-dir", str(tmp_path)])
        assert done.exit_code == 5
        assert json.loads(done.stdout) == UPGRADE
        assert "batch 1" in done.stderr
