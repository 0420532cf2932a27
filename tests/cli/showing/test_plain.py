# ruff: noqa: S603  # our own program
"""Plain text wherever nobody looks at a terminal that draws; a terminal that is left as it was found."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from instar.client.api_token import FILE, Login
from instar.client.showing import terminal
from tests.cli.test_interrupted import INSTAR
from tests.client.showing.test_board import UPGRADING

pytestmark = pytest.mark.processes


class _Api(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self) -> None:
        body = json.dumps({"access_token": "good", "value": [UPGRADING], "properties": {}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815  # the library's names


@pytest.fixture
def logged_in(tmp_path: Path) -> Iterator[list[str]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / FILE).write_text(Login(f"http://127.0.0.1:{server.server_port}", "t", "me", "s", "s").text())
        yield ["--data-dir", str(tmp_path)]
        server.shutdown()


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, words: list[str], **environment: str) -> None:
        self._ours, theirs = pty.openpty()
        env = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR", "FORCE_COLOR"}}
        size = {"COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
        self.process = subprocess.Popen(
            [INSTAR, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=env | size | environment
        )
        os.close(theirs)
        self.shown = ""

    def until(self, words: str) -> None:
        """Read on until it has said that, or has ended."""
        give_up_at = time.monotonic() + 60
        with suppress(OSError):  # the terminal is gone with its program
            while words not in self.shown and time.monotonic() < give_up_at:
                if not (read := os.read(self._ours, 65_536)):
                    return
                self.shown += read.decode()

    def close(self) -> None:
        """Whatever happens."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


def test_ctrl_c_leaves_the_terminal_whole(logged_in: list[str]) -> None:
    with closing(Terminal(["watch", "--all", *logged_in])) as watching:
        watching.until("up  #####")
        assert "\x1b[?25l" in watching.shown, "it draws"
        watching.process.send_signal(signal.SIGINT)
        watching.until("no such words")
        assert watching.process.wait(60) == 130
    assert watching.shown.rindex("\x1b[?25h") > watching.shown.rindex("\x1b[?25l"), "the cursor is there again"
    assert "Traceback" not in watching.shown


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}])
def test_no_escape_code_where_none_is_wanted(logged_in: list[str], environment: dict[str, str]) -> None:
    with closing(Terminal(["watch", "--all", "--timeout", "1", *logged_in], **environment)) as watching:
        watching.until("no such words")
        assert watching.process.wait(60) == 0
    assert "\x1b" not in watching.shown
    assert "up: upgrading #####....." in watching.shown


@pytest.mark.parametrize("words", [["list"], ["watch", "--all", "--timeout", "0"]])
def test_a_pipe_gets_plain_text(logged_in: list[str], words: list[str]) -> None:
    done = subprocess.run([INSTAR, *words, *logged_in], capture_output=True, text=True, timeout=60, check=True)
    assert "\x1b" not in done.stdout + done.stderr
    assert "up" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_a_console_says_what_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert terminal.console().is_terminal
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.console().is_terminal
    assert terminal.console().color_system is None
