"""Deleting scale sets: asked for as often as one likes, it is done (docs/rules.md F6, P15)."""

import asyncio

from api.services.dependencies import Services
from api.services.handover import hand_over
from api.services.long_running import begun_on, running
from instar.domain.messages.scale_set import DeleteScaleSet
from instar.domain.messages.updates import kept
from instar.domain.records.operations import Operation, OperationKind
from instar.store.errors import Missing
from instar.store.sets.stored_scale_set import Accepted, StoredScaleSet


async def deleted(services: Services, stored: StoredScaleSet) -> Operation | None:
    """The operation that ends when the set is gone; None if it is gone by now.

    One that is under way is handed over once more: whatever has become of it, a deletion that is repeated deletes.
    """
    outbox, scale_sets = services.store.outbox, services.store.scale_sets
    under_way = [one for one in await running(services, stored) if one.kind is OperationKind.DELETE]
    if under_way:
        operation = under_way[0]
        await asyncio.to_thread(outbox.again, operation.id, _message(operation))
    else:
        operation = begun_on(services, OperationKind.DELETE, stored.subscription_id, stored.identity)
        accepted = Accepted(operation, lambda _stored: _message(operation))
        try:
            await asyncio.to_thread(scale_sets.mark_deleting, stored.identity.unique_id, accepted)
        except Missing:
            return None
    await hand_over(services, operation)
    return operation


def _message(operation: Operation) -> str:
    return kept(DeleteScaleSet(operation_id=operation.id))
