"""Each step of a scale set, carried out: one function a step (docs/rules.md F10; `instar.domain.lifecycle.steps`)."""

from datetime import timedelta
from typing import assert_never

from temporalio import workflow

from activities.kept.collecting import KeptDiskActivities
from activities.records.upgrades import RecordActivities
from instar.domain.lifecycle import requests, results
from instar.domain.lifecycle.status import status_of
from instar.domain.lifecycle.steps import (
    Act,
    ApplyCapacity,
    Begin,
    Bring,
    Collect,
    Delete,
    EndOperations,
    Leave,
    Look,
    LookAfter,
    Record,
    Step,
    TellUpgrade,
    Wait,
)
from instar.domain.messages.scale_set import CollectDue, PutAside, RecordStatus
from instar.domain.sets.names import COMPUTE_QUEUE
from workflows import options
from workflows.sets import capacity, instance_actions, looks, upgrade_lock
from workflows.sets.memory import Memory


async def perform(step: Step, memory: Memory) -> None:  # noqa: C901, PLR0912  # a closed set, a line for each
    """Carry it out, and change what the set knows by what came of it. Raises CutShort once `memory.cut` says so."""
    match step:
        case EndOperations():
            await _end_operations(memory)
        case Record():
            await _record(memory)
        case TellUpgrade():
            await upgrade_lock.tell(memory)
        case LookAfter():
            await upgrade_lock.look_after(memory)
        case ApplyCapacity(generation=generation):
            await capacity.apply(memory, generation)
        case Delete():
            await capacity.delete(memory)
        case Act(operation_id=operation_id):
            await instance_actions.act(memory, operation_id)
        case Begin():
            await upgrade_lock.begin_by_hand(memory)
        case Bring():
            await upgrade_lock.bring(memory)
        case Look():
            await looks.look(memory)
        case Collect(numbers=numbers):
            await _collect(memory, numbers)
        case Wait(until=until):
            await _wait(memory, None if until is None else max(until - memory.now, timedelta(0)))
        case Leave():
            return
        case _:
            assert_never(step)


async def _wait(memory: Memory, longest: timedelta | None) -> None:
    """Until that time is over, or something else is to be done."""
    try:
        await workflow.wait_condition(
            lambda: bool(memory.cut.reason),
            timeout=longest,
            timeout_summary="until the next moment in this set's life",
        )
    except TimeoutError:
        return


async def _end_operations(memory: Memory) -> None:
    for end in memory.state.ends:
        await workflow.execute_activity_method(
            RecordActivities.end_operation, end, summary="end the operation", **options.RECORD
        )
        memory.state = results.ends_written(memory.state, [end.operation_id])


async def _record(memory: Memory) -> None:
    status = status_of(memory.state)
    await memory.cut.done(
        workflow.start_activity_method(
            RecordActivities.record_status,
            RecordStatus(scale_set=memory.scale_set, status=status, at=memory.now),
            summary="where the set stands with its automatic upgrades",
            **options.RECORD,
        )
    )
    memory.state = results.recorded(memory.state, status)


async def _collect(memory: Memory, numbers: tuple[int, ...]) -> None:
    aside = results.to_collect(memory.state, numbers)
    asked_at = memory.state.collect_at
    answer = await memory.cut.done(
        workflow.start_activity_method(
            KeptDiskActivities.collect_due_disks,
            CollectDue(
                scale_set=memory.scale_set,
                disks=tuple(PutAside(number=one.number, ended_at=one.ended_at, key=one.key) for one in aside),
                setting=memory.state.delays.keep_previous_disks,
                now=memory.now,
            ),
            task_queue=COMPUTE_QUEUE,
            summary="delete kept OS disks whose time is over",
            **options.DISKS,
        )
    )
    asked_anew = memory.state.collect_at != asked_at
    memory.state = results.collected(memory.state, answer)
    if asked_anew:
        # The wish may have changed while the activity read it.
        memory.state = requests.disks_asked_about(memory.state, memory.now)
