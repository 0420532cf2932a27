"""Who is rolled back when a limit is exceeded, and when (docs/rules.md P10)."""

from datetime import timedelta

from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.compute.simulated.file.faults import Call
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.names import Attribute
from tests.support.held import held, hold, release
from tests.support.models import IMAGE, NEW, OLD
from tests.support.world import World

ROLLING_BACK_BREACH = {"rollbackFailedInstancesOnPolicyBreach": True}
PAUSED = {"pauseTimeBetweenBatches": "PT10M"}


async def new_ones(world: World) -> list[str]:
    """Ids of the machines on the new version."""
    return [one for one, version in (await world.versions()).items() if version == NEW]


async def test_p10_a_breach_rolls_back_under_disable_automatic_rollback_too(world: World) -> None:
    automatic = {
        "enableAutomaticOSUpgrade": True,
        "disableAutomaticRollback": True,
        "useRollingUpgradePolicy": True,
    }
    await world.has_set(10, policy=ROLLING_BACK_BREACH, automatic=automatic)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))
    assert (await world.end_of()).status is UpgradeStatus.FAULTED
    assert await new_ones(world) == []
    assert world.record().counts.rolled_back == 2
    assert "kept as they are: no automatic rollback" in world.reasons()


async def test_p10_a_breach_without_the_policy_rolls_nobody_back(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    assert (await world.upgraded()).status is UpgradeStatus.FAULTED
    assert await new_ones(world) == ["0", "1"]


async def test_p10_p13_never_those_that_were_unhealthy_before_their_swap(world: World) -> None:
    await world.has_set(10, policy=ROLLING_BACK_BREACH)
    world.sick("0")
    world.publish(NEW, VersionScript(never_healthy=("1",)))
    result = await world.upgraded()
    assert result.reason == "stopped: 1 of 1 attempted instances unhealthy (100 %), limit 20 %"
    assert world.outcomes()["0"] == "sickBefore"
    assert world.outcomes()["1"] == "rolledBack"
    assert await new_ones(world) == ["0"]


async def test_p10_a_sick_set_rolls_back_the_unhealthy_of_this_upgrade_and_nobody_else(world: World) -> None:
    await world.has_set(20, policy=ROLLING_BACK_BREACH | PAUSED)
    world.sick("2")
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    assert await new_ones(world) == ["0", "1", "2", "3"]
    # One of those upgraded, three that wait, and the one that was sick before (P13): 25 % of the set.
    world.sick("0", "17", "18", "19")
    result = await world.end_of()
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_DURING
    assert await new_ones(world) == ["1", "2", "3"]
    assert world.judgement().restores == 1
    # Sick on its old disk as well.
    assert world.outcomes()["0"] == "rollbackFailed"
    assert [world.outcomes()[one] for one in ("1", "2", "17")] == ["upgraded", "sickBefore", "pending"]


async def test_p10_the_status_is_rolling_back_meanwhile_and_faulted_then_wherever_it_is_shown(world: World) -> None:
    await world.has_set(10, policy=ROLLING_BACK_BREACH)
    world.publish(NEW, VersionScript(never_healthy="all"))
    restores = hold(world, Call.RESTORE, "0", "1")
    await world.start()
    await held(world, restores)
    assert world.record().status is UpgradeStatus.ROLLING_BACK
    assert await phase(world) == UpgradeStatus.ROLLING_BACK
    assert world.record().ended_at is None
    release(world, restores)
    assert (await world.end_of()).status is UpgradeStatus.FAULTED
    assert world.record().status is UpgradeStatus.FAULTED
    assert await phase(world) == UpgradeStatus.FAULTED
    assert set((await world.versions()).values()) == {OLD}


async def test_p10_f7_a_rollback_that_a_newer_operation_has_overtaken_blames_nobody(world: World) -> None:
    await world.has_set(10, policy=ROLLING_BACK_BREACH)
    world.publish(NEW, VersionScript(never_healthy="all"))
    restores = hold(world, Call.RESTORE, "0", "1")
    await world.start()
    await held(world, restores)
    for one in ("0", "1"):  # what upgrade 2 did after the backup was made from which these records come
        later = Effect(world.scale_set, Fence(2, Step.SWAP, 1), one, drawn="later")
        await world.fleet.swap_os_disk(later, IMAGE.at(OLD), MachineModel(generation=1))
    release(world, restores)
    result = await world.end_of()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.RECORDS_BEHIND
    assert "'instar reconcile web' shows what they do not know" in result.reason
    assert world.record().counts.rollback_failed == 0
    assert {world.outcomes()[one] for one in ("0", "1")} == {"pending"}
    assert world.judgement().restores == 0
    await world.until(lambda: world.status().held != "")
    assert world.status().quarantine.versions == ()


async def phase(world: World) -> object:
    """The search attribute by which an operator finds upgrades."""
    attributes = (await world.upgrade().describe()).typed_search_attributes
    [found] = [pair.value for pair in attributes if pair.key.name == Attribute.PHASE]
    return found
