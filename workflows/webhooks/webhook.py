"""Deliveries to one webhook: begun in the order of what happened, each retried by itself (docs/rules.md N1).

An event that fails holds up no other, so they may arrive out of order: a receiver orders them by their `time`. What is
to be delivered stands in the store. The workflow ends when there is nothing, so an idle webhook has none; whoever
writes something starts it again, and so does a sweep where that word was lost or the workflow was terminated.
"""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from activities.outside.webhooks import WebhookActivities
from instar.domain.messages.webhooks import Delivery, DueEvent, LookForDue, WebhookState
from instar.domain.sets.names import LOOK, WEBHOOK_WORKFLOW
from workflows import options

AT_ONCE = 50
"""Deliveries under way to one webhook. More wait, and each is tried at least once before it is given up."""


@workflow.defn(name=WEBHOOK_WORKFLOW)
class WebhookWorkflow:
    """Delivers until nothing is left."""

    @workflow.init
    def __init__(self, state: WebhookState) -> None:
        self._webhook_id = state.webhook_id
        self._looks = True
        self._more = False
        self._in_flight: dict[str, asyncio.Task[None]] = {}

    @workflow.signal(name=LOOK, description="There may be something to deliver")
    def look(self) -> None:
        """Look for what is due; asking twice is asking once."""
        self._looks = True

    @workflow.run
    async def run(self, state: WebhookState) -> None:
        """Look and deliver."""
        while True:
            if self._looks and not await self._begin_due():
                await self._drop()
                return
            if not self._in_flight and not self._looks:
                return
            if workflow.info().is_continue_as_new_suggested():
                # What is under way is found again: its row is still there, and the receiver knows its id.
                await self._drop()
                workflow.continue_as_new(state)
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._looks or not self._in_flight,
                    timeout=options.LOOK_AGAIN,
                    timeout_summary="looks again, should word have been lost",
                )
            self._looks = self._looks or bool(self._in_flight)

    async def _begin_due(self) -> bool:
        """Begin what is due; false where the webhook is gone or switched off."""
        self._looks = False
        due = await workflow.execute_activity_method(
            WebhookActivities.due_deliveries,
            LookForDue(
                webhook_id=self._webhook_id,
                in_flight=tuple(self._in_flight),
                at_most=AT_ONCE - len(self._in_flight),
            ),
            **options.RECORD,
        )
        self._more = due.more
        for one in due.events:
            self._in_flight[one.event_id] = asyncio.create_task(self._deliver(one))
        return not due.stops

    async def _deliver(self, one: DueEvent) -> None:
        delivery = Delivery(webhook_id=self._webhook_id, event_id=one.event_id)
        try:
            await workflow.execute_activity_method(
                WebhookActivities.deliver, delivery, **options.delivery(one.give_up_at - workflow.now(), one.attempts)
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            await workflow.execute_activity_method(WebhookActivities.give_up_delivery, delivery, **options.RECORD)
        del self._in_flight[one.event_id]
        self._looks = self._looks or self._more

    async def _drop(self) -> None:
        tasks = tuple(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
