"""Histories as a worker of an earlier commit would have left them: without what a patch has added since."""

import base64
import json
from collections.abc import Callable
from typing import Any

from temporalio.client import WorkflowHistory

Json = dict[str, Any]


def without(history: WorkflowHistory, patch: str, is_new: Callable[[Json], bool]) -> WorkflowHistory:
    """The same run without the question whether it is patched so, and without those events.

    Its others are numbered anew; nothing may refer to what is taken out.
    """
    events = history.to_json_dict()["events"]
    asked = {place for place, one in enumerate(events) if _asks(one, patch)}
    # With the marker the search attribute of all patches so far is written.
    asked |= {place + 1 for place in asked if "TemporalChangeVersion" in upserted(events[place + 1])}
    kept = [one for place, one in enumerate(events) if place not in asked and not is_new(one)]
    numbers = {one["eventId"]: str(number) for number, one in enumerate(kept, 1)}
    return WorkflowHistory.from_json(history.workflow_id, {"events": [_numbered(one, numbers) for one in kept]})


def _asks(event: Json, patch: str) -> bool:
    if event["eventType"] != "EVENT_TYPE_MARKER_RECORDED":
        return False
    [payload] = event["markerRecordedEventAttributes"]["details"]["patch-data"]["payloads"]
    return bool(json.loads(base64.b64decode(payload["data"]))["id"] == patch)


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
