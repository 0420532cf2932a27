"""Behind the stage of the simulated fleet: scripting machines, planting faults, reading the flight recorder."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from instar.compute.clock import Clock, utc_now
from instar.compute.errors import InstanceGone, Throttled, Unavailable
from instar.compute.probing.prober import Prober
from instar.compute.provider import Effect
from instar.compute.simulated import machines, provisioning
from instar.compute.simulated.answers.metrics import script_metrics
from instar.compute.simulated.file.database import Database
from instar.compute.simulated.file.faults import ArmedFault, Call, Fault, FaultKind, Point
from instar.compute.simulated.file.moments import to_micros
from instar.compute.simulated.file.scripts import (
    EXPIRED,
    EXTENSION_SCRIPTS,
    ExtensionScript,
    FleetDefaults,
    InstanceScript,
    VersionScript,
    image_key,
)
from instar.compute.simulated.flight.recorder import FlightRecorder, Kind
from instar.compute.simulated.pace import Pace, RealPace
from instar.domain.images.images import ImageReference
from instar.domain.sets.scale_sets import ScaleSetIdentity

_LOOK_FOR_RELEASE_SECONDS = 0.05
"""How often a call that stands still looks whether another process released it."""


@dataclass(frozen=True, slots=True)
class DiskRuns:
    """What ran on one OS disk: which generation's, and how often."""

    generation: int
    custom_data: int
    extensions: int


class Stage:
    """What directs the fleet and is no part of the `Provider` port. Synchronous: each method is one short transaction.

    path: the fleet's file; the flight recorder's is `<path>.flight.jsonl`.
    """

    def __init__(self, path: Path, *, clock: Clock = utc_now, pace: Pace | None = None) -> None:
        self._database = Database(path, clock)
        self._pace = pace or RealPace()
        self._prober = Prober(clock)
        self._released: dict[int, asyncio.Event] = {}

    def close(self) -> None:
        """Close the files. A machine that is stopped for a swap waits for whoever swaps it next."""
        self._database.close()

    def identify(self, known: Callable[[str], None]) -> str:  # noqa: ARG002  # for those who learn it later
        """Which machines these are, in parts between slashes: the file says it."""
        return f"simulated/{self._database.identity()}"

    def __enter__(self) -> Self:
        """Give the fleet itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # Scripts

    @property
    def defaults(self) -> FleetDefaults:
        """The durations in force."""
        return self._database.scripts().defaults

    def set_defaults(self, defaults: FleetDefaults) -> None:
        """Set the durations of the whole fleet."""
        self._script("UPDATE facts SET value = ? WHERE name = 'defaults'", defaults.model_dump_json())

    def script_version(self, image: ImageReference, script: VersionScript) -> None:
        """Script one exact version of an image; replaces its script."""
        self._script("INSERT OR REPLACE INTO version_scripts VALUES (?, ?)", image_key(image), script.model_dump_json())

    def version_script(self, image: ImageReference) -> VersionScript:
        """The script of that version."""
        return self._database.scripts().of(image)

    def _script(self, statement: str, *values: object) -> None:
        with self._database.write() as tx:
            before = tx.scripts
            tx.execute(statement, values)
            tx.revise()
            machines.record_plans(tx, before)

    def script_instance(self, scale_set: ScaleSetIdentity, instance_id: str, script: InstanceScript) -> None:
        """Script one machine; replaces its script. Raises InstanceGone."""
        with self._database.write() as tx:
            if not machines.script_instance(tx, scale_set.unique_id, instance_id, script):
                raise InstanceGone(f"instance {instance_id} does not exist")
            script_metrics(tx, scale_set.unique_id, instance_id, script)

    def script_extensions(self, *scripts: ExtensionScript) -> None:
        """Say how extensions behave; replaces what was said of them before."""
        self._direct("extensions", EXTENSION_SCRIPTS.dump_json(scripts).decode())

    def expire_credential(self, secret: str, since: datetime | None = None) -> None:
        """Let extensions fail whose settings hold that text, from a moment on (None: now). Only a digest is kept."""
        since = since or self._database.clock()
        expired = self._database.scripts().expired | {provisioning.digest(secret): since}
        self._direct("expired", EXPIRED.dump_json(expired).decode())

    def _direct(self, name: str, value: object) -> None:
        with self._database.write() as tx:
            tx.execute("UPDATE facts SET value = ? WHERE name = ?", (value, name))
            tx.revise()

    def runs(self, scale_set: ScaleSetIdentity, instance_id: str) -> dict[str, DiskRuns]:
        """How often custom data and extensions have run on each OS disk of a machine, kept ones too, by its name."""
        rows = self._database.connection.execute(
            "SELECT name, generation, custom_data_runs, extension_runs FROM os_disks "
            "WHERE unique_id = ? AND instance_id = ? ORDER BY name",
            (scale_set.unique_id, int(instance_id)),
        )
        return {name: DiskRuns(*counts) for name, *counts in rows}

    def away(self, until: datetime) -> None:
        """Let the whole compute not answer until that moment."""
        self._direct("away_until", to_micros(until))

    # Faults

    def inject(self, fault: Fault) -> int:
        """Plant a fault; returns its number."""
        with self._database.write() as tx:
            row = tx.execute(
                "INSERT INTO faults (document, times_left) VALUES (?, ?) RETURNING fault",
                (fault.model_dump_json(), fault.times),
            ).fetchone()
            tx.revise()
        return int(row[0])

    def hits(self, number: int) -> int:
        """How often that fault struck. Raises KeyError for an unknown number."""
        row = self._database.connection.execute("SELECT hits FROM faults WHERE fault = ?", (number,)).fetchone()
        if row is None:
            raise KeyError(number)
        return int(row[0])

    def withdraw(self, number: int) -> None:
        """From now on that fault strikes nobody. One that is unknown, or has struck as often as it was to, stays so."""
        with self._database.write() as tx:
            tx.execute("UPDATE faults SET times_left = 0 WHERE fault = ?", (number,))
            tx.revise()

    def withdraw_all(self) -> None:
        """No fault strikes anybody any more."""
        with self._database.write() as tx:
            tx.execute("UPDATE faults SET times_left = 0")
            tx.revise()

    def release(self, number: int) -> None:
        """Let the calls go on that a fault of kind LATE holds, whichever process they are in."""
        with self._database.write() as tx:
            tx.execute("UPDATE faults SET released = 1 WHERE fault = ?", (number,))
        self._event(number).set()

    def _event(self, number: int) -> asyncio.Event:
        return self._released.setdefault(number, asyncio.Event())

    def _armed(
        self,
        kind: FaultKind,
        call: Call,
        unique_id: str,
        concerns: Callable[[str], bool],
        point: Point | None = None,
    ) -> ArmedFault | None:
        for armed in self._database.scripts().faults:
            if armed.strikes(kind, call, unique_id, concerns, point):
                return armed
        return None

    def _take(
        self,
        kind: FaultKind,
        call: Call,
        unique_id: str,
        concerns: Callable[[str], bool],
        point: Point | None = None,
    ) -> ArmedFault | None:
        armed = self._armed(kind, call, unique_id, concerns, point)
        if armed is None:
            return None
        with self._database.write() as tx:
            return armed if tx.take(armed) else None

    def _admit(self, call: Call, unique_id: str, concerns: Callable[[str], bool] = lambda _: True) -> None:
        scripts = self._database.scripts()
        if scripts.away_until > self._database.clock():
            raise Unavailable("the compute does not answer")
        if not scripts.faults:
            return
        if throttled := self._take(FaultKind.THROTTLED, call, unique_id, concerns):
            raise Throttled("too many calls", throttled.fault.retry_after)
        if self._take(FaultKind.UNAVAILABLE, call, unique_id, concerns):
            raise Unavailable("the compute does not answer")

    def _answer(self, call: Call, unique_id: str, concerns: Callable[[str], bool] = lambda _: True) -> None:
        if self._take(FaultKind.ANSWER_LOST, call, unique_id, concerns):
            raise Unavailable("the answer was lost")

    def _pass(self, point: Point, call: Call, effect: Effect) -> None:
        """Pass a point at which the process may be told to die."""
        if self._take(FaultKind.DIES, call, effect.scale_set.unique_id, effect.instance_id.__eq__, point):
            os.kill(os.getpid(), signal.SIGKILL)

    async def _stand_still(self, call: Call, effect: Effect) -> None:
        """Stand still as long as a fault of kind LATE says."""
        late = self._take(FaultKind.LATE, call, effect.scale_set.unique_id, effect.instance_id.__eq__)
        if late is None:
            return
        event, released = self._event(late.number), "SELECT released FROM faults WHERE fault = ?"
        while not self._database.connection.execute(released, (late.number,)).fetchone()[0]:
            try:
                await asyncio.wait_for(event.wait(), _LOOK_FOR_RELEASE_SECONDS)
            except TimeoutError:
                continue

    # The flight recorder

    @property
    def recorder(self) -> FlightRecorder:
        """What happened: `recorder.records()`, in the file `recorder.path`."""
        return self._database.recorder

    def take_stock(self, scale_set: ScaleSetIdentity) -> None:
        """Write down how every machine of a set is found, so that what changed behind the recorder's back shows."""
        set_id = scale_set.unique_id
        with self._database.write() as tx:
            rows = tx.execute(
                "SELECT m.instance_id, d.name FROM machines m LEFT JOIN os_disks d "
                "ON (d.unique_id, d.instance_id, d.name) = (m.unique_id, m.instance_id, m.os_disk) "
                "WHERE m.unique_id = ? AND m.deleted_at IS NULL ORDER BY m.instance_id",
                (set_id,),
            ).fetchall()
            for number, os_disk in rows:
                tx.record(
                    Kind.STOCK,
                    set_id,
                    str(number),
                    os_disk=os_disk or "",
                    kept_disks=machines.kept_names(tx, set_id, number),
                    data_disks=machines.data_disks(tx, set_id, number),
                )
