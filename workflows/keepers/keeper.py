"""Sees to turns, to the rings of one name, or to the looks of idle sets (docs/rules.md T2, W4, W5).

What it sees to is owned by the store: terminated, it takes nothing along, and whoever asks next for a turn, or the
sweep of the API, begins it anew. It has one activity whose attempts are its looks, so time costs it no history; only a
word that something is due sooner does.
"""

from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.keeping.keepers import KeeperActivities
from instar.domain.messages.keepers import Keeps
from instar.domain.sets.names import KEEPER_WORKFLOW
from workflows import options


@workflow.defn(name=KEEPER_WORKFLOW)
class KeeperWorkflow:
    """Looks until nothing is left to be seen to."""

    def __init__(self) -> None:
        self._woken = False

    @workflow.signal(description="Something may be due before the next look: look now")
    def look(self) -> None:
        """Look now."""
        self._woken = True

    @workflow.run
    async def run(self, keeps: Keeps) -> None:
        """See to it."""
        while await self._looks_until_woken(keeps):
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(keeps)

    async def _looks_until_woken(self, keeps: Keeps) -> bool:
        """Whether there may be more to see to."""
        self._woken = False
        looking = workflow.start_activity_method(
            KeeperActivities.see_to,
            keeps,
            summary=f"sees to {' '.join(filter(None, (keeps.what, keeps.name)))}, again and again",
            **options.KEEP,
        )
        await workflow.wait_condition(lambda: looking.done() or self._woken)
        if not self._woken:
            await looking
            return False
        # Between two attempts it ends at once; one that is under way first lets go, so that no two look together.
        looking.cancel()
        with suppress(ActivityError):
            await looking
        return True
