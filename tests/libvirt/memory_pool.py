"""The pool's directory in memory, where root may mount: a file system that can be made really full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOM = "4g"
"""The most; memory is taken only for what is written."""


@contextmanager
def in_memory(pool: Path) -> Iterator[bool]:
    """Whether it is there. The pool is empty yet."""
    owner = pool.stat()
    options = f"size={ROOM},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    if os.geteuid() or _run("mount", "-t", "tmpfs", "-o", options, "instar-pool", str(pool)):
        yield False
        return
    try:
        yield True
    finally:
        assert _run("umount", "--lazy", str(pool)) == 0


@contextmanager
def really_full(pool: Path) -> Iterator[None]:
    """Its file system made as small as what is written there: not a block is free."""
    seen = os.statvfs(pool)
    assert _remounted(pool, str((seen.f_blocks - seen.f_bfree) * seen.f_frsize))
    try:
        assert os.statvfs(pool).f_bfree == 0
        yield
    finally:
        assert _remounted(pool, ROOM)


def _remounted(pool: Path, size: str) -> bool:
    return _run("mount", "-o", f"remount,size={size}", str(pool)) == 0


def _run(*command: str) -> int:
    return subprocess.run(command, check=False).returncode  # noqa: S603  # no shell
