"""A libvirt daemon of our own, for the demonstration and the tests: nothing of the host's is read or left behind.

It runs as an ordinary user, as `qemu:///session` does, with every directory of its own; started by root it gives up
root first. Guests outlive a daemon that dies, so the end looks for what is left of them.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from instar.errors import Trouble

START_SECONDS = 30.0
END_SECONDS = 10.0
PULSE_SECONDS = 0.05

POOL = "instar"
UNPRIVILEGED = "nobody"

PROGRAMS = ("libvirtd", "qemu-img", "qemu-system-x86_64")


class PrivateLibvirt:
    """A context. folder: an empty directory, with a short path: a socket's may have a hundred characters.

    Started by root, the folder above it is opened for passing through.
    """

    def __init__(self, folder: Path, *, listening: Sequence[str] = ()) -> None:
        """With `listening`, it takes connections over the network too, as these lines of libvirtd.conf say."""
        self.folder = folder
        self._listening = listening
        self.pool_path = folder / "pool"
        self._run = folder / "run"
        self._daemon: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._run / "libvirt" / "libvirt-sock"

    @property
    def uri(self) -> str:
        """For clients."""
        return f"qemu:///session?socket={self.socket}"

    def settings(self) -> dict[str, str]:
        """The environment that makes Instar use it: guests in software, reached through forwarded ports."""
        return {
            "INSTAR_COMPUTE": "libvirt",
            "INSTAR_LIBVIRT__URI": self.uri,
            "INSTAR_LIBVIRT__POOL": POOL,
            "INSTAR_LIBVIRT__NETWORK": "user",
            "INSTAR_LIBVIRT__VIRT_TYPE": "qemu",
            "INSTAR_LIBVIRT__SIZES": '{"Tiny": {"cpus": 1, "memory_mib": 96}}',
            "INSTAR_LIBVIRT__DATA_DISK_MIB": "64",
            "INSTAR_LIBVIRT__RESERVE_MIB": "256",
            "INSTAR_LIBVIRT__STARTS_AT_ONCE": "2",
        }

    def __enter__(self) -> Self:
        """Start it, with an empty pool. Raises Trouble if a program is missing or it does not start."""
        for program in PROGRAMS:
            if not _found(program):
                raise Trouble(f"the program {program} is missing: deploy/libvirt-packages.sh installs or names it")
        for path in (self._run, self.pool_path, *(self.folder / one for one in ("c/libvirt", "cache", "data"))):
            path.mkdir(parents=True, mode=0o700)
        lines = ('auth_unix_rw = "none"', 'unix_sock_rw_perms = "0700"', *self._listening)
        (self.folder / "libvirtd.conf").write_text("\n".join((*lines, "")))
        (self.folder / "c" / "libvirt" / "qemu.conf").write_text('stdio_handler = "file"\n')
        self._give_away()
        try:
            self.start()
            self._make_pool()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every guest and the daemon."""
        self._end()

    def start(self) -> None:
        """Start the daemon. Raises Trouble if it does not answer."""
        user = _unprivileged()
        with (self.folder / "libvirtd.log").open("ab") as log:
            self._daemon = subprocess.Popen(  # noqa: S603  # libvirt's own program, no shell
                [
                    *(_found("libvirtd") or "libvirtd", "-f", str(self.folder / "libvirtd.conf")),
                    *(("--listen",) if self._listening else ()),
                ],
                cwd=self.folder,
                env={
                    "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
                    "HOME": str(self.folder),
                    "XDG_RUNTIME_DIR": str(self._run),
                    "XDG_CONFIG_HOME": str(self.folder / "c"),  # sockets of guest agents are far below it
                    **{f"XDG_{name.upper()}_HOME": str(self.folder / name) for name in ("cache", "data")},
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else [],
            )
        give_up_at = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._daemon.poll() is not None or time.monotonic() > give_up_at:
                said = (self.folder / "libvirtd.log").read_text(errors="replace").splitlines()[-5:]
                raise Trouble("libvirtd did not start: " + " / ".join(said or ["it wrote nothing"]))
            time.sleep(PULSE_SECONDS)

    def kill(self) -> None:
        """Have it die as by `kill -9`; guests go on."""
        assert self._daemon is not None  # noqa: S101  # it was started
        self._daemon.kill()
        self._daemon.wait()

    def guests(self) -> list[int]:
        """The processes of guests, by what libvirt and the kernel say of them."""
        found = []
        for file in (self._run / "libvirt" / "qemu" / "run").glob("*.pid"):
            with suppress(OSError, ValueError):
                pid = int(file.read_text())
                if b"qemu" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def _answers(self) -> bool:
        import libvirt  # noqa: PLC0415  # an extra

        libvirt.registerErrorHandler(lambda *_: None, None)
        try:
            libvirt.open(self.uri).close()
        except libvirt.libvirtError:
            return False
        return True

    def _make_pool(self) -> None:
        import libvirt  # noqa: PLC0415  # an extra

        connection = libvirt.open(self.uri)
        pool = connection.storagePoolDefineXML(
            f"<pool type='dir'><name>{POOL}</name><target><path>{self.pool_path}</path></target></pool>", 0
        )
        pool.create(0)
        pool.setAutostart(True)
        connection.close()

    def _give_away(self) -> None:
        user = _unprivileged()
        if user is not None:
            self.folder.parent.chmod(0o711)
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid)

    def _end(self) -> None:
        pids = self.guests()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._daemon is not None and self._daemon.poll() is None:
            self._daemon.terminate()
            try:
                self._daemon.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        give_up_at = time.monotonic() + END_SECONDS
        while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < give_up_at:
            time.sleep(PULSE_SECONDS)


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom root becomes; None for anybody else."""
    return pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None


def _found(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
