"""API and workers on several hosts: three data directories with a PostgreSQL and a Temporal that all of them reach.

The machines are a simulated fleet, one file that all three can reach: they are on one kernel really. What is on another
kernel is played by telling a process so.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from instar.compute.clock import utc_now
from instar.domain.delays import Delays
from instar.domain.hosts.agreement import HEARD_OF_WITHIN, Part
from instar.domain.records.upgrades import UpgradeStatus
from instar.store.database.key_file import KeyFile
from tests.processes.scale_set import LiveSet, publish
from tests.processes.site import API, ROOT, SECOND_WORKER, WORKER, Site, eventually
from tests.support.models import NEW, OLD, arm
from tests.support.postgres import PostgresServer
from tests.support.servers import binary

SIZE = 20
DELAYS = Delays(first_trigger=timedelta(seconds=1), health_poll_most=timedelta(seconds=1))
HOSTS = {API: "host-1", WORKER: "host-2", SECOND_WORKER: "host-3"}
KEYS = ("seal.keys",)

ELSEWHERE = """
import sys
from datetime import timedelta
from pathlib import Path
from instar.hosts import identity, marks
identity.BOOT_ID = Path(sys.argv.pop(1))
marks.OLD = timedelta(seconds=15)
from worker.__main__ import main
main()
"""
"""A worker on a kernel of its own."""


class ThreeHosts(Site):
    """The API on the first, a worker on the second; the third has a worker once it is started."""

    async def _start_server(self) -> None:
        KeyFile(self.data / "seal.keys")
        for host in HOSTS.values():
            self.host(host)
        await super()._start_server()

    def host(self, name: str, *copied: str) -> Path:
        """The data directory of a host, with copies of the first one's keys."""
        folder = self.data if name == HOSTS[API] else self.folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder != self.data:
            for key in copied or KEYS:
                shutil.copy2(self.data / key, folder / key)
        return folder

    def _start(self, name: str) -> None:
        self.started_now = name
        super()._start(name)

    def _env(self) -> dict[str, str]:
        return super()._env() | self.of_host(HOSTS.get(getattr(self, "started_now", API), HOSTS[API]))

    def of_host(self, name: str) -> dict[str, str]:
        """Settings of the processes there."""
        folder = self.data if name == HOSTS[API] else self.folder / name
        fleet = self.data / "fleet.sqlite"
        return {"INSTAR_DATA_DIR": str(folder), "INSTAR_HOST": name, "INSTAR_FLEET_FILE": str(fleet)}

    async def refused(self, module: str, **env: str) -> str:
        """What a process says that is started with these settings, and ends."""
        command = [binary("python"), "-P", "-m", module, *(("--port", "0") if module == API else ())]
        started = await asyncio.create_subprocess_exec(
            *command, env=self._env() | env, cwd=self.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        _, said = await asyncio.wait_for(started.communicate(), 120)
        assert started.returncode == 1, said.decode()
        return said.decode()

    def living(self) -> dict[str, str]:
        """Which process is on which host."""
        now, listed = self.store.members.all(utc_now)
        return {one.process.host: str(one.process.part) for one in listed if now - one.seen_at < HEARD_OF_WITHIN}


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    if not PostgresServer.can_run():
        pytest.skip("this machine has no PostgreSQL server (initdb, postgres)")
    with PostgresServer.made() as server:
        yield server


async def test_f11_f1_an_upgrade_begun_on_one_host_goes_on_on_the_third_when_the_second_dies(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with ThreeHosts(tmp_path / "site", DELAYS, postgres=postgres) as site:
        assert site.living() == {"host-1": Part.API, "host-2": Part.WORKER}
        live = await LiveSet.made(site, arm(SIZE), OLD)
        await publish(site, NEW)
        await live.start()

        async def has_begun() -> bool:
            return NEW in (await live.versions()).values()

        await eventually(has_begun, "a machine has the new version")
        await site.take_down(WORKER)
        assert not live.has_ended(1)
        site._start(SECOND_WORKER)
        record = await live.ended()
        assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, SIZE)
        assert set((await live.versions()).values()) == {NEW}
        judged = live.judgement()
        assert judged.violations == ()
        assert site.living()["host-3"] == Part.WORKER
        assert site.fallen == []
        await _who_differs_is_refused(site)
        await _the_guide_looks(site)


async def _who_differs_is_refused(site: ThreeHosts) -> None:
    """Each in one thing, and as otherwise on the third host."""
    third = site.of_host("host-3")
    (site.folder / "bare").mkdir(mode=0o700)
    said = await site.refused(WORKER, **third | {"INSTAR_DATA_DIR": str(site.folder / "bare")})
    assert "with which this store was sealed last (by host-" in said
    own_fleet = third | {"INSTAR_FLEET_FILE": str(site.folder / "own.sqlite")}
    said = await site.refused(WORKER, **own_fleet)
    assert "it would take those for gone" in said
    said = await site.refused(API, **third)
    assert "its signing.key is not the one that the api" in said
    create = [binary("temporal"), "operator", "namespace", "create", "--namespace", "other"]
    await asyncio.to_thread(subprocess.run, create, env=site._env(), check=True, capture_output=True)
    said = await site.refused(WORKER, **third | {"TEMPORAL_NAMESPACE": "other"})
    assert "one store goes with one namespace" in said
    # Copied, the key lets the second API in; and nothing of all this has made anybody else end.
    site.host("host-3", "seal.keys", "signing.key")
    assert site.living() == {"host-1": Part.API, "host-3": Part.WORKER} | site.living()
    assert site.fallen == []


async def _the_guide_looks(site: ThreeHosts) -> None:
    """The commands at the top of the guide, on the third host."""
    page = (ROOT / "docs" / "several-hosts.md").read_text(encoding="utf-8")
    commands = [line.partition("#")[0].split() for line in page.split("```")[1].strip().splitlines()]
    assert [words[:2] for words in commands] == [["instar", "hosts"], ["instar", "doctor"], ["instar", "keys"]]
    env = site._env() | site.of_host("host-3") | {"COLUMNS": "200"}
    told = []
    for _, *words in commands:
        command = [binary("instar"), *words, *(("--data-dir", env["INSTAR_DATA_DIR"]) if words == ["doctor"] else ())]
        done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, check=False)
        told.append(done.stdout + done.stderr)
    hosts, doctor, keys = told
    assert {"host-1", "host-3"} <= set(hosts.split()), hosts
    assert "hosts go together: host-1, host-" in " ".join(doctor.split()), doctor
    assert KeyFile(site.data / "seal.keys").ring().keys[0].fingerprint in keys


async def test_f11_a_worker_on_another_host_waits_for_files_of_sqlite_until_they_are_given_up(tmp_path: Path) -> None:
    async with Site(tmp_path / "site", DELAYS) as site:
        boot_id = tmp_path / "boot-id"
        boot_id.write_text("another kernel\n")
        log = tmp_path / "log"
        with log.open("wb") as out:
            started = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", ELSEWHERE, str(boot_id)),
                env=os.environ | site._env() | {"INSTAR_HOST": "elsewhere"},
                cwd=site.folder,
                stdout=out,
                stderr=out,
            )
        try:

            async def waits() -> bool:
                return "is used on host" in log.read_text()

            await eventually(waits, "the other host's worker waits")
            assert "stop Instar there, and this is taken over within a minute" in log.read_text()
            assert "worker ready" not in log.read_text()
            await site.take_down(WORKER, API)

            async def has_taken_over() -> bool:
                return "worker ready" in log.read_text()

            await eventually(has_taken_over, "it takes over", 120)
            # Who comes back to the first host waits in its turn.
            site.down.clear()

            async def waits_here() -> bool:
                return "is used on host elsewhere" in site.log_text(WORKER)

            await eventually(waits_here, "the first host waits", 120)
        finally:
            started.terminate()
            assert await asyncio.wait_for(started.wait(), 60) == 0
