"""Logs of child processes stay small while they go on writing."""

import sys
import time
from pathlib import Path

import pytest

from instar.stack import processes
from instar.stack.child_logs import kept_small
from instar.stack.processes import ProcessGroup


def test_what_is_too_large_is_put_aside_and_the_child_writes_on_at_the_new_end(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab") as out:
        out.write(b"old\n" * 100)
        out.flush()
        assert not kept_small(log, 400)
        assert kept_small(log, 396)
        out.write(b"new\n")
    assert log.read_text() == "new\n"
    assert (tmp_path / "x.log.1").read_text() == "old\n" * 99, "its end"
    assert not kept_small(tmp_path / "not there.log")


def test_the_log_of_a_child_that_writes_on_and_on_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "kept_small", lambda log: kept_small(log, 10_000))
    code = "import time\nwhile True: print('x' * 999, flush=True); time.sleep(0.01)"
    with ProcessGroup(tmp_path, print) as group:
        group.start("talker", [sys.executable, "-c", code], {}, patience=5)
        until = time.monotonic() + 60
        while not (tmp_path / "talker.log.1").exists():
            assert time.monotonic() < until
            group.pause(0.05)
        group.pause(0.5)
    # Between two looks it writes some more.
    assert (tmp_path / "talker.log.1").stat().st_size == 10_000
    assert (tmp_path / "talker.log").stat().st_size < 200_000
