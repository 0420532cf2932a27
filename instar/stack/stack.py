"""Everything on one machine: the Temporal server behind its guard, a worker, the API."""

import json
import ssl
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from instar.client.api_token import Login
from instar.client.credentials import owner
from instar.connection.client import LOCAL_CONFIG
from instar.connection.settings import Settings
from instar.domain.sets.names import COMPUTE_QUEUE, NAMESPACE, WORKFLOW_QUEUE, Attribute
from instar.stack.certificates import local_certificates
from instar.stack.guard.links import FILE as PAGE
from instar.stack.guard.links import Page
from instar.stack.guard.server import InnerPorts, temporal_binary
from instar.stack.ports import LOOPBACK, answers, choose_ports
from instar.stack.processes import ProcessGroup

START_SECONDS = 60.0
"""Given to each process to become ready; it takes one or two."""

STOP_SECONDS = 15.0
"""Given to each process to end after SIGTERM; more than the worker gives its activities."""

TLS_FOLDER = "tls"
"""In a data directory: what the API shows."""

TEMPORALS_PAGE, HOOKS_GROUP = "INSTAR_HOOKS__TEMPORAL_PAGE", "INSTAR_HOOKS"
METRICS_GROUP = "INSTAR_METRICS"
METRICS = (f"{METRICS_GROUP}__WORKER", f"{METRICS_GROUP}__API")

KEPT: timedelta = Settings.model_fields["temporal_retention"].default
"""Where no setting says how long what has ended is kept."""

PORT_OPTIONS = ("--api-port", "--temporal-port", "--ui-port")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the stack listens, on the loopback only."""

    api: int
    temporal: int
    """The guard's: mutual TLS."""
    ui: int
    """The guard's: Temporal's page, with a link."""
    inner: InnerPorts
    """The Temporal server's own, where it can have no network of its own."""
    tls: bool = False
    worker_metrics: int = 0
    api_metrics: int = 0
    """Where metrics are shown where no setting says; 0: nowhere."""

    @classmethod
    def chosen(cls, api: int, temporal: int, ui: int, *, tls: bool = False) -> "Ports":
        """Those asked for, a free one for 0. Raises Trouble where one is taken."""
        inner = dict.fromkeys(("temporal", "ui", "http", "metrics"), 0)
        shown = dict.fromkeys(METRICS, 0)
        chosen = choose_ports(dict(zip(PORT_OPTIONS, (api, temporal, ui), strict=True)) | inner | shown)
        api, temporal, ui = (chosen[option] for option in PORT_OPTIONS)
        inner_ports = InnerPorts(**{name: chosen[name] for name in inner})
        return cls(api, temporal, ui, inner_ports, tls, *(chosen[name] for name in METRICS))

    def metrics(self, env: Mapping[str, str]) -> dict[str, str]:
        """Variables that say where metrics are shown: what the environment says, else our ports."""
        if METRICS_GROUP in env:
            return {}  # a JSON object that says where, or that nowhere
        ports = zip(METRICS, (self.worker_metrics, self.api_metrics), strict=True)
        return {name: env.get(name) or f"{LOOPBACK}:{port}" for name, port in ports if port or env.get(name)}

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return f"https://localhost:{self.api}" if self.tls else f"http://{LOOPBACK}:{self.api}"

    @property
    def temporal_address(self) -> str:
        """The Temporal server's guard, for clients of it."""
        return f"localhost:{self.temporal}"


def start_stack(
    group: ProcessGroup, data_dir: Path, ports: Ports, env: Mapping[str, str], *, kept: timedelta = KEPT
) -> Login:
    """As `start_parts`; how to log in with our own issuer, by credentials that are made where there are none."""
    ca_file = start_parts(group, data_dir, ports, env, kept=kept)
    return owner(data_dir, ports.api_url, ca_file)


def start_parts(
    group: ProcessGroup, data_dir: Path, ports: Ports, env: Mapping[str, str], *, kept: timedelta = KEPT
) -> str:
    """Start the three and wait until each can work; the file of the API's authority, "" without TLS.

    `kept`: how long the Temporal server keeps a workflow that has ended. Raises as `ProcessGroup.wait_until`.
    """
    # A profile or key meant for another Temporal server must not reach the one that we start.
    child_env = {name: value for name, value in env.items() if not name.startswith("TEMPORAL_")} | {
        "INSTAR_DATA_DIR": str(data_dir),
        "TEMPORAL_CONFIG_FILE": str(data_dir / LOCAL_CONFIG),
        "PYTHONUNBUFFERED": "1",
        **ports.metrics(env),
    }
    python = [sys.executable, "-P", "-m"]  # -P: no folder named `worker` where we happen to stand is taken for ours
    group.start("temporal", [*python, *guard_command(data_dir, ports)], child_env, patience=STOP_SECONDS)
    ask = TemporalQuestions(temporal_binary(), child_env)
    group.wait_until(
        lambda: answers(ports.temporal) and ask.attributes_known() and ask.keeps_for(kept), "temporal", START_SECONDS
    )

    certificates = local_certificates(data_dir / TLS_FOLDER) if ports.tls else None
    if certificates:
        child_env |= {
            "INSTAR_TLS__CERTIFICATE": str(certificates.certificate),
            "INSTAR_TLS__KEY": str(certificates.key),
        }
    group.start("worker", [*python, "worker"], child_env, patience=STOP_SECONDS)
    api_env = child_env | temporals_page(env, data_dir)
    group.start("api", [*python, "api", "--host", LOOPBACK, "--port", str(ports.api)], api_env, patience=STOP_SECONDS)
    ca_file = str(certificates.authority) if certificates else ""
    group.wait_until(lambda: _api_ready(ports.api_url, ca_file), "api", START_SECONDS)
    group.wait_until(lambda: all(map(ask.has_pollers, (WORKFLOW_QUEUE, COMPUTE_QUEUE))), "worker", START_SECONDS)
    return ca_file


def temporals_page(env: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """The variable by which the page links to workflows on Temporal's page, unless the environment says where that is.

    For the API alone: what workers tell webhooks of it would give its host name away, which nobody else is to know.
    """
    if env.keys() & {TEMPORALS_PAGE, HOOKS_GROUP}:
        return {}
    return {TEMPORALS_PAGE: Page.read(data_dir / PAGE).url}


def guard_command(data_dir: Path, ports: Ports) -> list[str]:
    """The module and arguments of the guard, which starts the Temporal server."""
    inner = (ports.inner.temporal, ports.inner.ui, ports.inner.http, ports.inner.metrics)
    return [
        *("instar.stack.guard", "--data-dir", str(data_dir)),
        *("--temporal-port", str(ports.temporal), "--page-port", str(ports.ui)),
        *("--inner-ports", *map(str, inner)),
    ]


class TemporalQuestions:
    """Asked through Temporal's own program, not its SDK: that starts threads, and we have yet to fork."""

    def __init__(self, temporal: str, env: Mapping[str, str]) -> None:
        """How the server is reached, `env` says, as to any client."""
        self._temporal = temporal
        self._env = dict(env)

    def attributes_known(self) -> bool:
        """Whether the namespace knows our search attributes; those that it lacks are added.

        On a directory of an older Instar the server's own --search-attribute adds nothing: the namespace exists.
        """
        listed = self._ask("operator", "search-attribute", "list")
        if listed is None:
            return False
        missing = [name for name in Attribute if name not in (listed.get("customAttributes") or {})]
        if missing:
            names = [word for name in missing for word in ("--name", name)]
            self._ask("operator", "search-attribute", "create", *names, "--type", "Keyword")
        return not missing

    def keeps_for(self, kept: timedelta) -> bool:
        """Whether the namespace keeps workflows that have ended for so long; if not, it does from now on.

        Temporal counts from the end of a workflow, by what was said then.
        """
        described = self._ask("operator", "namespace", "describe", "--namespace", NAMESPACE)
        said = ((described or {}).get("config") or {}).get("workflowExecutionRetentionTtl")
        seconds = int(kept.total_seconds())
        if said is not None and said != f"{seconds}s":
            self._ask("operator", "namespace", "update", "--namespace", NAMESPACE, "--retention", f"{seconds}s")
        return said == f"{seconds}s"

    def has_pollers(self, queue: str) -> bool:
        """Whether a worker asks that task queue for work."""
        described = self._ask("task-queue", "describe", "--task-queue", queue)
        return bool(described and described.get("pollers"))

    def _ask(self, *words: str) -> dict[str, Any] | None:
        done = subprocess.run(  # noqa: S603  # Temporal's own program, no shell
            [self._temporal, *words, "--output", "json"],
            env=self._env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=START_SECONDS,
            check=False,
        )
        try:
            answer = json.loads(done.stdout) if done.returncode == 0 else None
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None


def _api_ready(url: str, ca_file: str) -> bool:
    verify = ssl.create_default_context(cafile=ca_file) if ca_file else True
    try:
        return httpx.get(f"{url}/readyz", timeout=5, trust_env=False, verify=verify).is_success
    except httpx.HTTPError:
        return False
