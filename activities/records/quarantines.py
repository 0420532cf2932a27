"""Which entries of a quarantine are over because machines are made from another model now (docs/rules.md T5)."""

import asyncio

from instar.domain.records.quarantine import Quarantine
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.store import Store


async def outdated_generations(
    store: Store, scale_set: ScaleSetIdentity, quarantine: Quarantine, generation: int
) -> tuple[int, ...]:
    """Model generations of the quarantine whose machine part, secrets included, is not that of `generation`.

    Fresh credentials alone mend an extension (F4).
    """
    others = [one for one in quarantine.generations if one != generation]
    if not others:
        return ()
    known = store.scale_sets.machine_generation
    now, *before = await asyncio.gather(
        *(asyncio.to_thread(known, scale_set.unique_id, one) for one in (generation, *others))
    )
    return tuple(one for one, seen in zip(others, before, strict=True) if seen != now)
