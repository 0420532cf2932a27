"""What operators wish, as the API writes it down and tells it."""

from datetime import datetime

from instar.domain.steering.wishes import Hold, Pause
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
