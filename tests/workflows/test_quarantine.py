"""Versions that are not tried again by themselves, and what ends that (docs/rules.md T5)."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.names import Refusal
from instar.domain.sets.policies import StartedBy
from tests.support.looking import FIRST, LOOK, NEWER, until
from tests.support.models import IMAGE, LOCATION, NEW, OLD
from tests.support.world import World

BAD = VersionScript(never_healthy="all")


async def ended_badly(world: World, size: int = 10, **model: Any) -> None:
    """NEW was tried by the platform, and the upgrade ended by P9."""
    await world.has_set(size, **model)
    world.publish(NEW, BAD)
    await world.put(automatic=True)
    await world.pass_time(FIRST)
    result = await world.end_of(1)
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_UPGRADED
    await world.at_rest()


def document(world: World, **changes: Any) -> dict[str, Any]:
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    return stored.document | changes


def capacity(world: World, size: int) -> dict[str, Any]:
    return document(world, sku={"name": "Standard_D2s_v3", "capacity": size})


def other_profile(world: World) -> dict[str, Any]:
    """A model whose machines are other ones: fresh credentials, say."""
    properties = document(world)["properties"]
    profile = properties["virtualMachineProfile"] | {"osProfile": {"customData": "ZnJlc2g="}}
    return document(world, properties=properties | {"virtualMachineProfile": profile})


async def test_t5_a_version_that_ended_by_p9_is_not_tried_again_and_the_reason_is_shown(world: World) -> None:
    await ended_badly(world)
    await world.pass_time(timedelta(days=2))
    assert [one.number for one in world.history()] == [1]
    [entry] = world.status().quarantine.versions
    assert (entry.version, entry.number) == (NEW, 1)
    assert entry.reason == "stopped: 2 of 2 attempted instances unhealthy (100 %), limit 20 %"
    assert world.status().last_look == f"nothing newer than {OLD}; quarantined: {NEW} ({entry.reason})"


async def test_t5_a_version_that_was_withdrawn_during_the_run_is_not_tried_again(world: World) -> None:
    automatic = {"enableAutomaticOSUpgrade": True, "useRollingUpgradePolicy": True}
    await world.has_set(10, automatic=automatic, policy={"pauseTimeBetweenBatches": "PT30M"})
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(FIRST + timedelta(minutes=7))
    world.store.images.withdraw(IMAGE.publisher, IMAGE.offer, IMAGE.sku, NEW, LOCATION)
    result = await world.end_of(1)
    assert result.error is not None
    assert result.error.code == ErrorCode.IMAGE_UNUSABLE
    world.publish(NEW)
    await world.pass_time(timedelta(days=1))
    assert len(world.history()) == 1
    assert "was withdrawn" in world.status().quarantine.versions[0].reason


async def test_t5_a_version_whose_upgrade_was_cancelled_is_not_tried_again(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, BAD)
    await world.put(automatic=True)
    await world.pass_time(FIRST + timedelta(minutes=1))
    await world.cancel()
    assert (await world.end_of(1)).status is UpgradeStatus.CANCELLED
    world.publish(NEW)
    await world.pass_time(timedelta(days=1))
    assert len(world.history()) == 1
    assert world.status().quarantine.versions[0].reason == "cancelled: cancelled by a user"


async def test_t5_new_instances_are_not_offered_a_quarantined_version(world: World) -> None:
    await ended_badly(world)
    await world.put(automatic=True, document=capacity(world, 12))
    versions = await world.versions()
    assert (versions["10"], versions["11"]) == (OLD, OLD)
    assert world.status().quarantine.excluded == (NEW,)


async def test_t5_with_every_version_quarantined_new_instances_fail_with_that_reason(world: World) -> None:
    await ended_badly(world)
    world.store.images.withdraw(IMAGE.publisher, IMAGE.offer, IMAGE.sku, OLD, LOCATION)
    operation = await world.announce(automatic=True, document=capacity(world, 12))
    assert f"but what is quarantined here: {NEW}" in (await world.ended(operation)).error_message
    assert len(await world.versions()) == 10


async def test_t5_a_newer_version_is_tried(world: World) -> None:
    await ended_badly(world)
    world.publish(NEWER)
    await world.pass_time(LOOK)
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEWER}


async def test_t5_t4_a_start_by_hand_tries_it_and_a_success_ends_the_quarantine(world: World) -> None:
    await ended_badly(world)
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    await until(lambda: world.status().quarantine.versions == ())
    assert world.status().quarantine.behind(NEW).ranges == ""
    await world.put(automatic=True, document=capacity(world, 11))
    assert set((await world.versions()).values()) == {NEW}


async def test_t5_t4_a_start_by_hand_that_fails_again_leaves_it_quarantined(world: World) -> None:
    await ended_badly(world)
    assert (await world.upgraded()).status is UpgradeStatus.FAULTED
    await world.pass_time(timedelta(days=1))
    assert len(world.history()) == 2
    assert world.status().quarantine.versions[0].number == 2


async def test_t5_f4_a_change_of_the_model_ends_it_and_the_version_is_tried_again(world: World) -> None:
    await ended_badly(world)
    world.publish(NEW)
    await world.put(automatic=True, document=other_profile(world))
    await until(lambda: world.status().quarantine.versions == ())
    await world.pass_time(LOOK)
    # Number 2 is what brought the machines to that model, in mode Automatic.
    assert (await world.end_of(3)).status is UpgradeStatus.COMPLETED


async def test_t5_capacity_tags_and_policies_are_no_change_of_the_model(world: World) -> None:
    await ended_badly(world)
    await world.put(automatic=True, document=capacity(world, 11) | {"tags": {"stage": "two"}})
    await world.pass_time(timedelta(days=1))
    assert len(world.history()) == 1
    assert world.status().quarantine.excluded == (NEW,)


async def test_t5_lifted_by_hand_it_is_tried_again_within_minutes(world: World) -> None:
    await ended_badly(world)
    world.publish(NEW)
    await world.pass_time(timedelta(minutes=20))
    await world.lift(NEW)
    assert world.status().quarantine.versions == ()
    await world.pass_time(timedelta(minutes=5, seconds=5))
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED


async def test_t5_lifting_what_is_not_quarantined_is_refused(world: World) -> None:
    await ended_badly(world)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await world.lift(NEWER)
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == Refusal.NOT_FOUND
    with pytest.raises(WorkflowUpdateFailedError):
        await world.its_workflow().execute_update("lift_quarantine", {"operation_id": "x", "version": "nonsense"})
    await world.lift(NEW)
    assert world.status().quarantine.versions == ()


async def one_rolled_back(world: World) -> None:
    """NEW came to everybody but instance 5 of 10, which was rolled back."""
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy=("5",)))
    await world.put(automatic=True)
    await world.pass_time(FIRST)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED
    assert (await world.versions())["5"] == OLD


async def test_t5_no_upgrade_starts_for_the_sake_of_a_rolled_back_instance_alone(world: World) -> None:
    await one_rolled_back(world)
    await world.pass_time(timedelta(days=1))
    assert len(world.history()) == 1
    assert world.status().last_look == f"nothing newer than {NEW}; left as they are: 5"
    assert world.status().quarantine.versions == ()


async def test_t5_a_rolled_back_instance_is_passed_over_when_others_get_that_version(world: World) -> None:
    await world.has_set(10)
    world.script("9", protected=True)
    world.publish(NEW, VersionScript(never_healthy=("5",)))
    await world.put(automatic=True)
    await world.pass_time(FIRST)
    await world.end_of(1)
    world.script("9", protected=False)
    await world.pass_time(timedelta(hours=7))
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED
    versions = await world.versions()
    assert (versions["5"], versions["9"]) == (OLD, NEW)
    assert (world.outcomes(2)["5"], world.outcomes(2)["9"]) == ("skipped", "upgraded")


async def test_t5_a_rolled_back_instance_gets_the_next_version(world: World) -> None:
    await one_rolled_back(world)
    world.publish(NEWER)
    await world.pass_time(LOOK)
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEWER}


async def test_t5_t4_a_start_by_hand_takes_a_rolled_back_instance_along(world: World) -> None:
    await one_rolled_back(world)
    world.publish(NEW)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEW}


async def test_t5_an_instance_whose_disk_could_not_be_made_starts_no_upgrade_for_its_sake(world: World) -> None:
    await world.has_set(20)
    world.publish(NEW, VersionScript(disk_fails=("9",)))
    await world.put(automatic=True)
    await world.pass_time(FIRST)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED
    await world.pass_time(timedelta(days=1))
    assert len(world.history()) == 1
    assert world.status().quarantine.versions == ()


async def test_t5_f1_an_upgrade_terminated_by_hand_says_nothing_of_its_version(world: World) -> None:
    automatic = {"enableAutomaticOSUpgrade": True, "useRollingUpgradePolicy": True}
    await world.has_set(10, automatic=automatic, policy={"pauseTimeBetweenBatches": "PT30M"})
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(FIRST + timedelta(minutes=7))
    await world.upgrade(1).terminate("by hand")
    await world.pass_time(timedelta(hours=2))
    assert world.record(1).status is UpgradeStatus.FAULTED
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED
    assert world.record(2).started_by is StartedBy.PLATFORM
    assert world.status().quarantine.versions == ()
