"""What a scale set does with a stored model: as many machines as it says, and none when the set is deleted."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.capacity import CapacityActivities
from instar.domain.messages.capacity import ApplyCapacity, CapacityApplied
from instar.domain.messages.scale_set import ApplyModel
from instar.domain.sets.names import COMPUTE_QUEUE
from instar.domain.sets.policies import UpgradeMode
from workflows import options
from workflows.operations import refusal_of
from workflows.release_0_1.ends import end_operations
from workflows.release_0_1.memory import Memory


class StoredModel:
    """Applies the newest model generation that was announced, and ends the operations that asked for it.

    Its capacity at once, whatever runs (P16). Bringing the instances to it is another's work (`InstanceWork`), and for
    that it waits (P1).
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def announced(self, request: ApplyModel) -> None:
        """Remember it; only the newest generation counts."""
        state = self._memory.state
        if request.generation >= state.pending_generation:
            self._memory.change(
                pending_generation=request.generation,
                automatic=request.automatic,
                mode=request.mode,
                machine_generation=request.machine_generation,
            )
        operations = (*self._memory.state.open_operations, request.operation_id)
        self._memory.change(open_operations=tuple(dict.fromkeys(operations)))

    @property
    def waits(self) -> bool:
        """Whether something is to be applied. A PUT that changed nothing has an operation to end as well."""
        state = self._memory.state
        return state.pending_generation > state.applied_generation or bool(state.open_operations)

    async def apply(self) -> None:
        """Make the set as large as its newest generation says."""
        state = self._memory.state
        generation, operations = state.pending_generation, state.open_operations
        request = ApplyCapacity(scale_set=state.scale_set, generation=generation, quarantine=state.quarantine)
        try:
            applied = await workflow.execute_activity_method(
                CapacityActivities.apply_capacity,
                request,
                task_queue=COMPUTE_QUEUE,
                summary=f"as many machines as model generation {generation} says",
                **options.DISKS,
            )
        except ActivityError as failure:
            applied = CapacityApplied(error=refusal_of(failure))
        self._memory.change(
            applied_generation=generation,
            quarantine=self._memory.state.quarantine.without_generations(applied.outdated),
            open_operations=tuple(one for one in self._memory.state.open_operations if one not in operations),
        )
        if not applied.error and self._concerns_instances:
            waiting = (*self._memory.state.waiting_operations, *operations)
            self._memory.change(waiting_operations=tuple(dict.fromkeys(waiting)))
            return
        await end_operations(self._memory, operations, applied.error)

    @property
    def _concerns_instances(self) -> bool:
        """Whether a PUT ends only when the instances are on its model (docs/rules.md K5).

        A PUT that says nothing new to machines is a check of them all, unless they are being brought to it just now.
        """
        state = self._memory.state
        if state.mode in (None, UpgradeMode.MANUAL):
            return False
        return not (state.running and state.machine_generation == state.brought_generation)

    async def delete(self) -> None:
        """Delete every machine and what is stored, and end every operation that is left."""
        await workflow.execute_activity_method(
            CapacityActivities.delete_scale_set,
            self._memory.state.scale_set,
            task_queue=COMPUTE_QUEUE,
            summary="delete every machine and what is stored",
            **options.DISKS,
        )
        state = self._memory.state
        asked = [one for action in state.actions for one in (action.operation_id, *action.more_operations)]
        await end_operations(self._memory, (*state.open_operations, *state.waiting_operations, *asked, state.deleting))
