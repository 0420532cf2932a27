"""Webhooks: put, read, list, delete; test one, see what was not delivered, send it again (docs/rules.md N1).

A webhook is for a scope, and takes a role there: Contributor to write, Reader to see. What one may not see is not
there.
"""

import asyncio
import logging
import secrets
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse, Response

from api.services.dependencies import Services, ServicesDep
from api.services.paging import PagingDep
from api.services.quotas import within_quotas
from api.webhooks.documents import (
    ROOT,
    asked_for,
    event_ids,
    not_there,
    tag_of,
    undelivered_body,
    webhook_body,
)
from api.wire.bodies import JsonBody, OptionalJsonBody, described
from api.wire.errors import changed_meanwhile, not_allowed
from api.wire.preconditions import PreconditionsDep
from instar.domain.access import Need, Role
from instar.domain.telling.events import event_of_test
from instar.store.errors import Conflict, SealingError
from instar.store.webhooks.webhooks import Place, StoredWebhook

_log = logging.getLogger(__name__)

router = APIRouter(tags=["webhooks"])

ONE = ROOT + "/{webhookName}"

Name = Annotated[str, Path(alias="webhookName")]

EXAMPLE = {
    "url": "https://hooks.example.com/instar",
    "scope": "/subscriptions/00000000-0000-0000-0000-000000000000",
    "events": ["started", "faulted", "waitingForPerson"],
    "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
}


@router.put(ONE, response_model=None, openapi_extra=described(EXAMPLE))
async def put_webhook(services: ServicesDep, name: Name, body: JsonBody, conditions: PreconditionsDep) -> Response:
    """Make a webhook, or change it: what is left out stays as it was, but for `enabled`, which is true by default.

    The secret is kept sealed and never shown again. One that was switched off by its receiver (410) is on again.
    """
    had = await asyncio.to_thread(services.store.webhooks.find, name)
    if had is not None and not _seen(services, had):
        raise not_allowed("This name is taken by a webhook for a scope in which you have no role: choose another.")
    if had is not None:
        services.caller.require(_writes(had.webhook.scope))
    conditions.check(tag_of(had) if had else "", "webhook")
    place = await _place(services, had) if had else None
    asked = asked_for(services, name, body, had, place)
    services.caller.require(_writes(asked.webhook.scope))
    put = services.store.webhooks.put
    etag = had.etag if had else 0
    quotas = services.settings.quotas.counted
    try:
        stored, is_new = await within_quotas(
            lambda: put(asked.webhook, asked.place, services.clock(), expected_etag=etag, quotas=quotas)
        )
    except Conflict:
        raise changed_meanwhile() from None
    await services.gateway.look_at_webhooks([stored.webhook.id])
    shown = webhook_body(stored, url=asked.place.url)
    return JSONResponse(shown, 201 if is_new else 200, {"ETag": tag_of(stored)})


@router.get(ROOT, response_model=None)
async def list_webhooks(services: ServicesDep, paging: PagingDep) -> dict[str, Any]:
    """The webhooks of the scopes in which the caller has a role, by name."""
    found = await asyncio.to_thread(services.store.webhooks.all)
    page = paging.page((one for one in found if _seen(services, one)), lambda one: (one.webhook.name.lower(),))
    return page.answer([await _shown(services, one) for one in page.items])


@router.get(ONE, response_model=None)
async def get_webhook(services: ServicesDep, name: Name) -> Response:
    """A webhook, and how many events were not delivered to it until now."""
    stored = await _found(services, name)
    return JSONResponse(await _shown(services, stored), headers={"ETag": tag_of(stored)})


@router.delete(ONE, response_model=None)
async def delete_webhook(services: ServicesDep, name: Name, conditions: PreconditionsDep) -> Response:
    """Delete it with what was still to be delivered: 200 if it was there, 204 if not."""
    had = await asyncio.to_thread(services.store.webhooks.find, name)
    conditions.check(tag_of(had) if had and _seen(services, had) else "", "webhook")
    if had is None or not _seen(services, had):
        return Response(status_code=204)
    services.caller.require(_writes(had.webhook.scope))
    try:
        there = await asyncio.to_thread(services.store.webhooks.delete, name, expected_etag=had.etag)
    except Conflict:
        raise changed_meanwhile() from None
    await services.gateway.look_at_webhooks([had.webhook.id])
    return Response(status_code=200 if there else 204)


@router.post(ONE + "/test", response_model=None)
async def test_webhook(services: ServicesDep, name: Name) -> dict[str, Any]:
    """Send it an event of the type `test`, like any other. A body is ignored.

    Answers with the event's id: `lastDelivery` of the webhook has it once it was taken, `undelivered` until then.
    """
    stored = await _to_change(services, name)
    webhook, now = stored.webhook, services.clock()
    event = event_of_test(webhook.name, webhook.scope, now, secrets.token_hex(16))
    if not await asyncio.to_thread(services.store.deliveries.ask, webhook.id, event, now):
        raise not_there(name)
    await services.gateway.look_at_webhooks([webhook.id])
    return {"event": event.id}


@router.get(ONE + "/undelivered", response_model=None)
async def list_undelivered(services: ServicesDep, name: Name, paging: PagingDep) -> dict[str, Any]:
    """What was not delivered until now, the oldest first: what is tried, and for 30 days what was given up."""
    stored = await _found(services, name)
    found = await asyncio.to_thread(services.store.deliveries.undelivered, stored.webhook.id)
    page = paging.page(found, lambda one: (one.written_at.isoformat(), one.position, one.event.id))
    return page.answer(undelivered_body(one, stored.webhook) for one in page.items)


@router.post(ONE + "/resend", response_model=None, openapi_extra=described({"events": ["evt_0123"]}))
async def resend(services: ServicesDep, name: Name, body: OptionalJsonBody) -> dict[str, Any]:
    """Try anew, for another day, what was given up: the events that are named, or all. Answers how many."""
    stored = await _to_change(services, name)
    count = await asyncio.to_thread(
        services.store.deliveries.resend, stored.webhook.id, event_ids(body), services.clock()
    )
    await services.gateway.look_at_webhooks([stored.webhook.id])
    return {"resent": count}


async def _found(services: Services, name: str) -> StoredWebhook:
    """Raises ArmError 404 for what is not there, or not for the caller to see."""
    stored = await asyncio.to_thread(services.store.webhooks.find, name)
    if stored is None or not _seen(services, stored):
        raise not_there(name)
    return stored


async def _to_change(services: Services, name: str) -> StoredWebhook:
    """Raises ArmError: 404, 403 for whoever may only read, 409 for one that is switched off."""
    stored = await _found(services, name)
    services.caller.require(_writes(stored.webhook.scope))
    if not stored.webhook.enabled:
        why = stored.webhook.why_disabled or "somebody did so"
        raise not_allowed(f"The webhook '{stored.webhook.name}' is switched off ({why}): put it with 'enabled': true.")
    return stored


async def _shown(services: Services, stored: StoredWebhook) -> dict[str, Any]:
    url = ""
    if services.caller.may(_writes(stored.webhook.scope)):
        place = await _place(services, stored)
        url = place.url if place else ""
    count = await asyncio.to_thread(services.store.deliveries.count, stored.webhook.id)
    return webhook_body(stored, url=url, undelivered=count)


async def _place(services: Services, stored: StoredWebhook) -> Place | None:
    """None where no key opens it any more: it has to be given anew."""
    try:
        place: Place | None = await asyncio.to_thread(services.store.webhooks.place, stored.webhook.id)
    except SealingError:
        _log.warning("no key opens the URL and the secret of the webhook %s: give them anew", stored.webhook.name)
        return None
    return place


def _seen(services: Services, stored: StoredWebhook) -> bool:
    return services.caller.may(Need("Instar/webhooks/read", stored.webhook.scope, Role.READER))


def _writes(scope: str) -> Need:
    return Need("Instar/webhooks/write", scope, Role.CONTRIBUTOR)
