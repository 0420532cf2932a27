"""Always a way out: whatever fails for however long, the newer wish takes over (docs/rules.md F10)."""

from datetime import timedelta
from typing import Any

import pytest

from instar.compute.errors import Throttled
from instar.compute.provider import MachineModel
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.domain.machines.actions import ActionKind
from instar.domain.records.operations import Operation, OperationStatus
from instar.domain.records.upgrades import UpgradeStatus
from tests.support.held import eventually
from tests.support.models import IMAGE, NEW, OLD
from tests.support.world import World

EVER = 1_000_000
"""Times that a fault strikes: more than any test meets it."""

A_MINUTE = timedelta(minutes=1)


def failing(world: World, call: Call, *ids: str) -> list[int]:
    """From now on these calls answer "try again", for the named instances or for all."""
    return [
        world.fleet.inject(
            Fault(kind=FaultKind.THROTTLED, call=call, instance_id=one, times=EVER, retry_after=timedelta(seconds=7))
        )
        for one in ids or ("",)
    ]


def resized(world: World, capacity: int) -> dict[str, Any]:
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    return stored.document | {"sku": {"name": "Standard_D2s_v3", "capacity": capacity}}


async def struck(world: World, faults: list[int]) -> None:
    """Until they have struck, and the activity that they hit waits for its next attempt."""
    await eventually(lambda: all(world.fleet.hits(one) for one in faults))


async def ends_within(world: World, operation: str, span: timedelta = A_MINUTE) -> Operation:
    """The end of an operation, in so much virtual time."""
    await world.pass_time(span)
    return await world.ended(operation)


async def test_f10_a_capacity_that_cannot_be_made_makes_room_for_a_newer_one(world: World) -> None:
    await world.has_set(3)
    faults = failing(world, Call.CREATE)
    grown = await world.announce(document=resized(world, 10))
    await struck(world, faults)
    back = await world.announce(document=resized(world, 3))
    assert (await ends_within(world, back)).status is OperationStatus.SUCCEEDED
    cut = await world.ended(grown)
    assert (cut.status, cut.error_code) == (OperationStatus.CANCELED, "OperationPreempted")
    assert cut.error_message == (
        "cut short by model generation 3, which was stored meanwhile: 7 machines were still to be made or deleted: 3-9"
    )
    assert len(await world.instances()) == 3


async def test_f10_a_capacity_that_cannot_be_made_makes_room_for_a_deletion(world: World) -> None:
    await world.has_set(3)
    faults = failing(world, Call.CREATE)
    grown = await world.announce(document=resized(world, 10))
    await struck(world, faults)
    deleted = await world.delete()
    assert (await ends_within(world, deleted)).status is OperationStatus.SUCCEEDED
    assert (await world.ended(grown)).error_message == "cut short: the scale set is being deleted"
    assert await world.instances() == {}


async def test_f10_a_restart_that_stays_throttled_makes_room_for_a_deletion(world: World) -> None:
    await world.has_set(3)
    faults = failing(world, Call.POWER, "1")
    restart = await world.ask(ActionKind.RESTART, "1")
    await struck(world, faults)
    deleted = await world.delete()
    assert (await ends_within(world, deleted)).status is OperationStatus.SUCCEEDED
    assert (await world.ended(restart)).error_code == "OperationPreempted"


async def test_f10_a_restart_that_stays_throttled_lets_a_newer_model_pass_and_is_done_afterwards(world: World) -> None:
    await world.has_set(3, mode="Manual")
    faults = failing(world, Call.POWER, "1")
    restart = await world.ask(ActionKind.RESTART, "0", "1")
    await struck(world, faults)
    grown = await world.announce(document=resized(world, 4))
    assert (await ends_within(world, grown)).status is OperationStatus.SUCCEEDED
    assert len(await world.instances()) == 4
    for one in faults:
        world.fleet.withdraw(one)
    assert (await ends_within(world, restart, timedelta(minutes=2))).status is OperationStatus.SUCCEEDED
    starts = [one.instance_id for one in world.fleet.recorder.records() if one.kind == "start"]
    assert sorted(starts) == ["0", "1"]


@pytest.mark.parametrize("mode", ["Automatic", "Rolling"])
async def test_f10_a_restart_that_stays_throttled_gives_way_to_a_model_that_is_brought_to_instances(
    world: World, mode: str
) -> None:
    await world.has_set(3, mode=mode)
    failing(world, Call.POWER, "1")
    restart = await world.ask(ActionKind.RESTART, "0", "1")
    await world.pass_time(timedelta(minutes=3))
    changed = await world.announce(document=world.document(licenseType="other"))
    await world.pass_time(A_MINUTE)
    cut = await world.ended(restart)
    assert (cut.status, cut.error_code) == (OperationStatus.CANCELED, "OperationPreempted")
    assert cut.error_message == "cut short: model generation 2 is brought to instances"
    await world.pass_time(timedelta(minutes=5))
    assert (await world.ended(changed)).status is OperationStatus.SUCCEEDED
    assert {one.generation for one in (await world.instances()).values()} == {2}


async def test_f10_while_the_compute_does_not_list_everything_is_accepted_and_a_deletion_is_not_held_up(
    world: World,
) -> None:
    await world.has_set(3)
    away = failing(world, Call.LIST)
    operation = await world.start_without_waiting()
    await struck(world, away)
    gone = await world.ask(ActionKind.DELETE, "2")
    deletion = await world.delete()
    for fault in away:
        world.fleet.withdraw(fault)
    assert (await ends_within(world, deletion)).status is OperationStatus.SUCCEEDED
    for one in (operation, gone):
        assert (await world.ended(one)).error_code == "OperationPreempted"


async def test_f10_a_start_that_the_compute_does_not_let_begin_can_be_cancelled(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    away = failing(world, Call.LIST)
    operation = await world.start_without_waiting()
    await struck(world, away)
    cancel = await world.cancel()
    assert (await world.ended(cancel)).status is OperationStatus.SUCCEEDED
    assert (await world.ended(operation)).error_code == "RollingUpgradeCanceled"
    for one in away:
        world.fleet.withdraw(one)
    assert (await world.upgraded()).status is UpgradeStatus.COMPLETED


async def test_f10_an_instance_that_cannot_be_served_is_given_up_and_the_others_are_done(world: World) -> None:
    await world.has_set(3)
    failing(world, Call.POWER, "1")
    restart = await world.ask(ActionKind.RESTART)
    began = await world.look_at_the_clock()
    await world.pass_time(timedelta(minutes=5))
    waits = world.store.operations.get(restart)
    assert waits is not None
    assert waits.waits_for.endswith("1 of 1 to be tried again: too many calls")
    assert waits.waits_since is not None
    assert A_MINUTE <= waits.waits_since - began < 2 * A_MINUTE
    ended = await ends_within(world, restart, timedelta(minutes=40))
    assert ended.waits_for == ""
    assert ended.status is OperationStatus.FAILED
    assert ended.error_message.startswith("1 of 3 instances failed: 1 (1: given up after 30 minutes: ")
    starts = [one.instance_id for one in world.fleet.recorder.records() if one.kind == "start"]
    assert sorted(starts) == ["0", "2"]


async def test_f10_machines_that_cannot_be_made_are_given_up_and_never_come_to_be(world: World) -> None:
    await world.has_set(3)
    [fault] = failing(world, Call.CREATE, "4")
    grown = await world.announce(document=resized(world, 6))
    ended = await ends_within(world, grown, timedelta(minutes=40))
    assert ended.error_message.startswith("1 of 3 instances failed: 4 (4: given up after 30 minutes: ")
    assert sorted(await world.instances()) == ["0", "1", "2", "3", "5"]
    world.fleet.withdraw(fault)
    # An attempt that comes late finds its machine's id used.
    await world.fleet.create_instance(world.scale_set, "4", IMAGE.at(OLD), MachineModel(generation=1))
    assert "4" not in await world.instances()
    # Asked for again, the set becomes as large as its model says.
    assert (await world.put(automatic=False)).status is OperationStatus.SUCCEEDED
    assert len(await world.instances()) == 6


@pytest.mark.parametrize("lost", [1, 3, 6])
async def test_f10_a_set_has_as_many_machines_as_it_was_asked_for_whatever_answers_are_lost(
    world: World, lost: int
) -> None:
    await world.has_set(3)
    for one in range(3, 3 + lost):
        kind = FaultKind.ANSWER_LOST if one % 2 else FaultKind.THROTTLED
        world.fleet.inject(Fault(kind=kind, call=Call.CREATE, instance_id=str(one), times=2))
    operation = await world.announce(document=resized(world, 10))
    assert (await ends_within(world, operation)).status is OperationStatus.SUCCEEDED
    assert sorted(await world.instances(), key=int) == [str(one) for one in range(10)]


async def test_f10_no_creation_outlives_the_attempt_that_made_it_unseen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One creation fails at once, the others take their time: the retry counts only when they have come to an end."""
    await world.has_set(1)
    create, begun, finished = world.fleet.create_instance, 0, 0

    async def slow(scale_set: Any, instance_id: str, *more: Any) -> None:
        nonlocal begun, finished
        begun += 1
        if instance_id == "1" and begun <= 9:
            raise Throttled("not now", timedelta(seconds=1))
        for _ in range(20):
            await eventually(lambda: True)
        await create(scale_set, instance_id, *more)
        finished += 1

    monkeypatch.setattr(world.fleet, "create_instance", slow)
    operation = await world.announce(document=resized(world, 10))
    assert (await ends_within(world, operation)).status is OperationStatus.SUCCEEDED
    assert sorted(await world.instances(), key=int) == [str(one) for one in range(10)]
    assert finished == 9


async def test_f1_f10_a_set_that_is_cancelled_in_temporal_goes_on(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.its_workflow().cancel()
    await world.pass_time(timedelta(hours=3, minutes=1))
    assert (await world.end_of()).status is UpgradeStatus.COMPLETED
    deleted = await world.delete()
    assert (await world.ended(deleted)).status is OperationStatus.SUCCEEDED


async def test_f10_an_upgrade_says_what_it_waits_for_until_it_goes_on(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    faults = failing(world, Call.SWAP)
    await world.start()
    began = await world.look_at_the_clock()
    await world.pass_time(timedelta(minutes=5))
    uid = world.scale_set.unique_id
    wait = world.store.waits.of_upgrade(uid, 1)
    assert wait is not None
    assert wait.reason.endswith("too many calls")
    assert A_MINUTE <= wait.since - began < 2 * A_MINUTE
    assert world.store.waits.of_set(uid) == wait
    for one in faults:
        world.fleet.withdraw(one)
    await world.end_of()
    assert world.store.waits.of_upgrade(uid, 1) is None
    assert world.store.waits.of_set(uid) is None


@pytest.mark.parametrize("size", [4, 6])
async def test_f10_a_deletion_that_a_newer_model_interrupts_costs_no_other_machine(world: World, size: int) -> None:
    await world.has_set(5)
    faults = failing(world, Call.DELETE, "1")
    deletion = await world.ask(ActionKind.DELETE, "1")
    await struck(world, faults)
    newer = await world.announce(document=world.document(licenseType="other") | resized(world, size))
    assert (await ends_within(world, newer)).status is OperationStatus.SUCCEEDED
    for one in faults:
        world.fleet.withdraw(one)
    assert (await ends_within(world, deletion)).status is OperationStatus.SUCCEEDED
    assert sorted(await world.instances()) == ["0", "2", "3", "4", "5", "6"][:size]


async def test_f10_an_instance_that_cannot_be_deleted_stays_of_the_set_and_costs_no_other(world: World) -> None:
    await world.has_set(4)
    failing(world, Call.DELETE, "1")
    ended = await ends_within(world, await world.ask(ActionKind.DELETE, "1", "2"), timedelta(minutes=40))
    assert ended.status is OperationStatus.FAILED
    assert "1: given up after 30 minutes" in ended.error_message
    stored = world.store.scale_sets.by_unique_id(world.scale_set.unique_id)
    assert stored is not None
    assert stored.document["sku"]["capacity"] == 3
    assert sorted(await world.instances()) == ["0", "1", "3"]
    later = await world.announce(document=world.document(licenseType="other"))
    assert (await ends_within(world, later)).status is OperationStatus.SUCCEEDED
    assert sorted(await world.instances()) == ["0", "1", "3"]
