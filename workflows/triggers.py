"""What starts upgrades without anyone's hand: the first trigger after enabling (behaviour.md T1, T3)."""

import asyncio
from datetime import datetime

from temporalio import workflow

from activities.images import ImageActivities
from domain.messages.scale_set import Resolution, ResolveUpgrade
from domain.policies import StartedBy
from workflows import options
from workflows.memory import Memory
from workflows.running_upgrade import UpgradeLock, due


class Triggers:
    """Looks at the catalogue when it is time. `starting` keeps two starts at once from both finding the set idle."""

    def __init__(self, memory: Memory, lock: UpgradeLock, starting: asyncio.Lock) -> None:
        self._memory = memory
        self._lock = lock
        self._starting = starting

    def enabled(self) -> None:
        """Automatic upgrades are on: the deadline of the first is set once in the life of the set (T1)."""
        state = self._memory.state
        if state.first_trigger_at is None:
            self._memory.change(first_trigger_at=workflow.now() + state.delays.first_trigger)

    @property
    def next_moment(self) -> datetime | None:
        """When to look next; None while nothing is to be looked at."""
        state = self._memory.state
        return (
            state.first_trigger_at if state.automatic and not state.first_trigger_done and not state.running else None
        )

    @property
    def is_due(self) -> bool:
        """Whether to look now."""
        return not self._memory.state.deleting and due(self.next_moment)

    async def look(self) -> None:
        """One look at the catalogue, and an upgrade if there is something newer."""
        async with self._starting:
            if not self.is_due:
                return
            resolution = await resolve(self._memory, StartedBy.PLATFORM)
            # Disabled or deleted while the catalogue was looked at: what is pending is dropped (T3).
            if not self.is_due:
                return
            self._memory.change(first_trigger_done=True, last_look=resolution.reason)
            if resolution.plan is not None:
                await self._lock.begin(resolution.plan, StartedBy.PLATFORM, "")


async def resolve(memory: Memory, started_by: StartedBy) -> Resolution:
    """Which version and model generation an upgrade started now would be pinned to (P1)."""
    return await workflow.execute_activity_method(
        ImageActivities.resolve_upgrade,
        ResolveUpgrade(scale_set=memory.state.scale_set, started_by=started_by),
        summary="which version is the newest?",
        **options.READ,
    )
