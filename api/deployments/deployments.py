"""Template deployments: `az deployment group create`, and `az vmss create`, which is one too.

A template is checked whole before anything is made. Then its resources are made in their order (`deployment_runs`), and
the deployment ends when the operations of all of them have: a gallery version is replicated before a scale set is made
of it.
"""

import asyncio
import uuid
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse, Response

from api.deployments.deployment_bodies import deployment_body, operation_bodies, validation_body
from api.deployments.deployment_documents import CANCELED, RUNNING, begun, canceled, changed
from api.deployments.deployment_runs import advanced
from api.deployments.diagnostics import diagnostics_of
from api.deployments.nested_runs import cancel_nested
from api.deployments.requested import properties_of, requested
from api.deployments.what_if import format_of, what_if
from api.resources.resource_groups import GROUP
from api.services.dependencies import ApiVersion, Services, ServicesDep
from api.services.long_running import RETRY_AFTER
from api.services.paging import PagingDep
from api.services.public_url import public_url
from api.services.quotas import within_quotas
from api.stored.stored_resources import ResourceName, by_id, checked_name, stored_resource
from api.wire.bodies import described
from api.wire.errors import ArmError, not_found
from instar.store.deployments import SEAL, TYPE
from instar.store.errors import Conflict
from instar.store.resources import StoredResource

router = APIRouter(tags=["deployments"])

ALL = GROUP + "/providers/Microsoft.Resources/deployments"
ONE = ALL + "/{deploymentName}"
OF_SUBSCRIPTION = "/subscriptions/{subscriptionId}/providers/Microsoft.Resources/deployments/{deploymentName}"
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
    had = await asyncio.to_thread(services.store.resources.find, which.resource_id)
    if had is not None and had.document["state"] == RUNNING:
        raise _active(had)
    template, plan = await requested(await properties_of(request), services, which)
    document = begun(template, diagnostics_of(template), str(uuid.uuid4()), services.clock())
    document[SEAL] = await asyncio.to_thread(services.store.deployments.sealed, plan)
    stored = await _written(services, which, had, document)
    stored = await advanced(services, stored)
    path = quote(f"{stored.resource_id}/operationStatuses/{stored.document['id']}")
    url = public_url(request, services) + path
    headers = {"Azure-AsyncOperation": f"{url}?api-version={api_version}", "Retry-After": RETRY_AFTER}
    body = deployment_body(stored, services.clock())
    return JSONResponse(body, status_code=200 if had else 201, headers=headers)


@router.post(ONE + "/validate", openapi_extra=described(EXAMPLE), response_model=None)
async def validate_deployment(
    request: Request, services: ServicesDep, subscription_id: Subscription, group: Group, name: Name
) -> Json:
    """Check a template and make nothing."""
    which = ResourceName(TYPE, subscription_id, group, (checked_name(name, "deploymentName"),))
    template, _ = await requested(await properties_of(request), services, which)
    return validation_body(which.resource_id, name, template, diagnostics_of(template), services.clock())


@router.post(ONE + "/cancel", response_model=None)
async def cancel_deployment(services: ServicesDep, subscription_id: Subscription, group: Group, name: Name) -> Response:
    """End a deployment that runs: nothing more of it begins. What was begun goes on by itself."""
    stored = await _stored(services, subscription_id, group, name)
    ended = await changed(services, stored, canceled(services))
    if ended is None or ended.document["state"] != CANCELED:
        message = f"The deployment '{stored.name}' cannot be cancelled: it does not run."
        raise ArmError(409, "DeploymentCannotBeCancelled", message)
    await cancel_nested(services, ended)
    return Response(status_code=204)


@router.post(ONE + "/whatIf", openapi_extra=described(EXAMPLE), response_model=None)
async def what_if_deployment(
    request: Request, services: ServicesDep, subscription_id: Subscription, group: Group, name: Name
) -> Json:
    """Tell what a deployment would change, and change nothing. It is answered at once: 200, and no 202 before it."""
    which = ResourceName(TYPE, subscription_id, group, (checked_name(name, "deploymentName"),))
    properties = await properties_of(request)
    result_format = format_of(properties)
    template, _ = await requested(properties, services, which)
    return await what_if(services, template, result_format)


@router.post(ONE + "/exportTemplate", response_model=None)
async def export_template(name: Name) -> Response:
    """Refused: templates are not kept, since secrets may stand anywhere in them (docs/rules.md F5)."""
    message = f"The template of the deployment '{name[:80]}' was not kept: it may hold secrets."
    raise ArmError(400, "ExportTemplateNotSupported", message)


@router.put(OF_SUBSCRIPTION, openapi_extra=described(EXAMPLE), response_model=None)
@router.post(OF_SUBSCRIPTION + "/validate", openapi_extra=described(EXAMPLE), response_model=None)
@router.post(OF_SUBSCRIPTION + "/whatIf", openapi_extra=described(EXAMPLE), response_model=None)
async def deploy_to_subscription(name: Name) -> Response:
    """Refused: everything that can be made here is in a resource group."""
    message = f"The deployment '{name[:80]}' to a subscription is not supported: deploy it to a resource group."
    raise ArmError(400, "DeploymentScopeNotSupported", message)


@router.get(ONE, response_model=None)
async def get_deployment(services: ServicesDep, subscription_id: Subscription, group: Group, name: Name) -> Json:
    """One deployment: its state, its outputs."""
    return deployment_body(await _stored(services, subscription_id, group, name), services.clock())


@router.head(ONE, response_model=None)
async def has_deployment(services: ServicesDep, subscription_id: Subscription, group: Group, name: Name) -> Response:
    """204 if there is such a deployment, else 404."""
    try:
        await _stored(services, subscription_id, group, name)
    except ArmError:
        return Response(status_code=404)
    return Response(status_code=204)


@router.get(ALL, response_model=None)
async def list_deployments(
    services: ServicesDep, subscription_id: Subscription, group: Group, paging: PagingDep
) -> Json:
    """The deployments of a resource group."""
    found = await asyncio.to_thread(services.store.resources.of_type, TYPE, subscription_id, group)
    page = paging.page(found, by_id)
    return page.answer([deployment_body(item, services.clock()) for item in page.items])


@router.delete(ONE, response_model=None)
async def delete_deployment(services: ServicesDep, subscription_id: Subscription, group: Group, name: Name) -> Response:
    """Forget a deployment that has ended; what it made stays."""
    which = ResourceName(TYPE, subscription_id, group, (name,))
    stored = await asyncio.to_thread(services.store.resources.find, which.resource_id)
    if stored is not None and stored.document["state"] == RUNNING:
        raise _active(stored)
    await asyncio.to_thread(services.store.resources.delete, which.resource_id)
    return Response(status_code=204)


@router.get(ONE + "/operationStatuses/{operationId}", response_model=None)
async def deployment_status(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    name: Name,
    operation_id: Annotated[str, Path(alias="operationId")],
) -> Response:
    """Where one run of a deployment stands."""
    stored = await _stored(services, subscription_id, group, name)
    if stored.document["id"] != operation_id:
        raise _not_found(name)
    state, error = stored.document["state"], stored.document["error"]
    body: Json = {"status": state} | ({"error": error} if error else {})
    return JSONResponse(body, headers={"Retry-After": RETRY_AFTER} if state == RUNNING else {})


@router.get(ONE + "/operations", response_model=None)
async def deployment_operations(
    *, services: ServicesDep, subscription_id: Subscription, group: Group, name: Name, paging: PagingDep
) -> Json:
    """What a deployment made or did not, one by one."""
    stored = await _stored(services, subscription_id, group, name)
    page = paging.page(operation_bodies(stored, services.clock()), lambda one: (int(one["operationId"]),))
    return page.answer(page.items)


@router.get(ONE + "/operations/{operationId}", response_model=None)
async def deployment_operation(
    *,
    services: ServicesDep,
    subscription_id: Subscription,
    group: Group,
    name: Name,
    operation_id: Annotated[str, Path(alias="operationId")],
) -> Json:
    """One operation of a deployment: what it made or did not."""
    stored = await _stored(services, subscription_id, group, name)
    for operation_body in operation_bodies(stored, services.clock()):
        if operation_body["operationId"].lower() == operation_id.lower():
            return operation_body
    raise not_found()


async def _written(
    services: Services, which: ResourceName, had: StoredResource | None, document: Json
) -> StoredResource:
    """Begin, unless another request of the same name was faster, or there are too many. Raises ArmError 409."""
    try:
        if had is not None:
            return await asyncio.to_thread(services.store.resources.replace, had, document)
        stored, _ = await within_quotas(
            lambda: services.store.resources.put(
                TYPE,
                which.resource_id,
                which.subscription_id,
                which.resource_group,
                document,
                services.clock(),
                expected_etag=0,
                quotas=services.settings.quotas.counted,
            )
        )
    except Conflict:
        raise _active(await stored_resource(services, which)) from None
    return stored


async def _stored(services: Services, subscription_id: str, group: str, name: str) -> StoredResource:
    try:
        return await stored_resource(services, ResourceName(TYPE, subscription_id, group, (name,)))
    except ArmError:
        raise _not_found(name) from None


def _not_found(name: str) -> ArmError:
    return ArmError(404, "DeploymentNotFound", f"Deployment '{name[:80]}' could not be found.")


def _active(stored: StoredResource) -> ArmError:
    message = (
        f"Unable to edit, replace or delete the deployment '{stored.name}': its run of {stored.document['startedAt']} "
        "is still active. Wait for its end, or cancel it."
    )
    return ArmError(409, "DeploymentActive", message)
