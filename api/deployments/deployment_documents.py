"""The document that a deployment is, and its changes: each is made of what is there, whoever else changes it."""

import asyncio
import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

from api.services.dependencies import Services
from api.templates.template import Template
from instar.store.deployments import SEAL
from instar.store.errors import Conflict
from instar.store.resources import StoredResource

Json = dict[str, Any]

NOT_STARTED, RUNNING, SUCCEEDED, FAILED, CANCELED = "NotStarted", "Running", "Succeeded", "Failed", "Canceled"


def begun(template: Template, warnings: list[Json], deployment_id: str, now: datetime) -> Json:
    """The document of a deployment of which nothing was done yet, but for the seal."""
    place = template.scope.place
    return {
        "id": deployment_id,
        "location": place.location,
        "state": RUNNING,
        "startedAt": now.isoformat(),
        "endedAt": "",
        "parameters": template.shown_parameters,
        "resources": [
            {"id": resource.resource_id, "type": resource.type, "needs": list(resource.needs), "state": NOT_STARTED}
            for resource in template.resources
        ],
        "diagnostics": warnings,
        "error": None,
        "outputs": {},
    } | ({"templateLink": {"uri": place.base}} if place.is_linked else {})


async def changed(
    services: Services, stored: StoredResource, change: Callable[[Json], Json | None]
) -> StoredResource | None:
    """Change a deployment's document, anew if another was faster; None if there is nothing (left) to change.

    `change` is given a copy, and answers None for one that it does not fit any more.
    """
    run = stored.document["id"]
    while stored.document["id"] == run:
        document = change(copy.deepcopy(stored.document))
        if document is None:
            return None
        try:
            return await asyncio.to_thread(services.store.resources.replace, stored, document)
        except Conflict:
            found = await asyncio.to_thread(services.store.resources.find, stored.resource_id)
            if found is None:
                return None
            stored = found
    return None


def canceled(services: Services) -> Callable[[Json], Json | None]:
    """The change that ends one before its end. What was begun goes on; nothing more begins."""
    return ending(services, CANCELED, {"code": "DeploymentCanceled", "message": "The deployment was canceled."})


def failure(message: str, code: str, target: str = "") -> Json:
    """Why a deployment failed, as ARM says it: the reason of the resource is a detail."""
    detail = {"code": code or "OperationFailed", "message": message} | ({"target": target} if target else {})
    return {
        "code": "DeploymentFailed",
        "message": "At least one resource deployment operation failed. Please list deployment operations for details.",
        "details": [detail],
    }


def failed(services: Services, error: Json) -> Json:
    """What becomes of the entry of a resource that could not be made."""
    return {"state": FAILED, "endedAt": services.clock().isoformat(), "error": error}


def entries_changed(changes: dict[int, Json]) -> Callable[[Json], Json | None]:
    """The change of some resources, by their index."""

    def run(document: Json) -> Json:
        for index, change in changes.items():
            document["resources"][index] |= change
        return document

    return run


def ending(
    services: Services, state: str, error: Json | None, outputs: Json | None = None
) -> Callable[[Json], Json | None]:
    """The change that ends a deployment; nothing for one that has ended. Its secrets go with it."""

    def run(document: Json) -> Json | None:
        if document["state"] != RUNNING:
            return None
        document.pop(SEAL, None)
        for entry in document["resources"]:
            if entry["state"] in (NOT_STARTED, RUNNING):
                entry["state"] = CANCELED
        end = services.clock().isoformat()
        return document | {"state": state, "endedAt": end, "error": error, "outputs": outputs or {}}

    return run
