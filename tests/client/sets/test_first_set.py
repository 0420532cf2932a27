"""`instar init`, `upgrade` and `images publish`, also where the API says no."""

import io
import json
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from instar.cli.app import app
from instar.client import images
from instar.client.api_client import ApiClient
from instar.client.api_token import Login
from instar.client.sets import first_set, steering
from instar.client.sets.first_set import EXAMPLE, FirstSet, make
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.connection.settings import Settings
from instar.domain.images.images import ImageReference
from instar.errors import Trouble

LOGIN = Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION)
WISH = FirstSet("web", "demo", DEFAULT_SUBSCRIPTION)
HEALTHY = {"instanceView": {"vmHealth": {"status": {"code": "HealthState/healthy"}}}}


class There:
    """An API that answers so, and what it was sent."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.sent: list[tuple[str, str, Any]] = []

    def client(self) -> ApiClient:
        return ApiClient(LOGIN, transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        last = request.url.path.rsplit("/", 1)[-1]
        if last == "token":
            return httpx.Response(200, json={"access_token": "good"})
        if request.method != "GET":
            self.sent.append((request.method, last, json.loads(request.content or b"null")))
        answer = self.answers.get(f"{request.method}_{last}".replace(".", "_"), self.answers.get(last))
        if isinstance(answer, list) and answer and isinstance(answer[0], httpx.Response):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, httpx.Response):
            return answer
        if answer is None:
            return httpx.Response(404, json={"error": {"code": "ResourceNotFound", "message": "not there"}})
        return httpx.Response(200, json=answer)


def machine(**properties: Any) -> dict[str, Any]:
    on = {"storageProfile": {"imageReference": {"exactVersion": "1.0.0"}}}
    return {"properties": on | properties}


def made(there: There) -> list[str]:
    said: list[str] = []
    with there.client() as api:
        make(api, WISH, said.append, lambda _: None)
    return said


def test_machines_that_are_real_ones_are_left_alone() -> None:
    there = There()
    with pytest.raises(Trouble, match=r"no simulated ones: docs/libvirt\.md"):
        made(there)
    assert there.sent == []


def test_it_publishes_makes_and_waits_until_all_are_healthy() -> None:
    there = There(
        defaults={},
        POST_web={},
        PUT_web={},
        virtualMachines={"value": [machine(**HEALTHY)]},
        **{"1_0_0": {}, "PUT_1_0_0": {}},
    )
    there.answers["GET_web"] = None
    assert made(there) == [
        "published Canonical:UbuntuServer:18.04-LTS:1.0.0 in westeurope",
        "making scale set web of 20 simulated machines",
        "scale set web is there: 1 machine, 1 healthy; 1 on 1.0.0",
    ]
    assert [(method, last) for method, last, _ in there.sent] == [("PUT", "1.0.0"), ("PUT", "1.0.0"), ("PUT", "web")]
    assert there.sent[2][2] == json.loads(EXAMPLE.read_text())


def test_done_again_it_changes_nothing() -> None:
    there = There(defaults={}, web={"properties": {"provisioningState": "Succeeded"}}, virtualMachines={"value": []})
    assert made(there) == ["scale set web is there already, and was left as it is: no machines"]
    assert there.sent == []


def test_a_set_that_failed_is_asked_for_again_on_the_version_that_there_is() -> None:
    there = There(
        defaults={},
        web={"properties": {"provisioningState": "Failed"}},
        versions=[{"name": "0.9.0"}, {"name": "1.0.0"}],
        virtualMachines={"value": [machine(**HEALTHY)]},
    )
    assert made(there)[0] == "its image is published already: Canonical:UbuntuServer:18.04-LTS:1.0.0 in westeurope"
    assert [last for _, last, _ in there.sent] == ["web"]


def test_machines_that_stay_sick_are_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_set, "PATIENCE_SECONDS", 0)
    there = There(defaults={}, versions=[{"name": "1.0.0"}], PUT_web={}, virtualMachines={"value": [machine()]})
    with pytest.raises(Trouble, match=r"the set was made; after 0 s it has 1 machine, 0 healthy; .* status web"):
        made(there)


PLACE = images.Place(Settings(), LOGIN, DEFAULT_SUBSCRIPTION, "westeurope")
IMAGE = ImageReference(publisher="C", offer="W", sku="s", version="2.0.0")


def published(there: There, monkeypatch: pytest.MonkeyPatch, **how: Any) -> str:
    monkeypatch.setattr(images, "ApiClient", lambda _: there.client())
    console = Console(file=io.StringIO(), width=40)
    images.publish_simulated(PLACE, IMAGE, console, **how)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("how", "script", "said"),
    [
        ({}, [], "machines get healthy on it"),
        ({"sick": True}, "all", "no machine gets healthy on it"),
        ({"sick_on": ["9", "3"]}, ["3", "9"], "machine 9, 3 does not get healthy on it"),
    ],
)
def test_how_simulated_machines_are_is_said_before_they_can_have_it(
    how: dict[str, Any], script: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = There(defaults={}, PUT_2_0_0={})
    assert published(there, monkeypatch, **how) == f"published C:W:s:2.0.0 in westeurope: {said}\n"
    assert [body for _, _, body in there.sent] == [{"neverHealthy": script}, {"location": "westeurope"}]


def test_without_a_disk_real_machines_get_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    there = There()
    with pytest.raises(Trouble, match="name the disk of this version with --file FILE"):
        published(there, monkeypatch)
    assert there.sent == []


@pytest.mark.parametrize("given", ["all", "-1", "", "9,3", "\u0663"])
def test_what_is_no_id_of_a_machine_is_told(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Trouble, match="is no id of a machine: it is a number, as in --sick-on 9"):
        published(There(), monkeypatch, sick_on=[given])


def test_a_disk_and_a_script_do_not_go_together(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instar.cli.machines_cli.login_of", lambda *_: LOGIN)
    command = ["images", "publish", "C", "W", "s", "1.0.0", "--file", str(tmp_path), "--sick"]
    told = CliRunner().invoke(app, command)
    assert (told.exit_code, "which need no --file" in told.output) == (2, True)


ACCEPTED = httpx.Response(202, headers={"Azure-AsyncOperation": "http://127.0.0.1:1/operations/7"})
BEGAN = {"properties": {"runningStatus": {"startTime": "2026-05-01T10:00:00+00:00"}}}


def started(there: There) -> None:
    with there.client() as api:
        steering.start(api, WISH.resource_id, lambda _: None)


def test_a_start_returns_once_the_upgrade_is_there() -> None:
    began = httpx.Response(200, json=BEGAN)
    there = There(upgrade=ACCEPTED, latest=[httpx.Response(404), began], **{"7": {"status": "InProgress"}})
    started(there)
    # Whoever had one before sees the newer one; one that ends at once is no newer one.
    started(There(upgrade=ACCEPTED, latest=BEGAN, **{"7": {"status": "Succeeded"}}))


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ({"status": "Failed", "error": {"message": "no version of it"}}, "no upgrade was begun: no version of it"),
        ({"status": "Canceled"}, "no upgrade was begun: Canceled"),
        (
            {"status": "InProgress", "properties": {"waitsFor": "Temporal"}},
            "not begun after 0 s: it waits for Temporal",
        ),
        (
            {"status": "InProgress"},
            "not begun after 0 s: it waits for a worker, it seems",
        ),
    ],
)
def test_a_start_that_comes_to_nothing_says_why(
    operation: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "BEGIN_SECONDS", 0)
    with pytest.raises(Trouble, match=said):
        started(There(upgrade=ACCEPTED, **{"7": operation}))
