from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from instar.cli import status as standing
from instar.cli.app import app
from instar.cli.status import Ways, advice, lines, status
from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.client.watch import DEFAULT_SUBSCRIPTION

SET = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/web"
QUARANTINE = [
    {
        "version": "1.3",
        "wholeSet": True,
        "since": "now",
        "upgrade": 7,
        "reason": "stopped: [5] of 20",
        "instances": "0-1",
    },
    {"version": "1.2", "wholeSet": False, "instances": "5"},
]
TOLD: dict[str, Any] = {
    "enabled": True,
    "firstTriggerAt": "2026-03-01T12:00:00+00:00",
    "lastLook": {"at": "2026-03-02T12:00:00+00:00", "outcome": "nothing newer than 1.2"},
    "nextLookAt": "2026-03-02T12:40:00+00:00",
    "quarantine": QUARANTINE,
}


def test_p17_it_says_what_the_last_look_came_to_when_the_next_is_and_what_is_quarantined() -> None:
    assert lines(TOLD) == [
        "automatic upgrades   on",
        "last look            2026-03-02T12:00:00+00:00",
        "                     nothing newer than 1.2",
        "next look            2026-03-02T12:40:00+00:00",
        "quarantined          1.3 since upgrade 7: stopped: [5] of 20",
        "not offered again    1.3 to instances 0-1",
        "not offered again    1.2 to instances 5",
    ]


def test_t1_before_the_first_look_it_names_the_deadline() -> None:
    told = {"enabled": True, "firstTriggerAt": "2026-03-01T12:00:00+00:00", "quarantine": []}
    assert lines(told)[1] == "first upgrade        not before 2026-03-01T12:00:00+00:00"


def test_f10_it_says_what_the_set_waits_for_and_since_when() -> None:
    told = {"enabled": False, "waitsFor": "swap: too many calls", "waitsSince": "2026-03-01T12:00:00+00:00"}
    assert lines(told | {"quarantine": []})[1:] == [
        "waits since          2026-03-01T12:00:00+00:00",
        "                     swap: too many calls",
    ]


WAYS = Ways(SET, "instar {}".format)
LOGIN = Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION)


def test_the_command_prints_it_word_for_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE).write_text(LOGIN.text())
    answers = {
        SET: {"id": SET, "properties": {"provisioningState": "Succeeded"}},
        f"{SET}/instar/automaticOSUpgrades": {"properties": TOLD},
        f"{SET}/virtualMachines?$expand=instanceView": {"value": []},
        f"{SET}/rollingUpgrades/latest": {"properties": {"forecast": {"told": "2 of 5 batches done in 6 minutes"}}},
    }
    monkeypatch.setattr(ApiClient, "get", lambda _self, path, **_query: answers[path])
    told = CliRunner().invoke(app, ["status", SET, "--data-dir", str(tmp_path)])
    assert told.exit_code == 0
    assert "stopped: [5] of 20" in told.output
    assert "upgrade              2 of 5 batches done in 6 minutes" in told.output, "C6"


def test_it_asks_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/tenant/oauth2/v2.0/token":
            return httpx.Response(200, json={"access_token": "good"})
        assert request.headers["Authorization"] == "Bearer good"
        return httpx.Response(
            200, json={"id": SET, "value": [], "properties": TOLD | {"provisioningState": "Succeeded"}}
        )

    monkeypatch.setattr(standing, "ApiClient", partial(ApiClient, transport=httpx.MockTransport(answer)))
    console = Console(file=StringIO())
    standing.status(WAYS, LOGIN, DEFAULT_SUBSCRIPTION, "", console)
    assert isinstance(console.file, StringIO)
    assert "nothing newer than 1.2" in console.file.getvalue()


def test_it_tells_that_no_api_or_no_credentials_are_there(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["status", "web", "--data-dir", str(tmp_path)])
    assert told.exit_code == 1
    assert "there are no credentials" in told.output
    (tmp_path / FILE).write_text(LOGIN.text())
    told = CliRunner().invoke(app, ["status", "web", "--data-dir", str(tmp_path), "--api", "http://127.0.0.1:1"])
    assert told.exit_code == 1
    assert "no API answers at http://127.0.0.1:1" in told.output


WEB = Ways("web", "instar {}".format)
OFF: dict[str, Any] = {"enabled": False, "quarantine": []}


@pytest.mark.parametrize(
    ("told", "state", "missing", "said"),
    [
        (
            OFF,
            "Succeeded",
            "",
            [
                "what to do           instar upgrade web starts an upgrade to the newest version by hand",
                "                     instar automatic web on lets upgrades begin by themselves",
            ],
        ),
        (OFF, "Failed", "publish one", ["what to do           publish one"]),
        (
            OFF,
            "Failed",
            "",
            ["what to do           the last request about this set failed: send it again, its operation says why"],
        ),
        (
            TOLD,
            "Succeeded",
            "",
            [
                "what to do           publish a newer version: that one is tried",
                "                     instar lift",
            ],
        ),
        (
            OFF | {"held": "the records are older"},
            "Succeeded",
            "",
            ["what to do           instar reconcile web shows what its machines know and its records do not"],
        ),
    ],
)
def test_it_says_what_to_do(told: dict[str, Any], state: str, missing: str, said: list[str]) -> None:
    advised = advice(told, state, missing, WEB)
    assert [line[: len(wanted)] for line, wanted in zip(advised, said, strict=True)] == said


@pytest.mark.parametrize(("offered", "advised"), [(None, True), ([], True), ([{"name": "1.0.0"}], False)])
def test_a_set_that_failed_for_want_of_an_image_is_told_so(
    offered: list[dict[str, str]] | None, *, advised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = {"publisher": "C", "offer": "W", "sku": "s", "version": "latest"}
    model = {
        "id": SET,
        "location": "westeurope",
        "properties": {
            "provisioningState": "Failed",
            "virtualMachineProfile": {"storageProfile": {"imageReference": image}},
        },
    }

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "good"})
        if path.endswith("/publishers/C/artifacttypes/vmimage/offers/W/skus/s/versions"):
            assert "/locations/westeurope/" in path
            return httpx.Response(404, json={}) if offered is None else httpx.Response(200, json=offered)
        if path.endswith("/virtualMachines"):
            return httpx.Response(200, json={"value": []})
        return httpx.Response(200, json=model if path == SET else {"properties": OFF})

    monkeypatch.setattr(standing, "ApiClient", partial(ApiClient, transport=httpx.MockTransport(answer)))
    console = Console(file=StringIO())
    status(WAYS, LOGIN, DEFAULT_SUBSCRIPTION, "", console)
    assert isinstance(console.file, StringIO)
    said = console.file.getvalue()
    assert "state                Failed" in said
    sentence = "(`instar images publish C W s VERSION --location westeurope`), then send the request again"
    assert (sentence in said) is advised


def test_g3_who_is_waited_for_is_told_and_a_set_that_is_busy_is_not_to_be_upgraded() -> None:
    off: dict[str, Any] = {"enabled": False, "quarantine": []}
    waiting = advice(
        off | {"approval": {"gate": "first", "since": "then"}}, "Updating", "", Ways("web", "instar {}".format)
    )
    assert waiting == ["what to do           instar approve web lets its upgrade go on, reject ends it"]
    assert advice(off, "Updating", "", Ways("web", str)) == []
    assert len(advice(off, "Succeeded", "", Ways("web", str))) == 2
