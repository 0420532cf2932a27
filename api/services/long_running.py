"""Long-running operations on the wire: what satisfies every client (docs/rules.md K3).

PUT and PATCH answer with the resource, `Azure-AsyncOperation` and `Retry-After`, and never a Location. POST and DELETE
answer 202, empty, with both. URLs are absolute, under the public URL if one is set.
"""

import asyncio
import uuid
from collections.abc import Callable

from fastapi import Request
from fastapi.responses import Response

from api.services.dependencies import Services
from api.services.handover import hand_over
from api.services.public_url import public_url
from api.shapes.answers import provisioning_state
from instar.domain.messages.updates import Update, kept
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.sets.stored_scale_set import StoredScaleSet

RETRY_AFTER = "1"
"""Seconds. Clients wait half a minute where it is missing or 0."""


async def begin(
    services: Services,
    kind: OperationKind,
    subscription_id: str,
    *,
    resource_id: str,
    location: str,
) -> Operation:
    """Write down an operation on a resource other than a scale set. It runs until somebody ends it."""
    operation = _new(services, kind, subscription_id, resource_id=resource_id, location=location)
    await asyncio.to_thread(services.store.operations.create, operation)
    return operation


def begun_on(services: Services, kind: OperationKind, subscription_id: str, scale_set: ScaleSetIdentity) -> Operation:
    """An operation on a scale set that is still to be written down, together with what it asks for (F6)."""
    return _new(
        services,
        kind,
        subscription_id,
        resource_id=scale_set.resource_id,
        location=scale_set.location,
        unique_id=scale_set.unique_id,
    )


async def asked(
    services: Services, kind: OperationKind, stored: StoredScaleSet, message_of: Callable[[str], Update]
) -> Operation:
    """Ask something of a set that changes nothing in the store: written down, then handed over (F6).

    `message_of` is given the operation's id. Raises ArmError where the set refuses: then nothing was asked.
    """
    operation = begun_on(services, kind, stored.subscription_id, stored.identity)
    await asyncio.to_thread(services.store.operations.create, operation, kept(message_of(operation.id)))
    await hand_over(services, operation)
    return operation


def _new(
    services: Services,
    kind: OperationKind,
    subscription_id: str,
    *,
    resource_id: str,
    location: str,
    unique_id: str = "",
) -> Operation:
    return Operation(
        id=str(uuid.uuid4()),
        kind=kind,
        scale_set_unique_id=unique_id,
        subscription_id=subscription_id,
        location=location,
        status=OperationStatus.IN_PROGRESS,
        started_at=services.clock(),
        resource_id=resource_id,
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
