"""The guard of a page alone, as a process: for a page that is somewhere else."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from instar.stack.guard.links import FILE, Page
from instar.stack.guard.page_process import arguments
from instar.stack.guard.place import link_of
from instar.stack.ports import choose_ports

ROOT = Path(__file__).parents[3]


class ThePage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<p>the page</p>")


@contextmanager
def inner_page() -> Iterator[int]:
    """The port of what stands for Temporal's page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), ThePage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.processes
def test_it_guards_a_page_elsewhere_until_a_signal(tmp_path: Path) -> None:
    port = choose_ports({"page": 0})["page"]
    with inner_page() as inner:
        words = ["--port", str(port), "--published-port", "8233", "--of", f"http://127.0.0.1:{inner}/"]
        command = [sys.executable, "-P", "-m", "instar.stack.guard.page_process", *words]
        env = {"INSTAR_DATA_DIR": str(tmp_path / "data"), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE) as process:  # noqa: S603  # our own program
            until = time.monotonic() + 60
            while not (tmp_path / "data" / FILE).exists() or _answer(port, "x") is None:
                assert time.monotonic() < until
                time.sleep(0.1)
            page = Page.read(tmp_path / "data" / FILE)
            assert page.url.endswith(".localhost:8233"), "as browsers reach it"
            host = page.url.removeprefix("http://")
            refused = _answer(port, host)
            assert refused is not None
            assert refused.status_code == 401
            opened = httpx.get(
                link_of(tmp_path / "data").replace(page.url, f"http://127.0.0.1:{port}"),
                headers={"Host": host},
                trust_env=False,
            )
            cookie = opened.headers["set-cookie"].partition(";")[0]
            shown = httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": host, "Cookie": cookie}, trust_env=False)
            assert shown.text == "<p>the page</p>"
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def _answer(port: int, host: str) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", headers={"Host": host}, trust_env=False)
    except httpx.TransportError:
        return None


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--of", "nonsense"],
        ["--of", "ftp://x"],
        ["--of", "http://x", "--port", "0"],
        ["--of", "http://x", "--port", "70000"],
        ["--of", "http://x", "--published-port", "x"],
    ],
    ids=str,
)
def test_nonsense_is_refused_with_what_it_may_be(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments(words)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
