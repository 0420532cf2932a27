"""Starting the workflows that deliver to webhooks, or telling those that run to look (docs/rules.md N1).

Word may be lost: what is to be delivered stands in the store, and the sweep of the API finds it.
"""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from instar.domain.messages.webhooks import WebhookState
from instar.domain.sets.names import LOOK, WORKFLOW_QUEUE, webhook_workflow_id
from workflows.webhooks.webhook import WebhookWorkflow

_log = logging.getLogger(__name__)

WITHIN = timedelta(seconds=2)
"""How long all of them may take: whoever nudges has other things to do."""


class WebhookNudges:
    """For whoever has written something that is to be delivered."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def look(self, webhook_ids: Iterable[str]) -> None:
        """Each is to look now; started if it does not run."""
        await self._start(webhook_ids, LOOK)

    async def begin(self, webhook_ids: Iterable[str]) -> None:
        """Each is to run; one that does hears nothing."""
        await self._start(webhook_ids, None)

    async def _start(self, webhook_ids: Iterable[str], signal: str | None) -> None:
        starts = [self._start_one(one, signal) for one in webhook_ids]
        if not starts:
            return
        try:
            async with asyncio.timeout(WITHIN.total_seconds()):
                await asyncio.gather(*starts)
        except (RPCError, TimeoutError, RuntimeError) as error:
            # RuntimeError is how a lazy client says that it could not connect.
            _log.debug("webhooks are looked at with the next sweep: %s", type(error).__name__)

    async def _start_one(self, webhook_id: str, signal: str | None) -> None:
        await self._client.start_workflow(
            WebhookWorkflow.run,
            WebhookState(webhook_id=webhook_id),
            id=webhook_workflow_id(webhook_id),
            task_queue=WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=signal,
            static_summary="deliveries to one webhook",
            rpc_timeout=WITHIN,
        )
