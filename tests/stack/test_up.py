# ruff: noqa: S603  # our own program
import os
import signal
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from instar.client.api_token import FILE, Login, TokenAuth
from instar.client.watch import DEFAULT_SUBSCRIPTION
from instar.demo.demo_checks import FIRST
from tests.support.running_up import INSTAR, up

pytestmark = pytest.mark.processes

VERSION = (
    f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Compute/locations/westeurope/publishers/{FIRST.publisher}"
    f"/artifacttypes/vmimage/offers/{FIRST.offer}/skus/{FIRST.sku}/versions/{FIRST.version}?api-version=2024-11-01"
)


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if not found.exists():
        pytest.skip("this system does not tell the children of a process")
    return [int(one) for one in found.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_f1_up_ends_orderly_and_goes_on_where_it_was_even_after_kill_9(tmp_path: Path) -> None:
    with up(tmp_path) as (process, told):
        url = told[-1].split()[1]
        assert httpx.get(url + VERSION, trust_env=False).status_code == 401
        auth = TokenAuth(Login.read(tmp_path / FILE))
        published = httpx.put(url + VERSION, json={"location": "westeurope"}, auth=auth, trust_env=False)
        assert published.is_success, published.text
        children = children_of(process.pid)
        assert len(children) == 3
        # The guard's own child is the Temporal server.
        children += [grandchild for child in children for grandchild in children_of(child)]
        assert len(children) == 4
        process.kill()
        process.wait()
        until = time.monotonic() + 10
        while any(map(alive, children)) and time.monotonic() < until:
            time.sleep(0.02)
        assert not any(map(alive, children))

    with up(tmp_path) as (process, told):
        url = told[-1].split()[1]
        # The token of before is still good: the issuer's key was kept.
        kept = httpx.get(url + VERSION, headers={"Authorization": f"Bearer {auth.token}"}, trust_env=False)
        assert kept.json()["name"] == FIRST.version
        children = children_of(process.pid)
        children += [grandchild for child in children for grandchild in children_of(child)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not any(map(alive, children))


def worker_of(process: subprocess.Popen[str]) -> int | None:
    for pid in children_of(process.pid):
        if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def test_f9_up_starts_a_part_that_died_again_and_stops_all_when_it_dies_again_and_again(tmp_path: Path) -> None:
    with up(tmp_path) as (process, _):
        for _ in range(3):
            until = time.monotonic() + 30
            while (worker := worker_of(process)) is None:
                assert time.monotonic() < until, "the worker is started again"
                time.sleep(0.05)
            os.kill(worker, signal.SIGKILL)
            while worker in children_of(process.pid) and process.poll() is None:
                time.sleep(0.05)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert rest.count("worker was killed by SIGKILL; it is started again in ") == 2
        assert "worker was killed by SIGKILL, 3 times within a minute; so everything is stopped." in rest


@pytest.mark.timeout(240)
def test_the_demo_holds_and_leaves_nothing(tmp_path: Path) -> None:
    env = os.environ | {"TMPDIR": str(tmp_path)}
    ended = subprocess.run([INSTAR, "demo"], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.splitlines()[-1] == "Everything held."
    assert list(tmp_path.iterdir()) == []
