"""Status of long-running operations."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response

from api.dependencies import LOCATION, Services, ServicesDep
from api.errors import not_found
from api.long_running import RETRY_AFTER
from api.resource_groups import is_gone
from api.wire import operation_body
from domain.operations import Operation, OperationKind, OperationStatus

router = APIRouter(tags=["operations"])


@router.get(LOCATION + "/operations/{operationId}", response_model=None)
async def operation_status(
    services: ServicesDep,
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    operation_id: Annotated[str, Path(alias="operationId")],
    monitor: Annotated[str, Query(description="true: 202 while it runs, then 200, both empty")] = "",
) -> Response:
    """Where an operation stands. Its status is Failed or Canceled, with an error, if it did not succeed."""
    operation = await asyncio.to_thread(services.store.operations.get, operation_id)
    if operation is None or operation.subscription_id.lower() != subscription_id.lower():
        raise not_found()
    operation = await _as_it_stands(services, operation)
    runs = operation.status is OperationStatus.IN_PROGRESS
    headers = {"Retry-After": RETRY_AFTER} if runs else {}
    if monitor.lower() == "true":
        return Response(status_code=202 if runs else 200, headers=headers)
    body: dict[str, Any] = operation_body(operation)
    return JSONResponse(body, headers=headers)


async def _as_it_stands(services: Services, operation: Operation) -> Operation:
    """Deleting a group has nobody who ends it: it has ended when nothing is left in the group."""
    running = operation.status is OperationStatus.IN_PROGRESS and operation.kind is OperationKind.DELETE_GROUP
    if not running or not await is_gone(services, operation.resource_id):
        return operation
    end = services.store.operations.end
    await asyncio.to_thread(end, operation.id, OperationStatus.SUCCEEDED, services.clock())
    return await asyncio.to_thread(services.store.operations.get, operation.id) or operation
