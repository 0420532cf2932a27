"""What a replay does not compare: how long timers are, what activities are given and allowed.

Ids, moments and the set's key differ from run to run; they are replaced by what is the same.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes
from temporalio.client import WorkflowHistory

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
SET_KEY = re.compile(r"web-[0-9a-f]{16}")


def timers(runs: Iterable[WorkflowHistory]) -> list[float]:
    """Durations of all timers in order, in seconds."""
    return [
        event.timer_started_event_attributes.start_to_fire_timeout.ToTimedelta().total_seconds()
        for run in runs
        for event in run.events
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
    ]


def activities(runs: Iterable[WorkflowHistory]) -> list[dict[str, Any]]:
    """All activities in order: type, queue, time-outs, retry rule, input."""
    normal = _Normal()
    return [
        _activity(event.activity_task_scheduled_event_attributes, normal)
        for run in runs
        for event in run.events
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    ]


def _activity(scheduled: ActivityTaskScheduledEventAttributes, normal: "_Normal") -> dict[str, Any]:
    retry = scheduled.retry_policy
    return {
        "type": scheduled.activity_type.name,
        "queue": scheduled.task_queue.name,
        "start_to_close": scheduled.start_to_close_timeout.ToTimedelta().total_seconds(),
        "heartbeat": scheduled.heartbeat_timeout.ToTimedelta().total_seconds(),
        "retry": (
            retry.initial_interval.ToTimedelta().total_seconds(),
            retry.backoff_coefficient,
            retry.maximum_interval.ToTimedelta().total_seconds(),
            retry.maximum_attempts,
        ),
        "input": [json.loads(normal(payload.data.decode())) for payload in scheduled.input.payloads],
    }


class _Normal:
    """Ids numbered in the order in which they appear: that two are the same is still seen."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        text = UUID.sub(lambda found: self._ids.setdefault(found.group(), f"<id {len(self._ids) + 1}>"), text)
        return SET_KEY.sub("web-<key>", MOMENT.sub("<moment>", text))
