"""`instar backup` while an upgrade runs, more changes, `instar restore`, and all goes on (docs/rules.md F6, F7).

The same with the two databases of a backup taken an hour apart, either of them the older one: docs/backup.md says what
is safe, and this is where it was seen.
"""

import asyncio
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from instar.domain.delays import Delays
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import UpgradeStatus
from instar.store.database.tables import OPERATIONS
from tests.processes.scale_set import PATH, VERSION, LiveSet, publish
from tests.processes.site import API, TEMPORAL, WORKER, Site, eventually
from tests.support.models import NEW, OLD, arm
from tests.support.servers import binary

NEWER, NEWEST = "18.04.202403030", "18.04.202404040"
DELAYS = Delays(health_wait=timedelta(seconds=6), health_poll_most=timedelta(seconds=1))

pytestmark = pytest.mark.long


async def instar(site: Site, *words: str) -> subprocess.CompletedProcess[str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("INSTAR_", "TEMPORAL_"))}
    command = [binary("instar"), *words, "--data-dir", str(site.data)]
    return await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=site.folder,
        env=mine,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


async def backed_up(site: Site) -> Path:
    done = await instar(site, "backup", str(site.folder / "backups"))
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1].removeprefix("backup "))


async def restored(site: Site, backup: Path) -> None:
    """With the store closed in this process too, which would count as one that uses it."""
    site.store.close()
    site.fleet.close()
    done = await instar(site, "restore", str(backup), "--yes")
    assert done.returncode == 0, done.stderr
    assert "scale sets in it: web" in done.stdout
    site.open_data()


def mixed(site: Site, store: Path, temporal: Path) -> Path:
    """The records of one backup with the workflows of another, as if copied an hour apart."""
    both = site.folder / "mixed"
    shutil.copytree(store, both)
    shutil.copy(temporal / "temporal.db", both / "temporal.db")
    listed, newer = (json.loads((folder / "manifest.json").read_text()) for folder in (store, temporal))
    keep = [entry for entry in listed["files"] if entry["name"] != "temporal.db"]
    listed["files"] = keep + [entry for entry in newer["files"] if entry["name"] == "temporal.db"]
    (both / "manifest.json").write_text(json.dumps(listed))
    return both


def chosen(site: Site, kind: str, first: Path, second: Path) -> Path:
    if kind == "temporal an hour older":
        return mixed(site, store=second, temporal=first)
    return mixed(site, store=first, temporal=second) if kind == "store an hour older" else first


async def sizes(live: LiveSet, size: int) -> None:
    answer = await live.site.http.put(PATH, params=VERSION, json=arm(size))
    assert answer.status_code == 200, answer.text
    await live.finished(answer)


async def nothing_in_progress(site: Site) -> bool:
    if site.store.upgrades.running(datetime.now(UTC)):  # a test's own clock
        return False
    query = OPERATIONS.select().where(OPERATIONS.c.status == OperationStatus.IN_PROGRESS)
    with site.store.database.reading() as connection:
        return not connection.execute(query).all()


async def held(live: LiveSet) -> str:
    answer = await live.site.http.get(f"{PATH}/instar/automaticOSUpgrades", params=VERSION)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["properties"].get("held", ""))


@pytest.mark.parametrize("kind", ["whole", "temporal an hour older", "store an hour older"])
async def test_f7_a_backup_of_a_running_upgrade_is_restored_and_everything_comes_to_an_end(
    tmp_path: Path, kind: str
) -> None:
    async with Site(tmp_path, DELAYS, env={"INSTAR_SWEEP": "2"}) as site:
        live = await LiveSet.made(site, arm(5), OLD)
        await publish(site, NEW)
        await live.start()

        async def begun() -> bool:
            return NEW in (await live.versions()).values()

        await eventually(begun, "upgrade 1 has swapped a machine")
        first = await backed_up(site)
        refused = await instar(site, "restore", str(first), "--yes")
        assert refused.returncode == 1
        assert "stop all of Instar first" in refused.stderr
        assert (await live.ended(1)).status is UpgradeStatus.COMPLETED, "the backup did it no harm"
        await sizes(live, 6)
        await publish(site, NEWER)
        await live.start()
        second = await backed_up(site)
        assert (await live.ended(2)).status is UpgradeStatus.COMPLETED
        await sizes(live, 7)
        before = {one.instance_id: one.data_disks for one in await site.fleet.list_instances(live.identity)}

        await site.take_down(API, WORKER, TEMPORAL)
        await restored(site, chosen(site, kind, first, second))
        await site.all_up()

        await eventually(partial(nothing_in_progress, site), "no operation is in progress for ever", 120)
        answer = await site.http.get(PATH, params=VERSION)
        assert answer.status_code == 200, answer.text

        asked = await site.http.patch(PATH, params=VERSION, json={"tags": {"owner": "me"}})
        assert asked.status_code == 200, asked.text
        await eventually(partial(nothing_in_progress, site), "the PATCH comes to an end", 120)
        told = (await site.http.get(asked.headers["azure-asyncoperation"])).json()
        assert told["status"] == "Failed"

        async def is_held() -> bool:
            return "older than" in await held(live)

        # Written down after the end of the operation that found it.
        await eventually(is_held, "the set is held")
        listed = {one.instance_id: one.data_disks for one in await site.fleet.list_instances(live.identity)}
        assert listed == before, "no machine was made, deleted or lost a disk"
        done = await instar(site, "reconcile", "web", "--apply", "--api", str(site.http.base_url))
        assert done.returncode == 0, done.stdout + done.stderr

        async def is_free() -> bool:
            return not await held(live)

        await eventually(is_free, "the set is held no more")
        await sizes(live, 7)
        for version in (NEW, NEWER, NEWEST):
            await publish(site, version)
        # A Temporal that is newer than the records may run one that these do not know.
        await live.start(after_others=True)

        async def newest() -> bool:
            return set((await live.versions()).values()) == {NEWEST}

        await eventually(newest, "the next upgrade really upgrades all", 120)
        await eventually(partial(nothing_in_progress, site), "and it ends", 120)
        answer = await site.http.get(PATH, params=VERSION)
        assert (answer.json()["sku"]["capacity"], answer.json()["properties"]["provisioningState"]) == (7, "Succeeded")
        assert {one.instance_id: one.data_disks for one in await site.fleet.list_instances(live.identity)} == before
        assert live.judgement().clean
        assert site.fallen == []
