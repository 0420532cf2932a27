"""What others write steers no terminal: whatever a command prints of it is printable, on the line where it belongs."""

import ast
import io
import json
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from instar.cli import status as standing
from instar.cli.app import app
from instar.client import adopt, follow, images
from instar.client.api_client import ApiClient, ApiRefused
from instar.client.api_token import FILE, Login
from instar.client.follow import Source
from instar.client.origins import Origins
from instar.client.showing.screens import Lines, LiveScreen
from instar.client.showing.upgrade_view import upgrade_view
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.compute.clock import utc_now
from instar.connection.settings import Settings
from instar.domain.access import ROOT, Grant, Role
from instar.domain.images.images import ImageReference
from instar.errors import Trouble
from instar.stack.up import say
from instar.store.audit import Entry
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.cli.test_reconcile import TOLD as RECONCILED
from tests.cli.test_status import SET
from tests.cli.test_status import TOLD as STANDING
from tests.client.showing.answers import MACHINE, UPGRADE, WEB
from tests.client.test_watch import ENDED
from tests.support.house import ROOT as HOUSE

LOGIN = Login("http://127.0.0.1:1", "tenant", "me", "secret", DEFAULT_SUBSCRIPTION)
EVIL = "\x1b[8m\x1b]0;t\x07\x9b8m\u202e\u2066\r\n[bold red]"
"""Hides, names the window, hides in one character, turns round, begins a line anew, and is markup."""

runner = CliRunner()


def planted(value: Any) -> Any:
    """The same with something evil in each text."""
    if isinstance(value, dict):
        return {key: planted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [planted(inner) for inner in value]
    return f"{value}{EVIL}" if isinstance(value, str) else value


def is_harmless(output: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in output)


def assert_harmless(output: str, evil: int = 1) -> None:
    """Printable, and what was planted is there to be read, at least so often."""
    assert is_harmless(output), output
    assert output.count("\\x1b[8m\\x1b]0;t\\x07\\x9b8m\\u202e\\u2066\\r") >= evil, output
    assert output.count("[bold red]") >= evil


@pytest.fixture
def logged_in(tmp_path: Path) -> list[str]:
    (tmp_path / FILE).write_text(LOGIN.text())
    return ["--data-dir", str(tmp_path)]


def answering(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> None:
    def get(_self: ApiClient, path: str, **_query: str) -> Any:
        return answers[path]

    monkeypatch.setattr(ApiClient, "get", get)


def test_status(logged_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told = planted(STANDING | {"held": "held", "waitsFor": "it", "waitsSince": "then"})
    running = planted({"storageProfile": {"imageReference": {"exactVersion": "1.0.0"}}})
    answers = {
        SET: {"id": SET, "properties": {"provisioningState": planted("Updating")}},
        f"{SET}/instar/automaticOSUpgrades": {"properties": told},
        f"{SET}/virtualMachines?$expand=instanceView": {"value": [{"properties": running}]},
        f"{SET}/rollingUpgrades/latest": {"properties": {"forecast": {"told": planted("2 of 5 done")}}},
    }
    answering(monkeypatch, answers)
    output = runner.invoke(app, ["status", SET, *logged_in])
    assert output.exit_code == 0
    assert_harmless(output.output, 11)
    advised = standing.advice(told, "Updating", "", standing.Ways(SET, str))
    assert len(output.output.splitlines()) == len(standing.lines(told)) + len(advised) + len(
        ("machines", "upgrade", "state")
    )


def test_reconcile(logged_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, {SET: {"id": SET}})
    told = httpx.Response(200, json=planted(RECONCILED))
    monkeypatch.setattr(ApiClient, "send", lambda *_: told)
    output = runner.invoke(app, ["reconcile", SET, *logged_in])
    assert output.exit_code == 0
    assert_harmless(output.output, 6)


def evil_upgrade() -> dict[str, Any]:
    properties = ENDED["properties"]
    told = [one | {key: planted(one[key]) for key in ("time", "action", "reason")} for one in properties["decisions"]]
    machines = {key: one | {"reason": planted(one["reason"])} for key, one in properties["instances"].items()}
    error = {"message": planted("ended")}
    return {"properties": properties | {"decisions": told, "instances": machines, "error": error}}


def test_watch(logged_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {f"{SET}/rollingUpgrades/latest": evil_upgrade(), f"{SET}/instar/upgrades/latest": planted(UPGRADE)}
    answering(monkeypatch, {SET: {"id": SET}, **answers})
    output = runner.invoke(app, ["watch", SET, *logged_in])
    assert output.exit_code == 0
    assert_harmless(output.output, 4)
    assert len(output.output.splitlines()) == 6


def test_watch_on_a_terminal() -> None:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=400, height=100, color_system=None)
    screen = LiveScreen(f"web{EVIL}", console)
    with screen.context:
        screen.say(planted("the API is away"))
        screen._live.refresh()
        screen.show(upgrade_view(evil_upgrade()))
    output = shown.getvalue()
    assert "\x1b[8m" not in output
    assert not set(output) & set("\x07\x9b\u202e\u2066")
    assert output.count("\\x1b[8m\\x1b]0;t\\x07\\x9b8m\\u202e\\u2066\\r\\n[bold red]") >= 8


def test_list(logged_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    everything = "/instar/scaleSets?scope=%2F&%24top=500&%24expand=versions"
    answering(monkeypatch, {everything: {"value": [planted(WEB)]}})
    output = runner.invoke(app, ["list", *logged_in], env={"COLUMNS": "900"})
    assert output.exit_code == 0, output.output
    assert is_harmless(output.output)
    assert "web\\x1b[8m" in output.output


def test_history(logged_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        f"{SET}/instar/upgrades": {"value": [planted(UPGRADE)]},
        f"{SET}/instar/upgrades/3": planted(UPGRADE),
    }
    answering(monkeypatch, {SET: {"id": SET}, **answers})
    for more in ([], ["--number", "3"]):
        output = runner.invoke(app, ["history", SET, *more, *logged_in], env={"COLUMNS": "900"})
        assert output.exit_code == 0, output.output
        assert is_harmless(output.output)
        assert "limit 10 %\\x1b[8m" in output.output


def test_show(logged_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told = planted(WEB) | {"id": SET}
    answers = {
        SET: {"id": SET},
        f"/instar/scaleSets?{urlencode({'scope': SET, '$top': 500})}": {"value": [told]},
        f"{SET}/instar/upgrades/latest": planted(UPGRADE),
        f"{SET}/instar/automaticOSUpgrades": {"properties": planted(STANDING)},
        f"{SET}/virtualMachines?$expand=instanceView": {"value": [planted(MACHINE)]},
    }
    answering(monkeypatch, answers)
    policy = httpx.Response(200, json={"properties": planted({"bake": "PT1M"})})
    monkeypatch.setattr(ApiClient, "send", lambda *_: policy)
    output = runner.invoke(app, ["show", SET, *logged_in], env={"COLUMNS": "900"})
    assert output.exit_code == 0, output.output
    assert is_harmless(output.output)
    assert output.output.count("\\x1b[8m") > 15


def test_lines_beside_an_upgrade() -> None:
    shown = io.StringIO()
    Lines("web", Console(file=shown)).say(planted("the API is away"))
    assert_harmless(shown.getvalue())


def test_what_is_wrong_is_told_harmlessly(logged_in: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    above = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachineScaleSets"
    answering(monkeypatch, {above: {"value": [{"id": f"{SET}{EVIL}"}]}})
    output = runner.invoke(app, ["status", "other", *logged_in])
    assert output.exit_code == 1
    assert_harmless(output.output)


def test_what_the_api_refuses_with_is_on_one_line() -> None:
    error = {"error": {"code": f"No{EVIL}", "message": f"never\nready{EVIL}"}}
    told = {"access_token": "good"}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=told) if "/oauth2/" in request.url.path else httpx.Response(409, json=error)

    with ApiClient(LOGIN, httpx.MockTransport(answer)) as api, pytest.raises(ApiRefused) as refused:
        api.send("PUT", SET, {})
    assert_harmless(str(refused.value), 2)
    assert str(refused.value).isprintable()


@pytest.fixture
def store_dir(tmp_path: Path) -> Path:
    """A data directory whose store holds what nobody's door let in: written by an older release, or by hand."""
    settings = Settings(data_dir=tmp_path)
    with closing(Store.open(settings.store_url, Sealer.from_file(settings.keys))) as store:
        evil = f"x{EVIL}"
        store.audit.add(Entry(utc_now(), evil, evil, evil, evil, 200, evil))
        store.credentials.create(f"x{EVIL}", Grant(Role.READER, ROOT), utc_now())
    return tmp_path


@pytest.mark.parametrize("command", [["audit"], ["credentials", "list"]])
def test_tables(command: list[str], store_dir: Path) -> None:
    output = runner.invoke(app, [*command, "--data-dir", str(store_dir)], env={"COLUMNS": "4000"})
    assert output.exit_code == 0
    assert_harmless(output.output)
    as_json = runner.invoke(app, [*command, "--data-dir", str(store_dir), "--output", "json"])
    assert is_harmless(as_json.output)
    assert f"x{EVIL}" in json.loads(as_json.output)[0].values()


def test_a_client_that_several_share_a_name_with(store_dir: Path) -> None:
    output = runner.invoke(app, ["credentials", "revoke", f"y{EVIL}", "--data-dir", str(store_dir)])
    assert output.exit_code == 1
    assert is_harmless(output.output)


def test_a_backup_of_an_evil_name(tmp_path: Path) -> None:
    folder = tmp_path / "backup\x1b[8m"
    folder.mkdir()
    output = runner.invoke(app, ["restore", str(folder), "--data-dir", str(tmp_path / "data")])
    assert output.exit_code == 1
    assert is_harmless(output.output)
    assert "backup\\x1b[8m" in output.output


def test_domains_that_could_be_adopted() -> None:
    candidate = SimpleNamespace(
        **dict.fromkeys(("name", "os_target", "os_disk", "os_format"), f"x{EVIL}"),
        data_disks=[(f"vdb{EVIL}", f"y{EVIL}")],
        refusals=[f"no{EVIL}"],
    )
    shown = io.StringIO()
    Console(file=shown, width=2000).print(adopt.table([candidate]))
    assert_harmless(shown.getvalue().replace("━", "").replace("│", ""), 7)


def test_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=2000)
    place = images.Place(Settings(data_dir=tmp_path), LOGIN, DEFAULT_SUBSCRIPTION, f"here{EVIL}")

    def troubled(*_: object) -> None:
        raise Trouble(planted("no index"))

    def enough(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(follow, "take_newest", troubled)
    monkeypatch.setattr(time, "sleep", enough)
    with pytest.raises(KeyboardInterrupt):
        follow.follow(place, Source(Origins.of("https://mirror"), None, frozenset(), "amd64"), 1.0, console)
    assert_harmless(shown.getvalue())
    disk = tmp_path / "disk"
    disk.write_bytes(b"x")

    class Opened:
        def __enter__(self) -> tuple[None, None]:
            return None, None

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(images, "hypervisor", lambda _: Opened())
    monkeypatch.setattr(images, "_uploaded", lambda *_: "0" * 64)
    monkeypatch.setattr(images, "register", lambda *_: None)
    images.publish(place, ImageReference(publisher="p", offer=f"o{EVIL}", sku="s", version="1"), disk, console)
    assert_harmless(shown.getvalue(), 3)


def test_lines_of_instar_up(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"the end of its log:{EVIL.replace(chr(13), '')}")
    output = capsys.readouterr().out
    assert is_harmless(output)
    assert "\\x1b[8m" in output


ROOMS = (
    "instar/cli",
    "instar/cli/fleet",
    "instar/cli/kept",
    "instar/cli/showing",
    "instar/client",
    "instar/client/sets",
    "instar/client/showing",
    "instar/doctor",
    "instar/stack",
)
DRAWN = {
    "table": "its cells are legible",
    "picture": "its texts are legible",
    "upgrades_table": "its texts are legible",
    "time_line": "its texts are legible",
    "in_columns": "its texts are legible",
    "audit_table": "its texts are legible",
    "made.text": "JSON in ASCII, made here",
    "json.dumps": "JSON in ASCII",
}
SAYS = ("print", "echo")


def prints() -> list[tuple[str, ast.Call]]:
    files = [path for room in ROOMS for path in sorted((HOUSE / room).glob("*.py"))] + [HOUSE / "instar/errors.py"]
    return [
        (f"{path.relative_to(HOUSE)}:{node.lineno}", node)
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SAYS
    ]


def test_every_print_of_a_command_goes_through_the_one_door() -> None:
    def is_safe(what: ast.expr) -> bool:
        words = ast.unparse(what)
        numbers_alone = isinstance(what, ast.JoinedStr) and "len(" in words and "name" not in words
        return (
            isinstance(what, ast.Constant) or "legible_line" in words or words.startswith(tuple(DRAWN)) or numbers_alone
        )

    assert len(prints()) > 15
    assert [where for where, call in prints() if not all(is_safe(what) for what in call.args)] == []
