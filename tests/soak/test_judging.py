"""The soak's judge finds harm that was planted (docs/rules.md F6, F10, P15)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from instar.compute.simulated.flight.recorder import Kind
from instar.domain.records.operations import OperationKind
from tests.soak.judging import Left, harm, of_those_that_served
from tests.soak.plan import planned
from tests.support.models import NEW
from tests.support.world import World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> object:
    async with a_world(tmp_path) as one:
        yield one


def left(world: World, *operations: str) -> Left:
    return Left(world.store, world.fleet, (world.scale_set,), operations)


async def test_a_set_to_which_nothing_bad_happened_has_no_harm(world: World) -> None:
    await world.has_set(5)
    world.publish(NEW)
    await world.upgraded()
    assert await harm(left(world)) == []


async def test_f6_an_operation_that_does_not_end_is_found(world: World) -> None:
    await world.has_set(2)
    lost = world.operation(OperationKind.PUT)
    found = await harm(left(world, lost))
    assert any("has not ended" in one for one in found)


async def test_f10_a_machine_too_many_or_too_few_is_found(world: World) -> None:
    await world.has_set(3)
    await world.fleet.delete_instance(world.scale_set, "1")
    assert await harm(left(world)) == [f"web ({world.scale_set.unique_id[:8]}) has 2 machines and not 3"]


async def test_f10_machines_of_a_set_that_is_gone_are_found(world: World) -> None:
    await world.has_set(3)
    world.store.scale_sets.delete(world.scale_set.unique_id)
    assert any("is deleted and has 3 machines" in one for one in await harm(left(world)))


async def test_a_set_that_is_still_being_deleted_is_found(world: World) -> None:
    await world.has_set(1)
    world.store.scale_sets.mark_deleting(world.scale_set.unique_id)
    assert any("is still being deleted" in one for one in await harm(left(world)))


async def test_p15_an_upgrade_that_does_not_end_is_found(world: World) -> None:
    await world.has_set(5, policy={"pauseTimeBetweenBatches": "PT1H"})
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=12))
    assert any("upgrade 1 has not ended" in one for one in await harm(left(world)))
    await world.cancel()
    await world.end_of()


async def test_b2_what_a_growth_made_sick_is_no_fault_of_a_batch_and_what_served_is(world: World) -> None:
    await world.has_set(10)
    records = world.fleet.recorder.records()
    first = next(one for one in records if one.kind is Kind.CREATE)
    new = replace(first, number=len(records) + 1, instance_id="10", healthy_from=None)
    stop = replace(new, number=new.number + 1, kind=Kind.STOP, effect="1", step="swap", batch=1)
    swap = replace(stop, number=stop.number + 1, kind=Kind.COMMIT_SWAP, healthy_from=stop.time)
    left_over = [*of_those_that_served([*records, new, stop, swap])]
    assert [(one.kind, one.instance_id) for one in left_over[len(records) :]] == [(Kind.CREATE, "10")]
    assert left_over[: len(records)] == list(records)


def test_a_plan_is_a_function_of_its_seed() -> None:
    assert planned(7) == planned(7)
    assert planned(7) != planned(8)
