"""A changed model reaches the instances in the way of its mode (docs/rules.md K5), never during another operation."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from instar.compute.simulated.file.scripts import VersionScript
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instances import PowerState
from instar.domain.records.operations import Operation, OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeKind, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.support.actions import done
from tests.support.models import IMAGE, LOCATION, NEW, OLD
from tests.support.world import World

ROLLING: dict[str, Any] = {"mode": "Rolling"}
PAUSED = {"pauseTimeBetweenBatches": "PT1H"}
ANOTHER_SKU = "20.04-LTS"
SLOW = VersionScript(boot=timedelta(minutes=20))
"""Whoever boots again from now on is not healthy in time; who runs for an hour already stays healthy."""


def other_data(text: str = "other") -> dict[str, Any]:
    """A change that machines see and that needs no other disk."""
    return {"osProfile": {"customData": text}}


def other_image(version: str, sku: str = "18.04-LTS") -> dict[str, Any]:
    reference = {"publisher": IMAGE.publisher, "offer": IMAGE.offer, "sku": sku, "version": version}
    return {"storageProfile": {"imageReference": reference, "dataDisks": [{"lun": 0}]}}


async def generations(world: World) -> list[int]:
    return [one.generation for one in (await world.instances()).values()]


async def rolled(world: World, operation: str, number: int = 1) -> Operation:
    await world.begun(number)
    await world.end_of(number)
    return await world.ended(operation)


async def test_in_mode_rolling_a_changed_model_rolls_over_the_set_and_the_put_ends_with_it(world: World) -> None:
    await world.has_set(10, **ROLLING)
    operation = await world.announce(document=world.document(**other_data()))
    await world.begun()
    assert world.store.operations.running(world.scale_set.unique_id)[0].id == operation
    assert (await rolled(world, operation)).status is OperationStatus.SUCCEEDED
    record = world.record()
    assert (record.kind, record.status) == (UpgradeKind.MODEL_CHANGE, UpgradeStatus.COMPLETED)
    assert record.started_by is StartedBy.USER
    assert record.counts.successful == 10
    assert world.decisions().count("batch") == 5
    assert set(await generations(world)) == {2}
    judgement = world.judgement()
    assert judgement.violations == ()
    assert judgement.most_out_at_once == 2
    assert judgement.swaps == 0


async def test_2_5_latest_keeps_the_disk_although_a_newer_version_is_offered(world: World) -> None:
    await world.has_set(5, **ROLLING)
    world.publish(NEW)
    await rolled(world, await world.announce(document=world.document(**other_data())))
    assert set((await world.versions()).values()) == {OLD}
    assert set(await generations(world)) == {2}


async def test_2_5_another_sku_means_a_disk_of_its_newest_version(world: World) -> None:
    await world.has_set(5, **ROLLING)
    for version in ("20.04.9", "20.04.10"):
        world.store.images.publish(IMAGE.publisher, IMAGE.offer, ANOTHER_SKU, version, LOCATION, {}, world.clock())
    await rolled(world, await world.announce(document=world.document(**other_image("latest", ANOTHER_SKU))))
    assert set((await world.versions()).values()) == {"20.04.10"}
    assert set(await generations(world)) == {2}
    assert all(len(one.previous_os_disks) == 1 for one in (await world.instances()).values())
    assert world.judgement().violations == ()


async def test_2_5_another_exact_version_swaps_those_that_are_not_on_it(world: World) -> None:
    await world.has_set(5, **ROLLING)
    world.publish(NEW)
    await world.ended(await world.ask(ActionKind.REIMAGE, "1", exact_version=NEW))
    await rolled(world, await world.announce(document=world.document(**other_image(NEW))), 2)
    assert set((await world.versions()).values()) == {NEW}
    kept = {one: len(view.previous_os_disks) for one, view in (await world.instances()).items()}
    assert kept == dict.fromkeys("01234", 1), "instance 1 got its disk by the reimage, and no second one"


async def test_an_image_that_nobody_offers_is_refused_with_that_reason(world: World) -> None:
    await world.has_set(3, **ROLLING)
    operation = await world.announce(document=world.document(**other_image("latest", "no-such-sku")))
    ended = await world.ended(operation)
    assert ended.status is OperationStatus.FAILED
    assert "no version of Canonical:UbuntuServer:no-such-sku:latest is published" in ended.error_message
    assert set(await generations(world)) == {1}


async def test_p12_p16_capacity_policy_and_tags_touch_no_machine_and_start_nothing(world: World) -> None:
    await world.has_set(5, **ROLLING)
    document = world.document() | {"sku": {"name": "Standard_D2s_v3", "capacity": 7}, "tags": {"a": "b"}}
    await world.put(automatic=False, document=document)
    assert world.store.upgrades.latest(world.scale_set.unique_id) is None
    assert await generations(world) == [1] * 7


async def test_p12_a_model_that_goes_back_finds_its_untouched_instances_current(world: World) -> None:
    await world.has_set(10, policy=PAUSED, **ROLLING)
    before = world.document()
    operation = await world.announce(document=world.document(licenseType="other"))
    await world.begun()
    await world.pass_time(timedelta(minutes=12))
    await world.cancel()
    await rolled(world, operation)
    assert sorted(await generations(world)) == [1] * 8 + [2] * 2
    await rolled(world, await world.announce(document=before), 2)
    assert set(await generations(world)) == {1}
    assert list(world.outcomes(2).values()).count("current") == 8


async def test_p14_a_cancelled_roll_ends_its_put_as_canceled_and_an_unchanged_put_starts_it_again(world: World) -> None:
    await world.has_set(10, policy=PAUSED, **ROLLING)
    operation = await world.announce(document=world.document(**other_data()))
    await world.begun()
    await world.pass_time(timedelta(minutes=12))
    await world.cancel()
    ended = await rolled(world, operation)
    assert (ended.status, ended.error_code) == (OperationStatus.CANCELED, ErrorCode.CANCELED)
    assert sorted(await generations(world)) == [1] * 8 + [2] * 2
    again = await world.announce()
    assert (await rolled(world, again, 2)).status is OperationStatus.SUCCEEDED
    assert set(await generations(world)) == {2}
    assert world.record(2).counts.successful == 10
    assert set(world.outcomes(2).values()) == {"current", "upgraded"}


async def test_p9_a_breach_ends_the_put_as_failed_with_the_same_sentence(world: World) -> None:
    await world.has_set(10, **ROLLING)
    operation = await world.announce(document=world.document(**other_data()))
    world.publish(OLD, SLOW)
    ended = await rolled(world, operation)
    assert (ended.status, ended.error_code) == (OperationStatus.FAILED, ErrorCode.UNHEALTHY_UPGRADED)
    assert ended.error_message == "stopped: 2 of 2 attempted instances unhealthy (100 %), limit 20 %"
    assert sorted(await generations(world)) == [1] * 8 + [2] * 2


async def test_p2_a_sick_set_is_not_rolled_and_the_put_says_why(world: World) -> None:
    await world.has_set(10, **ROLLING)
    world.sick("1", "4", "7")
    operation = await world.announce(document=world.document(**other_data()))
    ended = await rolled(world, operation)
    assert (ended.status, ended.error_code) == (OperationStatus.FAILED, ErrorCode.UNHEALTHY_BEFORE)
    assert set(await generations(world)) == {1}


async def test_p7_a_change_of_the_model_does_not_roll_back(world: World) -> None:
    await world.has_set(20, **ROLLING)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    await rolled(world, await world.announce(document=world.document(**other_image(NEW))))
    assert (await world.versions())["9"] == NEW
    assert world.outcomes()["9"] == "failed"


async def test_p10_a_breach_gives_the_swapped_their_disk_back(world: World) -> None:
    await world.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True}, **ROLLING)
    world.publish(NEW, VersionScript(never_healthy="all"))
    await rolled(world, await world.announce(document=world.document(**other_image(NEW))))
    assert world.record().status is UpgradeStatus.FAULTED
    assert set((await world.versions()).values()) == {OLD}
    assert set(await generations(world)) == {1}
    assert world.record().counts.rolled_back == 2


async def test_p10_who_got_the_model_alone_has_no_disk_to_be_given_back(world: World) -> None:
    await world.has_set(10, policy={"rollbackFailedInstancesOnPolicyBreach": True}, **ROLLING)
    operation = await world.announce(document=world.document(**other_data()))
    world.publish(OLD, SLOW)
    await rolled(world, operation)
    assert "0-1 kept their disk and got the model alone: there is no disk to give back" in world.reasons()
    assert "get their previous disk" not in world.reasons()
    counts = world.record().counts
    assert (counts.failed, counts.rolled_back, counts.rollback_failed) == (2, 0, 0)


@pytest.mark.parametrize("mode", ["Rolling", "Automatic"])
async def test_b6_a_protected_instance_is_left_out_in_every_mode(world: World, mode: str) -> None:
    await world.has_set(3, mode=mode)
    world.script("1", protected=True)
    operation = await world.announce(document=world.document(**other_data()))
    await world.begun()
    if mode == "Rolling":
        await world.end_of(1)
        assert world.outcomes()["1"] == "skipped"
    await world.ended(operation)
    assert await generations(world) == [2, 1, 2]


async def test_p18_a_stopped_instance_gets_the_model_and_stays_stopped(world: World) -> None:
    await world.has_set(5, **ROLLING)
    world.stopped("2")
    await rolled(world, await world.announce(document=world.document(**other_data())))
    instance = (await world.instances())["2"]
    assert (instance.generation, instance.power) == (2, PowerState.STOPPED)
    assert world.outcomes()["2"] == "stopped"


async def test_in_mode_automatic_a_changed_model_reaches_all_at_once(world: World) -> None:
    await world.has_set(10)
    before = await world.look_at_the_clock()
    ended = await world.ended(await world.announce(document=world.document(**other_data())))
    assert ended.status is OperationStatus.SUCCEEDED
    assert await world.look_at_the_clock() - before < timedelta(minutes=1)
    assert set(await generations(world)) == {2}
    assert world.store.upgrades.latest(world.scale_set.unique_id) is None, "it is no rolling upgrade"
    assert world.record().kind is UpgradeKind.INSTANCE_ACTION
    commits = [one for one in world.fleet.recorder.records() if one.kind is Kind.COMMIT_APPLY]
    assert len(commits) == 10


async def test_in_mode_manual_nothing_is_done_before_manualupgrade(world: World) -> None:
    await world.has_set(5, mode="Manual")
    await world.put(automatic=False, document=world.document(**other_data()))
    assert set(await generations(world)) == {1}


async def test_t1_capacity_alone_leaves_no_instance_behind_in_mode_manual(world: World) -> None:
    await world.has_set(5, mode="Manual")
    document = world.document() | {"sku": {"name": "Standard_D2s_v3", "capacity": 6}}
    await world.put(automatic=True, document=document)
    world.publish(NEW)
    await world.pass_time(timedelta(hours=3, seconds=1))
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEW}


async def test_t1_in_mode_manual_who_is_on_an_old_model_is_skipped_with_that_reason(world: World) -> None:
    await world.has_set(3, mode="Manual")
    await world.put(automatic=True, document=world.document(**other_data()))
    assert await done(world, ActionKind.MANUAL_UPGRADE, "0") == ""
    world.publish(NEW)
    await world.pass_time(timedelta(hours=3, seconds=1))
    await world.end_of(2)
    assert world.outcomes(2) == {"0": "upgraded", "1": "skipped", "2": "skipped"}
    assert await world.versions() == {"0": NEW, "1": OLD, "2": OLD}


@pytest.mark.parametrize("mode", ["Rolling", "Automatic"])
async def test_p1_p15_a_model_changed_during_an_os_upgrade_waits_and_is_applied_after_it(
    world: World, mode: str
) -> None:
    await world.has_set(5, policy={"pauseTimeBetweenBatches": "PT10M"}, mode=mode)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    operation = await world.announce(document=world.document(**other_data()))
    await world.pass_time(timedelta(minutes=1))
    assert set(await generations(world)) == {1}
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED
    assert world.record(1).generation == 1
    await world.begun(2)
    if mode == "Rolling":
        await world.end_of(2)
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert set(await generations(world)) == {2}
    assert set((await world.versions()).values()) == {NEW}


async def test_p15_an_os_upgrade_is_refused_while_a_model_rolls(world: World) -> None:
    await world.has_set(10, policy=PAUSED, **ROLLING)
    await world.announce(document=world.document(**other_data()))
    await world.begun()
    world.publish(NEW)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.start()
    assert "a Rolling Upgrade is in progress" in str(refused.value.cause)


async def test_p16_capacity_is_applied_at_once_while_a_model_rolls_and_its_put_does_not_wait(world: World) -> None:
    await world.has_set(10, policy=PAUSED, **ROLLING)
    roll = await world.announce(document=world.document(**other_data()))
    await world.begun()
    await world.pass_time(timedelta(minutes=12))
    document = world.document() | {"sku": {"name": "Standard_D2s_v3", "capacity": 12}}
    await world.put(automatic=False, document=document)
    found = await world.instances()
    assert len(found) == 12
    assert {found["10"].generation, found["11"].generation} == {2}
    assert (await rolled(world, roll)).status is OperationStatus.SUCCEEDED
    assert world.record().counts.successful == 10
    assert "10" not in world.outcomes()
    assert world.judgement().violations == ()


async def test_f1_a_terminated_roll_ends_every_put_that_waits_for_it(world: World) -> None:
    await world.has_set(10, policy=PAUSED, **ROLLING)
    operation = await world.announce(document=world.document(**other_data()))
    await world.begun()
    await world.pass_time(timedelta(minutes=12))
    await world.upgrade(1).terminate("by hand")
    await world.pass_time(timedelta(minutes=3, seconds=5))
    assert (await world.ended(operation)).status is OperationStatus.FAILED
    assert world.record().status is UpgradeStatus.FAULTED


async def test_p1_two_puts_that_waited_end_with_one_roll(world: World) -> None:
    await world.has_set(5, policy={"pauseTimeBetweenBatches": "PT10M"}, **ROLLING)
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=7))
    puts = [await world.announce(document=world.document(licenseType=text)) for text in ("one", "two")]
    await world.end_of(1)
    ended = [await rolled(world, one, 2) for one in puts]
    assert [one.status for one in ended] == [OperationStatus.SUCCEEDED] * 2
    assert set(await generations(world)) == {3}
    assert world.store.upgrades.last_number(world.scale_set.unique_id) == 2
