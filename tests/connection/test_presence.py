"""Who uses a data directory, and who waits for it (docs/rules.md F7, F9)."""

import asyncio
import os
from pathlib import Path

import pytest

from instar.connection.presence import MARK, BeingRestored, InUse, alone, enter
from instar.connection.readiness import Readiness
from instar.connection.settings import Settings
from instar.connection.waiting import enter_data_dir


def test_many_share_a_directory_and_a_restore_has_it_alone(tmp_path: Path) -> None:
    one, other = enter(tmp_path), enter(tmp_path)
    one.close()
    one.close()
    with pytest.raises(InUse, match="a worker or an API uses"), alone(tmp_path):
        raise AssertionError("one is left")
    other.close()
    with alone(tmp_path), pytest.raises(BeingRestored, match="is under way"):
        enter(tmp_path)
    enter(tmp_path).close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written_is_entered_all_the_same(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    enter(tmp_path).close()


def test_a_lock_that_cannot_be_made_keeps_nobody_out_but_a_broken_restore_does(tmp_path: Path) -> None:
    (tmp_path / "in-use.lock").mkdir()
    enter(tmp_path).close()
    (tmp_path / MARK).touch()
    with pytest.raises(BeingRestored, match="broken off"):
        enter(tmp_path)


async def test_f9_a_process_waits_for_a_directory_whose_restore_was_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = asyncio.Event()
    real = asyncio.sleep

    async def sleep(_: float) -> None:
        paused.set()
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    (tmp_path / MARK).touch()
    entering = asyncio.create_task(enter_data_dir(Settings(data_dir=tmp_path), Readiness()))
    await paused.wait()
    assert not entering.done()
    (tmp_path / MARK).unlink()
    (await entering).close()
