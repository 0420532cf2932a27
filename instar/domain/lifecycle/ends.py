"""Ends of long-running operations that a set has decided on; the workflow writes them down (docs/rules.md K3)."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from instar.domain.lifecycle.state import ScaleSetState
from instar.domain.messages.scale_set import EndOperation
from instar.domain.records.operations import OperationStatus

FAILED = "OperationFailed"
PREEMPTED = "OperationPreempted"
"""A newer wish has taken over (F10)."""
CANCELED = "RollingUpgradeCanceled"
NOT_ALLOWED = "OperationNotAllowed"


class End(NamedTuple):
    """How operations end."""

    status: OperationStatus = OperationStatus.SUCCEEDED
    code: str = ""
    message: str = ""


WELL = End()


def cut_short(message: str) -> End:
    """Something newer was wanted (F10)."""
    return End(OperationStatus.CANCELED, PREEMPTED, message)


def failed(error: str, code: str = FAILED) -> End:
    """With an error where there is a sentence; well without one."""
    return End(OperationStatus.FAILED, code, error) if error else WELL


def with_ends(state: ScaleSetState, now: datetime, operations: Iterable[str], how: End = WELL) -> ScaleSetState:
    """The state in which these operations are to end so. "" is nobody's operation."""
    ends = tuple(
        EndOperation(
            operation_id=operation_id, status=how.status, at=now, error_code=how.code, error_message=how.message
        )
        for operation_id in dict.fromkeys(operations)
        if operation_id
    )
    return state.model_copy(update={"ends": (*state.ends, *ends)}) if ends else state
