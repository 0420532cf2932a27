"""How long a batch is waited for, and what becomes of those that are not healthy then (docs/rules.md P6, H5)."""

from datetime import datetime, timedelta
from typing import Any

from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.upgrades import UpgradeStatus
from tests.support.models import NEW, OLD
from tests.support.world import BOOT, World

FIVE_MINUTES = timedelta(minutes=5)
A_MOMENT = timedelta(seconds=2)
TOLERANT = {"maxUnhealthyUpgradedInstancePercent": 100}


def rich(grace: int) -> dict[str, Any]:
    """Application Health 2.0 with that grace period in seconds."""
    settings = {"protocol": "http", "port": 80, "requestPath": "/", "intervalInSeconds": 5, "gracePeriod": grace}
    return {"typeHandlerVersion": "2.0", "settings": settings}


def moments(world: World, action: str) -> list[datetime]:
    """When decisions of that kind were taken."""
    decisions = world.store.upgrades.decisions(world.scale_set.unique_id, 1)
    return [one.at for one in decisions if one.action == action]


async def test_p6_whoever_is_not_healthy_after_exactly_five_minutes_has_failed(world: World) -> None:
    await world.has_set(10, policy=TOLERANT)
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await world.upgraded()
    [failed] = moments(world, "failed")
    assert FIVE_MINUTES <= failed - moments(world, "batch")[0] < FIVE_MINUTES + A_MOMENT


async def test_p6_the_wait_starts_once_the_batch_is_swapped(world: World) -> None:
    await world.has_set(10, policy=TOLERANT)
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    ten_minutes = timedelta(minutes=10)
    world.fleet.inject(Fault(kind=FaultKind.THROTTLED, call=Call.SWAP, instance_id="1", retry_after=ten_minutes))
    await world.upgraded()
    [failed] = moments(world, "failed")
    swapped = moments(world, "batch")[0] + ten_minutes
    assert FIVE_MINUTES - A_MOMENT < failed - swapped < FIVE_MINUTES + A_MOMENT


async def test_p6_one_that_is_healthy_a_moment_before_the_time_is_over_is_upgraded(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW, VersionScript(boot=FIVE_MINUTES - timedelta(seconds=11)))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.record().counts.successful == 5


async def test_p6_the_wait_ends_early_when_everyone_is_healthy(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW)
    await world.upgraded()
    first, second = moments(world, "batch")[:2]
    # Looks are a twentieth further apart each time, ten seconds at the most.
    assert BOOT <= second - first < BOOT + timedelta(seconds=15)


async def test_p6_h5_who_is_unhealthy_at_the_timer_has_failed_whatever_comes_while_others_initialize(
    world: World,
) -> None:
    await world.has_set(10, policy=TOLERANT, health=rich(1200))
    world.publish(NEW, VersionScript(initializing=timedelta(minutes=12)))
    await world.start()
    await world.pass_time(timedelta(minutes=1))
    world.script("0", sick_from=world.clock(), sick_until=world.clock() + timedelta(minutes=6))
    await world.pass_time(timedelta(minutes=13))
    assert world.outcomes()["1"] == "upgraded"
    assert world.outcomes()["0"] == "failed"
    await world.cancel()
    await world.end_of()


async def test_p6_h5_one_still_initializing_when_its_grace_period_ends_has_failed(world: World) -> None:
    await world.has_set(10, policy=TOLERANT, health=rich(1200))
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await world.start()
    await world.pass_time(timedelta(minutes=19))
    assert world.outcomes()["0"] == "inProgress"
    await world.pass_time(timedelta(minutes=3))
    assert world.outcomes()["0"] == "failed"
    [failed] = moments(world, "failed")
    grace = BOOT + timedelta(seconds=1200)
    assert grace <= failed - moments(world, "batch")[0] < grace + 2 * A_MOMENT
    await world.cancel()
    await world.end_of()


async def test_p7_the_second_wait_is_of_five_minutes_too(world: World) -> None:
    await world.has_set(10, policy=TOLERANT, automatic={"useRollingUpgradePolicy": True})
    world.publish(NEW, VersionScript(never_healthy=("0",)))
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))
    # Nor does it ever come back on its old disk.
    world.publish(OLD, VersionScript(never_healthy="all"))
    await world.end_of()
    [rollback], verdict = moments(world, "rollback"), moments(world, "verdict")[0]
    assert FIVE_MINUTES <= verdict - rollback < FIVE_MINUTES + A_MOMENT
    assert world.outcomes()["0"] == "rollbackFailed"


async def test_p13_one_that_was_sick_before_and_is_healthy_after_its_swap_is_upgraded(world: World) -> None:
    await world.has_set(10)
    world.script("0", sick_from=world.clock() - timedelta(minutes=1), sick_until=world.clock() + timedelta(minutes=2))
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.outcomes()["0"] == "upgraded"
    assert world.record().counts.successful == 10
