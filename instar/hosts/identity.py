"""Which host this process runs on, told apart as locks of files and shared memory tell hosts apart: by the kernel.

Neither the machine id nor the host name does: clones of a machine share the first, containers of one host have names of
their own. The kernel draws its boot id at each start; all containers on it see the same one, and no other host does.
"""

import os
import platform
import socket
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

MACHINE_ID = Path("/etc/machine-id")

GIVEN = "INSTAR_BOOT_ID"
"""A variable that says it to a process that may not look: the hardened units have it from systemd (`%b`)."""


def kernel() -> str:
    """The running kernel: the same for all processes on it, never the same on another host or after a restart.

    Where nobody says, the machine is meant, which differs between hosts that are no clones of each other.
    """
    for found in (os.environ.get(GIVEN, ""), _content(BOOT_ID), _content(MACHINE_ID)):
        if said := found.strip().replace("-", "").lower():
            return said
    return f"{platform.system().lower()} {host_name()}"


def host_name() -> str:
    """What this host is called, for people."""
    return socket.gethostname() or "a host without a name"


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
