"""What a worker counts while it upgrades, on virtual time."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from temporalio import activity
from temporalio.activity import Info
from temporalio.testing import ActivityEnvironment

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.upgrades import UpgradeStatus
from instar.store.overview.overview import overview
from instar.store.overview.standing import Why
from tests.support.counted import Counted
from tests.support.models import NEW
from tests.support.wishing import hold, parked
from tests.support.world import World
from worker.timings import REMEMBERED, Timings

TWO_EACH = {
    "maxBatchInstancePercent": 50,
    "maxUnhealthyInstancePercent": 100,
    "maxUnhealthyUpgradedInstancePercent": 100,
}


async def test_an_upgrade_its_batches_its_swaps_and_its_waits_are_counted(world: World) -> None:
    await world.has_set(4, policy=TWO_EACH)
    world.publish(NEW)
    counted = Counted()
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    assert counted.grown("instar_upgrades_started_total") == {"osUpgrade/User": 1}
    assert counted.grown("instar_upgrades_ended_total") == {"/osUpgrade/User/Completed": 1}
    assert counted.grown("instar_batches_total") == {"osUpgrade": 2}
    assert counted.grown("instar_batch_duration_seconds_count") == {"osUpgrade": 2}
    assert counted.grown("instar_instance_outcomes_total") == {"osUpgrade/upgraded": 4}
    assert counted.grown("instar_swap_duration_seconds_count") == {"swap": 4}
    assert counted.grown("instar_health_wait_seconds_count") == {"": 2}


async def test_what_is_sick_on_its_new_disk_is_counted_as_rolled_back(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    counted = Counted()
    await world.put(automatic=True)  # only what the platform starts rolls back by itself (P7)
    await world.pass_time(timedelta(hours=3, seconds=1))
    await world.end_of()
    assert counted.grown("instar_upgrades_ended_total") == {"/osUpgrade/Platform/Completed": 1}
    outcomes = counted.grown("instar_instance_outcomes_total")
    assert outcomes == {"osUpgrade/upgraded": 19, "osUpgrade/failed": 1, "osUpgrade/rolledBack": 1}
    assert counted.grown("instar_swap_duration_seconds_count") == {"swap": 20, "restore": 1}


async def test_a_parked_upgrade_says_what_for_and_since_when(world: World) -> None:
    await world.has_set(4, policy=TWO_EACH)
    world.publish(NEW)
    counted = Counted()
    await world.start()
    await world.until(lambda: list(world.decisions()).count("batch") == 1)
    hold(world)
    await world.pass_time(timedelta(minutes=7))
    await parked(world)
    seen = overview(world.store.database, world.clock()).standing
    assert {what: backlog.count for what, backlog in seen.waiting.items()} == {"hold": 1}
    assert (seen.running["osUpgrade"], seen.need_person[Why.APPROVAL]) == (1, 0)
    assert counted.grown("instar_upgrades_parked_total") == {"hold": 1}


def test_an_activity_that_is_done_again_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's answer was lost, so the server had it done again: both attempts were well."""
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    info = ActivityEnvironment.default_info()

    def of(activity_id: str) -> Callable[[], Info]:
        this = dataclasses.replace(info, activity_type="swap_os_disks", activity_id=activity_id, scheduled_time=now)
        return lambda: this

    counted, timings = Counted(), Timings(lambda: now + timedelta(seconds=7))
    for activity_id in ("1", "1", "2"):
        monkeypatch.setattr(activity, "info", of(activity_id))
        timings.ended(())
    assert counted("instar_swap_duration_seconds_count", step="swap") == 2
    assert counted("instar_swap_duration_seconds_sum", step="swap") == 14
    for number in range(REMEMBERED + 10):
        monkeypatch.setattr(activity, "info", of(f"more {number}"))
        timings.ended(())
    assert len(timings._counted) == REMEMBERED
