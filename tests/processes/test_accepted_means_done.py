"""A request that was written down is carried out, whoever is killed before its answer (docs/rules.md F6)."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from instar.domain.delays import Delays
from instar.domain.records.operations import OperationStatus
from instar.domain.sets.names import scale_set_workflow_id
from tests.processes.scale_set import PATH, VERSION, LiveSet, publish
from tests.processes.site import API, TEMPORAL, WORKER, Site, eventually
from tests.support.models import NEW, OLD, arm

pytestmark = [pytest.mark.long, pytest.mark.timeout(280)]

WRITTEN_DOWN_SECONDS = 1.0
"""From a request to its being written down: milliseconds, on a busy machine too."""


async def without_an_answer(site: Site, method: str, path: str = PATH, body: Any = None) -> None:
    """Ask while there is no worker; then the API and Temporal are killed, and all are started again."""
    await site.take_down(WORKER)

    async def ask() -> None:
        with suppress(httpx.HTTPError):
            await site.http.request(method, path, params=VERSION, json=body)

    asking = asyncio.create_task(ask())
    await asyncio.sleep(WRITTEN_DOWN_SECONDS)
    await site.take_down(API, TEMPORAL)
    await asking
    await site.all_up()


async def nothing_runs(live: LiveSet) -> bool:
    return not live.site.store.operations.running(live.identity.unique_id)


async def test_f6_what_was_written_down_is_done_after_everything_was_killed(tmp_path: Path) -> None:
    async with Site(tmp_path / "site", Delays()) as site:
        live = await LiveSet.made(site, arm(3), OLD)
        await publish(site, NEW)

        await without_an_answer(site, "PATCH", body={"sku": {"capacity": 5}})
        await eventually(lambda: nothing_runs(live), "the change has ended")
        shown = (await site.http.get(PATH, params=VERSION)).json()
        assert (shown["sku"]["capacity"], shown["properties"]["provisioningState"]) == (5, "Succeeded")
        assert len(await site.fleet.list_instances(live.identity)) == 5

        await without_an_answer(site, "POST", f"{PATH}/osRollingUpgrade")
        await eventually(lambda: nothing_runs(live), "the upgrade has ended")
        record = site.store.upgrades.latest(live.identity.unique_id)
        assert record is not None
        ended = site.store.operations.get(record.operation_id)
        assert ended is not None
        assert ended.status is OperationStatus.SUCCEEDED
        assert set((await live.versions()).values()) == {NEW}

        await without_an_answer(site, "DELETE")

        async def gone() -> bool:
            return (await site.http.get(PATH, params=VERSION)).status_code == 404

        await eventually(gone, "the set is deleted")
        assert await site.fleet.list_instances(live.identity) == ()
        await eventually(lambda: nothing_runs(live), "the deletion has ended")


async def test_f1_f6_a_set_whose_workflow_was_terminated_is_begun_anew_by_itself(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", Delays(), env={"INSTAR_SWEEP": "1"})
    async with site:
        live = await LiveSet.made(site, arm(2), OLD)
        client = await site.client()
        handle = client.get_workflow_handle(scale_set_workflow_id(live.identity))
        first = (await handle.describe()).run_id
        await handle.terminate("by hand")

        async def runs_anew() -> bool:
            description = await handle.describe()
            return description.run_id != first and description.close_time is None

        await eventually(runs_anew, "the set's workflow runs anew")
