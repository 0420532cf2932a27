"""Waiting until a workflow has taken up what was sent to it."""

import asyncio
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

SENT = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED,
    }
)
TAKEN_UP = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    }
)


async def heard(workflow: WorkflowHandle[Any, Any]) -> None:
    """Return once it has taken up the last signal or cancel that it was sent.

    A test that lets an activity end before that may have the workflow ask for the cancel of an activity that has just
    ended: a real server bears it, the time-skipping one fails the workflow's task and does not try it again.
    """
    for _ in range(1000):
        kinds = [event.event_type async for event in workflow.fetch_history_events()]
        sent = max((number for number, kind in enumerate(kinds) if kind in SENT), default=-1)
        if any(kind in TAKEN_UP for kind in kinds[sent + 1 :]):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{workflow.id} does not take up what it was sent")
