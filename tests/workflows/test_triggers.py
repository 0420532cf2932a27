"""What starts upgrades without anyone's hand, and what keeps them from starting."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise

from instar.compute.errors import Unavailable
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instances import HealthObservation, Instance
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.support.looking import FIRST, LOOK, NEWER, looking, until
from tests.support.models import IMAGE, LOCATION, NEW, OLD
from tests.support.world import World


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
    await world.put(automatic=True, document=world.document(osProfile={"customData": "b3RoZXI="}))
    world.publish(NEW)
    await world.pass_time(FIRST)
    assert world.history() == []
    assert world.status().last_look == f"nothing newer than {NEW}; left as they are: 0-2"


async def test_t3_disabled_nothing_is_looked_at(world: World) -> None:
    await looking(world)
    world.publish(NEW)
    await world.put(automatic=False)
    await until(lambda: not world.status().enabled)
    assert world.status().next_look_at is None
    await world.pass_time(timedelta(minutes=1))
    before = (await world.its_workflow().describe()).history_length
    await world.pass_time(timedelta(days=3))
    assert (await world.its_workflow().describe()).history_length == before
    assert world.history() == []


class Stuck:
    """Health that no look gets an answer about until `answers` is set; machines are listed and deleted as usual."""

    def __init__(self, world: World) -> None:
        self.answers = False
        self._really = world.fleet.observe_health
        world.fleet.observe_health = self._observe  # type: ignore[method-assign]  # this world's fleet only

    async def _observe(
        self, scale_set: ScaleSetIdentity, source: HealthSource, instance_ids: Iterable[str] | None = None
    ) -> tuple[HealthObservation, ...]:
        if not self.answers:
            raise Unavailable("no answer")
        return await self._really(scale_set, source, instance_ids)


async def stuck_look(world: World) -> Stuck:
    """A look that is under way and gets no answer from the compute."""
    await world.has_set(3)
    world.publish(NEW)
    await world.put(automatic=True)
    stuck = Stuck(world)
    await world.pass_time(FIRST)
    assert world.status().last_look == ""
    return stuck


async def test_t3_disabling_drops_a_look_that_is_under_way(world: World) -> None:
    stuck = await stuck_look(world)
    await world.put(automatic=False)
    await until(lambda: not world.status().enabled)
    stuck.answers = True
    await world.pass_time(timedelta(hours=3))
    assert world.history() == []


async def test_t3_enabled_again_it_looks_at_once_where_the_deadline_is_over(world: World) -> None:
    stuck = await stuck_look(world)
    await world.put(automatic=False)
    stuck.answers = True
    await world.put(automatic=True)
    await world.pass_time(timedelta(minutes=1))
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED


async def test_t3_a_deadline_that_passes_while_they_are_off_starts_nothing(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.put(automatic=False)
    await world.pass_time(timedelta(hours=9))
    assert world.history() == []


async def test_t4_a_start_by_hand_does_not_wait_for_a_look_that_is_under_way(world: World) -> None:
    stuck = await stuck_look(world)
    started = await world.start()
    stuck.answers = True
    assert (await world.end_of(started.number)).status is UpgradeStatus.COMPLETED
    await world.pass_time(timedelta(minutes=5))
    assert [one.started_by for one in world.history()] == [StartedBy.USER]


async def test_p15_a_look_that_ends_while_a_start_by_hand_is_resolved_starts_nothing(world: World) -> None:
    await world.has_set(3)
    world.publish(NEW)
    await world.put(automatic=True)
    gates = [asyncio.Event(), asyncio.Event()]
    waiting = iter(gates)
    arrived: list[asyncio.Event] = []
    really = world.fleet.list_instances

    async def listed(scale_set: ScaleSetIdentity, instance_ids: Iterable[str] | None = None) -> tuple[Instance, ...]:
        if (gate := next(waiting, None)) is not None:
            arrived.append(gate)
            await gate.wait()
        return await really(scale_set, instance_ids)

    world.fleet.list_instances = listed  # type: ignore[method-assign]  # this world's fleet only
    passing = asyncio.create_task(world.pass_time(FIRST))
    await until(lambda: len(arrived) == 1)
    starting = asyncio.create_task(world.start())
    await until(lambda: len(arrived) == 2)
    gates[0].set()
    await asyncio.sleep(0.5)
    gates[1].set()
    assert (await starting).number == 1
    await passing
    assert (await world.end_of(1)).status is UpgradeStatus.COMPLETED
    assert [one.started_by for one in world.history()] == [StartedBy.USER]


async def test_p15_deleting_the_set_drops_a_look_that_is_under_way(world: World) -> None:
    await stuck_look(world)
    operation = await world.delete()
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
    # Twice perhaps: that one's first wait is no longer than until the next look.
    assert {one.target.version for one in world.history()[tries:]} == {NEWER}


async def test_t7_never_to_a_lower_version_when_the_newest_is_withdrawn(world: World) -> None:
    await looking(world)
    world.publish(NEW)
    await world.pass_time(LOOK)
    await world.end_of(1)
    world.store.images.withdraw(IMAGE.publisher, IMAGE.offer, IMAGE.sku, NEW, LOCATION)
    await world.pass_time(timedelta(days=1))
    assert len(world.history()) == 1
    assert world.status().last_look == f"nothing newer than {OLD}; left as they are: 0-2"


async def test_t3_a_model_that_is_stored_during_a_look_is_applied_at_once_and_the_look_made_again(world: World) -> None:
    stuck = await stuck_look(world)
    document = world.store.scale_sets.model(world.scale_set.unique_id, 1)
    await world.put(automatic=True, document=document | {"sku": {"name": "Standard_D2s_v3", "capacity": 4}})
    assert len(await world.instances()) == 4
    await world.pass_time(timedelta(minutes=1))
    assert world.history() == []
    stuck.answers = True
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
    await world.announce(automatic=False)
    await world.cancel()
    assert (await world.end_of(1)).status is UpgradeStatus.CANCELLED
    assert (await world.start()).number == 2
