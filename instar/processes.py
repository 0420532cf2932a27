"""Child processes that stand and fall together.

Each writes to a log file of its own and leads a session of its own, so that a Ctrl-C at the terminal reaches only us
and we stop them in our order. Nothing is started again in silence: when one dies, the others are stopped and the
person is shown the end of its log. On Linux the kernel kills them if we are killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from instar.errors import Trouble

LOG_LINES = 60
"""Shown of the log of a process that died: above a stack of calls, the reason is still seen."""

PULSE_SECONDS = 0.1
"""How soon a signal or a death is noticed."""

_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal asked us to stop; `signum` says which."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@dataclass(frozen=True)
class Child:
    """One process of the group; `log_start` is where its part of the log file begins."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    log_start: int
    patience: float

    def last_words(self) -> str:
        """The end of its log."""
        with self.log.open("rb") as log:
            log.seek(self.log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LOG_LINES:]) or "  (it wrote nothing)"


class ProcessGroup:
    """A context: signals are noticed at `pause`; at its end all children are stopped, the newest first."""

    def __init__(self, log_dir: Path, say: Callable[[str], None]) -> None:
        self._log_dir = log_dir
        self._say = say
        self._children: list[Child] = []
        self._signals: list[int] = []
        self._stopping = False
        self._old_handlers: dict[int, object] = {}

    def __enter__(self) -> Self:
        self._log_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for signum in _SIGNALS:
            self._old_handlers[signum] = signal.signal(signum, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._stop()
        finally:
            for signum, handler in self._old_handlers.items():
                signal.signal(signum, handler)  # type: ignore[arg-type]  # what signal.signal returned

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str], *, patience: float) -> None:
        """Start a child; `patience` seconds are given to it to end after SIGTERM. Raises Trouble if it cannot start."""
        log = self._log_dir / f"{name}.log"
        with log.open("ab") as out:
            log_start = out.tell()
            try:
                process = subprocess.Popen(  # noqa: S603  # our own programs, no shell
                    command,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_die_with_parent(),  # noqa: PLW1509  # we run no threads
                )
            except OSError as error:
                raise Trouble(f"cannot start {name} ({command[0]}): {error.strerror}") from None
            self._children.append(Child(name, process, log, log_start, patience))

    def pause(self, seconds: float = PULSE_SECONDS) -> None:
        """Wait. Raises Stopped after a signal, Trouble with the last lines of its log if a child died."""
        until = time.monotonic() + seconds
        while True:
            if self._signals:
                raise Stopped(self._signals[0])
            for child in self._children:
                status = child.process.poll()
                if status is not None:
                    raise Trouble(
                        f"{child.name} {_how(status)}; so everything is stopped. The end of {child.log}:\n"
                        f"{child.last_words()}",
                    )
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, PULSE_SECONDS))

    def wait_until(self, ready: Callable[[], bool], name: str, seconds: float) -> None:
        """Wait until the child of that name is ready. Raises as `pause`, and Trouble when the time is over."""
        give_up_at = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > give_up_at:
                child = next(child for child in self._children if child.name == name)
                raise Trouble(
                    f"{name} was not ready after {seconds:g} s. The end of {child.log}:\n{child.last_words()}",
                )
            self.pause()

    def _stop(self) -> None:
        self._stopping = True
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.terminate()
            give_up_at = time.monotonic() + child.patience
            while child.process.poll() is None and time.monotonic() < give_up_at:
                time.sleep(0.02)
            if child.process.poll() is None:
                self._say(f"{child.name} did not end within {child.patience:g} s and was killed")
                child.process.kill()
            child.process.wait()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the kernel's signature
        self._signals.append(signum)
        if self._stopping or len(self._signals) > 1:
            for child in self._children:
                if child.process.returncode is None:
                    child.process.kill()


def _how(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux, what a child calls before it becomes its program: the kernel shall kill it when we die (F1)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # we died before it asked
            os._exit(1)

    return ask_kernel
