"""Health of a batch: one look, or looks until everyone is healthy (docs/rules.md P6, H6, H7, W2)."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities import heartbeats
from activities.heartbeats import beating
from activities.looks import look_at
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Standing
from instar.domain.messages.os_upgrade import HealthFound, HealthRequest
from instar.domain.records.upgrades import DETAILS_AT_MOST

LOOKS_FOR = timedelta(seconds=4)
"""How long one attempt of a health wait looks again and again: a new attempt is three writes of the Temporal server.

Short of the heartbeat time-out by more than a beat needs (activities.heartbeats), for between two looks there is none;
and so short that attempts of many upgrades have their turn, however few of them a process may have at once.
"""


@dataclass(frozen=True)
class HealthActivities:
    """Observations only; what follows from them is decided in the workflow and the domain."""

    provider: Provider
    clock: Clock = utc_now
    looks_for: timedelta = timedelta(0)
    """Real time. 0: each attempt is one look, so that the pauses are the server's alone, in virtual time too."""

    @activity.defn
    async def observe_health(self, request: HealthRequest) -> HealthFound:
        """One look at these instances."""
        async with translated(), beating():
            look = await look_at(self.provider, request.scale_set, request.source, self.clock, request.ids)

        def ids(standing: Standing) -> InstanceIds:
            return InstanceIds.of(view.instance_id for view in look.standing_in(standing))

        not_healthy = [view for view in look.views if view.standing is not Standing.HEALTHY]
        grace = [view.health.settles_by for view in look.standing_in(Standing.INITIALIZING)]
        return HealthFound(
            healthy=ids(Standing.HEALTHY),
            unhealthy=ids(Standing.UNHEALTHY),
            initializing=ids(Standing.INITIALIZING),
            stopped=ids(Standing.STOPPED),
            vanished=request.ids - InstanceIds.of(look.by_id),
            settles_by=max((end for end in grace if end), default=None),
            reasons={view.instance_id: view.health.detail for view in not_healthy[:DETAILS_AT_MOST]},
        )

    @activity.defn
    async def await_health(self, request: HealthRequest) -> HealthFound:
        """The same again and again, until there is nothing to wait for (any more).

        An attempt ends after `looks_for`, or when its worker stops, and fails: the next one goes on, here or elsewhere,
        without a trace in history. Between two looks the pauses are those of the retry policy, in an attempt as well.
        """
        began = time.monotonic()
        while True:
            found = await self.observe_health(request)
            waiting = _waiting(found, request)
            if waiting is None:
                return found
            attempt = timedelta(seconds=time.monotonic() - began)
            pause = _pause(attempt)
            if pause is None or attempt + pause > self.looks_for or activity.is_worker_shutdown():
                raise ApplicationError(
                    f"no error, the next look comes soon: {waiting}",
                    type="NobodyIsSick" if request.until_sick else "NotHealthyYet",
                    category=ApplicationErrorCategory.BENIGN,
                    next_retry_delay=pause if self.looks_for else None,
                )
            if attempt.total_seconds() >= heartbeats.FIRST_SECONDS:
                activity.heartbeat()  # the next look has time until its own first beat, on a slow machine too
            with suppress(TimeoutError):
                await asyncio.wait_for(activity.wait_for_worker_shutdown(), pause.total_seconds())


def _waiting(found: HealthFound, request: HealthRequest) -> str | None:
    """What is still waited for; None: nothing."""
    if request.until_sick:
        return None if found.unhealthy else f"{len(request.ids)} bake, none is sick"
    waiting = found.initializing if request.until_settled else found.initializing | found.unhealthy
    return f"{len(waiting)} of {len(request.ids)} not healthy yet: {waiting.ranges[:200]}" if waiting else None


def _pause(attempt: timedelta) -> timedelta | None:
    """Until the next look; `attempt`: how old this one is. None where the server tells no policy."""
    info = activity.info()
    if info.retry_policy is None:
        return None
    return pause_after(info.retry_policy, info.current_attempt_scheduled_time - info.scheduled_time + attempt)


def pause_after(policy: RetryPolicy, passed: timedelta) -> timedelta:
    """The pause of a policy when so much time has passed since the first look, in whichever attempts.

    After k pauses that grow by a factor g from p on, p(g^k - 1)/(g - 1) have passed, and the next one is p g^k.
    """
    pause = policy.initial_interval + (policy.backoff_coefficient - 1) * passed
    return min(pause, policy.maximum_interval) if policy.maximum_interval else pause
