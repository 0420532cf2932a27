"""One set through a year: what it came to, and what is written down, are what the rules alone say."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.worker import UnsandboxedWorkflowRunner

from api.app import create_app
from api.login.composition import access_from
from api.services.composition import services_from
from instar.compute.clock import utc_now
from instar.compute.simulated.file.scripts import VersionScript
from instar.connection.settings import Settings
from instar.domain.delays import Delays
from tests.support.models import OLD
from tests.support.owner import OwnersToken
from tests.support.reference_model import Attempt, ReferenceModel
from tests.support.world import World, a_world
from workflows import plugin
from workflows.sets import scale_set

SIZE = 6
DAY = timedelta(days=1)
SHARE = 40
POLICY = {
    "maxBatchInstancePercent": SHARE,
    "maxUnhealthyInstancePercent": SHARE,
    "pauseTimeBetweenBatches": "PT10M",
}

BAD: dict[int, set[int] | None] = {405: None, 1105: None, 620: {5}}
"""Of two versions a month, named month and day: two make everybody sick, one the fifth machine only."""


def name(version: int) -> str:
    return f"18.04.2025{version:04d}0"


def number(version: str) -> int:
    return 0 if version == OLD else int(version.removeprefix("18.04.2025")[:4])


@dataclass
class Year:
    """The same event for the world and for the reference, at the same day."""

    world: World
    reference: ReferenceModel
    day: int = 0

    async def at(self, day: int, event: Callable[[], Awaitable[None]], expected: Callable[[], None]) -> None:
        steps = [timedelta(minutes=11)] * 6 + [timedelta(hours=22, minutes=54)] + [DAY] * (day - self.day - 1)
        for step in steps:
            await self.pass_time(step)
        self.day = day
        await event()
        expected()

    async def pass_time(self, duration: timedelta) -> None:
        """As the world does, but with more patience than half a minute: a task that a killed worker took is lost."""
        request = Duration()
        request.FromTimedelta(duration)
        await self.world.client.test_service.unlock_time_skipping_with_sleep(
            SleepRequest(duration=request), timeout=timedelta(minutes=5)
        )
        await self.world.look_at_the_clock()

    async def publish(self, day: int, version: int) -> None:
        sickens = BAD.get(version, set())
        script = VersionScript(never_healthy="all" if sickens is None else tuple(map(str, sickens)))

        async def event() -> None:
            self.world.publish(name(version), script)
            await self.world.nudge()

        await self.at(day, event, lambda: self.reference.publish(version, sickens))

    async def kill_the_worker(self) -> None:
        """In the middle of an upgrade, where one runs: in the pause after its first batch."""
        await self.pass_time(timedelta(minutes=8))
        assert not self.reference.enabled or not self.world.history()[-1].status.ended
        await self.world.stop_workers()
        await self.world.start_workers(cached_workflows=0)

    async def switch(self, day: int, *, on: bool) -> None:
        async def event() -> None:
            await self.world.put(automatic=on)

        await self.at(day, event, lambda: self.reference.switch(on=on))

    async def scale(self, day: int, size: int) -> None:
        document = self.world.store.scale_sets.by_unique_id(self.world.scale_set.unique_id)
        assert document is not None
        changed = document.document | {"sku": {"name": "Standard_D2s_v3", "capacity": size}}

        async def event() -> None:
            await self.world.put(automatic=self.reference.enabled, document=changed)

        await self.at(day, event, lambda: self.reference.scale(size))

    async def by_hand(self, day: int) -> None:
        async def event() -> None:
            await self.world.start()

        await self.at(day, event, self.reference.by_hand)


async def _nothing() -> None:
    """The year goes by."""


@pytest.mark.timeout(600)
async def test_a2_t5_f1_a_year_comes_to_what_the_rules_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Workers that cache nothing, since the time-skipping server never takes a workflow away from a dead worker that
    # had it in its cache. Each step is then a replay, so histories are short (the set continues as new some 15 times)
    # and the sandbox, in which all other tests run, is left out.
    monkeypatch.setattr(plugin, "_runner", lambda _existing: UnsandboxedWorkflowRunner())
    monkeypatch.setattr(scale_set, "EVENTS_AT_MOST", 200)
    async with a_world(tmp_path, cached_workflows=0) as world:
        await _a_year(world, tmp_path)


async def _a_year(world: World, tmp_path: Path) -> None:
    # Rarer than by default, so that a year takes a minute; what is published nudges.
    world.delays = Delays(look_least=timedelta(hours=46), look_most=timedelta(hours=50))
    await world.has_set(SIZE, policy=POLICY, automatic={"useRollingUpgradePolicy": True})
    year = Year(world, ReferenceModel(dict.fromkeys(range(SIZE), 0), SIZE - 1, SHARE, {0: set()}))
    first_run = (await world.its_workflow().describe()).run_id
    await year.switch(1, on=True)
    for month in range(1, 13):
        first = (month - 1) * 30
        await year.publish(first + 5, month * 100 + 5)
        # In April 405 is quarantined since five days: the new machine does not get it.
        if size := {3: SIZE + 2, 4: SIZE + 3, 10: SIZE - 1}.get(month):
            await year.scale(first + 10, size)
        if month in (7, 8):
            await year.switch(first + 10, on=month == 8)
        if month == 11:
            await year.by_hand(first + 10)
        await year.publish(first + 20, month * 100 + 20)
        await year.kill_the_worker()
    await year.at(365, _nothing, lambda: None)

    reference = year.reference
    assert {int(one): number(version) for one, version in (await world.versions()).items()} == reference.machines
    assert [
        Attempt(
            one.started_by,
            str(number(one.target.version)),
            one.status,
            one.counts.successful,
            one.counts.failed,
            one.counts.rolled_back,
        )
        for one in world.history()
    ] == reference.history
    assert {number(one) for one in world.status().quarantine.excluded} == reference.quarantined
    assert world.judgement(percent=SHARE).violations == ()
    execution = (await world.its_workflow().describe()).raw_description.workflow_execution_info.execution
    assert execution.run_id != first_run
    assert len(world.history()) > 20

    settings = Settings(data_dir=tmp_path)
    access = access_from(settings, world.store, utc_now)
    services = services_from(world.store, world.fleet, world.client, settings, access)
    client = httpx.ASGITransport(create_app(services))
    path = f"{world.scale_set.resource_id}/osUpgradeHistory"
    async with httpx.AsyncClient(transport=client, base_url="http://api.test", auth=OwnersToken(access)) as http:
        for top, expected in ((None, 5), (1000, len(reference.history))):
            query = {"api-version": "2024-11-01"} | ({"$top": str(top)} if top else {})
            shown = (await http.get(path, params=query)).json()["value"]
            versions = [str(number(one["properties"]["targetImageReference"]["version"])) for one in shown]
            assert versions == [one.version for one in reference.history[::-1]][:expected]
