# ruff: noqa: PT012, S603  # what is watched is the whole life of a group of our own programs
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from instar.errors import Trouble
from instar.stack import processes
from instar.stack.processes import ProcessGroup, Stopped

pytestmark = pytest.mark.processes

SLEEP = [sys.executable, "-c", "import time; print('at work', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('at work', flush=True); time.sleep(60)",
]


def lines(said: list[str]) -> Callable[[str], None]:
    return said.append


def written(log: Path) -> Callable[[], bool]:
    return lambda: "at work" in log.read_text()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A killed orphan may wait for its new parent to notice.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def pid_of(group: ProcessGroup, name: str) -> int:
    return next(child.process.pid for child in group._children if child.name == name)


def test_when_one_dies_it_is_named_and_the_end_of_its_log_shown_and_all_are_stopped(tmp_path: Path) -> None:
    dying = [sys.executable, "-c", "print('line 0'); [print('line', n) for n in range(1, 100)]; raise SystemExit(3)"]
    with pytest.raises(Trouble, match="dying ended with status 3") as raised, ProcessGroup(tmp_path, print) as group:
        group.start("other", SLEEP, os.environ, patience=5)
        group.start("dying", dying, os.environ, patience=5)
        other = pid_of(group, "other")
        group.pause(30)
    assert "line 99" in str(raised.value)
    assert "line 0\n" not in str(raised.value)
    assert gone(other)


def test_f9_one_that_dies_is_started_again_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with ProcessGroup(tmp_path, said.append) as group:
        group.start("part", SLEEP, os.environ, patience=5)
        group.wait_until(written(tmp_path / "part.log"), "part", 10)
        group.keep_alive()
        first = pid_of(group, "part")
        os.kill(first, signal.SIGKILL)
        group.wait_until(lambda: (tmp_path / "part.log").read_text().count("at work") == 2, "part", 10)
        second = pid_of(group, "part")
    assert first != second
    assert gone(second)
    [line] = said
    assert line.startswith("part was killed by SIGKILL; it is started again in 1 s (its log: ")


def test_f9_one_that_dies_again_and_again_is_given_up_and_the_end_of_its_log_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "FIRST_PAUSE_SECONDS", 0.05)
    said: list[str] = []
    with (
        pytest.raises(Trouble, match="3 times within a minute") as raised,
        ProcessGroup(tmp_path, said.append) as group,
    ):
        group.start("other", SLEEP, os.environ, patience=5)
        group.keep_alive()
        group.start("dying", [sys.executable, "-c", "raise SystemExit('no disk')"], os.environ, patience=5)
        other = pid_of(group, "other")
        group.pause(30)
    assert "no disk" in str(raised.value)
    assert len(said) == 2
    assert gone(other)


def test_the_log_of_an_earlier_run_is_kept_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "dying.log").write_text("from before\n")
    with pytest.raises(Trouble) as raised, ProcessGroup(tmp_path, print) as group:
        group.start("dying", [sys.executable, "-c", "raise SystemExit('now')"], os.environ, patience=5)
        group.pause(30)
    assert "now" in str(raised.value)
    assert "from before" not in str(raised.value)
    assert (tmp_path / "dying.log").read_text().startswith("from before")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_the_newest_first(tmp_path: Path, signum: signal.Signals) -> None:
    order = tmp_path / "order"
    tell = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep(float(sys.argv[3])); open(sys.argv[1], 'a').write(sys.argv[2] + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('at work', flush=True); time.sleep(60)"
    )
    with pytest.raises(Stopped), ProcessGroup(tmp_path, print) as group:
        for name, slow in (("first", "0"), ("second", "0"), ("third", "0.3")):
            group.start(name, [sys.executable, "-c", tell, str(order), name, slow], os.environ, patience=10)
            group.wait_until(written(tmp_path / f"{name}.log"), name, 10)
        os.kill(os.getpid(), signum)
        group.pause(30)
    assert order.read_text().split() == ["third", "second", "first"]


def test_who_does_not_end_in_time_is_killed_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with ProcessGroup(tmp_path, lines(said)) as group:
        group.start("stubborn", STUBBORN, os.environ, patience=0.2)
        group.wait_until(written(tmp_path / "stubborn.log"), "stubborn", 10)
        pid = pid_of(group, "stubborn")
    assert said == ["stubborn did not end within 0.2 s and was killed"]
    assert gone(pid)


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(Stopped), ProcessGroup(tmp_path, print) as group:
        group.start("stubborn", STUBBORN, os.environ, patience=60)
        group.wait_until(written(tmp_path / "stubborn.log"), "stubborn", 10)
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        group.pause(30)
    assert time.monotonic() - started < 20


def test_handlers_of_signals_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with ProcessGroup(tmp_path, print):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_who_is_not_ready_in_time_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(Trouble, match=r"slow was not ready after 0.3 s"),
        ProcessGroup(tmp_path, print) as group,
    ):
        group.start("slow", SLEEP, os.environ, patience=5)
        group.wait_until(lambda: False, "slow", 0.3)


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="cannot start ghost"), ProcessGroup(tmp_path, print) as group:
        group.start("ghost", [str(tmp_path / "no-such-program")], os.environ, patience=5)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does this on Linux only")
def test_f1_kill_9_of_the_parent_leaves_no_child(tmp_path: Path) -> None:
    parent_code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from instar.stack.processes import ProcessGroup\n"
        "with ProcessGroup(Path(sys.argv[1]), print) as group:\n"
        "    group.start('child', sys.argv[2:], os.environ, patience=5)\n"
        "    print(group._children[0].process.pid, flush=True)\n"
        "    group.pause(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent_code, str(tmp_path), *STUBBORN],
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not gone(child)
        parent.kill()
    until = time.monotonic() + 10
    while not gone(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert gone(child)
