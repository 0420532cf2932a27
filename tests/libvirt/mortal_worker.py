"""The worker, killed with SIGKILL right after steps that a test names: `python -m tests.libvirt.mortal_worker`.

A step is named by a file in the directory INSTAR_TEST_DEATHS, like `commit_swap.swap.2` for instance 2; it is removed
by whoever dies of it. With the number of another signal in it, that one is sent: by SIGSTOP the worker stands still.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from instar.compute.libvirt import disks
from instar.compute.provider import Effect
from instar.connection.settings import Settings
from worker.__main__ import run

_ONE_AT_A_TIME = threading.RLock()
"""Held for a whole step: of one that another's death had cut short, the next worker might find the work done."""

STEPS = ("prepare_swap", "prepare_restore", "ask_to_stop", "commit_swap", "commit_restore", "start_again")


def mortal(step: Callable[..., Any], deaths: Path) -> Callable[..., Any]:
    def dies_after(*arguments: Any) -> Any:
        [effect] = [one for one in arguments if isinstance(one, Effect)]
        file = deaths / death(step.__name__, effect.fence.step.name.lower(), effect.instance_id)
        with _ONE_AT_A_TIME:
            done = step(*arguments)
            try:
                number = int(file.read_text() or signal.SIGKILL)
                file.unlink()
            except FileNotFoundError:
                return done
            os.kill(os.getpid(), number)
        return done

    return dies_after


def death(step: str, of: str, instance_id: str) -> str:
    return f"{step}.{of}.{instance_id}"


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in STEPS:
        setattr(disks, name, mortal(getattr(disks, name), Path(os.environ["INSTAR_TEST_DEATHS"])))
    asyncio.run(run(Settings()))
