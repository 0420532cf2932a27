"""What starts upgrades without anyone's hand: the first trigger, then a look every now and then (T1, T2, T3, T5)."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.images import ImageActivities
from instar.domain.messages.scale_set import Resolution, ResolveUpgrade
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.triggers import next_look, nudged_look
from instar.domain.sets.policies import StartedBy
from workflows import options
from workflows.release_0_1.memory import Memory
from workflows.release_0_1.running_upgrade import UpgradeLock, due
from workflows.release_0_1.status import StatusRecord, status_of


class Triggers:
    """Looks at the catalogue when it is time. `starting` keeps two starts at once from both finding the set idle."""

    def __init__(self, memory: Memory, lock: UpgradeLock, starting: asyncio.Lock, record: StatusRecord) -> None:
        self._memory = memory
        self._lock = lock
        self._starting = starting
        self._record = record
        self._nudged_meanwhile = False

    def switched(self) -> None:
        """Automatic upgrades were switched on or off, or were left as they are.

        The deadline of the first is set once in the life of the set (T1); off, nothing stays pending (T3).
        """
        state = self._memory.state
        if not state.automatic:
            self._memory.change(next_look_at=None)
        elif state.first_trigger_at is None:
            self._memory.change(first_trigger_at=workflow.now() + state.delays.first_trigger)

    def nudged(self) -> None:
        """Something was published: look sooner, at a moment of this set's own. T1's deadline stays where it is."""
        state = self._memory.state
        if not state.automatic:
            return
        # A look that is under way may have read the catalogue before.
        self._nudged_meanwhile = True
        fraction = workflow.random().random()
        self._memory.change(next_look_at=nudged_look(state.next_look_at, workflow.now(), state.delays, fraction))

    def plan_next(self) -> None:
        """Draw the moment of the next look, where there is to be one and none is drawn (T2)."""
        state = self._memory.state
        if state.automatic and state.first_trigger_done and state.next_look_at is None and not state.running:
            self._memory.change(next_look_at=self._drawn())

    @property
    def next_moment(self) -> datetime | None:
        """When to look next; None while nothing is to be looked at."""
        state = self._memory.state
        if not state.automatic or state.running or state.deleting:
            return None
        return state.next_look_at if state.first_trigger_done else state.first_trigger_at

    @property
    def is_due(self) -> bool:
        """Whether to look now."""
        return due(self.next_moment)

    async def look(self, interrupted: Callable[[], bool]) -> None:
        """One look at the catalogue, and an upgrade if there is something newer.

        Switched off, deleted or started by hand while it lasts, it is dropped at once (T3); so it is when the set has
        something else to do, and made again after that.
        """
        state = self._memory.state
        now, next_look_at = workflow.now(), self._drawn()
        after = state.model_copy(
            update={"first_trigger_done": True, "last_look_at": now, "last_look": "", "next_look_at": next_look_at}
        )
        status = status_of(after)
        self._nudged_meanwhile = False
        resolution = await self._resolution(status, interrupted)
        if resolution is None:
            return
        async with self._starting:
            if not self.is_due:
                return
            self._looked(resolution, now, next_look_at)
            if resolution.plan is not None:
                await self._lock.begin(resolution.plan, StartedBy.PLATFORM, "")

    async def _resolution(self, status: ScaleSetStatus, interrupted: Callable[[], bool]) -> Resolution | None:
        """What the look came to; None if it was dropped."""
        state = self._memory.state
        settled = state.settled if state.settled and workflow.now() < state.settled.until else None
        request = ResolveUpgrade(
            scale_set=state.scale_set,
            started_by=StartedBy.PLATFORM,
            at=workflow.now(),
            quarantine=state.quarantine,
            held=state.held,
            settled=settled,
            status=status,
        )
        looking = workflow.start_activity_method(
            ImageActivities.resolve_upgrade, request, summary="which version is the newest?", **options.READ
        )
        await workflow.wait_condition(lambda: looking.done() or not self.is_due or interrupted())
        if not looking.done():
            looking.cancel()
        try:
            resolution: Resolution = await looking
        except ActivityError as error:
            if not self.is_due or interrupted():
                return None
            return Resolution(plan=None, reason=f"the look failed: {error.cause}", refused=True)
        if resolution.plan is None:
            self._record.written(status.model_copy(update={"last_look": resolution.reason}))
        return resolution

    def _looked(self, resolution: Resolution, at: datetime, next_look_at: datetime) -> None:
        state = self._memory.state
        reason = resolution.reason
        if resolution.plan is not None:
            reason = f"upgrade {state.last_number + 1} to {resolution.plan.target.version} begins: {reason}"
        settled = resolution.settled
        if settled is not None and settled != state.settled:
            settled = settled.model_copy(update={"until": at + state.delays.look_in_full})
        if self._nudged_meanwhile:
            fraction = workflow.random().random()
            next_look_at = nudged_look(next_look_at, workflow.now(), state.delays, fraction) or next_look_at
        self._memory.change(
            first_trigger_done=True,
            last_look=reason,
            last_look_at=at,
            next_look_at=next_look_at,
            settled=settled,
            quarantine=state.quarantine.without_generations(resolution.outdated),
        )

    def _drawn(self) -> datetime:
        return next_look(workflow.now(), self._memory.state.delays, workflow.random().random())


async def resolve(memory: Memory) -> Resolution:
    """Which version and model generation an upgrade started by hand now would be pinned to (P1, T4)."""
    return await workflow.execute_activity_method(
        ImageActivities.resolve_upgrade,
        ResolveUpgrade(scale_set=memory.state.scale_set, started_by=StartedBy.USER),
        summary="which version is the newest?",
        **options.READ,
    )
