"""One scale set, for ever: its timers, its lock, what it looks at next (behaviour.md P15, T1, F1, P5)."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from activities.capacity import CapacityActivities
from activities.disks import DiskActivities
from activities.images import ImageActivities
from activities.records import RecordActivities
from domain.messages import (
    ApplyCapacity,
    ApplyModel,
    CancelUpgrade,
    CollectDisks,
    DeleteScaleSet,
    EndedUpgrade,
    EndOperation,
    RecordClosed,
    Resolution,
    ResolveUpgrade,
    RunningUpgrade,
    ScaleSetState,
    StartUpgrade,
    UpgradeClosed,
    UpgradeEnded,
    UpgradePlan,
    UpgradeStarted,
    UpgradeState,
)
from domain.names import COMPUTE_QUEUE, Refusal, os_upgrade_workflow_id
from domain.operations import OperationStatus
from domain.policies import StartedBy
from workflows import options
from workflows.os_upgrade import OsUpgradeWorkflow
from workflows.visibility import scale_set_details, upgrade_attributes, upgrade_summary

ANSWERS_KEPT = 20
"""Newest starts remembered by request, so that a request made again after continue-as-new starts nothing twice."""


@workflow.defn
class ScaleSetWorkflow:
    """Holds the lock of one scale set and starts its upgrades."""

    @workflow.init
    def __init__(self, state: ScaleSetState) -> None:
        self._state = state
        # Two starts at once must not both find the set idle: resolving awaits in between.
        self._starting = asyncio.Lock()

    @workflow.run
    async def run(self, _state: ScaleSetState) -> None:
        """Wait for something to be due, do it, and wait again, until the set is deleted."""
        while True:
            workflow.set_current_details(scale_set_details(self._state))
            await self._until_due()
            if self._model_waits():
                await self._apply_model()
            if not self._state.running:
                await self._end_cancels()
                if self._state.deleting:
                    return await self._delete()
            if _due(self._state.look_after_at):
                await self._look_after_upgrade()
            if self._first_trigger_is_due():
                await self._first_trigger()
            if self._collectable():
                await self._collect_disks()
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._state)

    # --- messages ---------------------------------------------------------------------------------------------------

    @workflow.update(description="Start an OS upgrade by hand, at once (T4); refused while one runs (P15)")
    async def start_upgrade(self, request: StartUpgrade) -> UpgradeStarted:
        """Pin version and generation (P1) and start. Raises OperationNotAllowed."""
        async with self._starting:
            for asked, workflow_id in self._state.answered:
                if asked == request.operation_id:
                    return UpgradeStarted(number=int(workflow_id.rpartition("/")[2]), workflow_id=workflow_id)
            if self._state.deleting:
                raise _not_allowed(
                    "Operation 'osRollingUpgrade' is not allowed because the scale set is being deleted."
                )
            if self._state.running:
                raise _not_allowed(
                    "Operation 'osRollingUpgrade' is not allowed because a Rolling Upgrade is in progress: "
                    f"{self._state.running.workflow_id}.",
                )
            resolution = await self._resolve(StartedBy.USER)
            if resolution.plan is None:
                raise _not_allowed(resolution.reason)
            return await self._begin(resolution.plan, StartedBy.USER, request.operation_id)

    @workflow.update(description="Cancel the upgrade that runs (P14)")
    async def cancel_upgrade(self, request: CancelUpgrade) -> None:
        """Pass the cancel on; the operation ends when the upgrade has. Raises OperationNotAllowed."""
        if self._state.running is None:
            raise _not_allowed("There is no ongoing Rolling Upgrade to cancel.")
        cancels = (*self._state.cancel_operations, request.operation_id)
        self._change(cancel_operations=tuple(dict.fromkeys(cancels)))
        await self._cancel_running("cancelled by a user")

    @workflow.update(description="A model was stored: apply capacity and the switch of automatic upgrades")
    def apply_model(self, request: ApplyModel) -> None:
        """Remember it; the main loop applies it. Only the newest generation counts."""
        if request.generation >= self._state.pending_generation:
            self._change(pending_generation=request.generation, automatic=request.automatic)
            if request.automatic and self._state.first_trigger_at is None:
                self._change(first_trigger_at=workflow.now() + self._state.delays.first_trigger)
        operations = (*self._state.open_operations, request.operation_id)
        self._change(open_operations=tuple(dict.fromkeys(operations)))

    @workflow.update(description="Delete the set, after a running upgrade came to its end (P15)")
    async def delete_scale_set(self, request: DeleteScaleSet) -> None:
        """Remember it; the main loop deletes."""
        self._change(deleting=request.operation_id, automatic=False)
        if self._state.running:
            await self._cancel_running("the scale set is being deleted")

    @workflow.signal(description="An upgrade ended")
    def upgrade_ended(self, ended: UpgradeEnded) -> None:
        """Free the lock."""
        running = self._state.running
        if running and running.number == ended.number:
            collect = (*self._state.collect, EndedUpgrade(number=ended.number, ended_at=ended.ended_at))
            self._change(running=None, look_after_at=None, collect=collect)

    # --- what can be due --------------------------------------------------------------------------------------------

    async def _until_due(self) -> None:
        state = self._state
        moments = [
            state.look_after_at,
            state.first_trigger_at if state.automatic and not state.first_trigger_done and not state.running else None,
            *(one.ended_at + state.delays.keep_previous_disks for one in state.collect[:1]),
        ]
        next_moment = min((moment for moment in moments if moment), default=None)
        timeout = None if next_moment is None else max(next_moment - workflow.now(), timedelta(0))
        try:
            # Any message may change what comes next: the loop then looks anew.
            await workflow.wait_condition(
                lambda: self._state is not state or self._something_to_do(),
                timeout=timeout,
                timeout_summary="until the next moment in this set's life",
            )
        except TimeoutError:
            return

    def _something_to_do(self) -> bool:
        state = self._state
        waiting = bool(state.cancel_operations or state.deleting) and not state.running
        return waiting or self._model_waits()

    def _model_waits(self) -> bool:
        """A PUT that changed nothing has an operation to end as well."""
        return self._state.pending_generation > self._state.applied_generation or bool(self._state.open_operations)

    def _first_trigger_is_due(self) -> bool:
        state = self._state
        idle = state.automatic and not state.running and not state.deleting
        return idle and not state.first_trigger_done and _due(state.first_trigger_at)

    def _collectable(self) -> tuple[int, ...]:
        kept = self._state.delays.keep_previous_disks
        return tuple(one.number for one in self._state.collect if one.ended_at + kept <= workflow.now())

    # --- what is done then ------------------------------------------------------------------------------------------

    async def _apply_model(self) -> None:
        generation, operations = self._state.pending_generation, self._state.open_operations
        request = ApplyCapacity(scale_set=self._state.scale_set, generation=generation)
        applied = await workflow.execute_activity_method(
            CapacityActivities.apply_capacity,
            request,
            task_queue=COMPUTE_QUEUE,
            summary=f"as many machines as model generation {generation} says",
            **options.DISKS,
        )
        self._change(
            applied_generation=generation,
            open_operations=tuple(one for one in self._state.open_operations if one not in operations),
        )
        for operation_id in operations:
            await self._end_operation(operation_id, applied.error)

    async def _end_cancels(self) -> None:
        operations = self._state.cancel_operations
        self._change(cancel_operations=())
        for operation_id in operations:
            await self._end_operation(operation_id)

    async def _delete(self) -> None:
        operation_id = self._state.deleting
        await workflow.execute_activity_method(
            CapacityActivities.delete_scale_set,
            self._state.scale_set,
            task_queue=COMPUTE_QUEUE,
            summary="delete every machine and what is stored",
            **options.DISKS,
        )
        for one in (*self._state.open_operations, operation_id):
            await self._end_operation(one)
        await workflow.wait_condition(workflow.all_handlers_finished)

    async def _look_after_upgrade(self) -> None:
        """A terminated workflow says no word: its lock is freed here (F1)."""
        running = self._state.running
        if running is None:
            return self._change(look_after_at=None)
        closed = await workflow.execute_activity_method(
            RecordActivities.upgrade_closed,
            UpgradeClosed(workflow_id=running.workflow_id),
            summary="was the running upgrade terminated by hand?",
            **options.DESCRIBE,
        )
        self._change(look_after_at=workflow.now() + self._state.delays.look_after_upgrade)
        if not closed.status or self._state.running != running:
            return None
        now = workflow.now()
        await workflow.execute_activity_method(
            RecordActivities.record_closed,
            RecordClosed(
                scale_set=self._state.scale_set,
                number=running.number,
                operation_id=running.operation_id,
                status=closed.status,
                at=now,
            ),
            summary=f"upgrade {running.number} was closed from outside: {closed.status}",
            **options.RECORD,
        )
        if running.operation_id:
            await self._end_operation(running.operation_id, f"the upgrade was closed from outside ({closed.status})")
        return self.upgrade_ended(UpgradeEnded(number=running.number, ended_at=now))

    async def _first_trigger(self) -> None:
        """One look at the catalogue, three hours after enabling (T1)."""
        async with self._starting:
            if not self._first_trigger_is_due():
                return
            resolution = await self._resolve(StartedBy.PLATFORM)
            # Disabled or deleted while the catalogue was looked at: what is pending is dropped (T3).
            if not self._first_trigger_is_due():
                return
            self._change(first_trigger_done=True, last_look=resolution.reason)
            if resolution.plan is not None:
                await self._begin(resolution.plan, StartedBy.PLATFORM, "")

    async def _collect_disks(self) -> None:
        numbers = self._collectable()
        await workflow.execute_activity_method(
            DiskActivities.collect_os_disks,
            CollectDisks(scale_set=self._state.scale_set, numbers=numbers),
            task_queue=COMPUTE_QUEUE,
            summary="delete kept OS disks whose time is over",
            **options.DISKS,
        )
        self._change(collect=tuple(one for one in self._state.collect if one.number not in numbers))

    # --- steps of these ---------------------------------------------------------------------------------------------

    async def _resolve(self, started_by: StartedBy) -> Resolution:
        return await workflow.execute_activity_method(
            ImageActivities.resolve_upgrade,
            ResolveUpgrade(scale_set=self._state.scale_set, started_by=started_by),
            summary="which version is the newest?",
            **options.READ,
        )

    async def _begin(self, plan: UpgradePlan, started_by: StartedBy, operation_id: str) -> UpgradeStarted:
        while True:
            number = self._state.last_number + 1
            workflow_id = os_upgrade_workflow_id(self._state.scale_set, number)
            running = RunningUpgrade(
                number=number,
                workflow_id=workflow_id,
                operation_id=operation_id,
                started_by=started_by,
                target=plan.target,
            )
            # The lock is taken before the upgrade exists: killed in between, the look after it frees the set.
            self._change(
                running=running,
                last_number=number,
                look_after_at=workflow.now() + self._state.delays.look_after_upgrade,
            )
            upgrade = UpgradeState(
                scale_set=self._state.scale_set,
                number=number,
                operation_id=operation_id,
                started_by=started_by,
                started_at=workflow.now(),
                plan=plan,
                delays=self._state.delays,
            )
            try:
                await workflow.start_child_workflow(
                    OsUpgradeWorkflow.run,
                    upgrade,
                    id=workflow_id,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    static_summary=upgrade_summary(upgrade),
                    search_attributes=upgrade_attributes(upgrade),
                )
            except WorkflowAlreadyStartedError:
                # This set's workflow was terminated and begun anew: its count starts where the records end.
                self._change(running=None, look_after_at=None)
                continue
            if operation_id:
                answered = (*self._state.answered, (operation_id, workflow_id))
                self._change(answered=answered[-ANSWERS_KEPT:])
            return UpgradeStarted(number=number, workflow_id=workflow_id)

    async def _cancel_running(self, reason: str) -> None:
        running = self._state.running
        if running is None:
            return
        handle = workflow.get_external_workflow_handle(running.workflow_id)
        try:
            await handle.signal(OsUpgradeWorkflow.cancel, reason)
        except ApplicationError:
            # It is closed already: find out at once how.
            self._change(look_after_at=workflow.now())

    async def _end_operation(self, operation_id: str, error: str = "") -> None:
        request = EndOperation(
            operation_id=operation_id,
            status=OperationStatus.FAILED if error else OperationStatus.SUCCEEDED,
            at=workflow.now(),
            error_code="OperationFailed" if error else "",
            error_message=error,
        )
        await workflow.execute_activity_method(
            RecordActivities.end_operation, request, summary="end the operation", **options.RECORD
        )

    def _change(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)


def _due(moment: datetime | None) -> bool:
    return moment is not None and moment <= workflow.now()


def _not_allowed(message: str) -> ApplicationError:
    return ApplicationError(message, type=Refusal.OPERATION_NOT_ALLOWED, non_retryable=True)
