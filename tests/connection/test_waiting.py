"""Parts wait for each other (docs/rules.md F9)."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import httpx
import pytest
from cryptography.fernet import Fernet
from temporalio.client import Client

from instar.connection import waiting
from instar.connection.readiness import Readiness
from instar.connection.waiting import LONGEST_PAUSE_SECONDS, until_there
from instar.domain.delays import Delays
from instar.store.database.sealing import Sealer
from instar.store.errors import Unavailable
from instar.store.store import Store
from worker.probes import probes
from workflows import options

WITHIN_SECONDS = 20
"""After everything is up again the next effect begins within that (F9)."""


async def test_f9_what_is_away_is_waited_for_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    tries = iter([*[True] * 20, False])

    async def get() -> str:
        if next(tries):
            raise RuntimeError("connection refused")
        return "there"

    with caplog.at_level(logging.WARNING, logger=waiting.__name__):
        assert await until_there("Temporal", get, RuntimeError, Readiness()) == "there"
    assert [one.getMessage() for one in caplog.records] == [
        "waits for Temporal: connection refused",
        f"Temporal is there after {sum(pauses):.0f} s",
    ]
    assert pauses == sorted(pauses)
    assert max(pauses) == LONGEST_PAUSE_SECONDS < WITHIN_SECONDS


async def test_f9_what_is_wrong_for_good_is_not_waited_for() -> None:
    async def get() -> None:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        await until_there("it", get, RuntimeError, Readiness())


def test_f9_no_rule_of_retries_waits_longer_than_that_after_an_outage() -> None:
    first = Delays()
    rules = [
        options.READ,
        options.RECORD,
        options.DISKS,
        options.health_wait(first.health_poll_first, first.health_poll_most),
    ]
    for rule in rules:
        longest = rule["retry_policy"].maximum_interval
        assert longest is not None
        assert longest.total_seconds() <= WITHIN_SECONDS


@pytest.mark.processes
def test_f9_a_worker_that_starts_without_temporal_waits_and_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("INSTAR_", "TEMPORAL_"))}
    env |= {"INSTAR_DATA_DIR": str(tmp_path / "data"), "TEMPORAL_ADDRESS": "127.0.0.1:1", "PYTHONUNBUFFERED": "1"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        probes = f"127.0.0.1:{free.getsockname()[1]}"
    env["INSTAR_WORKER_PROBES"] = probes
    root = Path(__file__).parents[2]
    process = subprocess.Popen(  # our own program, no shell
        [sys.executable, "-P", "-m", "worker"],
        cwd=tmp_path,
        env=env | {"PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "waits for Temporal" in line:
            break
    assert "waits for Temporal" in said
    assert process.poll() is None
    answer = httpx.get(f"http://{probes}/readyz", trust_env=False)
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "Not ready yet: waits for Temporal.")
    assert httpx.get(f"http://{probes}/healthz", trust_env=False).status_code == 200
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("INSTAR_DELAYS__HEALTH_WAIT", "soon", "INSTAR_DELAYS__HEALTH_WAIT: "),
        ("INSTAR_DELAYS__HEALTH_WAIT", "-1", "INSTAR_DELAYS__HEALTH_WAIT: "),
        ("INSTAR_SWEEP", "0", "INSTAR_SWEEP: a sweep every second"),
        (
            "INSTAR_TEMPORAL_RETENTION",
            "PT1H",
            "INSTAR_TEMPORAL_RETENTION: Temporal keeps what has ended for 1 to",
        ),
        ("INSTAR_COMPUTE", "abacus", "INSTAR_COMPUTE: "),
        ("INSTAR_WORKER_PROBES", "8081", "INSTAR_WORKER_PROBES: a host and a port"),
        ("INSTAR_WORKER_PROBES", "localhost:99999", "INSTAR_WORKER_PROBES: a host and a port"),
    ],
)
@pytest.mark.parametrize("module", ["worker", "api"])
def test_nonsense_in_a_setting_is_one_sentence_that_names_it(
    tmp_path: Path, module: str, name: str, value: str, message: str
) -> None:
    env = {one: text for one, text in os.environ.items() if not one.startswith(("INSTAR_", "TEMPORAL_"))}
    env |= {"INSTAR_DATA_DIR": str(tmp_path / "data"), name: value, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(  # noqa: S603  # our own program, no shell
        [sys.executable, "-P", "-m", module],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"{module}: the settings are wrong: {message}")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("away", [False, True])
async def test_f9_a_worker_that_has_all_it_needs_is_ready_until_its_store_is_away(tmp_path: Path, away: bool) -> None:
    client = await Client.connect("127.0.0.1:1", lazy=True)
    with closing(
        Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}", Sealer([Fernet.generate_key().decode()]))
    ) as store:
        if away:
            store.ping = Mock(side_effect=Unavailable("away"))  # type: ignore[method-assign]
        membership = Mock(trouble="")
        transport = httpx.ASGITransport(app=probes(store, client, membership))
        async with httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
            ready = await http.get("/readyz")
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/nonsense")).status_code == 404
    assert ready.status_code == (503 if away else 200)
    assert ready.json()["status"] == ("waits" if away else "ready")
