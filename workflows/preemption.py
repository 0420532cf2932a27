"""Cutting a step short: a newer wish never waits for machines that do not answer (docs/rules.md F10)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from temporalio import workflow

Result = TypeVar("Result")

CUT_WITHIN = timedelta(seconds=45)
"""What machines that are being worked on are given to come to an end; then the newer wish goes on without their word.

Nothing is lost by that: whatever a late attempt still does is fenced off, or found by the next look (F2).
"""


NEARLY_DONE = timedelta(seconds=2)
"""What anything is given to end by itself: most of it has as good as ended, and is not worth doing again."""


class CutShort(Exception):
    """The step under way is to make room; what it has not done is done later, if it is still wanted."""


class Cut:
    """Whether, and why, the step under way is to make room."""

    def __init__(self) -> None:
        self.reason = ""

    def now(self, reason: str) -> None:
        """From now on every wait of the step ends."""
        self.reason = self.reason or reason

    async def all_done(self, handles: Sequence[workflow.ActivityHandle[Result]]) -> None:
        """Wait for all of them. Raises CutShort when the step is to make room; they are cancelled then."""
        await workflow.wait_condition(lambda: bool(self.reason) or all(handle.done() for handle in handles))
        if await _all_done(handles, NEARLY_DONE):
            return
        for handle in handles:
            handle.cancel()
        if not await _all_done(handles, CUT_WITHIN):
            workflow.logger.warning("cut short without a word from %d activities", len(handles))
        for handle in handles:
            handle.add_done_callback(_heard)
        raise CutShort(self.reason)

    async def done(self, handle: workflow.ActivityHandle[Result]) -> Result:
        """The result of one. Raises ActivityError, and CutShort as above."""
        await self.all_done([handle])
        return await handle


async def _all_done(handles: Sequence[workflow.ActivityHandle[Result]], within: timedelta) -> bool:
    def done() -> bool:
        return all(handle.done() for handle in handles)

    if not done():
        try:
            await workflow.wait_condition(done, timeout=within, timeout_summary="what is begun may come to its end")
        except TimeoutError:
            return False
    return True


def _heard(handle: "workflow.ActivityHandle[Result]") -> None:
    """Take notice of how it ended: nobody else does."""
    if not handle.cancelled():
        handle.exception()
