"""A stored model, opened for the machine that gets it: the only place where secrets are in clear (behaviour.md F5)."""

import asyncio

from compute.provider import MachineModel
from domain.scale_sets import ScaleSetIdentity, ScaleSetModel
from store.store import Store


async def machine_model(store: Store, scale_set: ScaleSetIdentity, generation: int) -> MachineModel:
    """The pinned model as a machine gets it (P4). Raises store.errors.Missing for a generation that is not stored."""
    document = await asyncio.to_thread(store.scale_sets.open_model, scale_set.unique_id, generation)
    model = ScaleSetModel.from_arm(document, generation)
    profile = (document.get("properties") or {}).get("virtualMachineProfile") or {}
    data_disks = (profile.get("storageProfile") or {}).get("dataDisks") or ()
    extensions = (profile.get("extensionProfile") or {}).get("extensions") or ()
    return MachineModel(
        generation=generation,
        data_disks=model.data_disks,
        size=str((document.get("sku") or {}).get("name") or ""),
        data_disk_gibibytes=tuple(_whole(one.get("diskSizeGB")) for one in data_disks),
        custom_data=str((profile.get("osProfile") or {}).get("customData") or ""),
        extensions=tuple(extensions),
        health_source=model.health_source,
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
