"""Workflows that are gone, and operations that nobody has in hand: found and mended (docs/rules.md F1, F6).

A set's workflow ends with its set, and never else. One that was terminated by hand, or that a restored Temporal does
not know, is begun anew from the records, here and not only by the next request: its automatic upgrades would have
stopped with nobody told. One of an older release is told to move on.

What was handed over is in the hand of the set's workflow. An operation that is in nobody's hand was lost: by a release
before the outbox, or with a workflow that was terminated. A model is announced again and a deletion asked for again;
of anything else nobody knows any more what was asked: it ends as failed and says so.
"""

import asyncio
import logging
from datetime import timedelta

from api.scale_sets.model_changes import newest_of
from api.services.dependencies import Services
from api.services.long_running import begun_on
from api.upgrades.lost_upgrades import end_lost_upgrades
from api.wire.errors import ArmError
from instar.domain.messages.keepers import Keeps
from instar.domain.messages.scale_set import DeleteScaleSet
from instar.domain.messages.updates import kept
from instar.domain.records.operations import OperationKind, OperationStatus
from instar.domain.sets.names import LOOKS, RINGS, TURNS, WorkflowType, scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.errors import StoreError
from instar.telemetry.about import about

_log = logging.getLogger(__name__)

_LOST = "This was lost before it was done: somebody ended the scale set's workflow in Temporal. Ask for it again."
_GONE = "The scale set was deleted before this could be done."


LOOKS_LATE = timedelta(minutes=2)
"""So late is no look for an idle set, unless whoever makes them was not told, or has more of them than it can make."""


async def sweep_for_ever(services: Services) -> None:
    """Sweep at the start and every `INSTAR_SWEEP`, a minute by default."""
    while True:
        try:
            await sweep(services)
        except StoreError as error:
            _log.debug("no sweep just now: %s", type(error).__name__)
        except Exception:  # noqa: BLE001  # it must go on: what is lost is found by nobody else
            _log.exception("no sweep just now")
        await asyncio.sleep(services.settings.sweep.total_seconds())


async def sweep(services: Services) -> None:
    """Once over all sets. What one of them fails at keeps no other from it. Raises StoreError."""
    await _mend_workflows(services)
    await _deliver(services)
    await _keep(services)
    await _announce(services)
    sets = await asyncio.to_thread(services.store.scale_sets.identities)
    known = {identity.unique_id: identity for identity, _ in sets}
    await end_lost_upgrades(services, known)
    await _mend_operations(services, known)


async def _mend_workflows(services: Services) -> None:
    try:
        running = await services.gateway.running()
    except ArmError:
        _log.debug("Temporal does not list its workflows just now")
        return
    young = services.clock() - services.settings.sweep
    # Listed after the workflows: a set that was deleted in between is in none of both.
    for identity, made_at in await asyncio.to_thread(services.store.scale_sets.identities):
        kind = running.get(scale_set_workflow_id(identity))
        if kind is None and made_at < young:
            with about(identity):
                await _begin(services, identity)
        elif kind == WorkflowType.SCALE_SET_0_1:
            await services.gateway.move_on(scale_set_workflow_id(identity))


async def _deliver(services: Services) -> None:
    """What is to be delivered to webhooks and in nobody's hand; what was given up long ago is forgotten (N1)."""
    now = services.clock()
    waiting = await asyncio.to_thread(services.store.deliveries.waiting, now - services.settings.sweep)
    await services.gateway.begin_webhooks(waiting)
    await asyncio.to_thread(services.store.deliveries.forget, now)
    await asyncio.to_thread(services.store.places.forget, now)


async def _keep(services: Services) -> None:
    """Keepers that were terminated, or whose beginning was lost (T2, W4, W5)."""
    turns = await asyncio.to_thread(services.store.turns.settle)
    named = await asyncio.to_thread(services.store.rings.documents.all)
    keepers = [Keeps(what=TURNS)] if turns.turns else []
    due = await asyncio.to_thread(services.store.looks.next_due)
    if due is not None:
        keepers.append(Keeps(what=LOOKS))
    await services.gateway.begin_keepers([*keepers, *(Keeps(what=RINGS, name=one.name) for one in named)])
    published = await asyncio.to_thread(services.store.publications.all)
    if published or (due is not None and due < services.clock() - LOOKS_LATE):
        await services.gateway.wake_looks()


async def _begin(services: Services, identity: ScaleSetIdentity) -> None:
    _log.warning("the workflow of %s is gone: it is begun anew from the records", identity.resource_id)
    try:
        await services.gateway.begin(identity)
    except (ArmError, StoreError) as error:
        _log.warning("%s is begun at the next sweep: %s", identity.resource_id, type(error).__name__)
    except Exception:  # noqa: BLE001  # one set's fault is not to stop the others
        _log.exception("%s cannot be begun anew", identity.resource_id)


async def _announce(services: Services) -> None:
    """What release 0.1 wrote down and told nobody is asked for anew, with an operation of its own."""
    store = services.store
    for kind, listed in (
        (OperationKind.DELETE, store.unannounced.deletions),
        (OperationKind.PUT, store.unannounced.models),
    ):
        for unique_id in await asyncio.to_thread(listed):
            stored = await asyncio.to_thread(store.scale_sets.by_unique_id, unique_id)
            if stored is None:
                continue
            operation = begun_on(services, kind, stored.subscription_id, stored.identity)
            message = kept(
                DeleteScaleSet(operation_id=operation.id)
                if kind is OperationKind.DELETE
                else newest_of(stored, operation.id)
            )
            if await asyncio.to_thread(store.unannounced.ask, operation, message):
                _log.warning("'%s' of %s had reached nobody: it is asked for again", kind, stored.identity.resource_id)


async def _mend_operations(services: Services, sets: dict[str, ScaleSetIdentity]) -> None:
    left = await asyncio.to_thread(services.store.outbox.left_alone, services.clock() - services.settings.sweep)
    in_hand: dict[str, frozenset[str] | None] = {}
    for unique_id, operation_id in left:
        identity = sets.get(unique_id)
        if identity is None:
            # Looked at again: it may have been made since they were listed.
            if await asyncio.to_thread(services.store.scale_sets.by_unique_id, unique_id) is None:
                await _end_of_the_gone(services, operation_id)
            continue
        if unique_id not in in_hand:
            in_hand[unique_id] = await services.gateway.operations_in_hand(identity)
        known = in_hand[unique_id]
        if known is not None and operation_id not in known:
            await _mend(services, unique_id, operation_id)


async def _mend(services: Services, unique_id: str, operation_id: str) -> None:
    store = services.store
    # Looked at again: it may have ended, or have been handed over, since it was listed.
    operation = await asyncio.to_thread(store.operations.get, operation_id)
    stored = await asyncio.to_thread(store.scale_sets.by_unique_id, unique_id)
    latest = await asyncio.to_thread(store.upgrades.latest, unique_id)
    if operation is None or operation.status is not OperationStatus.IN_PROGRESS or stored is None:
        return
    if latest is not None and latest.operation_id == operation_id:
        return  # an upgrade's, which ends it with its own end
    _log.warning("operation %s (%s) of %s was lost", operation_id, operation.kind, operation.resource_id)
    match operation.kind:
        case OperationKind.PUT:
            await asyncio.to_thread(store.outbox.again, operation_id, kept(newest_of(stored, operation_id)))
        case OperationKind.DELETE:
            message = kept(DeleteScaleSet(operation_id=operation_id))
            await asyncio.to_thread(store.outbox.again, operation_id, message)
        case _:
            end = store.operations.end
            now = services.clock()
            await asyncio.to_thread(end, operation_id, OperationStatus.FAILED, now, "OperationFailed", _LOST)


async def _end_of_the_gone(services: Services, operation_id: str) -> None:
    operation = await asyncio.to_thread(services.store.operations.get, operation_id)
    if operation is None or operation.status is not OperationStatus.IN_PROGRESS:
        return
    end, now = services.store.operations.end, services.clock()
    if operation.kind is OperationKind.DELETE:
        await asyncio.to_thread(end, operation_id, OperationStatus.SUCCEEDED, now)
    elif operation.kind is not OperationKind.REPLICATION:
        await asyncio.to_thread(end, operation_id, OperationStatus.CANCELED, now, "OperationPreempted", _GONE)
