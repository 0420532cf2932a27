"""A start by hand with wishes: to which version, whom, without which limit (docs/rules.md C4)."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.worker import Replayer

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.policies import StartedBy
from instar.domain.steering.rollout_policy import RolloutPolicy
from instar.domain.steering.start_wishes import Limit, StartWishes
from tests.support.models import IMAGE, NEW, OLD
from tests.support.wishing import hold, pause
from tests.support.world import StartRefused, World
from workflows.plugin import instar_plugin

LATER, LAST = "18.04.202403030", "18.04.202404040"


def wishes(**wished: Any) -> StartWishes:
    return StartWishes(by="ann", **wished)


async def ended(world: World, wished: StartWishes) -> UpgradeStatus:
    return (await world.end_of((await world.start(wished)).number)).status


async def test_c4_an_exact_version_and_back_to_a_lower_one(world: World) -> None:
    await world.has_set(4)
    for version in (NEW, LATER):
        world.publish(version)
    assert await ended(world, wishes(version=NEW, reason="not the newest yet")) is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEW}
    assert await ended(world, wishes(version=OLD)) is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {OLD}, "T7 binds the platform alone"
    assert world.record(2).started_by is StartedBy.USER
    first = world.reasons().splitlines()[0]
    assert first.startswith(f"to {NEW}, asked for by ann: not the newest yet; pre-check: go on")
    replayer = Replayer(workflows=[], plugins=[instar_plugin(world.client.data_converter.payload_codec)])
    await replayer.replay_workflow(await world.upgrade().fetch_history())
    await replayer.replay_workflow(await world.workflow_history())


async def test_c4_only_these_instances_and_the_others_are_left_out_with_the_reason(world: World) -> None:
    await world.has_set(6)
    world.publish(NEW)
    assert await ended(world, wishes(instances=InstanceIds(ranges="1,4"))) is UpgradeStatus.COMPLETED
    assert [one for one, version in (await world.versions()).items() if version == NEW] == ["1", "4"]
    rows = world.store.upgrades.instances(world.scale_set.unique_id, 1)
    assert {row.reason for one, row in rows.items() if one not in ("1", "4")} == {
        "not among the instances that were asked for"
    }
    assert "4 left out (4: not among the instances that were asked for)" in world.reasons()


async def test_c4_p16_an_instance_that_is_gone_when_it_begins_is_refused_by_name(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    with pytest.raises(StartRefused, match="has no instance 7"):
        await world.start(wishes(instances=InstanceIds(ranges="1,7")))
    with pytest.raises(StartRefused, match=r"version 9\.9 of .* is not on offer"):
        await world.start(wishes(version="9.9"))


async def test_c4_p7_a_hand_start_rolls_back_by_default_and_not_where_it_says_so(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    assert await ended(world, wishes(rolls_back=False)) is UpgradeStatus.COMPLETED
    assert world.outcomes()["9"] == "failed"
    assert (await world.versions())["9"] == NEW
    world.publish(LATER, VersionScript(never_healthy=("9",)))
    assert await ended(world, wishes(instances=InstanceIds(ranges="0-8"))) is UpgradeStatus.COMPLETED
    world.publish(LAST, VersionScript(never_healthy=("8",)))
    assert await ended(world, wishes()) is UpgradeStatus.COMPLETED
    assert world.outcomes(3)["8"] == "rolledBack"
    assert (await world.versions())["8"] == LATER, "its previous disk"


async def test_c4_p7_azures_own_start_stays_without_rollback(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    assert world.outcomes()["9"] == "failed"
    assert world.store.upgrades.starts(world.scale_set.unique_id, [1]) == {}


async def test_c4_p2_p3_roll_forward_out_of_a_sick_fleet(world: World) -> None:
    """Half of it is sick on the old version, and healthy on the new one."""
    await world.has_set(10)
    world.fleet.script_version(IMAGE.at(OLD), VersionScript(never_healthy=("0", "2", "4", "6", "8")))
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.FAULTED, "P2"
    wished = wishes(override=(Limit.UNHEALTHY_SET,), reason="the new one mends it")
    assert await ended(world, wished) is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEW}
    first = world.reasons(2).splitlines()[0]
    assert f"to {NEW}, asked for by ann, override unhealthySet: the new one mends it" in first
    assert "5 of 10 instances unhealthy (50 %), limit 20 %, which is waived" in first
    sizes = [
        len(InstanceIds(ranges=one.split(": ")[1])) for one in world.reasons(2).splitlines() if one.startswith("batch ")
    ]
    assert sizes[0] == 1, "B2 stays: more than the share is out already"
    assert world.judgement(20).violations == ()
    start = world.store.upgrades.starts(world.scale_set.unique_id, [2])[2]
    assert start.wishes == wished


async def test_c4_p9_stays_where_the_sick_set_is_waived(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    assert await ended(world, wishes(override=(Limit.UNHEALTHY_SET,), reason="r")) is UpgradeStatus.FAULTED
    assert "attempted instances unhealthy (100 %)" in world.reasons()
    assert world.record().counts.failed == 2, "one batch"


async def test_c4_t5_a_quarantined_version_takes_an_override_and_a_few_machines_free_it_for_nobody(
    world: World,
) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    assert await ended(world, wishes()) is UpgradeStatus.FAULTED
    await world.until(lambda: world.status().quarantine.of(NEW) is not None)
    with pytest.raises(StartRefused, match="is quarantined since upgrade 1"):
        await world.start(wishes(version=NEW))
    assert await ended(world, wishes(version=OLD)) is UpgradeStatus.COMPLETED
    world.publish(NEW)
    override = {"version": NEW, "override": (Limit.QUARANTINE,), "reason": "it is mended"}
    few = wishes(instances=InstanceIds(ranges="7-8"), **override)
    assert await ended(world, few) is UpgradeStatus.COMPLETED
    await world.pass_time(timedelta(seconds=30))
    assert world.status().quarantine.of(NEW) is not None, "two machines that a person chose say nothing of the others"
    assert await ended(world, wishes(**override)) is UpgradeStatus.COMPLETED
    await world.until(lambda: world.status().quarantine.of(NEW) is None)


async def test_c4_c2_w3_a_hold_and_a_window_are_waived_and_a_pause_is_not(world: World) -> None:
    await world.has_set(4)
    world.publish(NEW)
    closed = RolloutPolicy(windows=[{"days": ["Mon"], "from": "01:00", "to": "01:30", "timeZone": "UTC"}])
    world.store.rollout_policies.put(world.scale_set.unique_id, closed, "ann", world.clock(), "", lambda _: None)
    hold(world)
    with pytest.raises(StartRefused, match="held by 'freeze'"):
        await world.start(wishes(override=(Limit.WINDOW,), reason="r"))
    both = wishes(override=(Limit.HOLD, Limit.WINDOW), reason="now")
    assert await ended(world, both) is UpgradeStatus.COMPLETED
    assert "parked" not in world.decisions(world.store.upgrades.last_number(world.scale_set.unique_id))
    pause(world)
    with pytest.raises(StartRefused, match="paused by ann"):
        await world.start(wishes(override=tuple(Limit), reason="r"))
