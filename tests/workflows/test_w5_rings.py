"""Sets in rings: who takes a version when, what stops it, and what a person overtakes (docs/rules.md W5)."""

from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowExecutionStatus

from activities.keeping.words import Words
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.messages.keepers import Keeps
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import RINGS
from instar.domain.steering.rings.progress import Member, Place, VersionProgress
from tests.support.limiting import has_rings, keeper_id
from tests.support.models import NEW, OLD
from tests.support.world import World

HALVES = {"maxBatchInstancePercent": 50, "maxUnhealthyInstancePercent": 50}
BAKE = timedelta(hours=2)
NEWER = "18.04.202403010"


def of_set(world: World, bake: str = "PT0S") -> dict[str, Any]:
    return {"sets": [world.scale_set.resource_id], "bake": bake}


async def two_rings(world: World, *, canary_automatic: bool = True) -> World:
    """Two sets with automatic upgrades, the second in the second ring; their keeper looks; a newer version."""
    other = world.beside()
    await world.has_set(4, policy=HALVES)
    await other.has_set(4, policy=HALVES, name="db")
    has_rings(world, of_set(world, "PT2H"), of_set(other))
    await Words(world.client).begin(Keeps(what=RINGS, name="fleet"))
    await world.put(automatic=canary_automatic)
    await other.put(automatic=True)
    await world.pass_time(timedelta(hours=3, minutes=2))  # the first trigger, which finds nothing
    world.publish(NEW)
    return other


async def looked(world: World) -> str:
    """A look that a nudge asks for, and the sentence of it."""
    before = world.status().last_look_at
    await world.nudge()
    await world.pass_time(timedelta(minutes=50))
    assert world.status().last_look_at != before
    return world.status().last_look


def progress(world: World, version: str = NEW) -> VersionProgress:
    seen, _ = world.store.rings.looked_at("fleet")
    return next(one for one in seen.versions if one.version == version)


def member(world: World, version: str = NEW) -> Member:
    found = progress(world, version).member(world.scale_set.unique_id)
    assert found is not None
    return found


async def canary_has_it(world: World) -> None:
    await world.nudge()
    await world.pass_time(timedelta(minutes=50))
    # Without timers: a busy machine's time would run through the bake.
    assert (await world.end_without_timers()).status is UpgradeStatus.COMPLETED
    await world.pass_time(timedelta(minutes=2))


async def test_w5_a_version_reaches_the_second_ring_after_the_first_has_baked_it(world: World) -> None:
    other = await two_rings(world)
    sentence = await looked(other)
    assert f"{NEW} waits for ring 1 of 'fleet': 0 of 1 sets have completed (web " in sentence
    assert other.history() == []
    await canary_has_it(world)
    assert member(world).place is Place.BAKES
    assert "1 of 1 sets have completed, 1 bakes until" in await looked(other)
    assert set((await other.versions()).values()) == {OLD}
    await world.pass_time(BAKE)
    for _ in range(10):
        if member(world).place is Place.DONE and progress(world).ring >= 1:
            break
        await world.pass_time(timedelta(minutes=1))  # a keeper on a busy machine looks late
    assert member(world).place is Place.DONE
    assert progress(world).ring >= 1
    await other.pass_time(timedelta(minutes=50))
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED, "it was nudged when its ring was reached"
    ended = world.record().ended_at
    assert ended is not None
    assert other.record().started_at >= ended + BAKE
    for _ in range(10):
        await other.pass_time(timedelta(minutes=2))
        if progress(world).ring == 2:
            break
    assert progress(world).ring == 2


async def test_w5_a_set_that_gets_sick_in_its_bake_stops_the_version(world: World) -> None:
    other = await two_rings(world)
    await canary_has_it(world)
    world.sick("0", "1", "2")
    await world.pass_time(timedelta(minutes=5))
    assert member(world).place is Place.SICK
    await world.pass_time(BAKE)
    assert f"{NEW} goes no further by the rings of 'fleet': sick in web (3 of 4 instances" in await looked(other)
    assert other.history() == []


async def test_w5_quarantined_in_the_first_ring_it_goes_no_further_and_a_newer_one_is_tried(world: World) -> None:
    other = await two_rings(world)
    world.publish(NEW, VersionScript(never_healthy=frozenset("0123")))
    await world.nudge()
    await world.pass_time(timedelta(minutes=50))
    assert (await world.end_of()).status is UpgradeStatus.FAULTED
    await world.pass_time(timedelta(minutes=5))
    assert progress(world).stopped.startswith("quarantined in web (stopped: ")
    assert "goes no further by the rings of 'fleet'" in await looked(other)
    world.publish(NEWER)
    await world.nudge()
    await world.pass_time(timedelta(minutes=50))
    assert (await world.end_of(2)).status is UpgradeStatus.COMPLETED
    await world.pass_time(BAKE)
    await world.pass_time(timedelta(minutes=50))
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED
    assert set((await other.versions()).values()) == {NEWER}


async def test_w5_by_hand_a_set_overtakes_and_says_so(world: World) -> None:
    other = await two_rings(world)
    await world.pass_time(timedelta(minutes=2))
    await other.start()
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED
    assert f"by hand it overtakes its rings: {NEW} waits for ring 1 of 'fleet'" in other.reasons()


async def test_w5_a_first_ring_without_automatic_upgrades_is_waited_for_by_name(world: World) -> None:
    other = await two_rings(world, canary_automatic=False)
    await world.pass_time(timedelta(minutes=2))
    assert "(web takes none by itself: its automatic upgrades are off)" in await looked(other)
    await world.start()
    await world.end_of()
    await world.pass_time(timedelta(minutes=2))
    assert member(world).place is Place.BAKES, "upgraded by hand it counts as well"


async def test_w5_new_machines_of_a_later_ring_get_no_version_before_their_ring_does(world: World) -> None:
    other = await two_rings(world)
    await world.pass_time(timedelta(minutes=2))
    document = other.store.scale_sets.by_unique_id(other.scale_set.unique_id)
    assert document is not None
    await other.put(automatic=True, document=document.document | {"sku": {"name": "Standard_B2s", "capacity": 6}})
    assert list((await other.versions()).values()) == [OLD] * 6


async def test_w5_a_terminated_keeper_is_begun_anew_and_knows_what_it_saw(world: World) -> None:
    other = await two_rings(world)
    await canary_has_it(world)
    keeper = world.client.get_workflow_handle(keeper_id(RINGS, "fleet"))
    since = member(world).since
    await keeper.terminate("by hand")
    await world.pass_time(BAKE)
    assert "waits for ring 1" in await looked(other), "nobody has seen how it baked"
    await Words(world.client).begin(Keeps(what=RINGS, name="fleet"))
    await world.pass_time(timedelta(minutes=2))
    assert (member(world).place, member(world).since) == (Place.DONE, since + BAKE)
    await other.pass_time(timedelta(minutes=50))
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED


async def test_w5_the_keeper_ends_with_its_rings_and_leaves_no_history_while_it_looks(world: World) -> None:
    other = await two_rings(world)
    keeper = world.client.get_workflow_handle(keeper_id(RINGS, "fleet"))
    before = len((await keeper.fetch_history()).events)
    await canary_has_it(world)
    assert len((await keeper.fetch_history()).events) - before <= 3
    assert world.store.rings.documents.delete("FLEET", lambda _: None)
    await world.pass_time(timedelta(minutes=2))
    assert (await keeper.describe()).status is WorkflowExecutionStatus.COMPLETED
    assert "ring" not in await looked(other)
    assert (await other.end_of()).status is UpgradeStatus.COMPLETED
