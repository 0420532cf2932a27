"""A running Instar with https, and the clients that `make test-clients` installed, each in its own environment."""

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from instar.client.api_client import ApiClient
from instar.client.api_token import FILE, Login
from instar.client.watch import DEFAULT_SUBSCRIPTION

collect_ignore_glob = ["scenarios/*"]
"""Run by the clients' own interpreters."""

INSTAR = Path(sys.executable).parent / "instar"
INSTALLED = Path(__file__).parents[2] / ".clients"
"""Where `make test-clients` puts them."""

HERE = Path(__file__).parent

OLD, NEW = "18.04.202401161", "18.04.202406031"
SLOW = "18.04.202407011"
"""On this one machines boot for an hour: an upgrade to it lasts."""

VERSIONS = (
    f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/publishers/Canonical"
    "/artifacttypes/vmimage/offers/UbuntuServer/skus/18.04-LTS/versions"
)
MADE_SECONDS = 60
MODEL = json.loads((Path(__file__).parents[2] / "examples" / "web.vmss.json").read_text())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:  # those of the whole run
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.clients)


@dataclass(frozen=True)
class Site:
    """Instar as its owner sees it."""

    login: Login
    directory: Path

    def group(self, name: str) -> str:
        """The id of a resource group."""
        return f"/subscriptions/{self.login.subscriptionId}/resourceGroups/{name}"

    def publish(self, version: str) -> None:
        with ApiClient(self.login) as api:
            api.send("PUT", f"{VERSIONS}/{version}", {"location": "westeurope"})

    def make(self, path: str, document: dict[str, Any]) -> None:
        """A resource by its id, as its owner's own client makes it, to the end."""
        with ApiClient(self.login) as api:
            api.finish(api.send("PUT", path, document), time.sleep, MADE_SECONDS)

    def withdraw(self, version: str) -> None:
        with ApiClient(self.login) as api:
            api.send("DELETE", f"{VERSIONS}/{version}")

    @contextmanager
    def slow_version(self) -> Iterator[None]:
        """The newest version is the slow one: an upgrade to it lasts."""
        self.publish(SLOW)
        try:
            yield
        finally:
            self.withdraw(SLOW)

    def direct(self, what: str, script: dict[str, Any]) -> None:
        """Say how the simulated machines behave."""
        trusting = ssl.create_default_context(cafile=self.login.caFile)
        with ApiClient(self.login) as api, httpx.Client(verify=trusting, trust_env=False) as http:
            headers = {"Authorization": f"Bearer {api.token()}"}
            answer = http.put(f"{self.login.endpoint}/instar/simulated/{what}", json=script, headers=headers)
            assert answer.is_success, answer.text

    @property
    def env(self) -> dict[str, str]:
        """What every client is told, by the environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PYTHON"))}
        return kept | {
            "INSTAR_LOGIN": str(self.directory / FILE),
            "REQUESTS_CA_BUNDLE": self.login.caFile,
            "NODE_EXTRA_CA_CERTS": self.login.caFile,
        }


@contextmanager
def running(directory: Path, **settings: str) -> Iterator[Site]:
    """Instar with https, its machines quick; `settings` are of its environment."""
    ports = ["--api-port", "0", "--temporal-port", "0", "--ui-port", "0"]
    command = [str(INSTAR), "up", "--tls", "--data-dir", str(directory), *ports]
    quick = {"INSTAR_DELAYS__REPLICATION": "PT1S"} | settings
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | quick
    ) as process:
        assert process.stdout is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("ready "):
                    break
            assert said[-1].startswith("ready https://localhost:"), "".join(said)
            made = Site(Login.read(directory / FILE), directory)
            made.direct("defaults", {"swap": "PT0.3S", "boot": "PT0.5S"})
            made.direct(f"versions/Canonical/UbuntuServer/18.04-LTS/{SLOW}", {"boot": "PT1H"})
            made.publish(OLD)
            yield made
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("instar")) as made:
        yield made


def run(
    site: Site, command: list[str], env: dict[str, str] | None = None, seconds: float = 280
) -> subprocess.CompletedProcess[str]:
    """Run a client; what it said is in the assertion if something fails."""
    given = site.env | (env or {})
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603


def told(site: Site, command: list[str]) -> Any:
    """The JSON that a client printed last."""
    done = run(site, command)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def installed(path: str) -> str:
    """A client's program. Fails where it is not installed: a test of it that is left out shows nothing."""
    program = INSTALLED / path
    assert program.exists(), f"{program} is missing: run make test-clients"
    return str(program)


Az = Callable[..., Any]


def logged_in(site: Site, folder: Path, program: str = "az/bin/az") -> Az:
    """`az`, logged in, with a configuration of its own. Gives the JSON that a command printed, otherwise its errors."""
    az = installed(program)
    env = {
        "AZURE_CONFIG_DIR": str(folder),
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
        "AZURE_CORE_COLLECT_TELEMETRY": "false",
        "AZURE_CORE_SURVEY_MESSAGE": "false",
    }

    def ask(*words: str, status: int = 0) -> Any:
        done = run(site, [az, *words, "--output", "json"], env)
        assert done.returncode == status, f"az {' '.join(words)}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else done.stderr

    login = site.login
    ask("cloud", "register", "--name", "instar", "--endpoint-resource-manager", login.endpoint)
    ask("cloud", "set", "--name", "instar")
    secret = ("-u", login.clientId, "-p", login.clientSecret, "--tenant", login.tenantId)
    [account] = ask("login", "--service-principal", *secret)
    assert account["state"] == "Enabled"
    return ask


@pytest.fixture(scope="session")
def az(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Az:
    return logged_in(site, tmp_path_factory.mktemp("az"))
