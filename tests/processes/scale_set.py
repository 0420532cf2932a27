"""One scale set of a site, as its owner deals with it: through HTTP."""

import asyncio
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from instar.compute.simulated.file.scripts import FleetDefaults, VersionScript
from instar.compute.simulated.flight.judgement import Judgement, judge
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.processes.site import Site, eventually
from tests.support.models import GROUP, IMAGE, LOCATION

VERSION = {"api-version": "2024-11-01"}
PATH = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
IMAGES = (
    f"/subscriptions/{GROUP.split('/')[2]}/providers/Microsoft.Compute/locations/{LOCATION}"
    f"/publishers/{IMAGE.publisher}/artifacttypes/vmimage/offers/{IMAGE.offer}/skus/{IMAGE.sku}/versions"
)

RUNNING = re.compile(r"in progress: os-upgrade/[^/]+/(\d+)")

SWAP = timedelta(seconds=0.3)
BOOT = timedelta(seconds=0.5)


@dataclass
class LiveSet:
    """The set `web` of a site."""

    site: Site
    identity: ScaleSetIdentity

    @classmethod
    async def made(cls, site: Site, document: dict[str, Any], old: str) -> "LiveSet":
        """Publish a version and make the set on it; returns when every machine is there and healthy."""
        site.fleet.set_defaults(FleetDefaults(swap=SWAP, boot=BOOT))
        await publish(site, old)
        created = await site.http.put(PATH, params=VERSION, json=document)
        assert created.status_code == 201, created.text
        stored = site.store.scale_sets.find(PATH)
        assert stored is not None
        one = cls(site, stored.identity)
        await one.finished(created)
        await asyncio.sleep(BOOT.total_seconds() + 0.1)
        return one

    async def finished(self, accepted: httpx.Response) -> None:
        """Wait for the operation that an answer names."""

        async def done() -> bool:
            status = (await self.site.http.get(accepted.headers["azure-asyncoperation"])).json()
            assert status["status"] in ("InProgress", "Succeeded"), status
            return bool(status["status"] == "Succeeded")

        await eventually(done, "the operation has ended")

    async def start(self, *, after_others: bool = False) -> None:
        """Start an upgrade by hand, as a client does: told to come back later, it does (A4).

        after_others: where another one may still run, it is waited for, and not taken for a fault.
        """
        told_to_come_back = False

        async def taken() -> bool:
            nonlocal told_to_come_back
            answer = await self.site.http.post(f"{PATH}/osRollingUpgrade", params=VERSION)
            # What was answered 503 may have been begun all the same: then the second one is refused.
            known = (202, 409, 503) if told_to_come_back else (202, 503)
            running = RUNNING.search(answer.text) if answer.status_code == 409 else None
            if running and (after_others or self.has_ended(int(running[1]))):
                return False  # its end is written down, and the set hears of it a moment later
            assert answer.status_code in known, answer.text
            told_to_come_back = told_to_come_back or answer.status_code == 503
            return answer.status_code != 503

        await eventually(taken, "a start is taken")

    async def enable(self) -> None:
        """Have the platform start one."""
        automatic = {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}}
        answer = await self.site.http.patch(PATH, params=VERSION, json={"properties": automatic})
        assert answer.status_code == 200, answer.text

    def record(self, number: int = 1) -> UpgradeRecord | None:
        """What is written down of an upgrade."""
        return self.site.store.upgrades.get(self.identity.unique_id, number)

    def has_ended(self, number: int) -> bool:
        """Whether an upgrade has ended."""
        record = self.record(number)
        return record is not None and record.status.ended

    async def ended(self, number: int = 1, seconds: float = 200) -> UpgradeRecord:
        """The record of an upgrade once it has ended."""

        async def done() -> bool:
            return self.has_ended(number)

        await eventually(done, f"upgrade {number} of {self.identity.resource_id} has ended", seconds)
        record = self.record(number)
        assert record is not None
        return record

    async def versions(self) -> dict[str, str]:
        """The exact version of each machine's OS disk."""
        listed = await self.site.fleet.list_instances(self.identity)
        return {one.instance_id: one.os_disk.image.version if one.os_disk else "none" for one in listed}

    def outcomes(self, number: int = 1) -> dict[str, str]:
        """Outcome of each machine."""
        rows = self.site.store.upgrades.instances(self.identity.unique_id, number)
        return {one: str(row.outcome) for one, row in rows.items()}

    def judgement(self) -> Judgement:
        """The flight recorder's verdict, after a look at what is there."""
        self.site.fleet.take_stock(self.identity)
        return judge(self.site.fleet.recorder.records())


async def publish(site: Site, version: str, script: VersionScript | None = None) -> None:
    """Publish a version, with its behaviour."""
    site.fleet.script_version(IMAGE.at(version), script or VersionScript())
    answer = await site.http.put(f"{IMAGES}/{version}", params=VERSION, json={"location": LOCATION})
    assert answer.status_code in (200, 201), answer.text
