"""Long-running operations on the wire: what satisfies every client (clients.md 4).

PUT and PATCH answer with the resource, `Azure-AsyncOperation` and `Retry-After`, and never a Location. POST and DELETE
answer 202, empty, with both. URLs are absolute, under the public URL if one is set.
"""

import asyncio
import uuid

from fastapi import Request
from fastapi.responses import Response

from api.dependencies import Services
from api.errors import ArmError
from api.public_url import public_url
from api.wire import provisioning_state
from domain.messages.instance_actions import InstanceAction
from domain.messages.scale_set import ApplyModel, CancelUpgrade, DeleteScaleSet, StartUpgrade
from domain.operations import Operation, OperationKind, OperationStatus
from domain.scale_sets import ScaleSetIdentity
from store.scale_sets import StoredScaleSet

RETRY_AFTER = "1"
"""Seconds. Clients wait half a minute where it is missing or 0."""

Message = StartUpgrade | CancelUpgrade | ApplyModel | InstanceAction | DeleteScaleSet


async def begin(
    services: Services,
    kind: OperationKind,
    scale_set: ScaleSetIdentity,
    subscription_id: str,
) -> Operation:
    """Write an operation on a scale set down. It runs until somebody ends it."""
    return await begin_on(services, kind, subscription_id, scale_set)


async def begin_on(
    services: Services,
    kind: OperationKind,
    subscription_id: str,
    scale_set: ScaleSetIdentity | None = None,
    *,
    resource_id: str = "",
    location: str = "",
) -> Operation:
    """The same, of a scale set or of another resource in a region."""
    operation = Operation(
        id=str(uuid.uuid4()),
        kind=kind,
        scale_set_unique_id=scale_set.unique_id if scale_set else "",
        subscription_id=subscription_id,
        location=scale_set.location if scale_set else location,
        status=OperationStatus.IN_PROGRESS,
        started_at=services.clock(),
        resource_id=resource_id or (scale_set.resource_id if scale_set else ""),
    )
    await asyncio.to_thread(services.store.operations.create, operation)
    return operation


async def hand_over(services: Services, scale_set: ScaleSetIdentity, operation: Operation, message: Message) -> None:
    """Send the message that does the operation's work; whoever does it ends the operation.

    Refused, the operation never was. With Temporal away its outcome is not known: it ends as failed, and is still
    there should a worker come to it later. Raises ArmError in both cases.
    """
    try:
        await services.gateway.send(scale_set, message)
    except ArmError as error:
        if error.status < 500:  # noqa: PLR2004  # HTTP's border between the client's fault and ours
            await discard(services, operation)
        else:
            await fail(services, operation, error)
        raise


async def discard(services: Services, operation: Operation) -> None:
    """Forget an operation that never was."""
    await asyncio.to_thread(services.store.operations.discard, operation.id)


async def fail(services: Services, operation: Operation, error: ArmError) -> None:
    """End an operation whose work was never begun, as far as can be known."""
    await asyncio.to_thread(
        services.store.operations.end,
        operation.id,
        OperationStatus.FAILED,
        services.clock(),
        error.code,
        error.message,
    )


async def running(services: Services, stored: StoredScaleSet) -> list[Operation]:
    """The operations of a set that have not ended."""
    return list(await asyncio.to_thread(services.store.operations.running, stored.identity.unique_id))


async def state_of(services: Services, stored: StoredScaleSet) -> str:
    """The `provisioningState` of a set."""
    last_put = await asyncio.to_thread(services.store.operations.newest, stored.identity.unique_id, OperationKind.PUT)
    return provisioning_state(stored, await running(services, stored), last_put)


def accepted(request: Request, services: Services, operation: Operation, api_version: str) -> Response:
    """202, empty, with both URLs."""
    url = _url(request, services, operation)
    headers = {
        "Azure-AsyncOperation": f"{url}?api-version={api_version}",
        "Location": f"{url}?monitor=true&api-version={api_version}",
        "Azure-AsyncNotification": "Enabled",
        "Retry-After": RETRY_AFTER,
        "x-ms-request-id": operation.id,
    }
    return Response(status_code=202, headers=headers)


def resource_headers(request: Request, services: Services, operation: Operation, api_version: str) -> dict[str, str]:
    """Headers of an answer to PUT or PATCH."""
    return {
        "Azure-AsyncOperation": f"{_url(request, services, operation)}?api-version={api_version}",
        "Retry-After": RETRY_AFTER,
        "x-ms-request-id": operation.id,
    }


def _url(request: Request, services: Services, operation: Operation) -> str:
    return (
        f"{public_url(request, services)}/subscriptions/{operation.subscription_id}/providers/Microsoft.Compute"
        f"/locations/{operation.location}/operations/{operation.id}"
    )
