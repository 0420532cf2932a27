"""The end of an upgrade: the last word to its set, and as what Temporal lists it (docs/rules.md P15, P17, F1)."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from instar.domain.messages.os_upgrade import UpgradeResult
from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.names import scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from workflows.failures import Outcome

WORKFLOW_GONE = "ExternalWorkflowExecutionNotFound"
"""How the SDK types the failure of a signal to a workflow that is closed or never was."""

FAULTED_FAILS = "faulted-fails"
"""A Faulted upgrade ends as a failed workflow: not one whose end was reached before it did."""


async def tell_the_set(scale_set: ScaleSetIdentity, ended: UpgradeEnded) -> None:
    """Its lock is free now. A set whose own workflow is gone holds no lock."""
    entity = workflow.get_external_workflow_handle(scale_set_workflow_id(scale_set))
    try:
        await entity.signal("upgrade_ended", ended)
    except ApplicationError as lost:
        if lost.type != WORKFLOW_GONE:
            raise


def as_temporal_lists_it(result: UpgradeResult) -> UpgradeResult:
    """The result of an upgrade that did what it was to do, or was asked to end.

    Raises Outcome for a Faulted one, so that it is listed as Failed, with the reason's sentence as message,
    the error's code as type and the result as its one detail (docs/adr/0014).
    """
    # Asked for only where it matters: any other upgrade costs what it always did.
    if result.status is not UpgradeStatus.FAULTED or not workflow.patched(FAULTED_FAILS):
        return result
    code = result.error.code if result.error else result.status.value
    raise Outcome(result.reason, result, type=code, non_retryable=True)


def learns_its_end_by_a_signal(upgrade: workflow.ChildWorkflowHandle[Any, Any]) -> None:
    """Nobody awaits that child, so its failure is nobody's: without this it would be logged as one that was lost."""
    upgrade.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
