"""How long previous disks are kept: per set, not before a moment, and not while a set is paused (R1, C1, P5)."""

from datetime import timedelta

from instar.domain.messages.scale_set import NudgeLook
from instar.domain.steering.retention import Retention
from tests.support.models import NEW, OLD
from tests.support.wishing import pause, resume
from tests.support.world import World
from tests.workflows.test_p5_kept_disks import DAY, end, kept, pass_to
from workflows.sets.scale_set import ScaleSetWorkflow

MINUTE = timedelta(minutes=1)


def wish(world: World, **wishes: object) -> None:
    retention = Retention.model_validate({"reason": "holidays", "by": "ann", "since": world.clock(), **wishes})
    assert world.store.retentions.put(world.scale_set.unique_id, retention)


async def tell(world: World) -> None:
    """What the API does after it was written down."""
    await world.its_workflow().signal(ScaleSetWorkflow.nudge_look, NudgeLook(kept_disks=True))
    await world.pass_time(MINUTE)


async def upgraded(world: World) -> None:
    await world.has_set(2)
    world.publish(NEW)
    await world.upgraded()


async def test_r1_a_longer_time_counts_for_what_is_kept_now_though_nobody_was_told(world: World) -> None:
    await upgraded(world)
    wish(world, keep="P2D")
    await pass_to(world, end(world) + DAY + MINUTE)
    assert await kept(world) == {"0": [OLD], "1": [OLD]}
    await pass_to(world, end(world) + 2 * DAY + MINUTE)
    assert await kept(world) == {"0": [], "1": []}


async def test_r1_a_shorter_time_counts_at_once(world: World) -> None:
    await upgraded(world)
    await pass_to(world, end(world) + timedelta(hours=2))
    wish(world, keep="PT1H")
    await tell(world)
    assert await kept(world) == {"0": [], "1": []}


async def test_r1_a_shorter_time_that_was_heard_counts_after_the_next_upgrade(world: World) -> None:
    await upgraded(world)
    wish(world, keep="PT1H")
    await tell(world)
    await pass_to(world, end(world) + timedelta(hours=1) + MINUTE)
    assert await kept(world) == {"0": [], "1": []}
    world.publish("18.04.202403030")
    await world.upgraded()
    await pass_to(world, end(world, 2) + timedelta(hours=1) + MINUTE)
    assert await kept(world) == {"0": [], "1": []}


async def test_r1_kept_until_a_moment_and_no_longer(world: World) -> None:
    await upgraded(world)
    until = end(world) + timedelta(hours=30)
    wish(world, until=until)
    await tell(world)
    await pass_to(world, until - MINUTE)
    assert await kept(world) == {"0": [OLD], "1": [OLD]}
    await pass_to(world, until + MINUTE)
    assert await kept(world) == {"0": [], "1": []}


async def test_c1_nothing_is_collected_while_the_set_is_paused(world: World) -> None:
    await upgraded(world)
    pause(world)
    await pass_to(world, end(world) + DAY + timedelta(hours=14))
    assert await kept(world) == {"0": [OLD], "1": [OLD]}
    resume(world)
    await tell(world)
    assert await kept(world) == {"0": [], "1": []}
