"""The connection to a hypervisor: blocking calls in a few threads, made again when it was lost."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import libvirt

from instar.compute.errors import ComputeError, NotAllowed, Unavailable
from instar.compute.libvirt.openings import Openings
from instar.compute.libvirt.settings import LibvirtSettings

KIND = "libvirt"
"""How the identity of a hypervisor begins."""

P = ParamSpec("P")
T = TypeVar("T")

LOST = frozenset(
    {
        libvirt.VIR_ERR_SYSTEM_ERROR,
        libvirt.VIR_ERR_INVALID_CONN,
        libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_RPC,
        libvirt.VIR_ERR_GNUTLS_ERROR,
        libvirt.VIR_ERR_LIBSSH,
        libvirt.VIR_ERR_SSH,
    }
)
"""What libvirt says when the daemon or the way to it went."""

FOR_GOOD = frozenset(
    {
        libvirt.VIR_ERR_NO_SUPPORT,
        libvirt.VIR_ERR_XML_ERROR,
        libvirt.VIR_ERR_XML_DETAIL,
        libvirt.VIR_ERR_XML_INVALID_SCHEMA,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        libvirt.VIR_ERR_ACCESS_DENIED,
        libvirt.VIR_ERR_OPERATION_DENIED,
        libvirt.VIR_ERR_NO_STORAGE_POOL,
        libvirt.VIR_ERR_NO_NETWORK,
    }
)
"""What asking again does not mend."""


class Hypervisor:
    """One process's way to libvirt. Use `run` from one event loop; close it."""

    def __init__(self, settings: LibvirtSettings, *, opened: Any = None) -> None:
        """With `opened`, use that connection and never make another (the mock driver: each open is a new world)."""
        self.settings = settings
        self._connection: Any = opened
        self._may_open = opened is None
        self._openings = Openings(settings.uri)
        self._attempt: Future[Any] | None = None
        self.known: Callable[[str], None] | None = None
        """Told which hypervisor it is, before anything is done there; raises a ComputeError where it must not be."""

        self._identified: Any = None
        self._lock = threading.Lock()
        """Held for a moment, never while something is asked: the event loop takes it too."""

        self._executor = self._new_executor()
        libvirt.registerErrorHandler(_quiet, None)

    def _new_executor(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.settings.threads, thread_name_prefix="libvirt")

    def close(self) -> None:
        """Let running calls come to their end, then close the connection."""
        self._executor.shutdown(cancel_futures=True)
        with self._lock:
            self._attempt = None
            self._drop(self._connection)

    async def run(self, call: Callable[Concatenate[Any, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`call(connection, …)` in a thread. Raises compute errors; Unavailable when the connection was lost.

        A call that takes too long goes on in its thread, whoever waited; it passes its fence or it does not.
        """
        loop = asyncio.get_running_loop()
        executor = self._executor
        running = loop.run_in_executor(executor, lambda: self._guarded(lambda one: call(one, *args, **kwargs)))
        try:
            return await asyncio.wait_for(running, self.settings.call_seconds)
        except TimeoutError:
            self._start_afresh(executor)
            raise Unavailable(
                f"{self.settings.uri} did not answer within {self.settings.call_seconds:g} s; connecting anew"
            ) from None

    def _guarded(self, call: Callable[[Any], T]) -> T:
        connection = self._connect()
        try:
            self._identify(connection)
            return call(connection)
        except libvirt.libvirtError as error:
            raise self._translated(error, connection) from error

    def _identify(self, connection: Any) -> None:
        if self.known is not None and self._identified is not connection:
            self.known(identity_of(connection, self.settings))
            self._identified = connection

    def _connect(self) -> Any:
        with self._lock:
            if self._connection is not None:
                return self._connection
            if not self._may_open:
                raise Unavailable(f"the connection to {self.settings.uri} is closed")
            if self._attempt is None:
                self._attempt = self._openings.begin(self._opened)
            attempt = self._attempt
        try:
            return attempt.result(self.settings.call_seconds)
        except TimeoutError:
            with self._lock:
                if self._attempt is attempt:
                    self._attempt = None
            raise Unavailable(
                f"cannot connect to {self.settings.uri}: no answer within {self.settings.call_seconds:g} s"
            ) from None
        except libvirt.libvirtError as error:
            raise Unavailable(f"cannot connect to {self.settings.uri}: {error}") from error

    def _opened(self, attempt: "Future[Any]", connection: Any) -> None:
        """Keep its connection, unless it was given up: then nobody wants it any more."""
        with self._lock:
            wanted = self._attempt is attempt
            if wanted:
                self._attempt, self._connection = None, connection
        if not wanted and connection is not None:
            _close(connection)

    def _translated(self, error: libvirt.libvirtError, connection: Any) -> ComputeError:
        code = error.get_error_code()
        if not _is_alive(connection) or (code in LOST and error.get_error_domain() == libvirt.VIR_FROM_RPC):
            with self._lock:
                if self._connection is connection:
                    self._drop(connection)
            return Unavailable(f"the connection to {self.settings.uri} was lost: {error}")
        if code in FOR_GOOD:
            return NotAllowed(f"{self.settings.uri}: {error}")
        return Unavailable(f"{self.settings.uri}: {error}")

    def _drop(self, connection: Any) -> None:
        self._connection = None
        if connection is not None and self._may_open:
            _close(connection)

    def _start_afresh(self, stuck: ThreadPoolExecutor) -> None:
        """Leave threads that hang, and their connection, to themselves: once, however many waited for them."""
        if self._executor is not stuck:
            return
        with self._lock:
            if self._may_open:
                self._connection = self._attempt = None
        self._executor = self._new_executor()
        stuck.shutdown(wait=False)  # what waits for a thread there still gets one, and its answer is waited for


def identity_of(connection: Any, settings: LibvirtSettings) -> str:
    """Which machines a connection leads to, however its URI is spelt: the UUID of their storage pool.

    Not that of the host: a host whose firmware has none gets another one at each start of libvirt's daemon.
    Raises libvirtError, also where the pool is not there.
    """
    return f"{KIND}/{connection.storagePoolLookupByName(settings.pool).UUIDString()}"


def _close(connection: Any) -> None:
    try:
        connection.close()
    except libvirt.libvirtError:
        return  # it is gone already


def _is_alive(connection: Any) -> bool:
    try:
        return bool(connection.isAlive())
    except libvirt.libvirtError:
        return False


def _quiet(_context: object, _error: object) -> None:
    """Say nothing on the terminal: what libvirt prints of its own accord is in the errors that it raises."""
