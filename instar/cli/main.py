"""Where the command `instar` begins: Ctrl-C ends it without a traceback from here on."""

import os
import signal
import sys

from instar.interrupts import Interrupts

INTERRUPTED = 130
"""The status of a command that was ended by Ctrl-C."""


def main() -> None:
    """Run the command line. Raises SystemExit, always."""
    # Whoever was started with Ctrl-C switched off, as in the background of a script, keeps it so.
    mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, _leave)
    from instar.cli.app import app  # noqa: PLC0415  # reads hundreds of modules, which takes a second

    if mine:
        Interrupts()
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        if mine:
            # All is done but the interpreter's own end, in which there is nothing to catch it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _leave(*_: object) -> None:
    """While modules are read: nothing was begun, so nothing has to be ended."""
    os._exit(INTERRUPTED)
