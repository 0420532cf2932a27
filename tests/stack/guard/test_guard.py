"""`instar up` as neighbours on the machine and pages of other sites find it (docs/security.md)."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig

from instar.connection.client import LOCAL_CONFIG
from instar.connection.settings import Settings
from instar.domain.sets.names import NAMESPACE
from instar.stack.guard.links import FILE, Page
from instar.stack.guard.place import link_of
from instar.stack.guard.server import OWN
from instar.stack.stack import KEPT, TemporalQuestions
from tests.support import running_up
from tests.support.servers import binary

pytestmark = pytest.mark.processes

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A data directory of a running `instar up`, and all that it printed."""
    directory = tmp_path_factory.mktemp("up") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSTAR_TEMPORAL_RETENTION", "P30D")
        with running_up.up(directory) as (_, told):
            yield directory, "".join(told)


def temporal(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Temporal's own program, with nothing of this process's environment that names a server."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    command = [binary("temporal"), *words]
    return subprocess.run(command, env=mine | env, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  # Temporal's own program


def test_its_own_configuration_file_lets_temporals_program_in_and_nothing_else_does(up: tuple[Path, str]) -> None:
    directory, told = up
    config = directory / LOCAL_CONFIG
    assert f"TEMPORAL_CONFIG_FILE={config}" in told
    listed = temporal("workflow", "list", TEMPORAL_CONFIG_FILE=str(config))
    assert listed.returncode == 0, listed.stderr
    address = re.search(r"localhost:\d+", config.read_text())
    assert address is not None
    for words in ((), ("--tls", "--tls-disable-host-verification")):
        refused = temporal("workflow", "list", "--disable-config-file", "--address", address[0], *words)
        assert refused.returncode != 0
        assert "failed connecting" in refused.stderr + refused.stdout


async def test_the_sdk_gets_in_by_the_same_file(up: tuple[Path, str]) -> None:
    config = ClientConfig.load_client_connect_config(config_file=str(up[0] / LOCAL_CONFIG))
    client = await Client.connect(**config)
    assert await client.service_client.check_health()


def test_the_server_itself_is_in_a_network_of_its_own_or_it_is_said_that_it_is_not(up: tuple[Path, str]) -> None:
    directory, told = up
    page = Page.read(directory / FILE)
    if not page.own_network:
        assert "NOT CLOSED" in told
        pytest.skip("this system gives nobody a network of his own")
    assert "NOT CLOSED" not in told
    listening = {line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]}
    guards = {f"0100007F:{urlsplit(page.url).port:04X}"}
    assert guards <= listening
    pid = _server_of(directory)
    inside = Path(f"/proc/{pid}/net/tcp").read_text()
    assert f"0100007F:{OWN.temporal:04X}" in inside
    assert Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


def _server_of(directory: Path) -> int:
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = status.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"start-dev" in words and str(directory / "temporal.db").encode() in words:
            return int(status.parent.name)
    raise AssertionError("there is no Temporal server")


def test_a_page_of_another_site_can_do_nothing(up: tuple[Path, str]) -> None:
    page = Page.read(up[0] / FILE)
    port = urlsplit(page.url).port
    begin = f"http://127.0.0.1:{port}/api/v1/namespaces/default/workflows/x"
    attacks = [
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Host": f"evil.example:{port}"},
        {"Host": urlsplit(page.url).netloc, "Origin": "http://evil.example"},
        {"Host": urlsplit(page.url).netloc, "Sec-Fetch-Site": "cross-site"},
        {"Host": urlsplit(page.url).netloc},
        {},
    ]
    for headers in attacks:
        for method in ("GET", "POST"):
            sent = httpx.request(
                method, begin, headers={"Content-Type": "text/plain"} | headers, content="{}", trust_env=False
            )
            assert sent.status_code in {401, 403}, (headers, sent.text)


async def test_the_http_port_of_the_server_answers_to_no_name_that_a_web_page_can_have(up: tuple[Path, str]) -> None:
    directory, _ = up
    pid = _server_of(directory)
    enter = shutil.which("nsenter")
    if not Page.read(directory / FILE).own_network or enter is None or os.getuid() != 0:
        pytest.skip("only root enters the server's network")
    url = f"http://127.0.0.1:{OWN.http}/api/v1/namespaces"
    command = [enter, "-t", str(pid), "-n", sys.executable, "-c", _ASK, url]
    for host in ("127.0.0.1", f"127.0.0.1:{OWN.http}", "localhost", "evil.example"):
        asked = await asyncio.to_thread(
            subprocess.run, [*command, host], capture_output=True, text=True, check=True, timeout=60
        )
        assert asked.stdout.strip() == "403"


_ASK = """
import sys, httpx
print(httpx.get(sys.argv[1], headers={"Host": sys.argv[2]}, trust_env=False).status_code)
"""


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_opens_the_page_with_the_link_and_not_without(up: tuple[Path, str], tmp_path: Path) -> None:
    directory, _ = up
    opened = _shown(link_of(directory), tmp_path)
    assert "Temporal's page is locked" not in opened
    assert "<title>" in opened
    assert "Workflows" in opened or "svelte" in opened
    assert "Temporal's page is locked" in _shown(Page.read(directory / FILE).url, tmp_path / "other")


def _shown(url: str, profile: Path) -> str:
    assert CHROMIUM is not None
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    command = [CHROMIUM, "--headless", "--no-sandbox", *quiet, "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=15000", "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout  # noqa: S603  # the browser


def test_the_server_keeps_what_has_ended_for_as_long_as_the_setting_says(up: tuple[Path, str]) -> None:
    fields = Settings.model_fields
    assert fields["audit_kept"].default == fields["temporal_retention"].default == KEPT
    assert _kept(up[0]) == f"{30 * 24 * 3600}s"


def test_a_server_that_keeps_it_for_another_time_is_told_and_believed_when_it_says_so(up: tuple[Path, str]) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    ask = TemporalQuestions(binary("temporal"), env | {"TEMPORAL_CONFIG_FILE": str(up[0] / LOCAL_CONFIG)})
    for kept in (timedelta(days=7), timedelta(days=36_500), KEPT):
        assert not ask.keeps_for(kept), "it is only being told"
        assert ask.keeps_for(kept)
        assert _kept(up[0]) == f"{kept.total_seconds():.0f}s"


def _kept(directory: Path) -> str:
    told = temporal(
        *("operator", "namespace", "describe", "--namespace", NAMESPACE, "--output", "json"),
        TEMPORAL_CONFIG_FILE=str(directory / LOCAL_CONFIG),
    )
    return str(json.loads(told.stdout)["config"]["workflowExecutionRetentionTtl"])
