"""An event as it is sent: CloudEvents 1.0, JSON, structured mode (docs/rules.md N1, N2)."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from instar.domain.telling.events import Event

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"

TYPE_PREFIX = "instar."

API_VERSION = "2026-04-01"
"""With which the links can be read."""


@dataclass(frozen=True, slots=True)
class Links:
    """What people reach us under."""

    api: str = ""
    """URL of the API, without a slash at its end; "": links are paths."""
    temporal: str = ""
    """URL of Temporal's page, likewise; "": there is no link to a workflow, only its id."""
    namespace: str = "default"

    def of(self, event: Event) -> dict[str, str]:
        """Where one reads on, each by what it leads to."""
        found = dict[str, str]()
        if "scaleSet" in event.data:
            found["scaleSet"] = f"{self.api}{quote(event.scope)}?api-version={API_VERSION}"
        if event.workflow_id:
            expand = "$expand=decisions,instances"
            path = f"{quote(event.scope)}/rollingUpgrades/latest"
            found["upgrade"] = f"{self.api}{path}?api-version={API_VERSION}&{expand}"
            found["workflowId"] = event.workflow_id
            if self.temporal:
                workflow = quote(event.workflow_id, safe="")
                found["workflow"] = f"{self.temporal}/namespaces/{self.namespace}/workflows/{workflow}"
        return found


def cloud_event(event: Event, links: Links) -> bytes:
    """The body. The same event and links give the same bytes, so that a retry has the signature of what it repeats.

    >>> from datetime import UTC, datetime
    >>> one = Event(id="evt_1", type="test", at=datetime(2026, 3, 1, tzinfo=UTC), scope="/", message="a test")
    >>> cloud_event(one, Links())[:64]
    b'{"specversion":"1.0","id":"evt_1","type":"instar.test","source":'
    """
    body: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "type": f"{TYPE_PREFIX}{event.type.value}",
        "source": f"{links.api}{quote(event.scope)}",
    }
    if event.subject:
        body["subject"] = event.subject
    body |= {
        "time": event.at.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": {"message": event.message, **event.data, "links": links.of(event)},
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
