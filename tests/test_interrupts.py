"""Ctrl-C reaches a program that waits, whatever it waits in."""

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.processes

WAITS = """
import signal, socket, sys, threading, time
from instar.interrupts import Interrupts

Interrupts()
{more}
aside = threading.Thread(target=time.sleep, args=(60,), daemon=True)
aside.start()
# By that thread it is taken up while the main one waits: nothing tells that one.
threading.Timer(0.5, signal.pthread_kill, (aside.ident, signal.SIGINT)).start()
here, there = socket.socketpair()
here.settimeout(20)
try:
    here.recv(1)
except KeyboardInterrupt:
    print("interrupted")
except TimeoutError:
    print("waited on; another's handler:", seen if "seen" in globals() else [])
"""


def said(more: str = "") -> str:
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", WAITS.format(more=more)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_one_that_is_taken_up_while_the_main_thread_waits_interrupts_it() -> None:
    assert said() == "interrupted\n"


def test_whoever_sets_a_handler_of_its_own_is_asked_once() -> None:
    own = "seen = []\nsignal.signal(signal.SIGINT, lambda *_: seen.append(1))"
    assert said(own) == "waited on; another's handler: [1]\n"


def test_the_first_is_taken_up_once() -> None:
    code = """
import signal, time
from instar.interrupts import Interrupts
Interrupts()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    time.sleep(1)  # what cleans up is not interrupted again
    print("cleaned up")
"""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("cleaned up\n", "")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
