"""Going back to last week's version: an upgrade of a kind of its own (docs/rules.md R2, R3, T5, P12, P15)."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.worker import Replayer

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from instar.domain.steering.start_wishes import Limit, StartWishes
from tests.support.models import IMAGE, LOCATION, NEW, OLD
from tests.support.wishing import hold, parked, pause, resume, tell
from tests.support.world import StartRefused, World
from workflows.plugin import instar_plugin

BACK = StartWishes(goes_back=True, reason="errors went up", by="ann")
NEWER = "18.04.202403030"
DAY = timedelta(hours=24)


async def gone_back(world: World, **wishes: Any) -> int:
    started = await world.start(BACK.model_copy(update=wishes))
    await world.end_of(started.number)
    return started.number


async def upgraded_set(world: World, size: int = 10, **model: Any) -> None:
    await world.has_set(size, **model)
    world.publish(NEW)
    await world.upgraded()
    assert set((await world.versions()).values()) == {NEW}


async def test_r2_every_machine_gets_the_disk_back_that_it_had_in_batches(world: World) -> None:
    await upgraded_set(world)
    before = await world.instances()
    assert await gone_back(world) == 2
    record = world.record(2)
    assert (record.kind, record.started_by) == (UpgradeKind.ROLLBACK, StartedBy.USER)
    assert (record.status, record.target.version) == (UpgradeStatus.COMPLETED, OLD)
    assert (record.counts.successful, record.counts.failed) == (10, 0)
    after = await world.instances()
    assert [one.os_disk for one in after.values()] == [one.previous_os_disks[0] for one in before.values()]
    assert [one.data_disks for one in after.values()] == [one.data_disks for one in before.values()]
    for instance_id, one in after.items():
        [left] = one.previous_os_disks
        assert left == before[instance_id].os_disk, "R3: the disk that it left is kept"
    judgement = world.judgement()
    assert judgement.clean
    assert (judgement.given_back, judgement.most_out_at_once) == (10, 2)
    started = world.reasons(2)
    assert "10 go back to 18.04.202401010 (0-9); asked for by ann: errors went up" in started


async def test_t5_the_version_left_is_quarantined_from_the_first_moment_and_no_look_undoes_it(world: World) -> None:
    await upgraded_set(world, 5)
    await world.put(automatic=True)
    await gone_back(world)
    [entry] = world.status().quarantine.versions
    assert (entry.version, entry.number) == (NEW, 2)
    assert entry.reason == "left by rollback 2 by ann: errors went up"
    await world.pass_time(timedelta(hours=5))
    assert set((await world.versions()).values()) == {OLD}
    assert world.store.upgrades.last_number(world.scale_set.unique_id) == 2
    await world.lift(NEW)
    await world.pass_time(timedelta(hours=2))
    assert set((await world.versions()).values()) == {NEW}, "lifted, it is offered again"


SICK = tuple("01234567")


async def test_r2_c4_a_rollback_out_of_a_sick_fleet_waives_that_it_is_sick_and_nothing_else(world: World) -> None:
    """Eight of ten are sick on the version that is left, and healthy where they go back to (P2, P3, B2)."""
    await upgraded_set(world)
    world.fleet.script_version(IMAGE.at(NEW), VersionScript(never_healthy=SICK))
    await gone_back(world)
    assert (world.record(2).status, world.record(2).counts.successful) == (UpgradeStatus.FAULTED, 0), "P2"
    await gone_back(world, override=(Limit.UNHEALTHY_SET,))
    record = world.record(3)
    assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, 10)
    assert set((await world.versions()).values()) == {OLD}
    first = world.reasons(3).splitlines()[0]
    assert f"to {OLD}, asked for by ann, override unhealthySet: errors went up" in first
    assert "8 of 10 instances unhealthy (80 %), limit 20 %, which is waived (unhealthySet)" in first
    assert "10 go back to" in first
    batches = [one for one in world.reasons(3).splitlines() if one.startswith("batch ")]
    assert len(InstanceIds(ranges=batches[0].split(": ")[1])) == 1, "B2 stays: more than the share is out already"
    start = world.store.upgrades.starts(world.scale_set.unique_id, [3])[3]
    assert start.wishes is not None
    assert (start.wishes.override, start.wishes.by) == ((Limit.UNHEALTHY_SET,), "ann")
    assert world.judgement(20).violations == ()


async def test_r2_p9_stays_where_the_sick_set_is_waived(world: World) -> None:
    await upgraded_set(world)
    world.fleet.script_version(IMAGE.at(NEW), VersionScript(never_healthy=SICK))
    world.fleet.script_version(IMAGE.at(OLD), VersionScript(never_healthy="all"))
    await gone_back(world, override=(Limit.UNHEALTHY_SET,))
    record = world.record(2)
    assert record.status is UpgradeStatus.FAULTED
    assert "attempted instances unhealthy (100 %)" in world.reasons(2)
    assert record.counts.pending > 0, "it did not go through the whole set"


async def test_r2_a_second_one_does_not_undo_the_first(world: World) -> None:
    await upgraded_set(world, 3)
    await gone_back(world)
    with pytest.raises(StartRefused, match="nothing to go back to: 3 left out: no disk of an earlier version is kept"):
        await world.start(BACK)
    assert await gone_back(world, version=NEW) == 4
    assert set((await world.versions()).values()) == {NEW}
    assert [one.version for one in world.status().quarantine.versions] == [OLD], "the wish of a person lifts it"


async def test_r2_after_a_day_a_disk_is_newly_made_if_its_version_is_still_published(world: World) -> None:
    await upgraded_set(world, 3)
    await world.pass_time(DAY + timedelta(hours=1))
    with pytest.raises(StartRefused, match=r"name a version to go back to \(toVersion\)"):
        await world.start(BACK)
    await gone_back(world, version=OLD)
    assert set((await world.versions()).values()) == {OLD}
    assert "3 go back to 18.04.202401010, on a newly made disk (0-2)" in world.reasons(3)
    assert (world.judgement().given_back, world.judgement().swaps) == (0, 6)


async def test_r2_a_version_that_is_not_published_any_more_is_had_only_from_kept_disks(world: World) -> None:
    await upgraded_set(world, 3)
    world.store.images.withdraw("Canonical", "UbuntuServer", "18.04-LTS", OLD, LOCATION)
    await gone_back(world)
    assert set((await world.versions()).values()) == {OLD}, "a kept disk is there, whatever is published"


async def test_r2_only_those_that_are_named_go_and_the_others_are_left_out_with_that_reason(world: World) -> None:
    await upgraded_set(world, 5)
    await gone_back(world, instances=InstanceIds(ranges="1,3"))
    assert [one for one, version in (await world.versions()).items() if version == OLD] == ["1", "3"]
    rows = world.store.upgrades.instances(world.scale_set.unique_id, 2)
    assert {one: row.outcome for one, row in rows.items()} == {
        "0": Outcome.SKIPPED,
        "1": Outcome.UPGRADED,
        "2": Outcome.SKIPPED,
        "3": Outcome.UPGRADED,
        "4": Outcome.SKIPPED,
    }
    assert rows["0"].reason == "not among the instances that were asked for"
    with pytest.raises(StartRefused, match=r"instances that do not exist \(any more\): 77"):
        await world.start(BACK.model_copy(update={"instances": InstanceIds(ranges="77")}))


async def test_p9_a_machine_that_does_not_get_healthy_on_its_old_disk_keeps_it_and_the_rollback_stops(
    world: World,
) -> None:
    await upgraded_set(world, 10, policy={"rollbackFailedInstancesOnPolicyBreach": True})
    world.fleet.script_version(IMAGE.at(OLD), VersionScript(never_healthy="all"))
    await gone_back(world)
    record = world.record(2)
    assert (record.status, record.counts.failed, record.counts.rolled_back) == (UpgradeStatus.FAULTED, 2, 0)
    versions = list((await world.versions()).values())
    assert (versions[:2], set(versions[2:])) == ([OLD, OLD], {NEW}), "nobody is given back what it was to leave"
    assert [one.version for one in world.status().quarantine.versions] == [NEW], (
        "nothing is said of the version gone back to"
    )
    assert world.judgement().clean


async def test_p15_one_rolling_operation_at_a_time_and_p14_a_cancel_ends_it(world: World) -> None:
    await upgraded_set(world, 10)
    started = await world.start(BACK)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.start(BACK)
    assert "a Rolling Upgrade is in progress" in str(refused.value.cause)
    await world.begun(started.number)
    await world.cancel()
    await world.end_without_timers(started.number)
    assert world.record(2).status is UpgradeStatus.CANCELLED
    assert world.judgement().clean
    await gone_back(world)
    assert set((await world.versions()).values()) == {OLD}, "and it can be gone on with"


async def test_c2_a_hold_lets_it_through_and_c1_a_pause_does_not(world: World) -> None:
    await upgraded_set(world, 5)
    hold(world)
    await gone_back(world, instances=InstanceIds(ranges="0"))
    assert world.record(2).status is UpgradeStatus.COMPLETED
    pause(world)
    with pytest.raises(StartRefused, match="paused by ann"):
        await world.start(BACK)
    resume(world)
    started = await world.start(BACK)
    pause(world)
    await parked(world, started.number)
    resume(world)
    await tell(world, started.number)
    await world.end_of(started.number)
    assert set((await world.versions()).values()) == {OLD}


async def test_f1_a_worker_that_takes_over_decides_the_same(world: World) -> None:
    await upgraded_set(world, 5)
    await gone_back(world)
    replayer = Replayer(workflows=[], plugins=[instar_plugin(world.client.data_converter.payload_codec)])
    for history in (await world.workflow_history(), await world.upgrade(2).fetch_history()):
        await replayer.replay_workflow(history)


async def test_p16_new_machines_of_the_set_are_not_made_of_what_is_being_left(world: World) -> None:
    await upgraded_set(world, 3)
    started = await world.start(BACK)
    await world.begun(started.number)
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    await world.put(automatic=False, document=stored.document | {"sku": stored.document["sku"] | {"capacity": 4}})
    await world.end_of(started.number)
    assert set((await world.versions()).values()) == {OLD}
