import socket
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instar.cli.app import app
from instar.client.api_token import FILE, Login
from instar.stack import ports
from instar.stack.data_dir import claimed
from instar.stack.ports import LOOPBACK

runner = CliRunner()


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "init",
        "upgrade",
        "cancel",
        "automatic",
        "demo",
        "demo-libvirt",
        "status",
        "watch",
        "list",
        "show",
        "history",
        "lift",
        "images",
        "adopt",
        "credentials",
        "audit",
        "token",
        "page",
        "certificates",
        "webhooks",
    ],
)
def test_every_command_has_help(command: str) -> None:
    told = runner.invoke(app, [command, "--help"])
    assert told.exit_code == 0
    assert command in runner.invoke(app, ["--help"]).output


def test_up_names_a_taken_port_and_its_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "GRACE_SECONDS", 0.1)
    with closing(socket.create_server((LOOPBACK, 0))) as taken:
        port = taken.getsockname()[1]
        told = runner.invoke(app, ["up", "--data-dir", str(tmp_path), "--temporal-port", str(port)])
    assert told.exit_code == 1
    assert f"port {port} is taken; choose another with --temporal-port N" in told.output


def test_up_refuses_a_directory_in_use(tmp_path: Path) -> None:
    with claimed(tmp_path):
        told = runner.invoke(app, ["up", "--data-dir", str(tmp_path), "--api-port", "0"])
    assert told.exit_code == 1
    assert "used by another instar" in told.output


def test_watch_tells_that_no_api_is_there(tmp_path: Path) -> None:
    told = runner.invoke(app, ["watch", "web", "--data-dir", str(tmp_path)])
    assert told.exit_code == 1
    assert "there are no credentials" in told.output
    told = runner.invoke(app, ["watch", "web", *logged_in(tmp_path), "--api", "http://127.0.0.1:1"])
    assert told.exit_code == 1
    assert "no API answers at http://127.0.0.1:1" in told.output
    assert "Traceback" not in told.output


def logged_in(directory: Path) -> list[str]:
    """Options that name credentials, which nobody asks for."""
    (directory / FILE).write_text(Login("http://127.0.0.1:1", "t", "me", "secret", "s").text())
    return ["--data-dir", str(directory)]


def publish(version: str, file: Path) -> str:
    command = ["images", "publish", "Contoso", "Web", "server", version, "--file", str(file)]
    told = runner.invoke(app, [*command, *logged_in(file.parent)])
    assert told.exit_code == 1
    assert "Traceback" not in told.output
    return told.output


def test_what_cannot_be_published_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    assert "'latest' is no image version" in publish("latest", tmp_path / "disk.qcow2")
    assert f"there is no file {tmp_path / 'disk.qcow2'}" in publish("1.0.0", tmp_path / "disk.qcow2")


@pytest.mark.parametrize(
    "command", [("demo-libvirt",), ("images", "follow", "https://127.0.0.1:1", "--release", "22.04")]
)
def test_without_libvirt_a_command_says_what_to_install(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("instar.cli.app", "instar.client.images"):
        monkeypatch.setattr(f"{module}.find_spec", lambda _: None)
    options = logged_in(tmp_path) if command[0] == "images" else []
    told = runner.invoke(app, [*command, *options])
    assert told.exit_code == 1
    assert "Traceback" not in told.output
    expected = "cannot read" if command[0] == "images" else "pip install 'instar[libvirt]'"
    assert expected in told.output
