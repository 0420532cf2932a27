"""The data directory put back from a backup made during upgrade 1, after upgrade 2 has ended (docs/rules.md F7).

All processes are killed for the backup and for the restore; machines are what a restore cannot put back.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from instar.domain.delays import Delays
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from tests.processes.scale_set import PATH, VERSION, LiveSet, publish
from tests.processes.site import API, TEMPORAL, WORKER, Site, eventually
from tests.support.backup import kept, put_back
from tests.support.models import NEW, OLD, arm

NEWER, NEWEST = "18.04.202403030", "18.04.202404040"
DELAYS = Delays(health_wait=timedelta(seconds=6), health_poll_most=timedelta(seconds=1))


pytestmark = pytest.mark.long


def records(site: Site) -> list[Path]:
    """All files of the data directory that are databases, but the machines."""
    files = [*site.data.glob("*.sqlite"), *site.data.glob("*.db")]
    return [one for one in files if one.name != "fleet.sqlite"]


async def sizes(live: LiveSet, size: int) -> None:
    answer = await live.site.http.put(PATH, params=VERSION, json=arm(size))
    assert answer.status_code == 200, answer.text
    await live.finished(answer)


async def held(live: LiveSet) -> str:
    answer = await live.site.http.get(f"{PATH}/instar/automaticOSUpgrades", params=VERSION)
    return str(answer.json()["properties"].get("held", ""))


async def reconcile(live: LiveSet, *, dry_run: bool) -> dict[str, Any]:
    answer = await live.site.http.post(f"{PATH}/instar/reconcile", params=VERSION, json={"dryRun": dry_run})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_f7_a_data_directory_that_is_put_back_costs_no_machine_and_blames_no_version(tmp_path: Path) -> None:
    async with Site(tmp_path, DELAYS) as site:
        live = await LiveSet.made(site, arm(5), OLD)
        await publish(site, NEW)
        await live.start()

        async def begun() -> bool:
            return NEW in (await live.versions()).values()

        await eventually(begun, "upgrade 1 has swapped a machine")
        await site.take_down(API, WORKER, TEMPORAL)
        backup = {path: kept(path) for path in records(site)}
        assert len(backup) > 1, "store and Temporal"
        await site.all_up()
        assert (await live.ended(1)).status is UpgradeStatus.COMPLETED
        await publish(site, NEWER)
        await live.start()
        assert (await live.ended(2)).status is UpgradeStatus.COMPLETED
        await sizes(live, 7)
        before = {one.instance_id: one.data_disks for one in await site.fleet.list_instances(live.identity)}
        assert len(before) == 7

        await site.take_down(API, WORKER, TEMPORAL)
        for path, copy in backup.items():
            put_back(copy, path)
        assert live.record(2) is None
        await site.all_up()

        record = await live.ended(1)
        assert record.status is UpgradeStatus.FAULTED
        assert record.error is not None
        assert record.error.code == ErrorCode.RECORDS_BEHIND
        assert (record.counts.failed, record.counts.rolled_back, record.counts.rollback_failed) == (0, 0, 0)

        async def is_held() -> bool:
            return "'instar reconcile web'" in await held(live)

        await eventually(is_held, "the set says that it is held")
        assert set((await live.versions()).values()) == {NEWER}
        answer = await site.http.patch(PATH, params=VERSION, json={"tags": {"owner": "me"}})
        assert answer.status_code == 200, answer.text
        await eventually(partial(_failed, live, answer.headers["azure-asyncoperation"]), "the PATCH says why")
        assert {one.instance_id: one.data_disks for one in await site.fleet.list_instances(live.identity)} == before

        told = await reconcile(live, dry_run=True)
        assert (told["capacity"], told["unknownInstances"]) == ({"found": 5, "then": 7}, "5-6")
        await reconcile(live, dry_run=False)

        async def is_free() -> bool:
            return not await held(live)

        await eventually(is_free, "the set is held no more")
        await publish(site, NEW)
        await publish(site, NEWER)
        await publish(site, NEWEST)
        await live.start()
        last = site.store.upgrades.last_number(live.identity.unique_id)
        assert (await live.ended(max(last, 3))).status is UpgradeStatus.COMPLETED
        assert set((await live.versions()).values()) == {NEWEST}
        assert {one.instance_id: one.data_disks for one in await site.fleet.list_instances(live.identity)} == before
        assert live.judgement().clean


async def _failed(live: LiveSet, operation: str) -> bool:
    status = (await live.site.http.get(operation)).json()
    return status["status"] == "Failed" and "older than its machines" in status["error"]["message"]
