"""What starts upgrades without anyone's hand, and what keeps them from starting."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from compute.errors import NotAllowed, Unavailable
from compute.simulated.scripts import VersionScript
from domain.delays import Delays
from domain.instances import HealthObservation, Instance
from domain.operations import OperationStatus
from domain.policies import StartedBy
from domain.records import ErrorCode, UpgradeStatus
from domain.scale_sets import ScaleSetIdentity
from tests.support.world import IMAGE, LOCATION, NEW, OLD, World

NEWER = "18.04.202403030"
FIRST, LOOK = timedelta(hours=3, seconds=5), timedelta(minutes=60, seconds=5)


async def looking(world: World, size: int = 3) -> None:
    """A set on the newest version, whose first trigger has fired in vain."""
    await world.has_set(size)
    await world.put(automatic=True)
    await world.pass_time(FIRST)
    assert world.status().last_look == f"nothing newer than {OLD}"


async def test_t2_a_newer_version_starts_an_upgrade_by_the_platform_within_the_hour(world: World) -> None:
    await looking(world)
    world.publish(NEW)
    await world.pass_time(LOOK)
    result = await world.end_of(1)
    assert result.status is UpgradeStatus.COMPLETED
    assert world.record().started_by is StartedBy.PLATFORM
    assert set((await world.versions()).values()) == {NEW}
    world.publish(NEWER)
    await world.pass_time(LOOK)
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEWER}


async def test_t2_looks_are_30_to_60_minutes_apart_at_moments_that_are_drawn(world: World) -> None:
    await looking(world)
    looks: list[datetime] = []
    for _ in range(12):
        planned = world.status().next_look_at
        assert planned is not None
        looks.append(planned)
        await world.pass_time(planned - world.clock() + timedelta(seconds=1))
        made = world.status().last_look_at
        assert made is not None
        assert timedelta(0) <= made - planned < timedelta(seconds=1)
    waits = [after - before for before, after in pairwise(looks)]
    assert all(timedelta(minutes=30) <= wait < timedelta(minutes=60, seconds=1) for wait in waits)
    assert len({round(wait.total_seconds()) for wait in waits}) > len(waits) / 2


async def test_t1_a_set_on_the_newest_version_gets_nothing_until_a_newer_one_appears(world: World) -> None:
    await looking(world)
    await world.pass_time(timedelta(days=1))
    assert world.history() == []


async def test_t1_enabling_a_second_time_starts_no_second_wait_of_three_hours(world: World) -> None:
    await looking(world)
    await world.put(automatic=False)
    await world.pass_time(timedelta(days=2))
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(timedelta(minutes=29))
    assert world.history() == []
    await world.pass_time(timedelta(minutes=32))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t1_an_instance_in_mode_manual_on_an_old_model_starts_no_upgrade_for_its_sake(world: World) -> None:
    await world.has_set(3, mode="Manual")
    document = world.store.scale_sets.model(world.scale_set.unique_id, 1)
    await world.put(automatic=True, document=document | {"tags": {"stage": "two"}})
    world.publish(NEW)
    await world.pass_time(FIRST)
    assert world.history() == []
    assert world.status().last_look == f"nothing newer than {NEW}; left as they are: 0-2"


async def test_t3_disabled_nothing_is_looked_at(world: World) -> None:
    await looking(world)
    world.publish(NEW)
    await world.put(automatic=False)
    await world.pass_time(timedelta(seconds=1))
    assert (world.status().enabled, world.status().next_look_at) == (False, None)
    before = (await world.its_workflow().describe()).history_length
    await world.pass_time(timedelta(days=3))
    assert (await world.its_workflow().describe()).history_length == before
    assert world.history() == []


async def stuck_look(world: World) -> None:
    """A look that is under way and gets no answer from the compute."""
    await world.has_set(3)
    world.publish(NEW)
    await world.put(automatic=True)
    world.fleet.away(world.clock() + timedelta(days=9))
    await world.pass_time(FIRST)
    assert world.status().last_look == ""


async def test_t3_disabling_drops_a_look_that_is_under_way(world: World) -> None:
    await stuck_look(world)
    operation = await world.announced(automatic=False)
    world.fleet.away(world.clock())
    await world.pass_time(timedelta(minutes=1))
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    await world.pass_time(timedelta(hours=3))
    assert world.history() == []
    assert not world.status().enabled


async def test_t4_a_start_by_hand_does_not_wait_for_a_look_that_is_under_way(world: World) -> None:
    await stuck_look(world)
    world.fleet.away(world.clock())
    started = await world.start()
    assert (await world.end_of(started.number)).status is UpgradeStatus.COMPLETED
    await world.pass_time(timedelta(minutes=5))
    assert [one.started_by for one in world.history()] == [StartedBy.USER]


async def test_p15_deleting_the_set_drops_a_look_that_is_under_way(world: World) -> None:
    await stuck_look(world)
    operation = await world.delete()
    world.fleet.away(world.clock())
    async with world.env.time_skipping_unlocked():  # type: ignore[attr-defined]  # the time-skipping one has it
        await world.its_workflow().result()
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert world.history() == []
    assert await world.instances() == {}


async def test_p15_what_is_due_while_an_upgrade_runs_waits_for_its_end(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT1H"})
    world.publish(NEW)
    await world.put(automatic=True)
    await world.start()
    await world.pass_time(timedelta(hours=3, minutes=30))
    world.publish(NEWER)
    assert [one.number for one in world.history()] == [1]
    await world.end_of(1)
    await world.pass_time(timedelta(minutes=1))
    result = await world.end_of(2)
    assert result.status is UpgradeStatus.COMPLETED
    assert [(one.started_by, one.target.version) for one in world.history()] == [
        (StartedBy.USER, NEW),
        (StartedBy.PLATFORM, NEWER),
    ]


async def test_t5_an_end_by_p2_is_tried_again_ever_more_rarely_until_the_set_is_well(world: World) -> None:
    await world.has_set(10)
    world.sick("1", "4", "7")
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=5) + timedelta(days=4))
    tries = world.history()
    assert {one.error.code for one in tries if one.error} == {ErrorCode.UNHEALTHY_BEFORE}
    waits = [(after.started_at - before.started_at) / timedelta(hours=1) for before, after in pairwise(tries)]
    # The next look, then after 1, 2, 4, 8, 16 and 24 hours, each time at the first look after that.
    assert len(waits) == 8
    least = (0.5, 1, 2, 4, 8, 16, 24, 24)
    assert all(at_least <= wait <= at_least + 1.01 for at_least, wait in zip(least, waits, strict=True)), waits
    assert "is tried again at" in world.status().last_look
    assert "its last upgrade was stopped: 3 of 10 instances unhealthy" in world.status().last_look
    for one in ("1", "4", "7"):
        world.script(one)
    await world.pass_time(timedelta(hours=25, minutes=30))
    assert world.history()[-1].status is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {NEW}


async def test_t5_a_newer_version_does_not_wait_for_one_that_is_held_back(world: World) -> None:
    await world.has_set(10)
    world.sick("1", "4", "7")
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=40))
    tries = len(world.history())
    world.publish(NEWER)
    await world.pass_time(LOOK)
    assert [one.target.version for one in world.history()[tries:]] == [NEWER]


async def test_t7_never_to_a_lower_version_when_the_newest_is_withdrawn(world: World) -> None:
    await looking(world)
    world.publish(NEW)
    await world.pass_time(LOOK)
    await world.end_of(1)
    world.store.images.withdraw(IMAGE.publisher, IMAGE.offer, IMAGE.sku, NEW, LOCATION)
    await world.pass_time(timedelta(days=1))
    assert len(world.history()) == 1
    assert world.status().last_look == f"nothing newer than {OLD}; left as they are: 0-2"


async def test_t6_the_delays_are_those_that_the_set_was_given(world: World) -> None:
    world.delays = Delays(
        first_trigger=timedelta(seconds=10), look_least=timedelta(seconds=5), look_most=timedelta(seconds=9)
    )
    await world.has_set(3)
    await world.put(automatic=True)
    await world.pass_time(timedelta(seconds=12))
    world.publish(NEW)
    await world.pass_time(timedelta(seconds=9))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t2_a_nudge_brings_the_look_forward_to_within_five_minutes(world: World) -> None:
    await looking(world)
    planned = world.status().next_look_at
    assert planned is not None
    await world.pass_time(planned - world.clock() + timedelta(seconds=1))
    world.publish(NEW)
    await world.nudge()
    await world.pass_time(timedelta(minutes=5, seconds=1))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t2_nudges_one_after_the_other_put_nothing_off_and_cost_one_look(world: World) -> None:
    await looking(world)
    await world.nudge()
    await world.pass_time(timedelta(milliseconds=1))
    first = world.status().next_look_at
    for _ in range(5):
        await world.nudge()
    await world.pass_time(timedelta(milliseconds=1))
    assert world.status().next_look_at == first


async def test_t1_a_nudge_does_not_come_before_the_deadline_of_the_first_upgrade(world: World) -> None:
    await world.has_set(3)
    await world.put(automatic=True)
    world.publish(NEW)
    await world.nudge()
    await world.pass_time(timedelta(hours=2, minutes=59))
    assert world.history() == []
    await world.pass_time(timedelta(minutes=2))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t3_a_nudge_wakes_no_set_whose_automatic_upgrades_are_off(world: World) -> None:
    await looking(world)
    await world.put(automatic=False)
    world.publish(NEW)
    await world.nudge()
    await world.pass_time(timedelta(hours=2))
    assert world.history() == []


async def test_a4_what_a_look_came_to_and_the_next_one_are_written_down(world: World) -> None:
    await looking(world)
    status = world.status()
    assert (status.enabled, status.first_trigger_done) == (True, True)
    assert status.last_look_at is not None
    assert status.next_look_at is not None
    world.publish(NEW)
    await world.pass_time(LOOK)
    await world.end_of(1)
    assert world.status().last_look.startswith(f"upgrade 1 to {NEW} begins")


async def test_t2_an_instance_that_is_not_on_the_newest_is_not_forgotten(world: World) -> None:
    await world.has_set(4)
    world.script("3", protected=True)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(FIRST)
    await world.end_of(1)
    await world.pass_time(timedelta(hours=1))
    assert (await world.versions())["3"] == OLD
    world.script("3", protected=False)
    await world.pass_time(Delays().look_in_full + timedelta(hours=1))
    assert (await world.versions())["3"] == NEW
    assert len(world.history()) == 2


async def test_t2_looks_of_an_idle_set_do_not_list_its_machines_each_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await looking(world)
    listed = 0
    really = world.fleet.list_instances

    async def counted(scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        nonlocal listed
        listed += 1
        return await really(scale_set)

    monkeypatch.setattr(world.fleet, "list_instances", counted)
    await world.pass_time(timedelta(hours=2, minutes=30))
    assert listed == 0
    await world.pass_time(timedelta(days=1))
    assert 3 <= listed <= 4


async def test_t2_a_look_that_fails_for_good_is_said_and_the_next_one_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await looking(world)
    world.publish(NEW)

    async def refused(_scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        raise NotAllowed("no credentials")

    with monkeypatch.context() as patch:
        patch.setattr(world.fleet, "list_instances", refused)
        await world.pass_time(LOOK)
        assert world.status().last_look.startswith("the look failed: NotAllowed: no credentials")
    await world.pass_time(LOOK)
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t3_a_model_that_is_stored_during_a_look_is_applied_at_once_and_the_look_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await looking(world)
    world.publish(NEW)
    stuck = True

    async def observed(*_: object) -> tuple[HealthObservation, ...]:
        if stuck:
            raise Unavailable("no answer")
        return await really(*_)  # type: ignore[arg-type]

    really = world.fleet.observe_health
    monkeypatch.setattr(world.fleet, "observe_health", observed)
    await world.pass_time(LOOK)
    document = world.store.scale_sets.model(world.scale_set.unique_id, 1)
    await world.put(automatic=True, document=document | {"sku": {"name": "Standard_D2s_v3", "capacity": 4}})
    assert len(await world.instances()) == 4
    await world.pass_time(timedelta(minutes=1))
    assert world.history() == []
    stuck = False
    await world.pass_time(timedelta(minutes=2))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t1_t5_a_terminated_set_begins_anew_from_what_is_written_down(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy="all"))
    began = await world.look_at_the_clock()
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=1))
    await world.its_workflow().terminate("by hand")
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=1, minutes=59))
    assert world.history() == []
    await world.pass_time(timedelta(minutes=2))
    assert timedelta(hours=3) <= world.record().started_at - began < timedelta(hours=3, minutes=1)
    await world.end_of(1)
    await world.pass_time(timedelta(seconds=30))
    await world.its_workflow().terminate("by hand")
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=5))
    assert [one.number for one in world.history()] == [1]
    assert "quarantined" in world.status().last_look


async def test_p15_a_terminated_set_still_knows_of_the_upgrade_that_runs(world: World) -> None:
    await world.has_set(10, policy={"pauseTimeBetweenBatches": "PT1H"})
    world.publish(NEW)
    await world.start()
    await world.pass_time(timedelta(minutes=12))
    await world.its_workflow().terminate("by hand")
    await world.put(automatic=False)
    await world.cancel()
    assert (await world.end_of(1)).status is UpgradeStatus.CANCELLED
    assert (await world.start()).number == 2


@pytest.mark.parametrize("days", [5])
async def test_t2_an_idle_set_costs_at_most_400_events_a_day(world: World, days: int) -> None:
    await looking(world, size=10)
    before = (await world.its_workflow().describe()).history_length
    await world.pass_time(timedelta(days=days))
    after = (await world.its_workflow().describe()).history_length
    per_day = (after - before) / days
    print(f"an idle set costs {per_day:.0f} history events a day")  # noqa: T201  # what docs/operations.md says
    assert 200 < per_day <= 400
