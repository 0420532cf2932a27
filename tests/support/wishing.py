"""What operators wish, as the API writes it down and tells it."""

import asyncio
from datetime import datetime, timedelta

from instar.domain.steering.rollout_policy import parsed
from instar.domain.steering.wishes import Hold, Pause
from tests.support.models import NEW
from tests.support.world import World
from workflows.upgrades.os_upgrade import OsUpgradeWorkflow


def pause(world: World, until: datetime | None = None) -> None:
    """Ann pauses the set."""
    wish = Pause(reason="disk is full", by="ann", since=world.clock(), until=until)
    assert world.store.wishes.pause(world.scale_set.unique_id, wish)


def resume(world: World) -> None:
    """Nobody is told."""
    world.store.wishes.resume(world.scale_set.unique_id)


def hold(world: World, name: str = "freeze", scope: str = "/", until: datetime | None = None) -> None:
    """Bob holds everything, or what is at that scope."""
    world.store.wishes.hold(
        Hold(name=name, scope=scope, reason="code freeze", by="bob", since=world.clock(), until=until), 1000
    )


async def tell(world: World, number: int = 1) -> None:
    """What the API does after a wish was written down."""
    await world.upgrade(number).signal(OsUpgradeWorkflow.look_again)


async def parked(world: World, number: int = 1) -> None:
    """Wait until an upgrade is parked, and at rest."""
    await world.until(lambda: bool({"parked", "approval"} & set(world.decisions(number))))
    await world.at_rest(world.upgrade(number))


async def begun_anew_while_parked(world: World) -> str:
    """An upgrade at its first gate, whose workflow has continued as new there; its run's id.

    For a world that is `forgetful_after` a few events.
    """
    await world.has_set(2, boot=timedelta(0))
    policy = parsed({"approval": "first"}, world.clock())
    world.store.rollout_policies.put(world.scale_set.unique_id, policy, "ann", world.clock(), "", lambda _: None)
    world.publish(NEW)
    await world.start()
    await parked(world)
    first = (await world.upgrade().describe()).run_id
    for _ in range(200):
        await tell(world)
        await asyncio.sleep(0.1)
        run_id = (await world.upgrade().describe()).run_id
        if run_id != first:
            return run_id
    raise AssertionError("it does not begin anew")
