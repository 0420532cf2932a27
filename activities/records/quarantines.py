"""Which entries of a quarantine are over because machines are made from another model now (docs/rules.md T5)."""

import asyncio

from instar.domain.records.quarantine import Quarantine
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.sets import offered
from instar.store.store import Store


async def outdated_generations(
    store: Store, scale_set: ScaleSetIdentity, quarantine: Quarantine, generation: int
) -> tuple[int, ...]:
    """Those of its model generations on which machines were other ones; see `offered.outdated_generations`."""
    if not quarantine.generations:
        return ()
    return await asyncio.to_thread(offered.outdated_generations, store, scale_set.unique_id, quarantine, generation)
