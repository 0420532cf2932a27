import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench import process_tree

pytestmark = pytest.mark.processes

FAMILY = """
import os, sys, subprocess, time
leaf = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
block = bytearray(40 * 2**20)
block[::4096] = b"x" * len(block[::4096])
print(leaf.pid, flush=True)
time.sleep(600)
"""
"""A process with a child in a session of its own."""


def until(done: Callable[[], bool]) -> None:
    last = time.monotonic() + 60
    while not done():
        assert time.monotonic() < last
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """Process ids of the parent and of the child."""
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True) as parent:  # noqa: S603
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        yield parent.pid, child
        process_tree.kill(parent.pid)
        if runs(child):
            os.kill(child, 9)


def test_a_tree_has_all_below_whatever_their_session(family: tuple[int, int]) -> None:
    assert process_tree.tree(family[0]) == list(family)


def test_all_of_it_is_killed(family: tuple[int, int]) -> None:
    process_tree.kill(family[0])
    until(lambda: not any(map(runs, family)))


def test_memory_is_that_of_all_together(family: tuple[int, int]) -> None:
    parent, child = process_tree.resident_mib(family[:1]), process_tree.resident_mib(family[1:])
    assert parent > 40
    assert child > 1
    with process_tree.PeakTogether([family[0]]) as peak:
        until(lambda: peak.mib > 0)
    assert peak.mib > parent


def test_who_is_gone_has_no_memory_and_nothing_below() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert process_tree.tree(ended.pid) == [ended.pid]
    assert process_tree.resident_mib([ended.pid]) == 0
    process_tree.kill(ended.pid)
