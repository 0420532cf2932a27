"""The histories beside this file, a folder for each release: written without what names a machine (F8)."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from tests.histories.scenes import Recorded

FOLDER = Path(__file__).parent

_PROJECT = FOLDER.parents[1] / "pyproject.toml"

RELEASE: str = tomllib.loads(_PROJECT.read_text())["project"]["version"]
"""The one that is being worked on: its histories may be recorded anew until it is out, all others stay."""

SCRUBBED = {"identity": "worker", "stackTrace": ""}
"""Where a process's host and a machine's paths would stand; a replay reads neither."""

STICKY_QUEUE = re.compile(r"^\d+@[\w.-]+$")
"""A process's own task queue, named after it and its host."""


def files(scene: str = "*", kind: str = "*", release: str = RELEASE) -> list[Path]:
    """Kept runs, `<scene>.<workflow>.<run>.json`; those of one workflow in the order of its runs."""
    found = FOLDER.glob(f"{release}/{scene}.{kind}.*.json")
    return sorted(found, key=lambda path: (path.parent.name, path.name.split(".")[:2], _run(path)))


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
            (FOLDER / RELEASE).mkdir(exist_ok=True)
            (FOLDER / RELEASE / f"{scene}.{kind}.{number}.json").write_text(text)
    return files(scene)


def _run(path: Path) -> int:
    return int(path.name.split(".")[2])


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: SCRUBBED[key] if key in SCRUBBED else _scrubbed(one) for key, one in value.items()}
    if isinstance(value, str):
        return STICKY_QUEUE.sub("worker", value)
    return [_scrubbed(one) for one in value] if isinstance(value, list) else value
