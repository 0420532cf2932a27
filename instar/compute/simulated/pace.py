"""How long the simulated work really takes: real seconds in a demo, none in tests."""

import asyncio
from datetime import timedelta
from typing import Protocol


class Pace(Protocol):
    """Lets a simulated duration pass."""

    async def take(self, duration: timedelta) -> None:
        """Return when `duration` has passed in the time of this pace."""
        ...


class RealPace:
    """A simulated second is a second."""

    async def take(self, duration: timedelta) -> None:
        """Sleep that long."""
        await asyncio.sleep(duration.total_seconds())


class NoPace:
    """The work takes no time: what passes is the injected clock's affair."""

    async def take(self, duration: timedelta) -> None:
        """Return at once."""
        del duration
