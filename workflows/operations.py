"""Ending the API's long-running operations (docs/rules.md K3): whoever finishes the work ends them."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from activities.records.upgrades import RecordActivities
from instar.domain.messages.scale_set import EndOperation
from instar.domain.records.operations import OperationStatus
from instar.domain.records.records_age import RECORDS_BEHIND
from workflows import options


async def end_operation(
    operation_id: str,
    status: OperationStatus = OperationStatus.SUCCEEDED,
    error_code: str = "",
    error_message: str = "",
) -> None:
    """End one; the first end of an operation stays."""
    request = EndOperation(
        operation_id=operation_id,
        status=status,
        at=workflow.now(),
        error_code=error_code,
        error_message=error_message,
    )
    await workflow.execute_activity_method(
        RecordActivities.end_operation, request, summary="end the operation", **options.RECORD
    )


def held_by(failure: ActivityError) -> str:
    """Why the set is to be held: the activity found the records older than the machines (F7); "" for anything else."""
    cause = failure.cause
    return cause.message if isinstance(cause, ApplicationError) and cause.type == RECORDS_BEHIND else ""


def refusal_of(failure: ActivityError) -> str:
    """Why an activity was given up for good, as a sentence. A cancel of the workflow is no such thing: it is raised."""
    if is_cancelled_exception(failure):
        raise failure
    return failure.cause.message if isinstance(failure.cause, ApplicationError) else str(failure.cause or failure)
