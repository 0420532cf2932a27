"""Doing what was asked of instances: choose them, write it down, act in slices, end the operations (P15, F2)."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.instance_actions import InstanceActionActivities
from activities.records.upgrades import RecordActivities
from instar.domain.images.images import ImageReference
from instar.domain.lifecycle.state import EndedUpgrade
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.instance_actions import ChooseInstances, Chosen, LowerCapacity
from instar.domain.messages.os_upgrade import SliceOutcome
from instar.domain.records.progress import Counts, Outcome
from instar.domain.records.upgrades import (
    Decision,
    ErrorCode,
    InstanceRecord,
    UpgradeError,
    UpgradeKind,
    UpgradeRecord,
    UpgradeStatus,
)
from instar.domain.sets.names import COMPUTE_QUEUE
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from workflows import options
from workflows.instance_effects import InstanceEffects
from workflows.operations import refusal_of
from workflows.release_0_1.ends import end_operations
from workflows.release_0_1.memory import Memory


class ActionRun:
    """One action, the first of those that wait, from its choice of instances to the end of its operations."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._action = memory.state.actions[0]
        self._number = memory.state.last_number + 1 if self._action.kind.numbered else 0
        self._began = workflow.now()

    @property
    def number(self) -> int:
        """Its number in the count of upgrades; 0 for an action that has none."""
        return self._number

    async def perform(self) -> None:
        """Do it. Whatever becomes of single instances, it comes to an end."""
        if self._number:
            self._memory.change(last_number=self._number)
        try:
            error = await self._perform()
        except ActivityError as failure:
            error = refusal_of(failure)
        self._memory.change(actions=self._memory.state.actions[1:])
        await end_operations(self._memory, (self._action.operation_id, *self._action.more_operations), error)

    async def _perform(self) -> str:
        if self._number and self._memory.state.running:
            return f"a Rolling Upgrade is in progress: {self._memory.state.running.workflow_id}"
        chosen: Chosen = await workflow.execute_activity_method(
            InstanceActionActivities.choose_instances,
            ChooseInstances(scale_set=self._memory.state.scale_set, action=self._action),
            task_queue=COMPUTE_QUEUE,
            summary=f"whom does '{self._action.kind}' concern?",
            **options.READ,
        )
        if chosen.error or not chosen.ids:
            return chosen.error
        return await self._act(chosen)

    async def _act(self, chosen: Chosen) -> str:
        """The sentence that says what went wrong; empty if nothing did."""
        await self._written(UpgradeStatus.ROLLING_FORWARD, chosen.reason, chosen)
        if self._action.kind is ActionKind.DELETE:
            await self._lower_capacity(chosen)
        outcome = await self._effects(chosen)
        error = _what_failed(outcome)
        status = UpgradeStatus.FAULTED if error else UpgradeStatus.COMPLETED
        await self._written(status, error or f"done: {chosen.reason}", chosen, outcome)
        if self._number:
            # Whoever looks for disks that were put aside finds those of an action, too (P5).
            ended = EndedUpgrade(number=self._number, ended_at=workflow.now())
            self._memory.change(collect=(*self._memory.state.collect, ended))
        return error

    async def _effects(self, chosen: Chosen) -> SliceOutcome:
        effects = InstanceEffects(self._memory.state.scale_set, self._number)
        if self._action.kind is ActionKind.MANUAL_UPGRADE and chosen.plan is not None:
            return await effects.bring(chosen.plan, chosen.ids, chosen.keeps_disk)
        return await effects.act(self._action, chosen.ids)

    async def _lower_capacity(self, chosen: Chosen) -> None:
        """The capacity goes down with what is deleted, and first: so that nothing fills the gap."""
        lowered = await workflow.execute_activity_method(
            InstanceActionActivities.lower_capacity,
            LowerCapacity(
                scale_set=self._memory.state.scale_set,
                found=chosen.capacity,
                to=max(chosen.capacity - len(chosen.ids), 0),
            ),
            task_queue=COMPUTE_QUEUE,
            summary=f"{len(chosen.ids)} instances fewer",
            **options.RECORD,
        )
        state = self._memory.state
        if lowered.generation <= state.pending_generation:
            return
        # As if it had been announced. The capacity is right by itself, unless an earlier PUT is still to be applied.
        nothing_waits = state.applied_generation == state.pending_generation
        self._memory.change(
            pending_generation=lowered.generation,
            applied_generation=lowered.generation if nothing_waits else state.applied_generation,
            machine_generation=lowered.machine_generation,
            mode=lowered.mode,
            automatic=lowered.automatic,
        )

    async def _written(
        self, status: UpgradeStatus, reason: str, chosen: Chosen, outcome: SliceOutcome | None = None
    ) -> None:
        """Before the first effect and at the end: so that no number is ever taken twice (F2), and for the reader (P17).

        Deletion and protection act by no number; what they did is in the log.
        """
        workflow.logger.info("%s: %s", self._memory.state.scale_set.name, reason)
        if not self._number:
            return
        now = workflow.now()
        plan = chosen.plan
        record = UpgradeRecord(
            scale_set=self._memory.state.scale_set,
            number=self._number,
            kind=UpgradeKind.INSTANCE_ACTION,
            operation_id=self._action.operation_id,
            started_by=StartedBy.USER,
            target=plan.target if plan else ImageReference(),
            generation=plan.generation if plan else 0,
            policy=plan.policy if plan else RollingUpgradePolicy(),
            status=status,
            started_at=self._began,
            ended_at=now if status.ended else None,
            counts=_counts(chosen.ids, outcome),
            error=UpgradeError(code=ErrorCode.ACTION_FAILED, message=reason)
            if status is UpgradeStatus.FAULTED
            else None,
            decisions=(
                Decision(sequence=2 if status.ended else 1, at=now, batch=0, action=self._action.kind, reason=reason),
            ),
            instances=_instances(chosen.ids, outcome),
        )
        await workflow.execute_activity_method(
            RecordActivities.record_upgrade, record, summary=reason[:200], **options.RECORD
        )


def _what_failed(outcome: SliceOutcome) -> str:
    if outcome.impossible:
        return f"given up: {outcome.impossible}"
    if not outcome.failed:
        return ""
    why = "; ".join(f"{one}: {reason}" for one, reason in list(outcome.reasons.items())[:5])
    return (
        f"{len(outcome.failed)} of {len(outcome.failed | outcome.done)} instances failed: {outcome.failed.ranges[:100]}"
        + (f" ({why})" if why else "")
    )


def _counts(ids: InstanceIds, outcome: SliceOutcome | None) -> Counts:
    if outcome is None:
        return Counts(in_progress=len(ids))
    return Counts(successful=len(outcome.done), failed=len(outcome.failed))


def _instances(ids: InstanceIds, outcome: SliceOutcome | None) -> tuple[InstanceRecord, ...]:
    if outcome is None:
        return (InstanceRecord(ids=ids.ranges, batch=0, outcome=Outcome.IN_PROGRESS),)
    became = (
        (outcome.done, Outcome.UPGRADED),
        (outcome.failed, Outcome.FAILED),
        (outcome.vanished, Outcome.VANISHED),
    )
    return tuple(
        InstanceRecord(ids=those.ranges, batch=0, outcome=one, reasons=outcome.reasons if one is Outcome.FAILED else {})
        for those, one in became
        if those
    )
