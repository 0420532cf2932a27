"""Custom data and extensions on a machine's OS disk: what is to run, what ran, and how it ended (docs/rules.md P4, P7).

A commit makes them due; from then on the machine goes through `Due.CUSTOM_DATA` and `Due.EXTENSIONS` to nothing due,
one step in a transaction, so that whoever is killed between two leaves what his successor completes. What a machine
runs is kept by model generation; of secrets only digests are kept (F5).
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from instar.compute.provider import MachineModel
from instar.compute.simulated.file.database import Transaction
from instar.compute.simulated.file.moments import micros
from instar.compute.simulated.file.scripts import ExtensionRun
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import ExtensionStatus, PowerState

OVER_BUDGET = "exceeded extensionsTimeBudget"


class Due(StrEnum):
    """What is to run next on a machine; "" in the file: nothing."""

    CUSTOM_DATA = "custom-data"
    EXTENSIONS = "extensions"


@dataclass(frozen=True, slots=True)
class NextExtension:
    """The extension whose turn it is: its place in the order, and how long it takes, cut off where the budget is."""

    place: int
    takes: timedelta


def digest(secret: str) -> str:
    """What is kept of custom data and credentials: enough to see whether they are the same, nothing to read (F5)."""
    return hashlib.sha256(secret.encode()).hexdigest()


def remember(tx: Transaction, unique_id: str, model: MachineModel) -> None:
    """Keep what machines of that generation run."""
    document = {
        "budget": micros(model.extensions_time_budget),
        "extensions": [
            {
                "name": extension.name,
                "kind": extension.kind,
                "version": extension.version,
                "secrets": sorted(
                    {digest(text) for text in _texts([extension.settings, extension.protected_settings])}
                ),
            }
            for extension in model.extensions
        ],
    }
    tx.execute(
        "INSERT INTO models VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET document = excluded.document "
        "WHERE document <> excluded.document",
        (unique_id, model.generation, json.dumps(document, separators=(",", ":"))),
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def make_due(tx: Transaction, unique_id: str, instance_id: int, due: Due = Due.CUSTOM_DATA) -> None:
    """The machine was moved to an OS disk: everything runs anew; or, with the model alone, its extensions."""
    tx.execute(
        "UPDATE machines SET provisioning = ?, extensions = '[]', extensions_took = 0 "
        "WHERE unique_id = ? AND instance_id = ?",
        (due, unique_id, instance_id),
    )


def go_on(tx: Transaction, unique_id: str, instance_id: int) -> NextExtension | None:
    """Run what is due up to the next extension and give that; None if nothing is due (any more) or it is stopped."""
    run = _find(tx, unique_id, instance_id)
    if run is None:
        return None
    if run.due is Due.CUSTOM_DATA:
        _custom_data_ran(tx, run)
    if run.has_ended:
        _close(tx, run)
        return None
    left = run.budget - run.took
    return NextExtension(len(run.results), min(tx.scripts.extension_takes(run.next_run), left))


def end(tx: Transaction, unique_id: str, instance_id: int, extension: NextExtension) -> NextExtension | None:
    """That extension has ended; give the next one. Ended by somebody else already, it does not end a second time."""
    run = _find(tx, unique_id, instance_id)
    if run is None:
        return None
    if run.due is Due.EXTENSIONS and len(run.results) == extension.place:
        takes = tx.scripts.extension_takes(run.next_run)
        over = takes > run.budget - run.took
        error = OVER_BUDGET if over else tx.scripts.extension_error(run.next_run, tx.moment)
        run.results.append((run.next_run.name, error))
        tx.execute(
            "UPDATE machines SET extensions = ?, extensions_took = extensions_took + ? "
            "WHERE unique_id = ? AND instance_id = ?",
            (json.dumps(run.results), micros(extension.takes), unique_id, instance_id),
        )
    return go_on(tx, unique_id, instance_id)


def run_at_once(tx: Transaction, unique_id: str, instance_id: int) -> None:
    """What the agent inside a machine does when no call waits for it: at its creation, or started by its owner."""
    extension = go_on(tx, unique_id, instance_id)
    while extension is not None:
        extension = end(tx, unique_id, instance_id, extension)


@dataclass(slots=True)
class _Run:
    """A machine on which something is due."""

    unique_id: str
    instance_id: int
    due: Due
    took: timedelta
    disk: str
    image: ImageReference
    results: list[tuple[str, str]]
    extensions: list[dict[str, Any]]
    budget: timedelta

    @property
    def has_ended(self) -> bool:
        """A failed extension stops those after it."""
        return len(self.results) == len(self.extensions) or any(error for _, error in self.results)

    @property
    def next_run(self) -> ExtensionRun:
        extension = self.extensions[len(self.results)]
        return ExtensionRun(
            extension["name"], self.unique_id, str(self.instance_id), self.image, tuple(extension["secrets"])
        )


_FIND = """
SELECT m.provisioning, m.extensions_took, m.extensions, d.name, d.image, o.document
FROM machines m
JOIN os_disks d ON (d.unique_id, d.instance_id, d.name) = (m.unique_id, m.instance_id, m.os_disk)
LEFT JOIN models o ON (o.unique_id, o.generation) = (m.unique_id, m.generation)
WHERE m.unique_id = ? AND m.instance_id = ? AND m.deleted_at IS NULL AND m.provisioning <> '' AND m.power = ?
"""


def _find(tx: Transaction, unique_id: str, instance_id: int) -> _Run | None:
    row = tx.execute(_FIND, (unique_id, instance_id, PowerState.RUNNING)).fetchone()
    if row is None:
        return None
    model: dict[str, Any] = json.loads(row[5]) if row[5] else {"extensions": [], "budget": 0}
    return _Run(
        unique_id,
        instance_id,
        Due(row[0]),
        timedelta(microseconds=row[1]),
        row[3],
        tx.database.image(row[4]),
        [(name, error) for name, error in json.loads(row[2])],
        model["extensions"],
        timedelta(microseconds=model["budget"]),
    )


def _custom_data_ran(tx: Transaction, run: _Run) -> None:
    [(ran,)] = tx.execute(
        "UPDATE os_disks SET custom_data_runs = custom_data_runs + 1 "
        "WHERE unique_id = ? AND instance_id = ? AND name = ? RETURNING custom_data_digest",
        (run.unique_id, run.instance_id, run.disk),
    ).fetchall()
    tx.execute(
        "UPDATE machines SET provisioning = ?, custom_data_digest = ? WHERE unique_id = ? AND instance_id = ?",
        (Due.EXTENSIONS, ran, run.unique_id, run.instance_id),
    )
    run.due = Due.EXTENSIONS


def _close(tx: Transaction, run: _Run) -> None:
    tx.execute(
        "UPDATE os_disks SET extension_runs = extension_runs + 1 WHERE unique_id = ? AND instance_id = ? AND name = ?",
        (run.unique_id, run.instance_id, run.disk),
    )
    tx.execute(
        "UPDATE machines SET provisioning = '' WHERE unique_id = ? AND instance_id = ?",
        (run.unique_id, run.instance_id),
    )
    ended = tuple(f"{name}: {error}" if error else name for name, error in run.results)
    tx.record(Kind.EXTENSIONS, run.unique_id, str(run.instance_id), os_disk=run.disk, extensions=ended)


def statuses(results: str, model: str | None) -> tuple[ExtensionStatus, ...]:
    """How the extensions of a machine ended, from the two columns that say so."""
    ended: list[list[str]] = json.loads(results)
    known = {extension["name"]: extension for extension in json.loads(model)["extensions"]} if model else {}
    return tuple(
        ExtensionStatus(name, error, known[name]["kind"], known[name]["version"])
        if name in known
        else ExtensionStatus(name, error)
        for name, error in ended
    )
