"""Ctrl-C that comes in the moment before the main thread begins to wait.

Python looks for signals between two steps of its own. One that arrives after the last look, and before the call in
which the thread waits for an answer, interrupts nothing: the program sits there until the answer comes. So does one
that the system hands to another thread. A second thread is told of every signal at once, and sends it again until the
main thread has taken it up.
"""

import signal
import socket
import threading
from types import FrameType

AGAIN_SECONDS = 0.1


class Interrupts:
    """From its making on the first Ctrl-C raises KeyboardInterrupt in the main thread, wherever that waits.

    Whoever sets another handler of SIGINT afterwards, as a group of processes does, is left alone. Only for the main
    thread.
    """

    def __init__(self) -> None:
        self._main = threading.main_thread().ident or 0
        self._taken = threading.Event()
        self._told, telling = socket.socketpair()
        telling.setblocking(False)
        self._telling = telling
        signal.set_wakeup_fd(telling.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGINT, self._take)
        threading.Thread(target=self._watch, name="interrupts", daemon=True).start()

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._taken.set()
        signal.default_int_handler(number, frame)

    def _watch(self) -> None:
        while not self._taken.is_set():
            if signal.SIGINT not in self._told.recv(64):
                continue
            while not self._taken.wait(AGAIN_SECONDS) and signal.getsignal(signal.SIGINT) == self._take:
                signal.pthread_kill(self._main, signal.SIGINT)
