"""Template deployments: `az deployment group create`, and `az vmss create`, which is one too.

A deployment makes its resources one after the other while the request is under way; each is announced to its workflow
as a PUT of it would be. So nothing is left to be done by this process when it answers: whether the deployment runs,
succeeded or failed is read from the operations that it began.
"""

import asyncio
import uuid
from datetime import timedelta
from typing import Annotated, Any

import isodate
from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from api.bodies import described, raw_body
from api.dependencies import ApiVersion, Services, ServicesDep
from api.errors import ArmError, bad_content
from api.lenient_json import lenient_object
from api.long_running import RETRY_AFTER
from api.moments import moment
from api.paging import PagingDep
from api.public_url import public_url
from api.resource_groups import GROUP, group_location
from api.stored_resources import ResourceName, by_id, checked_name, stored_resource
from api.templates.errors import TemplateError
from api.templates.planned import Planned
from api.templates.resource_types import TYPES, looked_up, made
from api.templates.scope import Place
from api.templates.template import Template, read_template
from domain.operations import Operation, OperationStatus
from store.resources import StoredResource

router = APIRouter(tags=["deployments"])

TYPE = "Microsoft.Resources/deployments"
ALL = GROUP + "/providers/Microsoft.Resources/deployments"
ONE = ALL + "/{deploymentName}"
EXAMPLE = {"properties": {"mode": "Incremental", "template": {"resources": []}, "parameters": {}}}

Json = dict[str, Any]
Subscription = Annotated[str, Path(alias="subscriptionId")]
Group = Annotated[str, Path(alias="resourceGroupName")]
Name = Annotated[str, Path(alias="deploymentName")]


@router.put(ONE, openapi_extra=described(EXAMPLE), response_model=None)
async def put_deployment(
    *,
    request: Request,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    name: Name,
    api_version: ApiVersion,
) -> Response:
    """Deploy a template: everything in it is checked before anything is made."""
    which = ResourceName(TYPE, subscription_id, group, (checked_name(name, "deploymentName"),))
    template = await _template(request, services, which)
    outcome: Json = {"operations": [], "resources": [], "error": None, "outputs": {}}
    for planned in template.resources:
        if error := await _deploy(services, planned, outcome):
            outcome["error"] = error
            break
    if outcome["error"] is None:
        try:
            outcome["outputs"] = await asyncio.to_thread(template.results, lambda one: looked_up(services, one))
        except TemplateError as error:
            outcome["error"] = _failed(str(error), error.code, "")
    document = outcome | {
        "location": template.scope.place.location,
        "parameters": template.shown_parameters,
        "startedAt": moment(services.clock()),
        "id": str(uuid.uuid4()),
    }
    stored, new = await asyncio.to_thread(
        services.store.resources.put, TYPE, which.resource_id, subscription_id, group, document, services.clock()
    )
    url = f"{public_url(request, services)}{stored.resource_id}/operationStatuses/{document['id']}"
    headers = {"Azure-AsyncOperation": f"{url}?api-version={api_version}", "Retry-After": RETRY_AFTER}
    return JSONResponse(await _body(services, stored), status_code=201 if new else 200, headers=headers)


@router.post(ONE + "/validate", openapi_extra=described(EXAMPLE), response_model=None)
async def validate_deployment(
    request: Request, services: ServicesDep, subscription_id: Subscription, group: Group, name: Name
) -> Json:
    """Check a template and make nothing."""
    which = ResourceName(TYPE, subscription_id, group, (checked_name(name, "deploymentName"),))
    template = await _template(request, services, which)
    return {
        "id": which.resource_id,
        "name": name,
        "type": TYPE,
        "properties": {
            "provisioningState": "Succeeded",
            "mode": "Incremental",
            "parameters": template.shown_parameters,
            "timestamp": moment(services.clock()),
            "validatedResources": [{"id": one.resource_id} for one in template.resources],
        },
    }


@router.get(ONE, response_model=None)
async def get_deployment(services: ServicesDep, subscription_id: Subscription, group: Group, name: Name) -> Json:
    """One deployment: its state, its outputs."""
    return await _body(services, await _stored(services, subscription_id, group, name))


@router.get(ALL, response_model=None)
async def list_deployments(
    services: ServicesDep, subscription_id: Subscription, group: Group, paging: PagingDep
) -> Json:
    """The deployments of a resource group."""
    found = await asyncio.to_thread(services.store.resources.of_type, TYPE, subscription_id, group)
    page = paging.page(found, by_id)
    return page.answer([await _body(services, one) for one in page.items])


@router.delete(ONE, response_model=None)
async def delete_deployment(services: ServicesDep, subscription_id: Subscription, group: Group, name: Name) -> Response:
    """Forget a deployment; what it made stays."""
    which = ResourceName(TYPE, subscription_id, group, (name,))
    await asyncio.to_thread(services.store.resources.delete, which.resource_id)
    return Response(status_code=204)


@router.get(ONE + "/operationStatuses/{operationId}", response_model=None)
async def deployment_status(services: ServicesDep, subscription_id: Subscription, group: Group, name: Name) -> Response:
    """Where a deployment stands."""
    stored = await _stored(services, subscription_id, group, name)
    state, error = await _state(services, stored)
    body: Json = {"status": state} | ({"error": error} if error else {})
    return JSONResponse(body, headers={"Retry-After": RETRY_AFTER} if state == "Running" else {})


@router.get(ONE + "/operations", response_model=None)
async def deployment_operations(
    *, services: ServicesDep, subscription_id: Subscription, group: Group, name: Name, paging: PagingDep
) -> Json:
    """What a deployment made, one by one."""
    stored = await _stored(services, subscription_id, group, name)
    page = paging.page(enumerate(stored.document["resources"]), lambda one: (one[0],))
    return page.answer(
        {
            "id": f"{stored.resource_id}/operations/{index}",
            "operationId": str(index),
            "properties": {
                "provisioningOperation": "Create",
                "provisioningState": "Failed" if one.get("failed") else "Succeeded",
                "statusCode": "OK",
                "targetResource": {
                    "id": one["id"],
                    "resourceType": one["type"],
                    "resourceName": one["id"].rpartition("/")[2],
                },
            },
        }
        for index, one in page.items
    )


async def _template(request: Request, services: Services, which: ResourceName) -> Template:
    """Raises ArmError 400 InvalidTemplate and the like."""
    properties = lenient_object(await raw_body(request)).get("properties")
    if not isinstance(properties, dict):
        raise bad_content("'properties' must be an object with 'template'.")
    if properties.get("templateLink") or properties.get("parametersLink"):
        raise _refused("links ('templateLink', 'parametersLink') are not supported: send the template itself")
    if str(properties.get("mode", "Incremental")).lower() != "incremental":
        raise _refused(f"the mode '{properties['mode']}' is not supported: it must be Incremental")
    document, parameters = properties.get("template"), properties.get("parameters")
    parameters = {} if parameters is None else parameters
    if not isinstance(document, dict) or not isinstance(parameters, dict):
        raise bad_content("'template' and 'parameters' must be objects.")
    place = Place(
        subscription_id=which.subscription_id,
        resource_group=which.resource_group,
        location=await group_location(services, which.subscription_id, which.resource_group),
        deployment=which.names[0],
    )
    try:
        return await asyncio.to_thread(read_template, document, parameters, place, TYPES)
    except TemplateError as error:
        raise _refused(str(error), error.code) from None


async def _deploy(services: Services, planned: Planned, outcome: Json) -> Json | None:
    """Make one resource and note it; what went wrong, if something did."""
    entry: Json = {"id": planned.resource_id, "type": planned.type}
    outcome["resources"].append(entry)
    try:
        operation_id = await made(services, planned)
    except (ArmError, TemplateError) as error:
        entry["failed"] = True
        message = error.message if isinstance(error, ArmError) else str(error)
        return _failed(message, error.code, planned.resource_id)
    if operation_id:
        outcome["operations"].append(operation_id)
    return None


async def _stored(services: Services, subscription_id: str, group: str, name: str) -> StoredResource:
    try:
        return await stored_resource(services, ResourceName(TYPE, subscription_id, group, (name,)))
    except ArmError:
        raise ArmError(404, "DeploymentNotFound", f"Deployment '{name[:80]}' could not be found.") from None


async def _state(services: Services, stored: StoredResource) -> tuple[str, Json | None]:
    """Running while one of its operations is, and how it ended."""
    if error := stored.document.get("error"):
        return "Failed", error
    found = [await asyncio.to_thread(services.store.operations.get, one) for one in stored.document["operations"]]
    operations: list[Operation] = [one for one in found if one is not None]
    for one in operations:
        if one.status in (OperationStatus.FAILED, OperationStatus.CANCELED):
            return "Failed", _failed(one.error_message, one.error_code, one.resource_id)
    running = any(one.status is OperationStatus.IN_PROGRESS for one in operations)
    return ("Running" if running else "Succeeded"), None


async def _body(services: Services, stored: StoredResource) -> Json:
    state, error = await _state(services, stored)
    document = stored.document
    properties: Json = {
        "provisioningState": state,
        "mode": "Incremental",
        "parameters": document["parameters"],
        "timestamp": document["startedAt"],
        "duration": isodate.duration_isoformat(timedelta(0)),
        "correlationId": document["id"],
        "providers": [],
        "dependencies": [],
        "outputs": document["outputs"],
        "outputResources": [{"id": one["id"]} for one in document["resources"] if not one.get("failed")],
    }
    if error:
        properties["error"] = error
    return {"id": stored.resource_id, "name": stored.name, "type": TYPE, "properties": properties}


def _failed(message: str, code: str, target: str) -> Json:
    detail = {"code": code or "OperationFailed", "message": message} | ({"target": target} if target else {})
    return {
        "code": "DeploymentFailed",
        "message": "At least one resource deployment operation failed. See details.",
        "details": [detail],
    }


def _refused(message: str, code: str = "InvalidTemplate") -> ArmError:
    return ArmError(400, code, f"Deployment template validation failed: {message}.")
