"""Delivering events to receivers of webhooks (docs/rules.md N1). An attempt may be made again: its id is the same."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from instar.compute.clock import Clock, utc_now
from instar.domain.messages.webhooks import Delivery, Due, LookForDue
from instar.domain.telling.cloud_events import CONTENT_TYPE, Links, cloud_event
from instar.domain.telling.events import Event
from instar.outbound.client import Answer, OutboundClient
from instar.outbound.errors import CallFailed
from instar.outbound.signatures import Secret
from instar.store.errors import SealingError
from instar.store.store import Store
from instar.store.webhooks.webhooks import Place
from instar.telemetry.purposes import Purpose

ANSWER_WITHIN = timedelta(seconds=15)
"""How long a receiver has; Standard Webhooks asks senders for 15 to 30 seconds."""

GONE = 410
WAITS = (429, 503)
"""Statuses whose `Retry-After` is kept."""

WAIT_AT_MOST = timedelta(hours=1)


@dataclass(frozen=True)
class WebhookActivities:
    """What a webhook's workflow asks for."""

    store: Store
    outbound: OutboundClient
    links: Links = field(default_factory=Links)
    clock: Clock = utc_now

    @activity.defn
    async def due_deliveries(self, request: LookForDue) -> Due:
        """What is to be delivered now, the oldest first."""
        due = self.store.deliveries.due
        return await asyncio.to_thread(due, request.webhook_id, request.in_flight, request.at_most)

    @activity.defn
    async def deliver(self, request: Delivery) -> None:
        """Send one event once. Fails where the receiver did not take it; 410 switches its webhook off."""
        event = await asyncio.to_thread(self.store.deliveries.outgoing, request.webhook_id, request.event_id)
        if event is None:
            return
        try:
            answer = await self._sent(request, event)
        except (CallFailed, SealingError) as error:
            raise await self._failed(request, str(error)) from None
        if answer is None:
            return
        if answer.is_success:
            await asyncio.to_thread(self.store.deliveries.delivered, request.webhook_id, request.event_id, self.clock())
            return
        if answer.status == GONE:
            why = "the receiver answered 410: it wants nothing more"
            await self._failed(request, why)
            await asyncio.to_thread(self.store.deliveries.disable, request.webhook_id, why)
            raise ApplicationError(why, type="Gone", non_retryable=True)
        raise await self._failed(request, _what_was_answered(answer), _wait(answer))

    @activity.defn
    async def give_up_delivery(self, request: Delivery) -> None:
        """Nobody tries any more: it stays in the list of what was not delivered."""
        await asyncio.to_thread(self.store.deliveries.give_up, request.webhook_id, request.event_id)

    async def _sent(self, request: Delivery, event: Event) -> Answer | None:
        """None for a webhook that was deleted meanwhile. Raises CallFailed, SealingError."""
        place: Place | None = await asyncio.to_thread(self.store.webhooks.place, request.webhook_id)
        if place is None:
            return None
        body = cloud_event(event, self.links)
        headers = Secret.of(place.secret).headers(event.id, body, self.clock())
        return await self.outbound.call(
            Purpose.WEBHOOK,
            "POST",
            place.url,
            within=ANSWER_WITHIN,
            headers=headers | {"Content-Type": CONTENT_TYPE},
            content=body,
        )

    async def _failed(self, request: Delivery, why: str, wait: timedelta | None = None) -> ApplicationError:
        """Written down, so that a person sees it, and as Temporal understands it."""
        await asyncio.to_thread(
            self.store.deliveries.not_delivered, request.webhook_id, request.event_id, why, self.clock()
        )
        return ApplicationError(
            why, type="NotDelivered", next_retry_delay=wait, category=ApplicationErrorCategory.BENIGN
        )


def _what_was_answered(answer: Answer) -> str:
    if 300 <= answer.status < 400:  # noqa: PLR2004  # HTTP's own numbers
        return f"the receiver answered {answer.status}: redirects are not followed, give the webhook its new URL"
    return f"the receiver answered {answer.status}"


def _wait(answer: Answer) -> timedelta | None:
    asked = answer.retry_after if answer.status in WAITS else None
    return min(asked, WAIT_AT_MOST) if asked else None
