import socket
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instar import ports
from instar.api_token import FILE, Login
from instar.cli import app
from instar.data_dir import claimed
from instar.ports import LOOPBACK

runner = CliRunner()


@pytest.mark.parametrize("command", ["up", "demo", "status", "watch", "credentials", "audit", "token", "certificates"])
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
    (tmp_path / FILE).write_text(Login("http://127.0.0.1:1", "t", "me", "secret", "s").text())
    told = runner.invoke(app, ["watch", "web", "--data-dir", str(tmp_path), "--api", "http://127.0.0.1:1"])
    assert told.exit_code == 1
    assert "no API answers at http://127.0.0.1:1" in told.output
    assert "Traceback" not in told.output
