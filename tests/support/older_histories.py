"""Histories as a worker of an earlier commit would have left them: without what a patch has added since."""

from collections.abc import Callable
from typing import Any

from temporalio.client import WorkflowHistory

Json = dict[str, Any]


def without(history: WorkflowHistory, is_new: Callable[[Json], bool]) -> WorkflowHistory:
    """The same run without those events, its others numbered anew; nothing may refer to what is taken out."""
    events = history.to_json_dict()["events"]
    kept = [one for one in events if not is_new(one)]
    numbers = {one["eventId"]: str(number) for number, one in enumerate(kept, 1)}
    return WorkflowHistory.from_json(history.workflow_id, {"events": [_numbered(one, numbers) for one in kept]})


def is_marker(event: Json) -> bool:
    """Whether it says that a patch was asked for: the marker, or its search attribute."""
    return event["eventType"] == "EVENT_TYPE_MARKER_RECORDED" or "TemporalChangeVersion" in upserted(event)


def upserted(event: Json) -> Json:
    """The search attributes that it writes, each as its payload; none of any other event."""
    attributes = event.get("upsertWorkflowSearchAttributesEventAttributes") or {}
    fields: Json = attributes.get("searchAttributes", {}).get("indexedFields", {})
    return fields


def _numbered(value: Any, numbers: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_numbered(one, numbers) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _number(one, numbers) if key.endswith("ventId") else _numbered(one, numbers) for key, one in value.items()
    }


def _number(value: Any, numbers: dict[str, str]) -> Any:
    return numbers.get(value, value) if isinstance(value, str) else value
