"""Where the command `instar` begins: Ctrl-C ends it without a traceback from here on."""

import atexit
import os
import signal
import sys
from contextlib import suppress

from instar.interrupts import Interrupts

INTERRUPTED = 130
"""The status of a command that was ended by Ctrl-C."""


def main() -> None:
    """Run the command line, and end the process."""
    # Whoever was started with Ctrl-C switched off, as in the background of a script, keeps it so.
    mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, _leave)
    from instar.cli.app import app  # noqa: PLC0415  # reads hundreds of modules, which takes a second

    if mine:
        Interrupts()
    code: str | int | None = 0
    try:
        app()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except SystemExit as ended:
        code = ended.code
    finally:
        if mine:
            # All is done but the interpreter's own end, in which there is nothing to catch it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end(code)


def _end(code: str | int | None) -> None:
    """The end of the process, once everything is written; raises SystemExit where Temporal's library was not used.

    That library has threads of its own. One that comes back to Python while it ends has the process abort, after all
    that the command had to say.
    """
    if "temporalio.bridge.client" not in sys.modules:
        sys.exit(code)
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
        code = 1
    atexit._run_exitfuncs()  # noqa: SLF001  # what the interpreter's own end does first
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code or 0)


def _leave(*_: object) -> None:
    """While modules are read: nothing was begun, so nothing has to be ended."""
    os._exit(INTERRUPTED)
