from datetime import timedelta

from instar.compute.provider import Effect, MachineModel, Made
from instar.compute.simulated.disks import Machine
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import InstanceScript, VersionScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.flight.judgement import judge
from instar.compute.simulated.flight.recorder import FlightRecord, Kind, read_flight
from instar.compute.simulated.pace import NoPace
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import OsDisk, PowerState
from tests.compute.scene import BOOT, MODEL, NEW, NEXT_MODEL, SET, Scene, rules_broken, swap, swap_batch, verdict

MINUTE = timedelta(minutes=1)


class SwapsTwice(SimulatedFleet):
    """Wrong: does not look whether the work was done."""

    def _is_done(self, effect: Effect, machine: Machine, made: Made | None) -> bool:
        del effect, machine, made
        return False


async def test_a_right_run_has_no_violation_and_its_figures_are_told(scene: Scene) -> None:
    await scene.make(10)
    for batch in range(5):
        await swap_batch(scene, (2 * batch, 2 * batch + 1), batch + 1)
        scene.clock.move(BOOT)
    await scene.restore("9", batch=5)
    judgement = verdict(scene)
    assert judgement.clean
    assert judgement.violations == ()
    assert (judgement.most_out_at_once, judgement.swaps_per_instance) == (2, 1)
    assert (judgement.swaps, judgement.restores, judgement.data_disks_unchanged) == (10, 1, True)


async def test_f1_a_provider_that_swaps_twice_is_caught(scene: Scene) -> None:
    await scene.make(10)
    with SwapsTwice(scene.path, clock=scene.clock, pace=NoPace()) as wrong:
        await wrong.swap_os_disk(swap(attempt=1), NEW, NEXT_MODEL)
        await wrong.swap_os_disk(swap(attempt=2), NEW, NEXT_MODEL)
    judgement = verdict(scene)
    assert rules_broken(judgement) == ["F1"]
    assert judgement.swaps_per_instance == 2


async def test_b2_a_run_that_takes_too_many_is_caught(scene: Scene) -> None:
    await scene.make(10)
    await swap_batch(scene, range(3), 1)
    judgement = verdict(scene)
    assert rules_broken(judgement) == ["B2"]
    assert judgement.most_out_at_once == 3
    assert verdict(scene, percent=30).clean


async def test_b2_a_next_batch_before_the_last_is_healthy_is_caught(scene: Scene) -> None:
    await scene.make(10)
    await swap_batch(scene, (0, 1), 1)
    scene.clock.move(BOOT - timedelta(microseconds=1))
    await swap_batch(scene, (2,), 2)
    assert verdict(scene).clean  # three are out: the two that were already, and one
    await swap_batch(scene, (3,), 2)
    assert rules_broken(verdict(scene)) == ["B2"]


async def test_b2_sick_machines_of_the_batch_count_once(scene: Scene) -> None:
    await scene.make(10)
    for one in ("0", "1"):
        scene.fleet.script_instance(SET, one, InstanceScript(sick_from=scene.clock.now))
    await swap_batch(scene, (0, 1), 1)
    assert verdict(scene).clean
    await swap_batch(scene, (2, 3), 2)
    assert rules_broken(verdict(scene)) == ["B2"]


async def test_w2_b2_machines_that_get_sick_in_a_bake_go_back_whichever_batch_they_are_of(scene: Scene) -> None:
    await scene.make(10)
    await swap_batch(scene, (0, 1), 1)
    scene.clock.move(BOOT)
    await swap_batch(scene, (2, 3), 2)
    scene.clock.move(BOOT)
    for one in ("0", "2"):
        scene.fleet.script_instance(
            SET, one, InstanceScript(sick_from=scene.clock.now, sick_until=scene.clock.now + MINUTE)
        )
        await scene.restore(one, batch=2)
    scene.clock.move(2 * MINUTE)
    for one in ("1", "3"):
        scene.fleet.script_instance(SET, one, InstanceScript(sick_from=scene.clock.now))
        await scene.restore(one, batch=2)
    assert verdict(scene).clean


async def test_w2_b2_a_rollback_that_takes_too_many_healthy_ones_is_caught(scene: Scene) -> None:
    await scene.make(10)
    for batch in (1, 2):
        await swap_batch(scene, (2 * batch, 2 * batch + 1), batch)
        scene.clock.move(BOOT)
    for one in (2, 3, 4):
        assert verdict(scene).clean
        await scene.restore(str(one), batch=2)
    assert rules_broken(verdict(scene)) == ["B2"]


async def test_b2_machines_that_never_become_healthy_stay_out_until_they_are_restored(scene: Scene) -> None:
    await scene.make(10)
    scene.fleet.script_version(NEW, VersionScript(never_healthy=("0", "1")))
    await swap_batch(scene, (0, 1), 1)
    scene.clock.move(timedelta(hours=1))
    await scene.restore("0")
    await scene.restore("1")
    scene.clock.move(BOOT)
    await swap_batch(scene, (2, 3), 2)
    assert verdict(scene).clean
    assert verdict(scene).most_out_at_once == 2


async def test_b2_a_script_that_heals_machines_later_is_known_to_the_recorder(scene: Scene) -> None:
    await scene.make(10)
    scene.fleet.script_version(NEW, VersionScript(never_healthy="all"))
    await swap_batch(scene, (0, 1), 1)
    scene.clock.move(timedelta(hours=1))
    scene.fleet.script_version(NEW, VersionScript())
    await swap_batch(scene, (2, 3), 2)
    assert verdict(scene).clean


async def test_p18_machines_stopped_by_their_owner_are_not_out_of_service(scene: Scene) -> None:
    await scene.make(10)
    for one in range(5):
        scene.fleet.script_instance(SET, str(one), InstanceScript(power=PowerState.STOPPED))
    await swap_batch(scene, range(7), 1)
    assert verdict(scene).clean
    assert verdict(scene).most_out_at_once == 2


async def test_p16_deleted_machines_no_longer_count_for_a_batch_that_was_chosen_without_them(scene: Scene) -> None:
    await scene.make(10)
    await swap_batch(scene, (0, 1), 1)
    for one in ("0", "1", "9"):
        await scene.fleet.delete_instance(SET, one)
    await swap_batch(scene, (2, 3), 2)  # it may have been chosen when there were 10
    assert verdict(scene).clean
    scene.clock.move(BOOT)
    await swap_batch(scene, (4,), 3)
    assert verdict(scene).clean
    await swap_batch(scene, (5,), 3)  # of 7 machines the share is 1
    assert rules_broken(verdict(scene)) == ["B2"]


class TouchesADataDisk(SimulatedFleet):
    """Wrong: a swap rewrites what is on the machine's data disks."""

    statement = "UPDATE data_disks SET marker = 'rewritten' WHERE instance_id = ? AND lun = 1"

    async def _swap(self, effect: Effect, image: ImageReference, model: MachineModel) -> tuple[OsDisk, bool]:
        with self._database.write() as tx:
            tx.execute(self.statement, (int(effect.instance_id),))
        return await super()._swap(effect, image, model)


class LosesADataDisk(TouchesADataDisk):
    """Wrong: a swap loses a data disk."""

    statement = "DELETE FROM data_disks WHERE instance_id = ? AND lun = 1"


async def test_p4_a_provider_that_touches_or_loses_a_data_disk_is_caught(scene: Scene) -> None:
    await scene.make(10)
    for instance_id, wrong in (("0", TouchesADataDisk), ("5", LosesADataDisk)):
        with wrong(scene.path, clock=scene.clock, pace=NoPace()) as fleet:
            await fleet.swap_os_disk(swap(instance_id), NEW, NEXT_MODEL)
    judgement = verdict(scene)
    assert [(one.rule, one.instance_id) for one in judgement.violations] == [("P4", "0"), ("P4", "5")]
    assert not judgement.data_disks_unchanged


async def test_p4_a_data_disk_changed_behind_the_recorder_is_caught_when_stock_is_taken(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet._database.connection.execute("UPDATE data_disks SET marker = 'x' WHERE instance_id = 1 AND lun = 0")
    assert judge(scene.fleet.recorder.records()).clean
    assert rules_broken(verdict(scene)) == ["P4"]


async def test_f1_a_machine_left_without_an_os_disk_is_caught(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet._database.connection.execute("UPDATE machines SET os_disk = NULL WHERE instance_id = 1")
    [violation] = verdict(scene).violations
    assert (violation.rule, violation.instance_id) == ("F1", "1")


async def test_p5_a_deleted_disk_that_was_in_use_is_caught(scene: Scene) -> None:
    await scene.make(1)
    disk = await scene.disk()
    with scene.fleet._database.write() as tx:
        tx.record(Kind.DISCARD, SET.unique_id, "0", discarded=(disk.name,))
    assert rules_broken(judge(scene.fleet.recorder.records())) == ["F1", "P5"]


async def test_a_line_whose_transaction_never_committed_is_not_believed(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    recorder = scene.fleet.recorder
    true = recorder.records()
    phantom = FlightRecord(len(true) + 1, scene.clock.now, Kind.COMMIT_SWAP, "u-1", "0", effect="u-1/1")
    recorder.append([phantom])  # as a process leaves it that was killed between the line and its commit
    assert recorder.records() == true
    await scene.restore()
    assert phantom not in recorder.records()
    assert phantom not in read_flight(recorder.path)
    assert verdict(scene).clean


async def test_a_record_reads_back_as_it_was_written(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap(batch=3)
    [record] = [one for one in scene.fleet.recorder.records() if one.kind is Kind.COMMIT_SWAP]
    assert record == FlightRecord(
        number=record.number,
        time=scene.clock.now,
        kind=Kind.COMMIT_SWAP,
        unique_id="u-1",
        instance_id="0",
        effect="u-1/1",
        step="swap",
        batch=3,
        os_disk="web_0_os_1",
        kept_disks=("web_0_os_0",),
        data_disks=record.data_disks,
        healthy_from=scene.clock.now + BOOT,
    )
    assert len(record.data_disks) == MODEL.data_disks


async def test_a_lost_answer_is_no_second_swap_to_the_judge(scene: Scene) -> None:
    await scene.make(5)
    scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.RESTORE))
    await scene.swap(attempt=1)
    await scene.swap(attempt=2)
    assert verdict(scene).swaps_per_instance == 1
