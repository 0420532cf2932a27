"""What a scale set does with a stored model: as many machines as it says, and none when the set is deleted."""

from temporalio import workflow

from activities.capacity import CapacityActivities
from domain.messages.scale_set import ApplyCapacity, ApplyModel
from domain.names import COMPUTE_QUEUE
from workflows import options
from workflows.memory import Memory
from workflows.operations import end_operation_as


class StoredModel:
    """Applies the newest model generation that was announced, and ends the operations that asked for it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def announced(self, request: ApplyModel) -> None:
        """Remember it; only the newest generation counts."""
        state = self._memory.state
        if request.generation >= state.pending_generation:
            self._memory.change(pending_generation=request.generation, automatic=request.automatic)
        operations = (*self._memory.state.open_operations, request.operation_id)
        self._memory.change(open_operations=tuple(dict.fromkeys(operations)))

    @property
    def waits(self) -> bool:
        """Whether something is to be applied. A PUT that changed nothing has an operation to end as well."""
        state = self._memory.state
        return state.pending_generation > state.applied_generation or bool(state.open_operations)

    async def apply(self) -> None:
        """Make the set as its newest generation says."""
        state = self._memory.state
        generation, operations = state.pending_generation, state.open_operations
        request = ApplyCapacity(scale_set=state.scale_set, generation=generation, quarantine=state.quarantine)
        applied = await workflow.execute_activity_method(
            CapacityActivities.apply_capacity,
            request,
            task_queue=COMPUTE_QUEUE,
            summary=f"as many machines as model generation {generation} says",
            **options.DISKS,
        )
        self._memory.change(
            applied_generation=generation,
            quarantine=self._memory.state.quarantine.without_generations(applied.outdated),
            open_operations=tuple(one for one in self._memory.state.open_operations if one not in operations),
        )
        for operation_id in operations:
            await end_operation_as(operation_id, applied.error)

    async def delete(self) -> None:
        """Delete every machine and what is stored, and end every operation that is left."""
        await workflow.execute_activity_method(
            CapacityActivities.delete_scale_set,
            self._memory.state.scale_set,
            task_queue=COMPUTE_QUEUE,
            summary="delete every machine and what is stored",
            **options.DISKS,
        )
        for one in (*self._memory.state.open_operations, self._memory.state.deleting):
            await end_operation_as(one, "")
