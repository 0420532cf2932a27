"""Ending operations so that none is forgotten when the set moves on in the middle of it."""

from collections.abc import Iterable

from temporalio import workflow

from activities.records.upgrades import RecordActivities
from instar.domain.lifecycle.ends import failed
from instar.domain.messages.scale_set import EndOperation
from workflows import options
from workflows.release_0_1.memory import Memory


async def end_operations(memory: Memory, operations: Iterable[str], error: str = "") -> None:
    """End them one after the other, well or with an error where there is a sentence; the first end of each stays."""
    how = failed(error)
    memory.to_end = [
        EndOperation(
            operation_id=one, status=how.status, at=workflow.now(), error_code=how.code, error_message=how.message
        )
        for one in operations
    ]
    while memory.to_end:
        # The moment is that of the writing, as ever.
        request = memory.to_end[0].model_copy(update={"at": workflow.now()})
        await workflow.execute_activity_method(
            RecordActivities.end_operation, request, summary="end the operation", **options.RECORD
        )
        memory.to_end.pop(0)
