"""Ports on the loopback: the ones asked for, if they are free, and free ones for 0."""

import errno
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack

from instar.errors import Trouble

LOOPBACK = "127.0.0.1"

GRACE_SECONDS = 1.5
"""For the port of a process that is just about to die: `instar up` killed and started again at once."""


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
    give_up_at = time.monotonic() + GRACE_SECONDS
    while True:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            # As servers do: connections of a server that ended may linger on the port.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except (OSError, OverflowError) as error:
            listener.close()
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if taken and time.monotonic() < give_up_at:
                time.sleep(0.05)
                continue
            reason = "is taken" if taken else f"cannot be used ({error})"
            raise Trouble(
                f"port {port} {reason}; choose another with {option} N, or {option} 0 for a free one",
            ) from None
        held.callback(listener.close)
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Whether something accepts connections on that port of the loopback."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False
