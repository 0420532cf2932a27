"""One host at a time has a file of SQLite: told by kernels, and by the file system's own clock."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from instar.hosts import identity, marks
from instar.hosts.marks import OLD, UsedElsewhere, check, mark_of, read, renew, take


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def on(monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    """As if this process ran on that host."""
    monkeypatch.setattr(marks, "kernel", lambda: kernel)
    monkeypatch.setattr(marks, "host_name", lambda: f"host-{kernel}")


def is_old(file: Path, *, by: float = 1.0) -> None:
    """As if nobody had renewed the mark for longer than it counts."""
    then = time.time() - OLD.total_seconds() - by  # of files
    os.utime(mark_of(file), (then, then))


def test_f11_processes_of_one_host_share_a_file(file: Path) -> None:
    take(file)
    take(file)
    renew(file)
    there = "from pathlib import Path; import sys; from instar.hosts.marks import take; take(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", there, str(file)], check=True)  # noqa: S603  # our own
    assert read(file) == marks.Mark(identity.kernel(), identity.host_name())


def test_f11_another_host_is_refused_with_what_to_do(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "a")
    take(file)
    before = mark_of(file).read_text()
    on(monkeypatch, "b")
    for refused in (check, take):
        with pytest.raises(UsedElsewhere, match=r"is used on host host-a \(heard of \d s ago\).*INSTAR_DATABASE_URL"):
            refused(file)
    assert mark_of(file).read_text() == before
    assert list(file.parent.iterdir()) == [mark_of(file)], "nothing is left of a look"


def test_f11_a_host_that_is_not_heard_of_any_more_is_taken_over(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "a")
    take(file, "the one in the cellar")
    is_old(file, by=-5)
    on(monkeypatch, "b")
    with pytest.raises(UsedElsewhere, match="the one in the cellar"):
        take(file)
    is_old(file)
    take(file)
    assert read(file) == marks.Mark("b", "host-b")
    # Whoever stood still so long learns it before it writes again.
    on(monkeypatch, "a")
    with pytest.raises(UsedElsewhere, match="host-b has taken over"):
        renew(file)
    assert read(file) == marks.Mark("b", "host-b")


def test_f11_of_two_that_take_over_at_once_one_is_left(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(monkeypatch, "a")
    take(file)
    is_old(file)
    on(monkeypatch, "b")

    def the_other_is_there(_: float) -> None:
        mark_of(file).write_text(json.dumps({"kernel": "c", "host": "host-c"}))

    monkeypatch.setattr("time.sleep", the_other_is_there)
    with pytest.raises(UsedElsewhere, match="host-c has taken over"):
        take(file)


@pytest.mark.parametrize("nonsense", ["", "{", "[]", '{"kernel": 1}', "\0" * 100])
def test_f11_a_mark_that_is_none_is_nobodys(file: Path, nonsense: str) -> None:
    mark_of(file).write_text(nonsense)
    assert read(file) is None
    take(file)
    assert read(file) is not None


def test_f11_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        take(tmp_path / "gone" / "store.sqlite")
    check(tmp_path / "gone" / "store.sqlite")


def test_f11_the_kernel_is_the_same_at_each_question_and_needs_no_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    known = identity.kernel()
    assert known == identity.kernel() != ""
    # What systemd says in a unit is what everybody else on that host reads, however it is written.
    monkeypatch.setenv(identity.GIVEN, f"{known[:8]}-{known[8:]}".upper())
    monkeypatch.setattr(identity, "BOOT_ID", Path("/nowhere"))
    assert identity.kernel() == known
    monkeypatch.delenv(identity.GIVEN)
    monkeypatch.setattr(identity, "MACHINE_ID", Path("/nowhere"))
    there = "from instar.hosts import identity as i; i.BOOT_ID = i.MACHINE_ID = i.Path('/nowhere'); print(i.kernel())"
    said = subprocess.run([sys.executable, "-c", there], check=True, capture_output=True, text=True)  # noqa: S603
    assert said.stdout.strip() == identity.kernel(), "the same for every process"
