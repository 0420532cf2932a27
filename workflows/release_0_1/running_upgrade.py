"""The lock of a scale set: at most one upgrade at a time, never a lock that nobody holds (docs/rules.md P15, F1)."""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from activities.records.upgrades import RecordActivities
from instar.domain.lifecycle.lessons import learned
from instar.domain.lifecycle.state import EndedUpgrade, RunningUpgrade
from instar.domain.messages.os_upgrade import UpgradeState
from instar.domain.messages.scale_set import RecordClosed, UpgradeClosed, UpgradeEnded, UpgradeStarted
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.sets.policies import StartedBy
from workflows import options
from workflows.release_0_1.ends import end_operations
from workflows.release_0_1.memory import Memory
from workflows.upgrades.os_upgrade import OsUpgradeWorkflow
from workflows.upgrades.upgrade_end import learns_its_end_by_a_signal
from workflows.visibility import upgrade_attributes, upgrade_began_with, upgrade_summary

ANSWERS_KEPT = 20
"""Newest starts remembered by request, so that a request made again after continue-as-new starts nothing twice."""


class UpgradeLock:
    """Starts upgrades of one set, cancels them, and learns of their end."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def answered(self, operation_id: str) -> UpgradeStarted | None:
        """What that request started, if it was made before."""
        for asked, workflow_id in self._memory.state.answered:
            if asked == operation_id:
                return UpgradeStarted(number=int(workflow_id.rpartition("/")[2]), workflow_id=workflow_id)
        return None

    async def begin(
        self, plan: UpgradePlan, started_by: StartedBy, operation_id: str, *more_operations: str
    ) -> UpgradeStarted:
        """Take the lock and start an upgrade. `operation_id` is "" where nobody asked for it; `more` end with it."""
        while True:
            state = self._memory.state
            number = state.last_number + 1
            workflow_id = os_upgrade_workflow_id(state.scale_set, number)
            running = RunningUpgrade(
                number=number,
                workflow_id=workflow_id,
                operation_id=operation_id,
                started_by=started_by,
                target=plan.target,
                kind=plan.kind,
                more_operations=more_operations,
            )
            # The lock is taken before the upgrade exists: killed in between, the look after it frees the set.
            self._memory.change(
                running=running,
                last_number=number,
                look_after_at=workflow.now() + state.delays.look_after_upgrade,
            )
            upgrade = UpgradeState(
                scale_set=state.scale_set,
                number=number,
                operation_id=operation_id,
                started_by=started_by,
                started_at=workflow.now(),
                plan=plan,
                delays=state.delays,
                more_operations=more_operations,
            )
            try:
                child = await workflow.start_child_workflow(
                    OsUpgradeWorkflow.run,
                    upgrade,
                    id=workflow_id,
                    parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                    static_summary=upgrade_summary(upgrade),
                    static_details=upgrade_began_with(upgrade),
                    search_attributes=upgrade_attributes(upgrade),
                )
                learns_its_end_by_a_signal(child)
            except WorkflowAlreadyStartedError:
                # This set's workflow was terminated and begun anew: its count starts where the records end.
                self._memory.change(running=None, look_after_at=None)
                continue
            if operation_id:
                answered = (*self._memory.state.answered, (operation_id, workflow_id))
                self._memory.change(answered=answered[-ANSWERS_KEPT:])
            return UpgradeStarted(number=number, workflow_id=workflow_id)

    async def cancel(self, reason: str) -> None:
        """Ask what runs to end (P14); does nothing where nothing runs."""
        running = self._memory.state.running
        if running is None:
            return
        handle = workflow.get_external_workflow_handle(running.workflow_id)
        try:
            await handle.signal(OsUpgradeWorkflow.cancel, reason)
        except ApplicationError:
            # It is closed already: find out at once how.
            self._memory.change(look_after_at=workflow.now())

    def ended(self, ended: UpgradeEnded) -> None:
        """Free the lock; its kept disks wait for their collection (P5)."""
        state = self._memory.state
        if state.running and state.running.number == ended.number:
            collect = (*state.collect, EndedUpgrade(number=ended.number, ended_at=ended.ended_at))
            lesson = learned(state.running, ended, state.quarantine, state.held, state.delays)
            self._memory.change(
                running=None,
                look_after_at=None,
                collect=collect,
                settled=None,
                quarantine=lesson.quarantine,
                held=lesson.held,
            )

    @property
    def look_is_due(self) -> bool:
        """Whether it is time to see if what runs was terminated."""
        return due(self._memory.state.look_after_at)

    async def look_after(self) -> None:
        """A terminated workflow says no word: its lock is freed here (F1)."""
        state = self._memory.state
        running = state.running
        if running is None:
            return self._memory.change(look_after_at=None)
        closed = await workflow.execute_activity_method(
            RecordActivities.upgrade_closed,
            UpgradeClosed(workflow_id=running.workflow_id),
            summary="was the running upgrade terminated by hand?",
            **options.DESCRIBE,
        )
        self._memory.change(look_after_at=workflow.now() + state.delays.look_after_upgrade)
        if not closed.status or self._memory.state.running != running:
            return None
        now = workflow.now()
        await workflow.execute_activity_method(
            RecordActivities.record_closed,
            RecordClosed(
                scale_set=state.scale_set,
                number=running.number,
                operation_id=running.operation_id,
                status=closed.status,
                at=now,
            ),
            summary=f"upgrade {running.number} was closed from outside: {closed.status}",
            **options.RECORD,
        )
        reason = f"the upgrade was closed from outside ({closed.status})"
        await end_operations(self._memory, filter(None, (running.operation_id, *running.more_operations)), reason)
        ended = UpgradeEnded(
            number=running.number,
            ended_at=now,
            status=UpgradeStatus.FAULTED,
            error_code=ErrorCode.TERMINATED,
            reason=reason,
        )
        return self.ended(ended)


def due(moment: datetime | None) -> bool:
    """Whether that moment has come."""
    return moment is not None and moment <= workflow.now()
