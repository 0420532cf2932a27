"""Custom metrics in an instance view: a substatus of the Application Health extension (docs/rules.md B5)."""

from typing import Any

from api.wire.moments import moment
from api.wire.properties import at
from instar.domain.health.sources import is_application_health
from instar.domain.machines.instances import HealthObservation

Json = dict[str, Any]

EXTENSIONS = "properties.virtualMachineProfile.extensionProfile.extensions"


def add_custom_metrics(view: Json, document: Json, health: HealthObservation | None) -> None:
    """Add them to the view's entry of the extension, which is made where there is none; nothing without metrics."""
    if health is None or not health.custom_metrics:
        return
    for extension in at(document, EXTENSIONS) or []:
        body: Json = extension.get("properties") or {}
        if is_application_health(body):
            _entry(view, extension["name"], body).setdefault("substatuses", []).append(
                {
                    "code": "ComponentStatus/CustomMetrics/succeeded",
                    "level": "Info",
                    "displayStatus": "Provisioning succeeded",
                    "message": health.custom_metrics,
                    "time": moment(health.observed_at),
                }
            )


def _entry(view: Json, name: str, body: Json) -> Json:
    entries: list[Json] = view.setdefault("extensions", [])
    for entry in entries:
        if entry.get("name") == name:
            return entry
    version = body.get("typeHandlerVersion") or "1.0"
    entries.append({"name": name, "type": f"{body['publisher']}.{body['type']}", "typeHandlerVersion": version})
    return entries[-1]
