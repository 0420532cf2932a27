"""`instar doctor` at a real `instar up`: all is well but for the backup; then with the worker away, and Temporal."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.running_up import INSTAR, up

pytestmark = pytest.mark.processes


def asked(data: Path) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("INSTAR_", "TEMPORAL_"))}
    command = [str(INSTAR), "doctor", "--data-dir", str(data), "--output", "json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert done.stderr == ""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(done.stdout)["findings"]:
        found.setdefault(one["check"], []).append(one)
    return done.returncode, found


def test_a_running_installation_is_well_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data) as (process, _):
        made = subprocess.run(  # noqa: S603
            [str(INSTAR), "init", "--data-dir", str(data)], capture_output=True, text=True, timeout=300, check=False
        )
        assert made.returncode == 0, made.stderr
        status, found = asked(data)
        amiss = {name: several for name, several in found.items() if any(one["level"] != "ok" for one in several)}
        assert list(amiss) == ["backups"], amiss
        assert status == 0
        assert "a worker" not in found["versions"][0]["found"]
        assert "not known of" not in found["versions"][0]["found"], "API and workers say their release"
        process.send_signal(signal.SIGINT)
        process.wait(120)
    status, found = asked(data)
    assert status == 1
    levels = {name: several[0]["level"] for name, several in found.items()}
    assert levels["api"] == levels["temporal"] == "problem"
    assert levels["workers"] == levels["workflows"] == "not looked"
    assert levels["store"] == levels["files"] == levels["keys"] == levels["sets"] == "ok"
