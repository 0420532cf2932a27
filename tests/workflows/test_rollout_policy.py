"""An upgrade goes by the rollout policy that it was pinned to when it began, and by none where there is none."""

from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.store.steering.rollout_policies import DEFAULT
from tests.support.models import NEW
from tests.support.world import World
from tests.workflows.test_order import batches

HALF = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50}
PAUSE = {"pauseTimeBetweenBatches": "PT10M"}


def keep(world: World, unique_id: str, **policy: object) -> None:
    stored = RolloutPolicy.model_validate(policy)
    world.store.rollout_policies.put(unique_id, stored, "owner", world.clock(), "", lambda _etag: None)


async def a_set(world: World, **policy: object) -> str:
    unique_id = (await world.has_set(10, policy=HALF | policy)).unique_id
    world.publish(NEW)
    return unique_id


async def test_w1_canaries_and_waves_are_the_first_batches_of_an_upgrade(world: World) -> None:
    keep(world, await a_set(world), canary={"instances": ["7", "99"]}, waves=[1, "20%"])
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    assert batches(world) == [["7"], ["0"], ["1", "2"], ["3", "4"], ["5", "6"], ["8", "9"]]
    decisions = world.store.upgrades.decisions(world.scale_set.unique_id, 1)
    reasons = [one.reason for one in decisions if one.action == "batch"]
    assert reasons[0].startswith("batch 1: 7: canary: 1 of 1 waiting instances")
    assert "wave 2: 2 of 8 waiting instances" in reasons[2]


async def test_w1_the_default_policy_is_of_sets_without_an_own_one(world: World) -> None:
    await a_set(world)
    keep(world, DEFAULT, waves=[1, 4])
    await world.upgraded()
    assert [len(batch) for batch in batches(world)] == [1, 4, 4, 1]


async def test_w1_an_own_policy_that_wishes_nothing_is_one_all_the_same(world: World) -> None:
    keep(world, await a_set(world))
    keep(world, DEFAULT, waves=[1])
    await world.upgraded()
    assert [len(batch) for batch in batches(world)] == [5, 5]


async def test_p1_w1_a_policy_that_is_changed_during_the_run_changes_nothing_in_it(world: World) -> None:
    unique_id = await a_set(world, **PAUSE)
    keep(world, unique_id, waves=[2, 3])
    await world.start()
    await world.begun()
    keep(world, unique_id, waves=[1])
    await world.end_of()
    assert [len(batch) for batch in batches(world)] == [2, 3, 3, 2]


async def test_p1_w1_without_a_policy_nothing_of_one_is_in_the_history(world: World) -> None:
    await a_set(world)
    await world.upgraded()
    history = (await world.upgrade().fetch_history()).to_json()
    assert batches(world) == [["0", "1", "2", "3", "4"], ["5", "6", "7", "8", "9"]]
    assert "rollout" not in history
    assert "canary" not in history
