"""Doing what was asked of instances: choose them, write it down, act in slices, end the operations (P15, F2, F10).

Interrupted by something more urgent it is taken up again where it was: the same instances, by the same number.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.instance_actions import InstanceActionActivities
from activities.records.upgrades import RecordActivities
from instar.domain.images.images import ImageReference
from instar.domain.lifecycle import actions, results
from instar.domain.lifecycle.state import Begun
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.instance_actions import ChooseInstances, Chosen, InstanceAction, LowerCapacity
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
from workflows.operations import held_by, refusal_of
from workflows.rows import until_cut
from workflows.sets.memory import Memory


async def act(memory: Memory, operation_id: str) -> None:
    """The action of that operation. Whatever becomes of single instances, it comes to an end."""
    if error := actions.gives_way(memory.state, operation_id):
        memory.state = actions.acted(memory.state, operation_id, error, memory.now)
        return
    memory.state = actions.begun(memory.state, operation_id, memory.now, str(workflow.uuid4()))
    asked = actions.asked(memory.state, operation_id)
    if asked is None or asked.begun is None:
        return
    run = _ActionRun(memory, asked.action, asked.begun)
    try:
        error = await run.perform()
    except ActivityError as failure:
        error = refusal_of(failure)
        memory.state = results.held(memory.state, held_by(failure) or memory.state.held)
    memory.state = actions.acted(memory.state, operation_id, error, memory.now)


class _ActionRun:
    """One action, from its choice of instances to the last word that is written of it."""

    def __init__(self, memory: Memory, action: InstanceAction, begun: Begun) -> None:
        self._memory = memory
        self._action = action
        self._begun = begun

    async def perform(self) -> str:
        """The sentence that says what went wrong; empty if nothing did."""
        chosen = self._begun.chosen or await self._choose()
        if chosen.error or not chosen.ids:
            return chosen.error
        if self._begun.chosen is None:
            self._begun = self._begun.model_copy(update={"key": actions.key_of(self._begun, chosen)})
            await self._written(UpgradeStatus.ROLLING_FORWARD, chosen.reason, chosen)
            self._memory.state = actions.chosen(self._memory.state, self._action.operation_id, chosen)
        left = max(chosen.capacity - len(chosen.ids), 0)
        if self._action.kind is ActionKind.DELETE:
            await self._resize(chosen.capacity, left)
        outcome = await self._effects(chosen)
        if self._action.kind is ActionKind.DELETE and outcome.failed:
            # Who could not be deleted still is of the set: nobody else is to leave for it.
            await self._resize(left, left + len(outcome.failed))
        error = outcome.what_failed
        status = UpgradeStatus.FAULTED if error else UpgradeStatus.COMPLETED
        await self._written(status, error or f"done: {chosen.reason}", chosen, outcome)
        return error

    async def _choose(self) -> Chosen:
        return await self._memory.cut.done(
            workflow.start_activity_method(
                InstanceActionActivities.choose_instances,
                ChooseInstances(scale_set=self._memory.scale_set, action=self._action),
                task_queue=COMPUTE_QUEUE,
                summary=f"whom does '{self._action.kind}' concern?",
                **options.READ,
            )
        )

    async def _effects(self, chosen: Chosen) -> SliceOutcome:
        effects = InstanceEffects(
            self._memory.scale_set,
            self._begun.number,
            key=self._begun.key,
            carry=lambda ids, start: until_cut(ids, start, self._memory.cut),
            interruptions=self._begun.interruptions,
        )
        if self._action.kind is ActionKind.MANUAL_UPGRADE and chosen.plan is not None:
            return await effects.bring(chosen.plan, chosen.ids, chosen.keeps_disk)
        return await effects.act(self._action, chosen.ids)

    async def _resize(self, found: int, to: int) -> None:
        """The capacity goes with what is deleted, and first: so that nothing fills the gap.

        Taken up again it changes nothing: it changes only the capacity at which the set was found.
        """
        lowered = await workflow.execute_activity_method(
            InstanceActionActivities.lower_capacity,
            LowerCapacity(scale_set=self._memory.scale_set, found=found, to=to),
            task_queue=COMPUTE_QUEUE,
            summary=f"a capacity of {to} in place of {found}",
            **options.RECORD,
        )
        self._memory.state = actions.capacity_lowered(self._memory.state, lowered)

    async def _written(
        self, status: UpgradeStatus, reason: str, chosen: Chosen, outcome: SliceOutcome | None = None
    ) -> None:
        """Before the first effect and at the end: so that no number is ever taken twice (F2), and for the reader (P17).

        Deletion and protection act by no number; what they did is in the log.
        """
        workflow.logger.info("%s: %s", self._memory.scale_set.name, reason)
        if not self._begun.number:
            return
        now = self._memory.now
        plan = chosen.plan
        record = UpgradeRecord(
            scale_set=self._memory.scale_set,
            number=self._begun.number,
            kind=UpgradeKind.INSTANCE_ACTION,
            operation_id=self._action.operation_id,
            key=self._begun.key,
            started_by=StartedBy.USER,
            target=plan.target if plan else ImageReference(),
            generation=plan.generation if plan else 0,
            policy=plan.policy if plan else RollingUpgradePolicy(),
            status=status,
            started_at=self._begun.at,
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
