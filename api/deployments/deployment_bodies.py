"""Deployments as ARM shows them."""

from datetime import datetime, timedelta
from typing import Any

import isodate

from api.deployments.deployment_documents import CANCELED, FAILED, NOT_STARTED, RUNNING, SUCCEEDED
from api.templates.planned import Planned
from api.templates.template import Template
from api.wire.moments import moment
from instar.store.deployments import TYPE
from instar.store.resources import StoredResource

Json = dict[str, Any]

_STATUS_CODES = {RUNNING: "Accepted", SUCCEEDED: "OK", FAILED: "BadRequest", CANCELED: "Canceled"}


def deployment_body(stored: StoredResource, now: datetime) -> Json:
    """One deployment: its state, its outputs, what it made."""
    document = stored.document
    resources: list[Json] = document["resources"]
    properties: Json = {
        "provisioningState": document["state"],
        "mode": "Incremental",
        "parameters": document["parameters"],
        "timestamp": moment(datetime.fromisoformat(document["endedAt"] or document["startedAt"])),
        "duration": _duration(document, now),
        "correlationId": document["id"],
        "providers": _providers([(resource["id"], resource["type"]) for resource in resources], document["location"]),
        "dependencies": _dependencies(resources),
        "outputs": document["outputs"],
        # What was made stays, also after a failure: whatever was begun and not refused.
        "outputResources": [
            {"id": resource["id"]}
            for resource in resources
            if resource["state"] == SUCCEEDED or resource.get("operation")
        ],
    }
    if link := document.get("templateLink"):
        properties["templateLink"] = link
    if warnings := document.get("diagnostics"):
        properties["diagnostics"] = warnings
    if document["error"]:
        properties["error"] = document["error"]
    return {"id": stored.resource_id, "name": stored.name, "type": TYPE, "properties": properties}


def validation_body(resource_id: str, name: str, template: Template, warnings: list[Json], now: datetime) -> Json:
    """A template that was found good, with what there is to say of it."""
    made = [(resource.resource_id, resource.type) for resource in template.everything]
    properties: Json = {
        "provisioningState": SUCCEEDED,
        "mode": "Incremental",
        "parameters": template.shown_parameters,
        "timestamp": moment(now),
        "duration": "PT0S",
        "providers": _providers(made, template.scope.place.location),
        "dependencies": _dependencies([_entry(resource) for resource in template.resources]),
        "validatedResources": [{"id": one} for one, _ in made],
    }
    if template.scope.place.is_linked:
        properties["templateLink"] = {"uri": template.scope.place.base}
    if warnings:
        properties["diagnostics"] = warnings
    return {"id": resource_id, "name": name, "type": TYPE, "properties": properties}


def operation_bodies(stored: StoredResource, now: datetime) -> list[Json]:
    """What a deployment has begun, one by one."""
    return [
        _operation(stored, index, one, now)
        for index, one in enumerate(stored.document["resources"])
        if one["state"] != NOT_STARTED and one.get("startedAt")
    ]


def _operation(stored: StoredResource, index: int, entry: Json, now: datetime) -> Json:
    properties: Json = {
        "provisioningOperation": "Create",
        "provisioningState": entry["state"],
        "timestamp": moment(datetime.fromisoformat(entry.get("endedAt") or entry["startedAt"])),
        "duration": _duration(entry, now),
        "statusCode": _STATUS_CODES[entry["state"]],
        "targetResource": _named(entry["id"], entry["type"]),
    }
    if error := entry.get("error"):
        properties["statusMessage"] = {"status": FAILED, "error": error["details"][0]}
    return {"id": f"{stored.resource_id}/operations/{index}", "operationId": str(index), "properties": properties}


def _entry(planned: Planned) -> Json:
    return {"id": planned.resource_id, "type": planned.type, "needs": planned.needs}


def _duration(entry: Json, now: datetime) -> str:
    end = datetime.fromisoformat(entry["endedAt"]) if entry.get("endedAt") else now
    return str(isodate.duration_isoformat(max(end - datetime.fromisoformat(entry["startedAt"]), timedelta(0))))


def _providers(made: list[tuple[str, str]], location: str) -> list[Json]:
    """The types that a deployment is of, by their namespaces."""
    kinds: dict[str, list[str]] = {}
    for _, full in made:
        namespace, _, kind = full.partition("/")
        if kind not in kinds.setdefault(namespace, []):
            kinds[namespace].append(kind)
    return [
        {
            "namespace": namespace,
            "resourceTypes": [{"resourceType": name, "locations": [location]} for name in names],
        }
        for namespace, names in kinds.items()
    ]


def _dependencies(resources: list[Json]) -> list[Json]:
    by_id = {resource["id"].lower(): resource for resource in resources}
    return [
        _named(resource["id"], resource["type"])
        | {"dependsOn": [_named(by_id[need]["id"], by_id[need]["type"]) for need in resource["needs"]]}
        for resource in resources
        if resource["needs"]
    ]


def _named(resource_id: str, kind: str) -> Json:
    names = resource_id.rsplit("/providers/", 1)[-1].split("/")[2::2]
    return {"id": resource_id, "resourceType": kind, "resourceName": "/".join(names)}
