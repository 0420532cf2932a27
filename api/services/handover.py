"""Handing over what was written down to the workflows of scale sets: whoever is alive does it (docs/rules.md F6).

A request hands its own message over at once, after those that wait for the same set, so that it can answer with the
set's refusal. What it cannot hand over, because Temporal or every worker is away or because it was killed, `tend` does:
every API process looks every few seconds, and one of them claims the set.
"""

import asyncio
import logging
from datetime import timedelta

from api.services.dependencies import Services
from api.wire.errors import ArmError
from instar.domain.messages.updates import read
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.store.errors import StoreError
from instar.store.sets.outbox import Waiting
from instar.store.sets.stored_scale_set import StoredScaleSet
from instar.telemetry.about import about

_log = logging.getLogger(__name__)

PAUSE = timedelta(seconds=2)
"""Between two looks at what is left."""

OTHERS_WAITED_FOR = timedelta(seconds=10)
"""How long a request waits for what was asked of the same set before it, and for another process that hands it over."""

SETS_AT_ONCE = 20
"""Sets that are handed over to at the same time."""

UNREADABLE_FOR = timedelta(minutes=1)
"""How long a message that this process cannot read waits for one of a newer release that can."""

CLIENTS_FAULT = range(400, 500)

_UNREADABLE = "This release of Instar cannot read what was asked: another release wrote it down."
_FAILS = "It is tried again and again, and fails by a fault of Instar's own: the API's log has the error."
_GONE = "The scale set was deleted before this could be done."


async def hand_over(services: Services, operation: Operation) -> None:
    """Hand over the message of that operation, after those before it.

    Returns once the set has taken it, or when nobody answers, the store neither: then it is handed over later, and the
    operation runs. Raises ArmError where the set refuses: then the operation never was.
    """
    try:
        await _hand_over(services, operation)
    except StoreError as error:
        # It is written down, so it will be done: a 503 would say that nothing has changed.
        _log.warning("operation %s is handed over later: %s", operation.id, type(error).__name__)


async def _hand_over(services: Services, operation: Operation) -> None:
    give_up_at = asyncio.get_running_loop().time() + OTHERS_WAITED_FOR.total_seconds()
    unique_id = operation.scale_set_unique_id
    while asyncio.get_running_loop().time() < give_up_at:
        waiting = await asyncio.to_thread(services.store.outbox.claim, unique_id, services.clock())
        if waiting is None:
            if not await asyncio.to_thread(services.store.outbox.waits, operation.id):
                return  # another process was faster
            await asyncio.sleep(0.05)
            continue
        mine = waiting.operation_id == operation.id
        try:
            if not await _handed_over(services, waiting):
                return
        except ArmError as refused:
            if mine:
                await asyncio.to_thread(services.store.operations.discard, operation.id)
                raise
            await _end(services, waiting, refused)
        if mine:
            return


async def tend(services: Services) -> None:
    """Hand over what is left, for ever."""
    while True:
        try:
            await tend_once(services)
        except StoreError as error:
            _log.warning("nothing is handed over just now: %s", type(error).__name__)
        except Exception:  # noqa: BLE001  # it must go on: everybody's requests wait for it
            _log.exception("nothing is handed over just now")
        await asyncio.sleep(PAUSE.total_seconds())


async def tend_once(services: Services) -> None:
    """Hand over what waits, for each set as far as it goes now."""
    unique_ids = await asyncio.to_thread(services.store.outbox.sets)
    gate = asyncio.Semaphore(SETS_AT_ONCE)

    async def of_one(unique_id: str) -> None:
        async with gate:
            try:
                await _all_of(services, unique_id)
            except StoreError as error:
                _log.warning("nothing is handed over to set %s just now: %s", unique_id, type(error).__name__)

    await asyncio.gather(*map(of_one, unique_ids))


async def _all_of(services: Services, unique_id: str) -> None:
    while waiting := await asyncio.to_thread(services.store.outbox.claim, unique_id, services.clock()):
        try:
            if not await _handed_over(services, waiting):
                return
        except ArmError as refused:
            await _end(services, waiting, refused)


async def _handed_over(services: Services, waiting: Waiting) -> bool:
    """Whether the set took it; False where nobody answers. Raises ArmError where it refuses."""
    stored = await asyncio.to_thread(services.store.scale_sets.by_unique_id, waiting.unique_id)
    if stored is None:
        await _end_of_the_gone(services, waiting)
        return True
    with about(stored.identity):
        return await _sent(services, waiting, stored)


async def _sent(services: Services, waiting: Waiting, stored: StoredScaleSet) -> bool:
    try:
        message = read(waiting.message)
    except ValueError:
        return await _unreadable(services, waiting)
    try:
        await services.gateway.send(stored.identity, message)
    except ArmError as error:
        if error.status in CLIENTS_FAULT:
            raise
        await _waits(services, waiting, error.message)
        return False
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  # one set's fault is not to stop the others
        if await _waits(services, waiting, _FAILS):
            _log.exception("%s cannot be handed over to %s", waiting.kind, stored.identity.resource_id, exc_info=error)
        return False
    await asyncio.to_thread(services.store.outbox.taken, waiting.operation_id)
    return True


async def _waits(services: Services, waiting: Waiting, reason: str) -> bool:
    """Not taken for that reason; whether it is a new one, which is logged."""
    new = await asyncio.to_thread(services.store.outbox.not_taken, waiting.operation_id, reason, services.clock())
    if new:
        _log.warning("operation %s (%s) waits: %s", waiting.operation_id, waiting.kind, reason)
    return new


async def _unreadable(services: Services, waiting: Waiting) -> bool:
    """Whether it is out of the way: those behind it, a deletion perhaps, do not wait for it for ever (F10)."""
    if waiting.waits_since is None or services.clock() - waiting.waits_since < UNREADABLE_FOR:
        await _waits(services, waiting, _UNREADABLE)
        return False
    await _end(services, waiting, ArmError(500, "OperationFailed", f"{_UNREADABLE} Ask for it again."))
    return True


async def _end(services: Services, waiting: Waiting, refused: ArmError) -> None:
    """Refused after its request was answered: the operation says so."""
    end = services.store.operations.end
    await asyncio.to_thread(
        end, waiting.operation_id, OperationStatus.FAILED, services.clock(), refused.code, refused.message
    )


async def _end_of_the_gone(services: Services, waiting: Waiting) -> None:
    end = services.store.operations.end
    if waiting.kind is OperationKind.DELETE:
        await asyncio.to_thread(end, waiting.operation_id, OperationStatus.SUCCEEDED, services.clock())
        return
    await asyncio.to_thread(
        end, waiting.operation_id, OperationStatus.CANCELED, services.clock(), "OperationPreempted", _GONE
    )
