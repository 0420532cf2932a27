"""Zones by the flight records: B2 counts those of a zone, and no batch has machines of two (B4)."""

from instar.compute.simulated.file.scripts import InstanceScript, VersionScript
from instar.compute.simulated.flight.judgement import Judgement, judge
from instar.domain.machines.instances import PowerState
from tests.compute.scene import BOOT, NEW, SET, Scene, rules_broken, swap_batch, verdict


def verdict_across_zones(scene: Scene) -> Judgement:
    return judge(scene.fleet.recorder.records(), cross_zone=True)


async def test_b4_a_run_zone_by_zone_has_no_violation(scene: Scene) -> None:
    await scene.make_in_zones(30)
    for zone in range(3):
        for batch in range(5):
            await swap_batch(scene, (zone + 6 * batch, zone + 6 * batch + 3), 5 * zone + batch + 1)
            scene.clock.move(BOOT)
    assert verdict(scene).violations == ()
    assert verdict(scene).most_out_at_once == 2


async def test_b4_an_orchestrator_whose_batch_crosses_zones_is_caught(scene: Scene) -> None:
    await scene.make_in_zones(30)
    await swap_batch(scene, (0, 1), 1)
    [violation] = verdict(scene).violations
    assert (violation.rule, violation.instance_id) == ("B4", "1")
    assert violation.sentence == "batch 1 crosses the zones 1, 2"
    assert verdict_across_zones(scene).clean


async def test_b4_a_machine_that_its_owner_stopped_is_of_the_batch_too(scene: Scene) -> None:
    await scene.make_in_zones(30)
    scene.fleet.script_instance(SET, "1", InstanceScript(power=PowerState.STOPPED))
    await swap_batch(scene, (0, 1), 1)
    assert rules_broken(verdict(scene)) == ["B4"]


async def test_b4_b2_an_orchestrator_that_counts_the_whole_set_is_caught(scene: Scene) -> None:
    await scene.make_in_zones(30)
    await swap_batch(scene, (0, 3, 6), 1)
    [violation] = verdict(scene).violations
    assert violation.rule == "B2"
    assert violation.sentence == "3 machines of zone 1 out of service with batch 1, limit 2"
    assert verdict_across_zones(scene).clean


async def test_b4_b2_what_is_out_in_another_zone_does_not_count(scene: Scene) -> None:
    await scene.make_in_zones(30)
    for one in (1, 4, 7, 2, 5, 8):
        scene.fleet.script_instance(SET, str(one), InstanceScript(sick_from=scene.clock.now))
    await swap_batch(scene, (0, 3), 1)
    assert verdict(scene).clean
    assert verdict(scene).most_out_at_once == 8
    assert rules_broken(verdict_across_zones(scene)) == ["B2"]


async def test_b4_a_rollback_after_a_breach_is_no_batch(scene: Scene) -> None:
    await scene.make_in_zones(30)
    scene.fleet.script_version(NEW, VersionScript(never_healthy="all"))
    await swap_batch(scene, (0,), 1)
    await swap_batch(scene, (1,), 2)
    await scene.restore("0", batch=2)
    await scene.restore("1", batch=2)
    assert verdict(scene).clean


async def test_b4_what_is_done_to_single_machines_is_no_batch(scene: Scene) -> None:
    await scene.make_in_zones(30)
    await swap_batch(scene, (0, 1, 2), 0)
    assert verdict(scene).clean


async def test_b4_a_machine_keeps_its_place_whatever_happens_to_it(scene: Scene) -> None:
    await scene.make_in_zones(6)
    await scene.swap("4")
    await scene.fleet.delete_instance(SET, "0")
    places = {one.instance_id: (one.zone, one.update_domain) for one in await scene.fleet.list_instances(SET)}
    assert places == {"1": ("2", 0), "2": ("3", 0), "3": ("1", 1), "4": ("2", 1), "5": ("3", 1)}
