"""Instar on a libvirt of its own, and sets of real machines on it."""

import asyncio
import functools
import json
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import libvirt
from rich.console import Console

from instar.client.images import Place, publish
from instar.compute.libvirt import machines
from instar.compute.libvirt.guests.record import MachineRecord
from instar.compute.libvirt.storage.images import image_volume
from instar.connection.settings import Settings
from instar.demo.private_libvirt import POOL, PrivateLibvirt
from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import Instance
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.libvirt.memory_pool import in_memory
from tests.processes.site import Site, eventually
from tests.support.models import GROUP, LOCATION, arm

VERSION = {"api-version": "2024-11-01"}
LINE = ImageReference(publisher="Instar", offer="tiny", sku="guest", version="latest")
PORT = 8080
IMAGES = (
    f"/subscriptions/{GROUP.split('/')[2]}/providers/Microsoft.Compute/locations/{LOCATION}"
    f"/publishers/{LINE.publisher}/artifacttypes/vmimage/offers/{LINE.offer}/skus/{LINE.sku}/versions"
)

UPGRADE_SECONDS = 240.0


ROOT = Path(__file__).parents[2]
GUESTS_SECONDS = 300.0

DELAYS = Delays(
    first_trigger=timedelta(seconds=3),
    health_wait=timedelta(seconds=40),
    health_poll_most=timedelta(seconds=1),
    look_after_upgrade=timedelta(seconds=5),
)


@asynccontextmanager
async def a_real_site(
    guests: Path, libvirt_in: Callable[[Path], PrivateLibvirt] = PrivateLibvirt
) -> AsyncIterator["RealSite"]:
    """Started, with version 1.0.0 published; at its end nothing may be left. guests: made there if they are not."""
    if not (guests / "panic.qcow2").exists():
        making = await asyncio.create_subprocess_exec(ROOT / "deploy" / "tiny-guest.sh", guests)
        assert await asyncio.wait_for(making.wait(), GUESTS_SECONDS) == 0
    folder = Path(tempfile.mkdtemp(prefix="instar-"))  # a short path, for the sake of sockets
    deaths = folder / "deaths"
    deaths.mkdir()
    try:
        with (
            libvirt_in(folder / "l") as hypervisor,
            in_memory(hypervisor.pool_path) as mounted,
            _logs_shown(folder / "s" / "logs"),
        ):
            env = {**hypervisor.settings(), "INSTAR_TEST_DEATHS": str(deaths)}
            async with Site(folder / "s", DELAYS, worker="tests.libvirt.mortal_worker", env=env) as site:
                one = RealSite(site, hypervisor, guests, deaths, mounted)
                await one.publish("1.0.0", "v1")
                yield one
                assert site.fallen == []
            assert hypervisor.guests() == []
            assert one.volumes() == set()
        assert hypervisor.guests() == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _logs_shown(logs: Path) -> Iterator[None]:
    """What the newest worker and API wrote, where a test looks for what went wrong."""
    try:
        yield
    finally:
        for name in ("worker", "api"):
            for log in sorted(logs.glob(f"{name}-*.log"), key=lambda one: one.stat().st_mtime)[-1:]:
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")  # noqa: T201  # shown for failures only


@dataclass
class RealSite:
    """Site and hypervisor."""

    site: Site
    hypervisor: PrivateLibvirt
    guests: Path
    """Where the images are."""

    deaths: Path

    mounted: bool
    """Whether the pool is a file system of its own."""

    def settings(self) -> Settings:
        env = self.hypervisor.settings()
        given = {
            name.removeprefix("INSTAR_LIBVIRT__").lower(): value for name, value in env.items() if "LIBVIRT__" in name
        }
        return Settings(data_dir=self.site.data, libvirt=given)

    async def publish(self, version: str, guest: str) -> None:
        """Upload and register, as `instar images publish` does."""
        place = Place(self.settings(), self.site.login, GROUP.split("/")[2], LOCATION)
        file = self.guests / f"{guest}.qcow2"
        await asyncio.to_thread(publish, place, LINE.at(version), file, Console(quiet=True))

    @asynccontextmanager
    async def offered(self, version: str, guest: str) -> AsyncIterator[None]:
        """The same, withdrawn at the end."""
        await self.publish(version, guest)
        try:
            yield
        finally:
            answer = await self.site.http.delete(f"{IMAGES}/{version}", params=VERSION)
            assert answer.status_code == 200, answer.text

    def connection(self) -> Any:
        return libvirt.open(self.hypervisor.uri)

    def image_file(self, version: str) -> Path:
        return self.hypervisor.pool_path / image_volume(LINE.at(version))

    def volumes(self) -> set[str]:
        connection = self.connection()
        pool = connection.storagePoolLookupByName(POOL)
        pool.refresh(0)
        names = {name for name in pool.listVolumes() if not name.startswith(("img.", "deleted."))}
        connection.close()
        return names

    @asynccontextmanager
    async def machines(self, count: int) -> AsyncIterator["RealSet"]:
        """A set of that many healthy machines on the newest version; deleted at the end."""
        name = f"set-{uuid.uuid4().hex[:6]}"
        path = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
        created = await self.site.http.put(path, params=VERSION, json=document(count))
        assert created.status_code == 201, created.text
        stored = self.site.store.scale_sets.find(path)
        assert stored is not None
        one = RealSet(self, path, stored.identity)
        try:
            await one.finished(created)
            await eventually(functools.partial(one.all_healthy, count), "all machines are healthy", UPGRADE_SECONDS)
            yield one
        finally:
            await one.delete()


def document(count: int) -> dict[str, Any]:
    """All machines in one batch, whatever becomes of them: a batch of one each would take five times as long."""
    everything = {
        "maxBatchInstancePercent": 100,
        "maxUnhealthyInstancePercent": 100,
        "maxUnhealthyUpgradedInstancePercent": 100,
    }
    health = {"settings": {"protocol": "http", "port": PORT, "requestPath": "/health", "intervalInSeconds": 5}}
    made = arm(
        count,
        policy=everything,
        health=health,
        image=LINE.model_dump(by_alias=True, exclude={"id"}),
    )
    made["sku"]["name"] = "Tiny"
    made["properties"]["virtualMachineProfile"]["storageProfile"]["dataDisks"][0]["diskSizeGB"] = 1
    return made


@dataclass
class RealSet:
    """One set."""

    real: RealSite
    path: str
    identity: ScaleSetIdentity

    @property
    def site(self) -> Site:
        return self.real.site

    async def finished(self, accepted: httpx.Response) -> None:
        async def done() -> bool:
            status = (await self.site.http.get(accepted.headers["azure-asyncoperation"])).json()
            assert status["status"] in ("InProgress", "Succeeded"), status
            return bool(status["status"] == "Succeeded")

        await eventually(done, "the operation has ended", UPGRADE_SECONDS)

    async def start(self) -> None:
        answer = await self.site.http.post(f"{self.path}/osRollingUpgrade", params=VERSION)
        assert answer.status_code == 202, answer.text

    async def roll_back(self, reason: str) -> None:
        answer = await self.site.http.post(f"{self.path}/instar/rollback", params=VERSION, json={"reason": reason})
        assert answer.status_code == 202, answer.text

    async def enable(self) -> None:
        automatic = {"enableAutomaticOSUpgrade": True, "useRollingUpgradePolicy": True}
        body = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": automatic}}}
        answer = await self.site.http.patch(self.path, params=VERSION, json=body)
        assert answer.status_code == 200, answer.text

    async def delete(self) -> None:
        answer = await self.site.http.delete(self.path, params=VERSION)
        assert answer.status_code in (200, 202), answer.text
        await self.finished(answer)

    def record(self, number: int = 1) -> UpgradeRecord | None:
        return self.site.store.upgrades.get(self.identity.unique_id, number)

    async def ended(self, number: int = 1) -> UpgradeRecord:
        async def done() -> bool:
            record = self.record(number)
            return record is not None and record.status.ended

        await eventually(done, f"upgrade {number} of {self.path} has ended", UPGRADE_SECONDS)
        record = self.record(number)
        assert record is not None
        return record

    async def begun(self, number: int = 1) -> None:
        async def swapping() -> bool:
            return any(one.fence[0] >= number for one in self.records().values())

        await eventually(swapping, "a swap has begun", UPGRADE_SECONDS)

    def outcomes(self, number: int = 1) -> dict[str, Outcome]:
        rows = self.site.store.upgrades.instances(self.identity.unique_id, number)
        return {one: Outcome(row.outcome) for one, row in rows.items()}

    def reasons(self, number: int = 1) -> str:
        rows = self.site.store.upgrades.instances(self.identity.unique_id, number)
        return "\n".join(str(row) for row in rows.values())

    def instances(self) -> dict[str, Instance]:
        connection = self.real.connection()
        found = [
            (machine.instance_id, machines._instance(domain, machine))
            for domain, machine in machines.of_set(connection, self.identity)
        ]
        connection.close()
        return dict(sorted(found))

    def records(self) -> dict[str, MachineRecord]:
        connection = self.real.connection()
        found = {one.instance_id: one for _, one in machines.of_set(connection, self.identity)}
        connection.close()
        return found

    async def say(self) -> dict[str, Mapping[str, Any]]:
        """What each guest tells of itself; guests that do not answer are left out."""
        said = {}
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            for instance_id, machine in self.records().items():
                try:
                    said[instance_id] = json.loads((await http.get(f"http://127.0.0.1:{machine.host_port}/")).text)
                except (httpx.HTTPError, ValueError):
                    continue
        return said

    async def all_healthy(self, count: int) -> bool:
        return len(await self.say()) == count

    async def boots(self) -> set[tuple[str, int, int]]:
        """Version, boots of the OS disk and of the data disk: which there are among the guests."""
        return {(one["version"], one["os_boots"], one["data_boots"]) for one in (await self.say()).values()}
