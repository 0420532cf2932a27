"""Ports on the loopback: the ones asked for, if they are free, and free ones for 0."""

import errno
import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing

from instar.errors import Trouble

LOOPBACK = "127.0.0.1"

GRACE_SECONDS = 1.5
"""For the port of a process that is just about to die: `instar up` killed and started again at once."""


FREE_PORTS = range(10_000, 32_000)
"""Where free ports are taken from: below those that kernels give to outgoing connections (32768 and up on Linux).

One of those may be gone before its server binds it. Measured with the Temporal server, which connects to itself while
it starts: 2 of 228 starts failed.
"""


def choose_ports(wanted: Mapping[str, int]) -> dict[str, int]:
    """A port for each option name, as wanted or a free one for 0; all different.

    Raises Trouble that names the port and its option where one cannot be had.
    """
    with ExitStack() as held:
        # Fixed ports first, all held until the last is chosen: so that no free one is a wanted one.
        in_order = sorted(wanted.items(), key=lambda item: item[1] == 0)
        chosen = {option: _hold(held, option, port) for option, port in in_order}
    return {option: chosen[option] for option in wanted}


def _hold(held: ExitStack, option: str, port: int) -> int:
    if port == 0:
        return _hold_free(held, option)
    give_up_at = time.monotonic() + GRACE_SECONDS
    while True:
        try:
            return _listen(held, port)
        except (OSError, OverflowError) as error:
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if taken and time.monotonic() < give_up_at:
                time.sleep(0.05)
                continue
            reason = "is taken" if taken else f"cannot be used ({error})"
            raise Trouble(
                f"port {port} {reason}; choose another with {option} N, or {option} 0 for a free one",
            ) from None


def _hold_free(held: ExitStack, option: str) -> int:
    # From a place drawn anew each time, so that several of us starting at once rarely meet.
    start = secrets.randbelow(len(FREE_PORTS))
    for port in (*FREE_PORTS[start:], *FREE_PORTS[:start]):
        try:
            return _listen(held, port)
        except OSError:
            continue
    raise Trouble(f"no port from {FREE_PORTS[0]} to {FREE_PORTS[-1]} is free; choose one with {option} N")


def _listen(held: ExitStack, port: int) -> int:
    with ExitStack() as opened:
        listener = opened.enter_context(closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)))
        # As servers do: connections of a server that ended may linger on the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(1)
        held.push(opened.pop_all())
    return port


def answers(port: int) -> bool:
    """Whether something accepts connections on that port of the loopback."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False
