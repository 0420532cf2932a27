"""Health of a batch: one look, or looks until everyone is healthy (docs/rules.md P6, H6, H7, W2)."""

from dataclasses import dataclass

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.heartbeats import beating
from activities.looks import look_at
from activities.translation import translated
from instar.compute.clock import Clock, utc_now
from instar.compute.provider import Provider
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Standing
from instar.domain.messages.os_upgrade import HealthFound, HealthRequest
from instar.domain.records.upgrades import DETAILS_AT_MOST


@dataclass(frozen=True)
class HealthActivities:
    """Observations only; what follows from them is decided in the workflow and the domain."""

    provider: Provider
    clock: Clock = utc_now

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
        """The same, failing (and so made again, without a trace in history) until there is nothing to wait for."""
        found = await self.observe_health(request)
        if request.until_sick:
            return _sick(found, request)
        waiting = found.initializing if request.until_settled else found.initializing | found.unhealthy
        if waiting:
            raise ApplicationError(
                f"no error, the next look comes soon: {len(waiting)} of {len(request.ids)} not healthy yet: "
                f"{waiting.ranges[:200]}",
                type="NotHealthyYet",
                category=ApplicationErrorCategory.BENIGN,
            )
        return found


def _sick(found: HealthFound, request: HealthRequest) -> HealthFound:
    """Raises ApplicationError, retryable, while nobody is."""
    if not found.unhealthy:
        raise ApplicationError(
            f"no error, the next look comes soon: {len(request.ids)} bake, none is sick",
            type="NobodyIsSick",
            category=ApplicationErrorCategory.BENIGN,
        )
    return found
