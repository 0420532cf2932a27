"""The order of an upgrade, end to end: zones, phases, update domains, the unhealthy first, the protected never."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from instar.compute.simulated.file.scripts import FleetDefaults, VersionScript
from instar.domain.decisions.enrolment import PROTECTED, SKIPS
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthObservation
from instar.domain.records.progress import Progress
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.histories.scenes import _real_time_world
from tests.support.models import NEW, OLD
from tests.support.world import World
from workflows.upgrades.journal import _left_out

ZONES = ("1", "2", "3")
FORTY = {"maxBatchInstancePercent": 40, "maxUnhealthyInstancePercent": 40}
HALF = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50}
PAUSE = {"pauseTimeBetweenBatches": "PT10M"}
FABRIC = {
    "name": "fabric",
    "properties": {
        "publisher": "Microsoft.Azure.ServiceFabric",
        "type": "ServiceFabricLinuxNode",
        "typeHandlerVersion": "1.1",
        "settings": {"clusterEndpoint": "https://c", "nodeTypeRef": "front", "durabilityLevel": "Silver"},
    },
}


def batches(world: World) -> list[list[str]]:
    """The instances of each batch, in the order of batches."""
    found: dict[int, list[str]] = {}
    for instance_id, row in world.store.upgrades.instances(world.scale_set.unique_id, 1).items():
        if row.batch:
            found.setdefault(row.batch, []).append(instance_id)
    return [found[number] for number in sorted(found)]


def reason_of(world: World, instance_id: str) -> str:
    return world.store.upgrades.instances(world.scale_set.unique_id, 1)[instance_id].reason


class Metrics:
    """Custom metrics of the machines of a world, told with their health."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.phases: dict[str, int] = {}
        self.skips: set[str] = set()
        observe = world.fleet.observe_health

        async def observed(
            scale_set: ScaleSetIdentity, source: HealthSource, ids: Iterable[str] | None = None
        ) -> tuple[HealthObservation, ...]:
            return tuple(
                replace(one, phase=self.phases.get(one.instance_id), skip=one.instance_id in self.skips)
                for one in await observe(scale_set, source, ids)
            )

        monkeypatch.setattr(world.fleet, "observe_health", observed)


async def test_b4_a_zonal_set_is_upgraded_zone_by_zone(world: World) -> None:
    await world.has_set(15, zones=ZONES, policy=FORTY)
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert batches(world) == [
        *(["0", "3"], ["6", "9"], ["12"]),
        *(["1", "4"], ["7", "10"], ["13"]),
        *(["2", "5"], ["8", "11"], ["14"]),
    ]
    assert "zone 2: 2 of 5 waiting instances: at most 2 of zone 2's 5 (40 %) may be out of service" in world.reasons()
    judgement = world.judgement(40)
    assert judgement.violations == ()
    assert judgement.most_out_at_once == 2


async def test_b4_across_zones_if_the_policy_says_so_and_the_judge_is_told(world: World) -> None:
    await world.has_set(15, zones=ZONES, policy=FORTY | {"enableCrossZoneUpgrade": True})
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert batches(world) == [[str(n) for n in range(6)], [str(n) for n in range(6, 12)], ["12", "13", "14"]]
    assert world.record().policy.enable_cross_zone_upgrade
    assert world.judgement(40, cross_zone=True).violations == ()
    # To a judge who was not told it is an orchestrator that takes no heed of zones.
    assert {one.rule for one in world.judgement(40).violations} == {"B4"}


async def test_b4_b2_what_is_sick_in_one_zone_shrinks_the_batches_of_that_zone_alone(world: World) -> None:
    await world.has_set(30, zones=ZONES)
    world.sick("1", "4")
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    sizes = [len(one) for one in batches(world)]
    assert sizes[:5] == [2] * 5, "zone 1 has nobody out"
    assert batches(world)[5] == ["1", "4"], "the sick are the batch: they are out already"
    assert sizes[6:14] == [1] * 8, "zone 2 has its share out already"
    assert sizes[14:] == [2] * 5
    assert world.judgement().violations == ()


async def test_p9_counts_the_whole_set_whatever_the_zones(world: World) -> None:
    await world.has_set(30, zones=ZONES)
    world.publish(NEW, VersionScript(never_healthy=("0", "1")))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.reason == "stopped: 1 of 2 attempted instances unhealthy (50 %), limit 20 %"


async def test_b5_phases_in_their_order_and_skip_upgrade_is_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.has_set(10, policy=PAUSE | FORTY)
    metrics = Metrics(world, monkeypatch)
    metrics.phases = {"9": 0, "8": 0, "0": 5, "1": 5}
    metrics.skips = {"4", "6"}
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    # Read at the start only: what they say now changes nothing.
    metrics.phases = {"2": 0, "8": 9}
    metrics.skips = {"0", "7"}
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert batches(world) == [["8", "9"], ["0", "1"], ["2", "3", "5", "7"]]
    assert {one for one, version in (await world.versions()).items() if version == OLD} == {"4", "6"}
    assert world.outcomes()["4"] == "skipped"
    assert reason_of(world, "6") == SKIPS
    assert f"2 left out (2: {SKIPS})" in world.reasons()
    assert "phase 0: 2 of 2 waiting instances" in world.reasons()
    assert "last phase: 4 of 4 waiting instances" in world.reasons()
    assert world.record().counts.skipped == 2
    assert world.judgement(40).violations == ()


async def test_b5_a_phase_goes_through_every_zone_before_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.has_set(6, zones=("1", "2"), policy=HALF)
    Metrics(world, monkeypatch).phases = {"4": 0, "5": 0}
    world.publish(NEW)
    await world.upgraded()
    assert batches(world) == [["4"], ["5"], ["0"], ["2"], ["1"], ["3"]]


async def test_b5_the_unhealthy_are_first_if_the_policy_says_so(world: World) -> None:
    await world.has_set(10, policy={"prioritizeUnhealthyInstances": True})
    world.sick("6", "8")
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert batches(world)[:2] == [["6", "8"], ["0"]]


async def test_b6_the_protected_are_left_out_and_it_is_said(world: World) -> None:
    await world.has_set(10, policy=PAUSE)
    world.script("3", protected=True)
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    world.script("7", protected=True)
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert {one for one, version in (await world.versions()).items() if version == OLD} == {"3", "7"}
    assert [reason_of(world, one) for one in ("3", "7", "0")] == [PROTECTED, PROTECTED, ""]
    assert f"pre-check: go on: 0 of 10 instances unhealthy (0 %), limit 20 %; 1 left out (1: {PROTECTED})" in (
        world.reasons()
    )
    assert result.reason == f"completed: no instance is left; 2 left out (2: {PROTECTED})"
    assert world.record().counts.skipped == 2


async def test_b7_a_service_fabric_set_goes_update_domain_by_update_domain(world: World) -> None:
    await world.has_set(10, extensions=(FABRIC,), probe="", policy=HALF)
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert batches(world) == [["0", "5"], ["1", "6"], ["2", "7"], ["3", "8"], ["4", "9"]]
    assert "update domain 4: 2 of 2 waiting instances" in world.reasons()
    assert world.judgement(50).violations == ()


async def test_b7_an_update_domain_is_finished_before_the_next_though_it_takes_batches(world: World) -> None:
    await world.has_set(15, extensions=(FABRIC,), probe="", policy={"maxBatchInstancePercent": 14})
    world.publish(NEW)
    await world.upgraded()
    assert batches(world)[:4] == [["0", "5"], ["10"], ["1", "6"], ["11"]]


async def test_b5_phases_and_reasons_go_through_continue_as_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _real_time_world(tmp_path) as world:
        await world.has_set(10, policy=HALF)
        metrics = Metrics(world, monkeypatch)
        metrics.phases = {str(9 - n): n for n in range(9)}
        metrics.skips = {"0"}
        world.publish(NEW)
        world.fleet.set_defaults(FleetDefaults(swap=timedelta(0), boot=timedelta(0)))
        result = await world.upgraded()
        assert result.reason == f"completed: no instance is left; 1 left out (1: {SKIPS})"
        assert batches(world) == [[str(9 - n)] for n in range(9)]
        assert reason_of(world, "0") == SKIPS
        description = await world.upgrade().describe()
        assert description.raw_description.workflow_execution_info.first_run_id != description.run_id, "one run only"


def test_b6_a_record_for_each_reason_and_one_for_those_whose_reason_an_older_worker_did_not_say() -> None:
    fresh = InstanceIds(ranges="0-9")
    progress = Progress().leaving_out({PROTECTED: InstanceIds(ranges="0-3,20"), SKIPS: InstanceIds(ranges="7")})
    records = _left_out(progress, fresh)
    assert [(one.ids, one.reason) for one in records] == [("0-3", PROTECTED), ("7", SKIPS), ("4-6,8-9", "")]
    assert {(one.outcome, one.batch) for one in records} == {("skipped", 0)}
