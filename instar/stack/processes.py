"""Child processes that stand and fall together.

Each writes to a log file of its own and leads a session of its own, so that a Ctrl-C at the terminal reaches only us
and we stop them in our order. When one dies, the others are stopped and the person is shown the end of its log; once
they are to be kept alive, it is started again first, and that is said. On Linux the kernel kills them if we are killed.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from instar.children import die_with_parent
from instar.errors import Trouble
from instar.stack.child_logs import kept_small

LOG_LINES = 60
"""Shown of the log of a process that died: above a stack of calls, the reason is still seen."""

DEATHS_AT_MOST = 3
DEATHS_WITHIN_SECONDS = 60.0
"""Who dies so often in so short a time dies again: it is not started any more (F9)."""

FIRST_PAUSE_SECONDS = 1.0
"""Before a child is started again; twice as long after its next death within that time."""

PULSE_SECONDS = 0.1
"""How soon a signal or a death is noticed."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal asked us to stop; `signum` says which."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


@dataclass
class Child:
    """One process of the group; `log_start` is where its part of the log file begins."""

    name: str
    command: Sequence[str]
    env: dict[str, str]
    log: Path
    patience: float
    process: subprocess.Popen[bytes]
    log_start: int
    deaths: list[float] = field(default_factory=list)
    """Moments of its newest deaths, while it is kept alive."""
    again_at: float | None = None
    """When it is started again; None while it runs."""

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
        self._keeps_alive = False
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
        process, log_start = _started(name, command, env, log)
        self._children.append(Child(name, command, dict(env), log, patience, process, log_start))

    def keep_alive(self) -> None:
        """From now on a child that dies is started again, at `pause`, and that is said (F9)."""
        self._keeps_alive = True

    def pause(self, seconds: float = PULSE_SECONDS) -> None:
        """Wait. Raises Stopped after a signal, Trouble with the last lines of its log if a child died (for good)."""
        until = time.monotonic() + seconds
        while True:
            if self._signals:
                raise Stopped(self._signals[0])
            for child in self._children:
                self._look_after(child)
            left = until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, PULSE_SECONDS))

    def _look_after(self, child: Child) -> None:
        if kept_small(child.log):
            child.log_start = 0
        now = time.monotonic()
        if child.again_at is not None:
            if child.again_at <= now:
                child.again_at = None
                child.process, child.log_start = _started(child.name, child.command, child.env, child.log)
            return
        status = child.process.poll()
        if status is None:
            return
        child.deaths = [death for death in child.deaths if now - death < DEATHS_WITHIN_SECONDS] + [now]
        if not self._keeps_alive or len(child.deaths) >= DEATHS_AT_MOST:
            often = f", {len(child.deaths)} times within a minute" if self._keeps_alive else ""
            raise Trouble(
                f"{child.name} {_how(status)}{often}; so everything is stopped. The end of {child.log}:\n"
                f"{child.last_words()}",
            )
        pause = FIRST_PAUSE_SECONDS * 2 ** (len(child.deaths) - 1)
        child.again_at = now + pause
        self._say(f"{child.name} {_how(status)}; it is started again in {pause:g} s (its log: {child.log})")

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


def _started(
    name: str, command: Sequence[str], env: Mapping[str, str], log: Path
) -> tuple[subprocess.Popen[bytes], int]:
    """The process, and where its part of the log begins. Raises Trouble."""
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
                preexec_fn=die_with_parent(),  # noqa: PLW1509  # we run no threads
            )
        except OSError as error:
            raise Trouble(f"cannot start {name} ({command[0]}): {error.strerror}") from None
    return process, log_start


def _how(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
