"""Status of long-running operations."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.galleries.gallery_versions import replicated
from api.remembered.answers import told_by_the_store
from api.resources.resource_groups import is_gone
from api.services.dependencies import LOCATION, Services, ServicesDep
from api.services.long_running import RETRY_AFTER
from api.shapes.answers import operation_body
from api.wire.errors import not_found
from instar.domain.access import Need, need_of
from instar.domain.records.operations import Operation, OperationKind, OperationStatus

router = APIRouter(tags=["operations"])

ENDED_BY_WHOEVER_ASKS = (OperationKind.REPLICATION, OperationKind.DELETE_GROUP)
"""Kinds that nobody else ends."""


@router.get(LOCATION + "/operations/{operationId}", response_model=None)
async def operation_status(
    request: Request,
    services: ServicesDep,
    subscription_id: Annotated[str, Path(alias="subscriptionId")],
    operation_id: Annotated[str, Path(alias="operationId")],
    monitor: Annotated[str, Query(description="true: 202 while it runs, then 200, both empty")] = "",
) -> Response:
    """Where an operation stands. Its status is Failed or Canceled, with an error, if it did not succeed."""
    operation = await asyncio.to_thread(services.store.operations.get, operation_id)
    if operation is None or operation.subscription_id.lower() != subscription_id.lower():
        raise not_found()
    if operation.resource_id and not services.caller.may(may_read(operation.resource_id)):
        raise not_found()
    if operation.status is not OperationStatus.IN_PROGRESS or operation.kind not in ENDED_BY_WHOEVER_ASKS:
        told_by_the_store(request)
    operation = await as_it_stands(services, operation)
    runs = operation.status is OperationStatus.IN_PROGRESS
    headers = {"Retry-After": RETRY_AFTER} if runs else {}
    if monitor.lower() == "true":
        return Response(status_code=202 if runs else 200, headers=headers)
    body: dict[str, Any] = operation_body(operation)
    return JSONResponse(body, headers=headers)


def may_read(resource_id: str) -> Need:
    """Whoever has a role at what an operation is about, or at a part of it: an instance may be all that one has."""
    return replace(need_of("GET", resource_id), within=True)


async def as_it_stands(services: Services, operation: Operation) -> Operation:
    """Some have nobody who ends them: they have ended when what they are about is so."""
    if operation.status is not OperationStatus.IN_PROGRESS or operation.kind not in ENDED_BY_WHOEVER_ASKS:
        return operation
    if operation.kind is OperationKind.REPLICATION:
        return await replicated(services, operation)
    if not await is_gone(services, operation.resource_id):
        return operation
    end = services.store.operations.end
    await asyncio.to_thread(end, operation.id, OperationStatus.SUCCEEDED, services.clock())
    return await asyncio.to_thread(services.store.operations.get, operation.id) or operation
