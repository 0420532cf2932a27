"""Sees to turns, or to the rings of one name (docs/rules.md W4, W5).

What it sees to is owned by the store: terminated, it takes nothing along, and whoever asks next for a turn, or the
sweep of the API, begins it anew. It has one activity whose attempts are its looks, so it needs no continue-as-new.
"""

from temporalio import workflow

from activities.keeping.keepers import KeeperActivities
from instar.domain.messages.keepers import Keeps
from instar.domain.sets.names import KEEPER_WORKFLOW
from workflows import options


@workflow.defn(name=KEEPER_WORKFLOW)
class KeeperWorkflow:
    """Looks until nothing is left to be seen to."""

    @workflow.run
    async def run(self, keeps: Keeps) -> None:
        """See to it."""
        await workflow.execute_activity_method(
            KeeperActivities.see_to,
            keeps,
            summary=f"sees to {' '.join(filter(None, (keeps.what, keeps.name)))}, each minute",
            **options.KEEP,
        )
