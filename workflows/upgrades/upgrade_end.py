"""The last word of an upgrade to its set (docs/rules.md P15, F1)."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.sets.names import scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity

WORKFLOW_GONE = "ExternalWorkflowExecutionNotFound"
"""How the SDK types the failure of a signal to a workflow that is closed or never was."""


async def tell_the_set(scale_set: ScaleSetIdentity, ended: UpgradeEnded) -> None:
    """Its lock is free now. A set whose own workflow is gone holds no lock."""
    entity = workflow.get_external_workflow_handle(scale_set_workflow_id(scale_set))
    try:
        await entity.signal("upgrade_ended", ended)
    except ApplicationError as lost:
        if lost.type != WORKFLOW_GONE:
            raise
