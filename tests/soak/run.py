"""One run: a site of its own, the moves of its plan, and then rest."""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import FleetDefaults, VersionScript
from instar.domain.delays import Delays
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.errors import Unavailable
from tests.processes.scale_set import IMAGES, VERSION
from tests.processes.site import APIS, POSTGRES, TEMPORAL, WORKER, WORKERS, Site
from tests.soak.disk import LIBRARY, Clock, no_room
from tests.soak.judging import Left, harm
from tests.soak.plan import Move, Plan
from tests.support.models import GROUP, IMAGE, LOCATION, OLD, arm
from tests.support.postgres import PostgresServer

SETS = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets"

DELAYS = Delays(
    first_trigger=timedelta(seconds=3),
    health_wait=timedelta(seconds=6),
    health_poll_most=timedelta(seconds=1),
    look_after_upgrade=timedelta(seconds=5),
    keep_previous_disks=timedelta(seconds=20),
    look_least=timedelta(seconds=4),
    look_most=timedelta(seconds=8),
    nudge_most=timedelta(seconds=2),
)

RECOVERS_WITHIN_SECONDS = 240.0
STANDS_STILL_SECONDS = 14.0
"""Longer than the heartbeat time-out: its attempts are given to another, and it comes back late."""

TRIES = 80
SIZE_AT_MOST = 65


class Soak:
    """The site of one run, and what it has answered."""

    def __init__(self, site: Site, plan: Plan, clock: Clock, say: Callable[[str], None]) -> None:
        self._site = site
        self._clock = clock
        self._chance = random.Random(plan.seed)
        self._plan = plan
        self._say = say
        self._operations: dict[str, None] = {}
        self._identities: dict[str, ScaleSetIdentity] = {}
        self._version = 0
        self._started = time.monotonic()

    async def run(self) -> list[str]:
        """What harm was found; the time to recover is said."""
        self._site.fleet.set_defaults(FleetDefaults(swap=timedelta(seconds=0.3), boot=timedelta(seconds=0.5)))
        await self._publish(OLD, bad=False)
        for name in self._plan.sizes:
            await self._make(name)
        asking: list[asyncio.Task[None]] = []
        for move in self._plan.moves:
            await asyncio.sleep(move.after)
            self._say(f"{time.monotonic() - self._started:6.1f} s  {move}")
            asking.append(asyncio.create_task(self._do(move)))
        await asyncio.gather(*asking)
        self._site.fleet.withdraw_all()
        up_again = time.monotonic()
        await self._site.all_up()
        found = ["nobody looked"]
        while found and time.monotonic() - up_again < RECOVERS_WITHIN_SECONDS:
            await asyncio.sleep(1)
            self._notice()
            left = Left(self._site.store, self._site.fleet, tuple(self._identities.values()), tuple(self._operations))
            try:
                found = await harm(left)
            except Unavailable as error:
                found = [str(error)]
        self._say(f"recovered in {time.monotonic() - up_again:.0f} s" if not found else "did not recover")
        return [*found, *self._site.fallen]

    async def _do(self, move: Move) -> None:
        if move.scale_set:
            await self._wish(move)
        else:
            await self._fault(move.kind)

    async def _fault(self, kind: str) -> None:
        what, _, whom = kind.partition(" ")
        match what:
            case "kill":
                for name in self._site.names(*self._struck(whom)):
                    with suppress(ProcessLookupError):
                        self._site.kill(name)
            case "stop":
                self._site.signal(WORKER, signal.SIGSTOP)
                await asyncio.sleep(STANDS_STILL_SECONDS)
                self._site.signal(WORKER, signal.SIGCONT)
            case "full" | "read-only":
                await no_room(self._site, kind)
            case "clock":
                await self._clock.set_back()
            case "throttle":
                call, again = Call(whom), timedelta(seconds=1)
                self._site.fleet.inject(Fault(kind=FaultKind.THROTTLED, call=call, times=30, retry_after=again))
            case "lose":
                for call in (Call.CREATE, Call.SWAP, Call.DELETE):
                    self._site.fleet.inject(Fault(kind=FaultKind.ANSWER_LOST, call=call, times=2))
            case _:
                self._site.fleet.inject(Fault(kind=FaultKind.UNAVAILABLE, call=Call.LIST, times=20))

    def _struck(self, whom: str) -> tuple[str, ...]:
        match whom:
            case "all":
                return (*WORKERS, *APIS, TEMPORAL, POSTGRES)
            case "worker":
                return (self._chance.choice(self._site.names(*WORKERS)),)
            case "api":
                return (self._chance.choice(self._site.names(*APIS)),)
            case _:
                return (whom,)

    async def _wish(self, move: Move) -> None:
        path = f"{SETS}/{move.scale_set}"
        match move.kind:
            case "start":
                await self._ask("POST", f"{path}/osRollingUpgrade")
            case "cancel":
                await self._ask("POST", f"{path}/rollingUpgrades/cancel")
            case "grow" | "shrink":
                try:
                    stored = self._site.store.scale_sets.find(path)
                except Unavailable:
                    return
                had = int(stored.document["sku"]["capacity"]) if stored else 1
                size = had + move.number if move.kind == "grow" else max(had - move.number, 0)
                await self._ask("PATCH", path, {"sku": {"capacity": min(size, SIZE_AT_MOST)}})
            case "restart" | "reimage" | "manualupgrade":
                await self._ask("POST", f"{path}/{move.kind}", {"instanceIds": ["*"]})
            case "model":
                mode = ("Manual", "Automatic", "Rolling")[move.number % 3]
                profile = {"licenseType": f"licence-{move.number}"}
                policy = {"upgradePolicy": {"mode": mode}, "virtualMachineProfile": profile}
                await self._ask("PATCH", path, {"properties": policy})
            case "automatic":
                switch = {"enableAutomaticOSUpgrade": move.number > 1}
                await self._ask("PATCH", path, {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": switch}}})
            case "delete instance":
                await self._ask("DELETE", f"{path}/virtualMachines/{move.number}")
            case "publish good" | "publish bad":
                self._version += 1
                await self._publish(f"18.04.2025{self._version:05d}", bad=move.kind == "publish bad")
            case _:
                await self._ask("DELETE", path)
                await asyncio.sleep(move.number)
                await self._make(move.scale_set)

    async def _make(self, name: str) -> None:
        await self._ask("PUT", f"{SETS}/{name}", arm(self._plan.sizes[name]))

    async def _publish(self, version: str, *, bad: bool) -> None:
        script = VersionScript(never_healthy="all" if bad else ())
        self._site.fleet.script_version(IMAGE.at(version), script)
        await self._ask("PUT", f"{IMAGES}/{version}", {"location": LOCATION})

    async def _ask(self, method: str, path: str, body: Any = None) -> None:
        """As a client does: repeated while there is no answer. What the set does not want just now (4xx) is let be."""
        for _ in range(TRIES):
            try:
                url = self._chance.choice(self._site.api_urls) + path
                answer = await self._site.http.request(method, url, params=VERSION, json=body)
            except httpx.HTTPError:
                await asyncio.sleep(0.5)
                continue
            if answer.status_code in (429, 503):
                await asyncio.sleep(1)
                continue
            if answer.is_success and (url := answer.headers.get("azure-asyncoperation")):
                self._operations[url.split("?")[0].rpartition("/")[2]] = None
            elif answer.status_code >= 500:
                self._site.fallen.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            self._notice()
            return

    def _notice(self) -> None:
        with suppress(Unavailable):
            for identity, _ in self._site.store.scale_sets.identities():
                self._identities[identity.unique_id] = identity


async def soaked(plan: Plan, folder: Path, say: Callable[[str], None]) -> list[str]:
    """The harm that one run has found."""
    postgresql = plan.postgresql and PostgresServer.can_run()
    with PostgresServer.made() if postgresql else nullcontext() as postgres:
        site = Site(folder, DELAYS, env={"INSTAR_SWEEP": "2"}, pairs=plan.pairs, postgres=postgres)
        clock = Clock(folder.parent)
        site.env_of_ours = clock.env()
        async with site:
            parts = "two workers and APIs" if plan.pairs else "one worker and API"
            missing = "" if LIBRARY else ", no clock is set back (libfaketime is missing)"
            say(f"{parts}, {'PostgreSQL' if postgresql else 'SQLite'}{missing}")
            return await Soak(site, plan, clock, say).run()
