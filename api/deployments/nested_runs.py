"""Deployments in deployments: each is one of its own, begun in its turn, and waited for by the one around it."""

import asyncio
import dataclasses
import uuid
from typing import Any

from api.deployments.deployment_documents import CANCELED, FAILED, RUNNING, SUCCEEDED, begun, canceled, changed, failure
from api.deployments.diagnostics import diagnostics_of
from api.deployments.plans import links_of, plan_of, share_of
from api.deployments.requested import in_reading_thread
from api.deployments.resource_types import looked_up, types_of
from api.resources.resource_groups import group_location
from api.services.dependencies import Services
from api.services.quotas import within_quotas
from api.stored.stored_resources import checked_name
from api.templates.planned import Planned
from api.templates.template import Template, inner_place, read_template
from api.wire.errors import ArmError
from api.wire.texts import check_texts
from instar.domain.access import need_of
from instar.store.deployments import SEAL, TYPE
from instar.store.errors import Conflict
from instar.store.resources import StoredResource

Json = dict[str, Any]


async def begin_nested(services: Services, template: Template, planned: Planned, around: StoredResource) -> str:
    """Begin a deployment of a deployment; its id, which stands where another resource has an operation.

    Begun once more, it is the same one. Raises ArmError, TemplateError.
    """
    services.caller.require(need_of("PUT", planned.resource_id))
    checked_name(planned.names[-1], "deploymentName")
    run = str(uuid.uuid5(uuid.UUID(around.document["id"]), planned.resource_id.lower()))
    had = await asyncio.to_thread(services.store.resources.find, planned.resource_id)
    if had is not None and had.document["id"] == run:
        return had.resource_id
    if had is not None and had.document["state"] == RUNNING:
        message = f"The nested deployment '{had.name}' has a run that is still active. Wait for its end, or cancel it."
        raise ArmError(409, "DeploymentActive", message)
    _, _, subscription, _, group, *_ = planned.resource_id.split("/")
    location = await group_location(services, subscription, group)
    plan = await asyncio.to_thread(services.store.deployments.opened, around)
    among = sum(resource.nested is not None for resource in template.resources)

    def read() -> tuple[Template, Json]:
        nested = template.nested(planned, lambda wanted: looked_up(services, wanted))
        place = inner_place(template.scope.place, planned, nested)
        place = dataclasses.replace(place, location=location, now=services.clock()) if nested.is_inner else place
        share, links = share_of(plan, among), links_of(plan, services.fetch)
        inner = read_template(nested.document, nested.parameters, place, types_of(services), nested, share, links=links)
        return inner, plan_of(inner, services.caller.principal, nested)

    inner, its_plan = await in_reading_thread(read)
    check_texts({"parameters": inner.shown_parameters, "outputs": dict.fromkeys(inner.outputs)})
    services.caller.require_deployed((one.type, need_of("PUT", one.resource_id)) for one in inner.everything)
    document = begun(inner, diagnostics_of(inner), run, services.clock()) | {"around": around.resource_id}
    document[SEAL] = await asyncio.to_thread(services.store.deployments.sealed, its_plan)
    try:
        stored, _ = await within_quotas(
            lambda: services.store.resources.put(
                TYPE,
                planned.resource_id,
                subscription,
                group,
                document,
                services.clock(),
                expected_etag=had.etag if had else 0,
                quotas=services.settings.quotas.counted,
            )
        )
    except Conflict:
        message = (
            f"Another run of the nested deployment '{planned.names[-1]}' began first. Wait for its end, or cancel it."
        )
        raise ArmError(409, "DeploymentActive", message) from None
    return stored.resource_id


async def end_of_nested(services: Services, entry: Json) -> Json | None:
    """How a deployment in a deployment has ended, as its entry says it; None while it runs."""
    stored = await asyncio.to_thread(services.store.resources.find, entry["operation"])
    if stored is None:
        error = failure("The nested deployment was deleted while it ran.", "DeploymentNotFound", entry["id"])
        return {"state": FAILED, "endedAt": services.clock().isoformat(), "error": error}
    document = stored.document
    if document["state"] == RUNNING:
        return None
    if document["state"] == SUCCEEDED:
        return {"state": SUCCEEDED, "endedAt": document["endedAt"]}
    inner = document["error"] or {}
    error = failure(str(inner.get("message", "")), str(inner.get("code", "")), entry["id"])
    if details := inner.get("details"):
        error["details"][0]["details"] = details
    return {"state": FAILED, "endedAt": document["endedAt"], "error": error}


def is_nested(entry: Json) -> bool:
    """Whether an entry of a deployment is a deployment that was begun."""
    return str(entry.get("operation", "")).startswith("/")


async def cancel_nested(services: Services, stored: StoredResource) -> None:
    """End those in a deployment that was cancelled, and those in them: nothing more of them begins."""
    for entry in stored.document["resources"]:
        inner = await asyncio.to_thread(services.store.resources.find, entry["operation"]) if is_nested(entry) else None
        ended = await changed(services, inner, canceled(services)) if inner is not None else None
        if ended is not None and ended.document["state"] == CANCELED:
            await cancel_nested(services, ended)
