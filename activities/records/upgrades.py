"""Writing down what workflows decided; every write may be made again (architecture: nothing decides by reading it)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.keeping.turns import has_ended
from instar.compute.clock import Clock, utc_now
from instar.domain.messages.one_look import UpgradeRecords
from instar.domain.messages.scale_set import ClosedAs, EndOperation, RecordClosed, RecordStatus, UpgradeClosed
from instar.domain.records.operations import OperationStatus
from instar.domain.records.set_state import is_parked
from instar.domain.records.upgrades import Decision, ErrorCode, UpgradeError, UpgradeRecord, UpgradeStatus
from instar.store.store import Store

Nudge = Callable[[Iterable[str]], Awaitable[None]]
"""Tells the workflows of these webhooks that there is something to deliver; word may be lost."""


async def nobody(webhook_ids: Iterable[str]) -> None:
    """Nudges none: the sweep finds what is to be delivered."""
    del webhook_ids


@dataclass(frozen=True)
class RecordActivities:
    """Records of upgrades and operations."""

    store: Store
    clock: Clock = utc_now
    nudge: Nudge = nobody

    @activity.defn
    async def record_upgrade(self, record: UpgradeRecord) -> None:
        """Write the upgrade as it stands, its newest decisions and outcomes; log each decision (P17)."""
        for decision in record.decisions:
            activity.logger.info("%s upgrade %d: %s", record.scale_set.name, record.number, decision.reason)
        await self.nudge(await asyncio.to_thread(self.store.upgrades.write, record, self.clock()))
        if record.status.ended:
            await has_ended(self.store, record.scale_set.unique_id, record.number)

    @activity.defn
    async def record_upgrades(self, request: UpgradeRecords) -> None:
        """The same for several decisions that were taken at once: each is written as if it were by itself."""
        for record in request.records:
            await self.record_upgrade(record)

    @activity.defn
    async def end_operation(self, request: EndOperation) -> None:
        """End a long-running operation; the first end stays."""
        await asyncio.to_thread(
            self.store.operations.end,
            request.operation_id,
            OperationStatus(request.status),
            request.at,
            request.error_code,
            request.error_message,
        )

    @activity.defn
    async def record_status(self, request: RecordStatus) -> None:
        """Write down where a set stands with its automatic upgrades (A4)."""
        unique_id = request.scale_set.unique_id
        await self.nudge(await asyncio.to_thread(self.store.statuses.write, unique_id, request.status, request.at))

    @activity.defn
    async def upgrade_closed(self, request: UpgradeClosed) -> ClosedAs:
        """How an upgrade's workflow closed, if it did (F1)."""
        try:
            description = await activity.client().get_workflow_handle(request.workflow_id).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            # The server has forgotten it, or is another one.
            return ClosedAs(status=RPCStatusCode.NOT_FOUND.name)
        if description.status in (None, WorkflowExecutionStatus.RUNNING):
            return ClosedAs(parked=await asyncio.to_thread(self._is_parked, request))
        return ClosedAs(status=description.status.name)

    def _is_parked(self, request: UpgradeClosed) -> bool:
        if not request.number:
            return False
        record = self.store.upgrades.get(request.unique_id, request.number)
        decided = self.store.upgrades.last_decisions(request.unique_id, [request.number])
        return is_parked(record, decided.get(request.number))

    @activity.defn
    async def record_closed(self, request: RecordClosed) -> None:
        """Faulted, on behalf of an upgrade that was terminated (F1)."""
        unique_id = request.scale_set.unique_id
        latest = await asyncio.to_thread(self.store.upgrades.get, unique_id, request.number)
        if latest is None or latest.status.ended:
            return
        reason = f"stopped: the upgrade's workflow was closed from outside ({request.status.lower()})"
        decisions = await asyncio.to_thread(self.store.upgrades.decisions, unique_id, request.number)
        sequence = max((one.sequence for one in decisions), default=0) + 1
        error = UpgradeError(code=ErrorCode.TERMINATED, message=reason)
        decision = Decision(sequence=sequence, at=request.at, batch=0, action="faulted", reason=reason)
        record = latest.model_copy(
            update={
                "status": UpgradeStatus.FAULTED,
                "ended_at": request.at,
                "error": error,
                "decisions": (decision,),
            },
        )
        await self.record_upgrade(record)
