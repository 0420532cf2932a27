"""A stored model, opened for the machine that gets it: the only place where secrets are in clear (docs/rules.md F5)."""

import asyncio

from instar.compute.provider import MachineExtension, MachineModel, Models
from instar.domain.sets.extensions import run_order
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.store.health_sources import health_source_of
from instar.store.store import Store


async def machine_model(store: Store, scale_set: ScaleSetIdentity, generation: int) -> MachineModel:
    """The pinned model as a machine gets it (P4). Raises store.errors.Missing for a generation that is not stored."""
    document = await asyncio.to_thread(store.scale_sets.open_model, scale_set.unique_id, generation)
    model = ScaleSetModel.from_arm(document, generation)
    profile = (document.get("properties") or {}).get("virtualMachineProfile") or {}
    data_disks = (profile.get("storageProfile") or {}).get("dataDisks") or ()
    bodies = {
        str(one.get("name")).lower(): one.get("properties") or {}
        for one in (profile.get("extensionProfile") or {}).get("extensions") or ()
    }
    return MachineModel(
        generation=generation,
        data_disks=model.data_disks,
        size=str((document.get("sku") or {}).get("name") or ""),
        data_disk_gibibytes=tuple(_whole(data_disk.get("diskSizeGB")) for data_disk in data_disks),
        custom_data=str((profile.get("osProfile") or {}).get("customData") or ""),
        extensions=tuple(
            MachineExtension(
                name=extension.name,
                publisher=extension.publisher,
                type=extension.type,
                version=extension.version,
                settings=bodies[extension.name.lower()].get("settings") or {},
                protected_settings=bodies[extension.name.lower()].get("protectedSettings") or {},
            )
            for extension in run_order(model.extension_profile.extensions)
        ),
        extensions_time_budget=model.extension_profile.extensions_time_budget,
        health_source=await asyncio.to_thread(health_source_of, store, model),
    )


def models_of(store: Store, scale_set: ScaleSetIdentity) -> Models:
    """Opens the model of any generation of the set, each once."""
    opened: dict[int, MachineModel] = {}

    async def of(generation: int) -> MachineModel:
        if generation not in opened:
            opened[generation] = await machine_model(store, scale_set, generation)
        return opened[generation]

    return of


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
