"""The histories beside this file: written without what names a machine, read as the replayer takes them."""

import json
import re
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from tests.histories.scenes import Recorded

FOLDER = Path(__file__).parent

SCRUBBED = {"identity": "worker", "stackTrace": ""}
"""Where a process's host and a machine's paths would stand; a replay reads neither."""

STICKY_QUEUE = re.compile(r"^\d+@[\w.-]+$")
"""A process's own task queue, named after it and its host."""


def files(scene: str = "*", kind: str = "*") -> list[Path]:
    """Kept runs, `<scene>.<workflow>.<run>.json`; those of one workflow in the order of its runs."""
    return sorted(FOLDER.glob(f"{scene}.{kind}.*.json"), key=lambda path: (path.name.split(".")[:2], _run(path)))


def read(path: Path) -> WorkflowHistory:
    """One run."""
    return WorkflowHistory.from_json(path.name, path.read_text())


def write(scene: str, recorded: Recorded) -> list[Path]:
    """Replace what is kept of a scene."""
    for old in files(scene):
        old.unlink()
    for kind, runs in recorded.runs.items():
        for number, history in enumerate(runs, 1):
            events = [json.dumps(_scrubbed(one), separators=(",", ":")) for one in history.to_json_dict()["events"]]
            # One event a line: a difference shows which.
            text = '{"events":[\n' + ",\n".join(events) + "\n]}\n"
            (FOLDER / f"{scene}.{kind}.{number}.json").write_text(text)
    return files(scene)


def _run(path: Path) -> int:
    return int(path.name.split(".")[2])


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: SCRUBBED[key] if key in SCRUBBED else _scrubbed(one) for key, one in value.items()}
    if isinstance(value, str):
        return STICKY_QUEUE.sub("worker", value)
    return [_scrubbed(one) for one in value] if isinstance(value, list) else value
