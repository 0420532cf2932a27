"""A process's place among those of its store: taken at its start, kept while it works, given up at its end.

Whoever differs from the others in what all must have in common does not begin to work, or ends when it becomes known,
with a sentence that says what to do. A clock that is far off is waited for; one that drifts off later is told, and the
process says that it is not ready.
"""

import asyncio
import logging
import os
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from threading import Lock

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from instar.compute.clock import Clock, utc_now
from instar.compute.errors import NotAllowed
from instar.compute.errors import Unavailable as ComputeUnavailable
from instar.connection.computes import Closable
from instar.connection.readiness import Readiness
from instar.connection.settings import Compute, Settings
from instar.connection.waiting import until_there
from instar.domain.hosts.agreement import Part, Process, clock_is_refused, clock_trouble
from instar.hosts.identity import host_name, kernel
from instar.hosts.marks import EVERY, UsedElsewhere, renew
from instar.store.database.engines import file_of
from instar.store.database.key_file import KeyFile
from instar.store.errors import StoreError, Unavailable
from instar.store.hosts.members import Heard, Refused
from instar.store.store import Store

_log = logging.getLogger(__name__)

BEATS = 2
"""Renewals of the marks of files for each word in the store."""

ASK_SECONDS = 2.0
"""For Temporal to say which namespace that is."""


class ClockOff(Exception):
    """The clock of this host is not that of the store."""


class PlaceLost(Exception):
    """This process may not go on: it differs from the others, or its host lost a file to another. The text says it."""


class Membership:
    """The place of this process, once it has it."""

    def __init__(self, store: Store, mine: Process, keys: KeyFile, clock: Clock, files: tuple[Path, ...] = ()) -> None:
        self.mine = mine
        self.trouble = ""
        """Why it is not ready though it works; "" where there is nothing."""
        self._store = store
        self._keys = keys
        self._clock = clock
        self._files = files
        self._said: set[str] = set()
        self._started_at = clock()
        self._one_at_a_time = Lock()

    def join(self) -> None:
        """Begin to work. Raises Refused, ClockOff, StoreError."""
        before = self._clock()
        heard = self._store.members.join(self.mine, self._clock)
        self._started_at = heard.at
        after = self._clock()
        ahead, uncertain = before + (after - before) / 2 - heard.at, (after - before) / 2
        if clock_is_refused(ahead, uncertain):
            self._store.members.leave(self.mine.id)
            raise ClockOff(clock_trouble(ahead, uncertain))
        self._tell({clock_trouble(ahead, uncertain), *self._of_other_releases(heard)})

    def beat(self) -> None:
        """Be heard of. Raises Refused, StoreError."""
        with self._one_at_a_time:
            self._beat()

    def _beat(self) -> None:
        ring = self._keys.ring()
        self.mine = replace(
            self.mine, seals=ring.keys[0].fingerprint, opens=tuple(key.fingerprint for key in ring.keys)
        )
        before = self._clock()
        heard = self._store.members.beat(self.mine, self._started_at, self._clock)
        after = self._clock()
        ahead, uncertain = before + (after - before) / 2 - heard.at, (after - before) / 2
        trouble = clock_trouble(ahead, uncertain)
        self.trouble = trouble if clock_is_refused(ahead, uncertain) else ""
        self._tell({trouble, *heard.told, *self._of_other_releases(heard)})

    def works_with(self, temporal: str) -> None:
        """It is known which Temporal this process works with. Raises Refused, StoreError."""
        with self._one_at_a_time:
            self.mine = replace(self.mine, temporal=temporal)
            self._beat()

    def has_machines(self, fleet: str) -> None:
        """It is known which machines this process has, before it does anything to them; from any thread.

        Raises compute's NotAllowed where they are others than those of the store, and Unavailable where it cannot say.
        """
        with self._one_at_a_time:
            if self.mine.fleet == fleet:
                return
            was, self.mine = self.mine, replace(self.mine, fleet=fleet)
            try:
                self._beat()
            except Refused as error:
                self.mine = was
                raise NotAllowed(str(error)) from error
            except StoreError as error:
                self.mine = was
                raise ComputeUnavailable(f"not known whether these are the machines of the store: {error}") from error

    def leave(self) -> None:
        """End well; a store that is away finds out by itself."""
        with suppress(StoreError):
            self._store.members.leave(self.mine.id)

    async def keep(self, clients: Callable[[], Sequence[Client]], lose: Callable[[str], None]) -> None:
        """Be heard of until cancelled. `clients`: of Temporal, once there is one.

        `lose` is told once why this process must end.
        """
        count = 0
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            count += 1
            try:
                await asyncio.to_thread(self._renew)
                if count % BEATS:
                    continue
                found = "" if self.mine.temporal else await _namespace_of_any(clients())
                if found:
                    await asyncio.to_thread(self.works_with, found)
                else:
                    await asyncio.to_thread(self.beat)
            except (Refused, UsedElsewhere) as error:
                lose(str(error))
                return
            except StoreError as error:
                _log.debug("not heard of in the store just now: %s", type(error).__name__)
            except OSError as error:
                _log.warning("the mark of a file cannot be renewed: %s", error)

    def _renew(self) -> None:
        for file in self._files:
            renew(file, self.mine.host)

    def _of_other_releases(self, heard: Heard) -> set[str]:
        others = {one.process.release for one in heard.others} - {self.mine.release}
        if not others:
            return set()
        told = ", ".join(sorted(others))
        sentence = f"this {self.mine.part} is of Instar {self.mine.release}, and others that work here are of {told}"
        return {f"{sentence}: stop those of the older release (docs/upgrading.md)"}

    def _tell(self, sentences: set[str]) -> None:
        """Each once, and once more when it comes back."""
        sentences.discard("")
        for sentence in sorted(sentences - self._said):
            _log.warning("%s", sentence)
        self._said = sentences


def itself(settings: Settings, part: Part, keys: KeyFile, *, signs: str = "") -> Process:
    """This process as it describes itself."""
    ring = keys.ring()
    return Process(
        id=str(uuid.uuid4()),
        part=part,
        host=settings.host or host_name(),
        kernel=kernel(),
        pid=os.getpid(),
        release=version("instar"),
        seals=ring.keys[0].fingerprint,
        opens=tuple(key.fingerprint for key in ring.keys),
        signs=signs,
    )


@dataclass(frozen=True)
class Ways:
    """What a process works by, opened."""

    settings: Settings
    store: Store
    fleet: Closable

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that one host alone may use."""
        of_fleet = self.settings.fleet if self.settings.compute is Compute.SIMULATED else None
        return tuple(file for file in (file_of(self.settings.store_url), of_fleet) if file is not None)


async def join(mine: Process, ways: Ways, readiness: Readiness, *, clock: Clock = utc_now) -> Membership:
    """The place of this process, once the store answers and the clock is right. Raises Refused."""
    membership = Membership(ways.store, mine, KeyFile(ways.settings.keys), clock, ways.files)
    membership.mine = replace(mine, fleet=ways.fleet.identify(membership.has_machines))

    async def get() -> Membership:
        await asyncio.to_thread(membership.join)
        return membership

    return await until_there("the database and the clock of this host", get, (ClockOff, Unavailable), readiness)


async def _namespace_of_any(clients: Sequence[Client]) -> str:
    return await namespace_of(clients[0]) if clients else ""


async def namespace_of(client: Client) -> str:
    """Name and id of the client's namespace; "" where Temporal does not answer, or tells nobody."""
    asked = DescribeNamespaceRequest(namespace=client.namespace)
    found: Awaitable[object] = client.workflow_service.describe_namespace(asked)
    try:
        async with asyncio.timeout(ASK_SECONDS):
            told = await found
    except (RPCError, TimeoutError, RuntimeError):
        return ""
    info = getattr(told, "namespace_info", None)
    return f"{client.namespace}/{info.id}" if info is not None and info.id else ""
