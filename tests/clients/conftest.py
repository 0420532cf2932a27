"""A running Instar with https, and the clients that `make test-clients` installed, each in its own environment."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from instar.api_client import ApiClient
from instar.api_token import FILE, Login
from instar.watch import DEFAULT_SUBSCRIPTION

collect_ignore_glob = ["scenarios/*"]
"""Run by the clients' own interpreters."""

INSTAR = Path(sys.executable).parent / "instar"
INSTALLED = Path(__file__).parents[2] / ".clients"
"""Where `make test-clients` puts them."""

HERE = Path(__file__).parent

OLD, NEW = "18.04.202401161", "18.04.202406031"
VERSIONS = (
    f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/publishers/Canonical"
    "/artifacttypes/vmimage/offers/UbuntuServer/skus/18.04-LTS/versions"
)
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

    def publish(self, version: str) -> None:
        with ApiClient(self.login) as api:
            api.send("PUT", f"{VERSIONS}/{version}", {"location": "westeurope"})

    @property
    def env(self) -> dict[str, str]:
        """What every client is told, by the environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PYTHON"))}
        return kept | {
            "INSTAR_LOGIN": str(self.directory / FILE),
            "REQUESTS_CA_BUNDLE": self.login.caFile,
            "NODE_EXTRA_CA_CERTS": self.login.caFile,
        }


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("instar")
    ports = ["--api-port", "0", "--temporal-port", "0", "--ui-port", "0"]
    command = [str(INSTAR), "up", "--tls", "--data-dir", str(directory), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("ready "):
                    break
            assert said[-1].startswith("ready https://localhost:"), "".join(said)
            login = Login.read(directory / FILE)
            trusting = ssl.create_default_context(cafile=login.caFile)
            with ApiClient(login) as api, httpx.Client(verify=trusting, trust_env=False) as http:
                quick = {"swap": "PT0.3S", "boot": "PT0.5S"}
                answer = http.put(
                    f"{login.endpoint}/instar/simulated/defaults",
                    json=quick,
                    headers={"Authorization": f"Bearer {api.token()}"},
                )
                assert answer.is_success, answer.text
            made = Site(login, directory)
            made.publish(OLD)
            yield made
        finally:
            process.terminate()
            process.wait(60)


def run(site: Site, command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    """Run a client; what it said is in the assertion if something fails."""
    return subprocess.run(command, env=site.env | env, capture_output=True, text=True, timeout=280, check=False)  # noqa: S603


def told(site: Site, command: list[str], **env: str) -> Any:
    """The JSON that a client printed last."""
    done = run(site, command, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def installed(path: str) -> str:
    """A client's program. Fails where it is not installed: a test of it that is left out shows nothing."""
    program = INSTALLED / path
    assert program.exists(), f"{program} is missing: run make test-clients"
    return str(program)
