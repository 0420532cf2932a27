"""Upgrades that are written down as running and that Temporal does not run: they end here (docs/rules.md F6, F7).

A backup has Temporal as it was a moment before the store, and a restore may put back an older one still: what began in
between has a record and an operation, and no workflow that could ever end them. If the records are the older ones, the
workflow has closed already and says no further word.
"""

import asyncio
import logging
from collections.abc import Mapping

from api.services.dependencies import Services
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import Decision, ErrorCode, UpgradeError, UpgradeRecord, UpgradeStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity

_log = logging.getLogger(__name__)

NOT_FOUND = "NOT_FOUND"

_UNKNOWN = "stopped: Temporal does not know this upgrade, as after a restore of an older backup: start it again"


async def end_lost_upgrades(services: Services, sets: Mapping[str, ScaleSetIdentity]) -> None:
    """Once over all. Raises StoreError; where Temporal cannot tell, nothing is ended."""
    young = services.clock() - services.settings.sweep
    for record in await asyncio.to_thread(services.store.upgrades.running, young):
        identity = sets.get(record.scale_set.unique_id)
        closed = "" if identity is None else await services.gateway.upgrade_closed(identity, record.number)
        if closed:
            await _end(services, record, closed)


async def _end(services: Services, record: UpgradeRecord, closed: str) -> None:
    upgrades, unique_id, now = services.store.upgrades, record.scale_set.unique_id, services.clock()
    # Looked at again: an upgrade that has just come to its end has written so before it closed.
    latest = await asyncio.to_thread(upgrades.get, unique_id, record.number)
    if latest is None or latest.status.ended or latest.key != record.key:
        return
    reason = _UNKNOWN if closed == NOT_FOUND else f"stopped: the upgrade's workflow was closed ({closed.lower()})"
    decisions = await asyncio.to_thread(upgrades.decisions, unique_id, record.number)
    sequence = max((decision.sequence for decision in decisions), default=0) + 1
    _log.warning("upgrade %d of %s was lost", record.number, record.scale_set.resource_id)
    ended = latest.model_copy(
        update={
            "status": UpgradeStatus.FAULTED,
            "ended_at": now,
            "error": UpgradeError(code=ErrorCode.TERMINATED, message=reason),
            "decisions": (Decision(sequence=sequence, at=now, batch=0, action="faulted", reason=reason),),
        }
    )
    await asyncio.to_thread(upgrades.write, ended)
    if latest.operation_id:
        end = services.store.operations.end
        await asyncio.to_thread(end, latest.operation_id, OperationStatus.FAILED, now, ErrorCode.TERMINATED, reason)
