"""Which entries of a quarantine are over because machines are made from another model now (behaviour.md T5)."""

import asyncio

from domain.machine_part import machine_part
from domain.quarantine import Quarantine
from domain.scale_sets import ScaleSetIdentity
from store.store import Store


async def outdated_generations(
    store: Store, scale_set: ScaleSetIdentity, quarantine: Quarantine, generation: int
) -> tuple[int, ...]:
    """Model generations of the quarantine whose machine part is not that of `generation`.

    The secrets are opened for that: fresh credentials alone mend an extension (F4). They go no further.
    """
    others = [one for one in quarantine.generations if one != generation]
    if not others:
        return ()
    now, *before = await asyncio.gather(
        *(asyncio.to_thread(store.scale_sets.open_model, scale_set.unique_id, one) for one in (generation, *others))
    )
    return tuple(one for one, model in zip(others, before, strict=True) if machine_part(model) != machine_part(now))
