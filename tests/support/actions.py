"""What is asked of instances one by one, as the API asks it."""

from typing import Any

from instar.domain.machines.actions import ActionKind
from instar.domain.records.operations import OperationStatus
from tests.support.world import World


async def done(world: World, kind: ActionKind, *ids: str, **more: Any) -> str:
    """Ask and wait; the error message, "" if all went well."""
    ended = await world.ended(await world.ask(kind, *ids, **more))
    assert (ended.status is OperationStatus.SUCCEEDED) == (not ended.error_message)
    return ended.error_message
