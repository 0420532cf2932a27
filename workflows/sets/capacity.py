"""As many machines as the newest model says, and none when the set is deleted (docs/rules.md F10, P15, P16)."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.capacity import CapacityActivities
from instar.domain.lifecycle import actions, results
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.capacity import CapacityPlan, DeleteSlice, PlanCapacity
from instar.domain.messages.os_upgrade import SliceOutcome
from instar.domain.sets.names import COMPUTE_QUEUE
from workflows import options
from workflows.instance_effects import InstanceEffects
from workflows.operations import held_by, refusal_of
from workflows.preemption import CutShort
from workflows.rows import until_cut
from workflows.sets.memory import Memory

ROUNDS = 5
"""Looks and what follows from them: the first finds what is to be done, the second that it is done. More are needed
only where machines come and go by another hand meanwhile."""


async def apply(memory: Memory, generation: int) -> None:
    """Make the set as large as that generation says. At once, whatever runs (P16).

    Counted again afterwards: a machine that an earlier attempt has still made is found, and is one too many (F10).
    """
    error, left = "", InstanceIds()
    outdated: tuple[int, ...] = ()
    try:
        for _ in range(ROUNDS):
            plan = await _plan(memory, generation)
            memory.state = results.held(memory.state, "")
            error, outdated = error or plan.error, plan.outdated
            if error:
                # What cannot be made is not tried once more; what was begun of it must not come to be later.
                plan = plan.model_copy(update={"create": InstanceIds(), "places": ()})
            if plan.is_done:
                break
            memory.state = results.reserved(memory.state, plan)
            left = plan.create | plan.delete
            error = await _carried_out(memory, plan) or error
    except ActivityError as failure:
        error = refusal_of(failure)
        memory.state = results.held(memory.state, held_by(failure) or memory.state.held)
    except CutShort:
        if left:
            done = f"{len(left)} machines were still to be made or deleted: {left.ranges[:100]}"
            memory.state = results.capacity_cut(memory.state, generation, done, memory.now)
        raise
    memory.state = results.capacity_applied(memory.state, generation, error, outdated, memory.now)


async def delete(memory: Memory) -> None:
    """Delete every machine and what is stored, and end the operations that asked for it."""
    await memory.cut.done(
        workflow.start_activity_method(
            CapacityActivities.delete_set,
            DeleteSlice(scale_set=memory.scale_set, ids=memory.state.model.reserved),
            task_queue=COMPUTE_QUEUE,
            summary="delete every machine and what is stored",
            **options.DISKS,
        )
    )
    memory.state = results.deleted(memory.state, memory.now)


async def _plan(memory: Memory, generation: int) -> CapacityPlan:
    state = memory.state
    return await memory.cut.done(
        workflow.start_activity_method(
            CapacityActivities.plan_capacity,
            PlanCapacity(
                scale_set=state.scale_set,
                generation=generation,
                quarantine=state.automatic.quarantine,
                reserved=state.model.reserved,
                being_deleted=actions.being_deleted(state),
            ),
            task_queue=COMPUTE_QUEUE,
            summary=f"as many machines as model generation {generation} says?",
            **options.READ,
        )
    )


async def _carried_out(memory: Memory, plan: CapacityPlan) -> str:
    """What went wrong, as a sentence; empty if nothing did. First who leaves, so that no id is used again meanwhile."""
    effects = InstanceEffects(memory.scale_set, carry=lambda ids, start: until_cut(ids, start, memory.cut))
    gone = await effects.delete(plan.delete) if plan.delete else SliceOutcome()
    made = await effects.make(plan) if plan.create else SliceOutcome()
    return "; ".join(filter(None, (gone.what_failed, made.what_failed)))
