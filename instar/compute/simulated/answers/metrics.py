"""Custom metrics of simulated applications: the phase and the skip that a version or one machine is scripted to tell.

What is scripted for a machine counts before what is scripted for its version (docs/rules.md B5).
"""

import json
import sqlite3
from dataclasses import dataclass

from instar.compute.simulated.file.database import Transaction
from instar.compute.simulated.file.scripts import InstanceScript, VersionScript, concerns


@dataclass(frozen=True, slots=True)
class Metrics:
    """What an application tells of itself."""

    phase: int | None = None
    skip: bool = False

    @property
    def text(self) -> str:
        """As it stands in the answer to a probe; "" where there is nothing to tell.

        >>> Metrics(phase=2).text
        '{"rollingUpgrade": {"PhaseOrderingNumber": 2, "SkipUpgrade": false}}'
        """
        if self == Metrics():
            return ""
        phase = {} if self.phase is None else {"PhaseOrderingNumber": self.phase}
        return json.dumps({"rollingUpgrade": phase | {"SkipUpgrade": self.skip}})


def script_metrics(tx: Transaction, unique_id: str, instance_id: str, script: InstanceScript) -> None:
    """Keep what is scripted for a machine; replaces what was."""
    tx.execute("DELETE FROM metrics WHERE (unique_id, instance_id) = (?, ?)", (unique_id, int(instance_id)))
    if script.phase is not None or script.skip:
        tx.execute(
            "INSERT INTO metrics VALUES (?, ?, ?, ?)", (unique_id, int(instance_id), script.phase, int(script.skip))
        )


def scripted_metrics(connection: sqlite3.Connection, unique_id: str) -> dict[str, Metrics]:
    """What is scripted for machines of a set, by instance id."""
    rows = connection.execute("SELECT instance_id, phase, skip FROM metrics WHERE unique_id = ?", (unique_id,))
    return {str(number): Metrics(phase, bool(skip)) for number, phase, skip in rows}


def metrics_of(scripted: dict[str, Metrics], version: VersionScript, instance_id: str) -> Metrics:
    """What the application of a machine tells."""
    return scripted.get(instance_id) or Metrics(version.phase, concerns(version.skip, instance_id))
