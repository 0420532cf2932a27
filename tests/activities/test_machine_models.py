"""The pinned model as a machine gets it: with its secrets open there, and nowhere said (P4, F5)."""

from pathlib import Path
from typing import Any

import pytest

from activities.machine_models import machine_model
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.database.sealing import Sealer
from instar.store.errors import Missing
from tests.support.looks import NOON
from tests.support.models import arm
from tests.support.stores import open_store

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u-1", location="westeurope")
SECRET = {"commandToExecute": "hunter2-protected"}


def document(custom_data: str) -> dict[str, Any]:
    model = arm(1)
    profile = model["properties"]["virtualMachineProfile"]
    profile["osProfile"] = {"customData": custom_data}
    setup = {"name": "setup", "properties": {"publisher": "p", "type": "CustomScript", "protectedSettings": SECRET}}
    profile["extensionProfile"]["extensions"].append(setup)
    return model


async def test_p4_f5_the_model_of_the_pinned_generation_with_its_secrets_open(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store.sqlite", Sealer.from_file(tmp_path / "seal.keys"))
    try:
        store.scale_sets.create(SET, "s", "g", document("hunter2-first"), NOON)
        store.scale_sets.put_model(SET.unique_id, document("hunter2-second"), 1, NOON)
        for generation, custom_data in ((1, "hunter2-first"), (2, "hunter2-second")):
            model = await machine_model(store, SET, generation)
            assert (model.generation, model.custom_data, model.data_disks) == (generation, custom_data, 1)
            assert [one.name for one in model.extensions] == ["health", "setup"]
            assert model.extensions[1].protected_settings == SECRET
            assert model.health_source.kind == "applicationHealth"
            # Written into a log by accident, it would say no secret.
            assert "hunter2" not in repr(model)
            assert "hunter2" not in str(model)
        with pytest.raises(Missing):
            await machine_model(store, SET, 3)
    finally:
        store.close()
