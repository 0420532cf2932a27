"""Logs of child processes, which they write by themselves: of each there are two files, and neither grows for ever."""

import os
from pathlib import Path

MOST_BYTES = 16 * 1024 * 1024
"""Of one file; there are at most two of each process."""


def kept_small(log: Path, most: int = MOST_BYTES) -> bool:
    """Move the end of a log that is too large to `LOG.1`, and empty it; whether that was done.

    The child goes on writing to the same file, at its new end (it was opened for appending). What it writes meanwhile
    is lost: a line or two, as a rule. No more than `most` bytes are kept, however fast it writes.
    """
    try:
        size = log.stat().st_size
        if size <= most:
            return False
        with log.open("rb") as whole:
            whole.seek(size - most)
            end = whole.read(most)
        os.truncate(log, 0)
        log.with_name(f"{log.name}.1").write_bytes(end)
    except OSError:
        return False  # a full disk: it is tried again at the next look
    return True
