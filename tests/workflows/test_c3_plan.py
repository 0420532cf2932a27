"""What was planned is what the upgrade then does, on the simulated fleet (docs/rules.md C3)."""

from datetime import timedelta

from activities.looks import look_at
from activities.plans import plan_for
from instar.domain.decisions.pace import pace_of, spans_of
from instar.domain.decisions.simulation import Situation, simulate
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetModel
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import StartWishes
from tests.support.models import IMAGE, NEW
from tests.support.world import World


async def test_c3_a_real_upgrade_takes_the_batches_that_were_planned(world: World) -> None:
    await world.has_set(20, zones=("1", "2"), policy={"pauseTimeBetweenBatches": "PT1M"})
    world.publish(NEW)
    world.stopped("3")
    world.script("5", protected=True)
    rollout = RolloutPolicy.model_validate(
        {"waves": [1, 2], "canary": {"instances": ["4"], "bake": "PT20M"}, "bake": "PT2M", "finalBake": "PT10M"}
    )
    unique_id = world.scale_set.unique_id
    world.store.rollout_policies.put(unique_id, rollout, "ann", world.clock(), "", lambda _: None)
    wishes = StartWishes(by="ann", instances=InstanceIds(ranges="0-16"))
    stored = world.store.scale_sets.by_unique_id(unique_id)
    assert stored is not None
    model = ScaleSetModel.from_arm(stored.document, stored.machine_generation)
    plan = await plan_for(
        world.store, model, IMAGE.at(NEW), StartedBy.USER, auto_rollback=True, rollout=rollout, wishes=wishes
    )
    now = await world.look_at_the_clock()
    look = await look_at(world.fleet, world.scale_set, plan.health_source, world.clock)
    wait = timedelta(minutes=5)
    planned = simulate(look, plan, Situation(now=now, pace=pace_of([], [], wait), health_wait=wait))
    started = await world.start(wishes)
    assert (await world.end_of(started.number)).status is UpgradeStatus.COMPLETED
    decisions = world.store.upgrades.decisions(unique_id, started.number)
    taken = [one.reason.split(": ")[1] for one in decisions if one.action == "batch"]
    assert [one.ids.ranges for one in planned.batches] == taken
    assert [one.reason for one in planned.batches] == [
        one.reason.split(": ", 2)[2].partition("; go on")[0] for one in decisions if one.action == "batch"
    ]
    assert len(spans_of(decisions)) == len(taken)
