# ruff: noqa: S603  # our own program
"""Ctrl-C at any moment: no traceback, the status of a shell for it, and nothing is left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from instar.client.api_token import FILE, Login

pytestmark = pytest.mark.processes

INSTAR = Path(sys.executable).parent / "instar"


def started(folder: Path, command: str) -> subprocess.Popen[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("INSTAR_")}
    return subprocess.Popen(
        [INSTAR, *command.split()],
        cwd=folder,
        env=env | {"TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def interrupted(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


@pytest.mark.parametrize(
    "command", ["up", "demo", "status web", "watch web", "backup there", "images publish a b c 1.0"]
)
def test_while_modules_are_read(tmp_path: Path, command: str) -> None:
    process = started(tmp_path, command)
    maps = Path(f"/proc/{process.pid}/maps")
    if not maps.exists():
        pytest.skip("this system does not tell what a process has loaded")
    until = time.monotonic() + 60
    while "pydantic_core" not in maps.read_text():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.002)
    assert interrupted(process) == (130, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["status web", "watch web", "list", "show web", "history web", "token"])
def test_while_an_answer_is_waited_for(tmp_path: Path, command: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        login = Login(f"http://127.0.0.1:{silent.getsockname()[1]}", "t", "me", "secret", "s")
        (tmp_path / FILE).write_text(login.text())
        process = started(tmp_path, f"{command} --data-dir {tmp_path}")
        silent.settimeout(60)
        with closing(silent.accept()[0]):
            assert interrupted(process) == (130, "")


def test_up_while_it_starts(tmp_path: Path) -> None:
    process = started(tmp_path, "up --data-dir d --api-port 0 --temporal-port 0 --ui-port 0")
    assert process.stdout
    assert process.stdout.readline().startswith("starting Temporal")
    status, said = interrupted(process)
    assert (status, said) == (130, "SIGINT: stopping API, worker and Temporal\n")


def test_whoever_is_started_with_it_switched_off_keeps_it_so(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        login = Login(f"http://127.0.0.1:{silent.getsockname()[1]}", "t", "me", "secret", "s")
        (tmp_path / FILE).write_text(login.text())
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process = started(tmp_path, f"status web --data-dir {tmp_path}")
        finally:
            signal.signal(signal.SIGINT, before)
        silent.settimeout(60)
        with closing(silent.accept()[0]):
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            assert process.poll() is None
            process.terminate()
            process.communicate(timeout=60)
