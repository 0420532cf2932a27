"""Certificates of our own authorities are made anew long before they are over; who shows them notices by itself."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from instar.compute.clock import Clock, utc_now
from instar.errors import Trouble
from instar.stack.certificates import LOCAL_NAMES, local_certificates

LOOK_EVERY = timedelta(hours=1)
"""By the clock of the machine, so that one that slept, or was set, is noticed at once."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """A folder of certificates, as `local_certificates` was told to make it."""

    directory: Path
    names: Sequence[str] = LOCAL_NAMES
    for_clients: bool = False


class Renewal:
    """Looks at certificates whenever it is due. A failure is told once, and tried again at the next look."""

    def __init__(self, folders: Sequence[Renewed], say: Callable[[str], None], clock: Clock = utc_now) -> None:
        self._folders = folders
        self._say = say
        self._clock = clock
        self._looked = clock()
        self._told: str | None = None

    def look(self, every: timedelta = LOOK_EVERY) -> None:
        """Renew what is soon over, if the last look was that long ago."""
        now: datetime = self._clock()
        if abs(now - self._looked) < every:
            return
        self._looked = now
        try:
            for folder in self._folders:
                before = _content(folder.directory)
                files = local_certificates(folder.directory, folder.names, self._clock, for_clients=folder.for_clients)
                if _content(folder.directory) != before:
                    self._say(f"the certificate {files.certificate} was renewed; nothing is to be done")
            self._told = None
        except Trouble as trouble:
            if str(trouble) != self._told:
                self._told = str(trouble)
                self._say(f"{trouble}; tried again every {LOOK_EVERY.total_seconds() / 3600:g} h")


def _content(directory: Path) -> bytes | None:
    try:
        return (directory / "server.crt").read_bytes()
    except OSError:
        return None


def keep_renewed(renewal: Renewal, every: timedelta, pause: Callable[[float], None] = time.sleep) -> None:
    """Look again and again, until interrupted."""
    while True:
        pause(min(every.total_seconds(), 60.0))
        renewal.look(every)
