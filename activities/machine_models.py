"""A stored model, opened for the machine that gets it: the only place where secrets are in clear (behaviour.md F5)."""

import asyncio

from compute.provider import MachineModel
from domain.scale_sets import ScaleSetIdentity, ScaleSetModel
from store.health_sources import health_source_of
from store.store import Store


async def machine_model(store: Store, scale_set: ScaleSetIdentity, generation: int) -> MachineModel:
    """The pinned model as a machine gets it (P4). Raises store.errors.Missing for a generation that is not stored."""
    document = await asyncio.to_thread(store.scale_sets.open_model, scale_set.unique_id, generation)
    model = ScaleSetModel.from_arm(document, generation)
    profile = (document.get("properties") or {}).get("virtualMachineProfile") or {}
    extensions = (profile.get("extensionProfile") or {}).get("extensions") or ()
    return MachineModel(
        generation=generation,
        data_disks=model.data_disks,
        custom_data=str((profile.get("osProfile") or {}).get("customData") or ""),
        extensions=tuple(extensions),
        health_source=await asyncio.to_thread(health_source_of, store, model),
    )
