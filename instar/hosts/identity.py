"""Which host this process runs on, told apart as locks of files and shared memory tell hosts apart: by the kernel.

Neither the machine id nor the host name does: clones of a machine share the first, containers of one host have names of
their own. The kernel draws its boot id at each start; all containers on it see the same one, and no other host does.
"""

import platform
import socket
import uuid
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def kernel() -> str:
    """The running kernel: the same for all processes on it, never the same on another host or after a restart."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        # Not Linux: there no kernel is shared by containers, and a restart leaves nobody behind who could be confused.
        return f"{platform.system().lower()}-{uuid.getnode():x}"


def host_name() -> str:
    """What this host is called, for people."""
    return socket.gethostname() or "a host without a name"
