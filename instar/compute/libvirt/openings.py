"""Connecting to a hypervisor, which hangs for as long as the other side likes: libvirt gives no way to end it.

So it is done in a thread of its own, which keeps nobody waiting and no process from ending. Such threads end when the
kernel gives the other side up, or when its daemon is started again.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import libvirt

from instar.compute.errors import Unavailable

HANGING_AT_MOST = 8
"""Attempts that hang before others are made only now and then: each costs a thread and a file."""

PAUSE_SECONDS = 600.0


class Openings:
    """Attempts to connect to one hypervisor."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._lock = threading.Lock()
        self._under_way = 0
        self._begun = 0.0

    def begin(self, done: Callable[["Future[Any]", Any], None]) -> "Future[Any]":
        """An attempt: its connection, or libvirtError.

        `done` is told when it ends, however late, with the connection or None: before anybody who waits for the attempt
        goes on, so that nobody works with a connection that is not known yet.

        Raises Unavailable while too many hang.
        """
        with self._lock:
            left = self._begun + PAUSE_SECONDS - time.monotonic()
            if self._under_way >= HANGING_AT_MOST and left > 0:
                raise Unavailable(
                    f"{self._uri} takes connections and does not answer: {self._under_way} attempts hang. Look whether "
                    f"libvirt's daemon there hangs, and start it again; the next attempt is made in {left:.0f} s"
                )
            self._under_way += 1
            self._begun = time.monotonic()
        attempt: Future[Any] = Future()
        threading.Thread(target=self._open, args=(attempt, done), name="libvirt-open", daemon=True).start()
        return attempt

    def _open(self, attempt: "Future[Any]", done: Callable[["Future[Any]", Any], None]) -> None:
        try:
            connection = libvirt.open(self._uri)
        except BaseException as error:  # noqa: BLE001  # whoever waits for it must hear of it
            self._ended()
            done(attempt, None)
            attempt.set_exception(error)
        else:
            self._ended()
            done(attempt, connection)
            attempt.set_result(connection)

    def _ended(self) -> None:
        with self._lock:
            self._under_way -= 1
