"""Asking again and again until there is an answer or its time is over (docs/rules.md G1, G2)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from temporalio import activity

from instar.domain.steering.outside.answers import Heard, HookAnswer, JudgeAnswer

ONE_CALL_AT_MOST = timedelta(minutes=5)
"""A call that is not answered by then is made again, if there is time left."""

SECOND = timedelta(seconds=1)

Told = TypeVar("Told", HookAnswer, JudgeAnswer)


class ServersTime:
    """The Temporal server's time, as this attempt knows it: workers whose clocks differ count the same time-out."""

    def __init__(self) -> None:
        self._began, self._since = activity.info().started_time, time.monotonic()

    def now(self) -> datetime:
        """Now."""
        return self._began + timedelta(seconds=time.monotonic() - self._since)


async def answered(
    since: Callable[[], datetime],
    longest: Callable[[], timedelta],
    once: Callable[[timedelta], Awaitable[Heard]],
    judged: Callable[[Heard, timedelta], Told | timedelta],
    servers_time: ServersTime,
) -> Told:
    """The answer in the end. `since`: when it was first asked, by whoever; `once` asks within so long."""
    attempt = 0
    while True:
        attempt += 1
        left = longest() - (servers_time.now() - since())
        # Whole seconds: the sentence that follows is the same for every machine.
        within = timedelta(seconds=round(min(max(left, SECOND), ONE_CALL_AT_MOST).total_seconds()))
        heard = await once(within)
        found = judged(heard.model_copy(update={"attempt": attempt}), servers_time.now() - since())
        if not isinstance(found, timedelta):
            return found
        await asyncio.sleep(found.total_seconds())
