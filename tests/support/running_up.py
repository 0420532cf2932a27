"""A real `instar up` for tests, on free ports, until the end of a `with`."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTAR = Path(sys.executable).parent / "instar"


@contextmanager
def up(directory: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The process and the lines that it printed, the last of which says `ready` and where."""
    ports = ["--api-port", "0", "--temporal-port", "0", "--ui-port", "0"]
    command = [str(INSTAR), "up", "--data-dir", str(directory), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603  # our own program
        assert process.stdout is not None
        told: list[str] = []
        for line in process.stdout:
            told.append(line)
            if line.startswith("ready "):
                break
        try:
            assert told, "it printed nothing"
            assert told[-1].startswith("ready http://127.0.0.1:"), "".join(told)
            yield process, told
        finally:
            if process.poll() is None:
                process.kill()
