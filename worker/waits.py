"""What is tried again for long says so, in its upgrade and in the operations of its scale set (docs/rules.md F10).

Around every activity, so that none has to think of it. Temporal's own page shows the same of the activity itself.
"""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from instar.domain.sets.names import os_upgrade_number
from instar.store.errors import StoreError
from instar.store.store import Store
from worker.subjects import scale_set_of

LONG = timedelta(minutes=1)
"""From its first attempt on: what takes less is not worth a word."""

LOOKS = ("await_health",)
"""Activities whose attempts fail as long as what they wait for is not there: that is their work."""

REASON_AT_MOST = 500
"""Characters."""


class Waits(Interceptor):
    """Writes down which attempts fail, until one succeeds."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002  # the SDK's name
        """See the SDK."""
        return _Waits(next, self._store)


class _Waits(ActivityInboundInterceptor):
    def __init__(self, following: ActivityInboundInterceptor, store: Store) -> None:
        super().__init__(following)
        self._store = store

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002  # the SDK's name
        """Do it, and say how it went where it takes long."""
        info = activity.info()
        scale_set = scale_set_of(input.args)
        unique_id = scale_set.unique_id if scale_set else ""
        long = info.started_time - info.scheduled_time >= LONG
        if not unique_id or not long or info.activity_type in LOOKS:
            return await self.next.execute_activity(input)
        try:
            result = await self.next.execute_activity(input)
        except ApplicationError as error:
            await self._say(
                unique_id, f"{info.activity_type}, attempt {info.attempt}: {error.message}"[:REASON_AT_MOST]
            )
            raise
        await self._say(unique_id, "")
        return result

    async def _say(self, unique_id: str, reason: str) -> None:
        """A word that cannot be written is said with the next attempt."""
        number = os_upgrade_number(activity.info().workflow_id or "")
        try:
            await asyncio.to_thread(self._store.waits.say, unique_id, number, reason, activity.info().started_time)
        except StoreError as error:
            activity.logger.debug("not written down: %s", type(error).__name__)
