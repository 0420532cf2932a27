"""The health wait: a durable timer raced with the health poll (docs/rules.md P6, P14, H5)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.health import HealthActivities
from instar.domain.delays import Delays
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.os_upgrade import HealthFound, HealthRequest
from instar.domain.sets.names import COMPUTE_QUEUE
from instar.domain.sets.scale_sets import ScaleSetIdentity
from workflows import options

AFTER_GRACE = timedelta(seconds=1)
"""Past the end of a grace period, so that the look finds it over."""


class HealthWait:
    """Waits of one upgrade. `cancelled` ends any of them at once."""

    def __init__(
        self,
        scale_set: ScaleSetIdentity,
        source: HealthSource,
        delays: Delays,
        cancelled: Callable[[], bool],
    ) -> None:
        self._scale_set = scale_set
        self._source = source
        self._delays = delays
        self._cancelled = cancelled

    async def until_healthy(self, ids: InstanceIds, what: str) -> HealthFound:
        """Every instance healthy, or how they are when the time is over.

        Whoever is Unhealthy or Unknown when the timer fires has failed, whatever becomes of it while the Initializing
        ones are waited for until their grace ends.
        """
        if not ids:
            return HealthFound()
        found = await self._race(self._request(ids), self._delays.health_wait, f"health wait {what}")
        if not found.initializing or self._cancelled() or found.settles_by is None:
            return found
        left = max(found.settles_by - workflow.now(), timedelta(0)) + AFTER_GRACE
        settled = await self._race(
            self._request(found.initializing, until_settled=True),
            left,
            f"{len(found.initializing)} still Initializing: until their grace period ends",
        )
        return HealthFound(
            healthy=found.healthy | settled.healthy,
            unhealthy=found.unhealthy | settled.unhealthy | settled.initializing,
            stopped=found.stopped | settled.stopped,
            vanished=found.vanished | settled.vanished,
            reasons=found.reasons | settled.reasons,
        )

    async def until_sick(
        self, ids: InstanceIds, longest: timedelta, what: str, enough: Callable[[], bool]
    ) -> HealthFound:
        """Whoever is not healthy before the time is over, or it is enough; nobody, as a rule (W2)."""
        request = self._request(ids).model_copy(update={"until_sick": True})
        return await self._race(request, longest, what, lambda: self._cancelled() or enough())

    async def until_booted(self, ids: InstanceIds, until: datetime | None) -> None:
        """Every machine that boots healthy, or the time over that they have for it; at most one health wait (P2a)."""
        left = self._delays.health_wait if until is None else until - workflow.now()
        longest = min(max(left, timedelta(0)) + AFTER_GRACE, self._delays.health_wait)
        await self._race(self._request(ids), longest, f"{len(ids)} instances boot")

    def _request(self, ids: InstanceIds, *, until_settled: bool = False) -> HealthRequest:
        return HealthRequest(scale_set=self._scale_set, source=self._source, ids=ids, until_settled=until_settled)

    async def _race(
        self, request: HealthRequest, longest: timedelta, summary: str, enough: Callable[[], bool] | None = None
    ) -> HealthFound:
        """The poll's answer, or one last look when the timer, or a cancel or what is enough was first."""
        poll: workflow.ActivityHandle[HealthFound] = workflow.start_activity_method(
            HealthActivities.await_health,
            request,
            task_queue=COMPUTE_QUEUE,
            summary=f"looks at {request.ids.ranges[:100]} again and again: each attempt looks for some seconds",
            **options.health_wait(self._delays.health_poll_first, self._delays.health_poll_most),
        )
        timer = asyncio.create_task(workflow.sleep(longest, summary=summary))
        cancel = asyncio.create_task(workflow.wait_condition(enough or self._cancelled))
        await workflow.wait([poll, timer, cancel], return_when=asyncio.FIRST_COMPLETED)
        for loser in (timer, cancel):
            loser.cancel()
        if poll.done():
            return await poll
        poll.cancel()
        try:
            return await poll
        except ActivityError:
            found: HealthFound = await workflow.execute_activity_method(
                HealthActivities.observe_health,
                request,
                task_queue=COMPUTE_QUEUE,
                summary="last look of this health wait",
                **options.READ,
            )
            return found
