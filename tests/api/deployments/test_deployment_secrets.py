"""F5 of deployments: what a run keeps sealed, and what it never shows."""

import json

from cryptography.fernet import Fernet

from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.api.conftest import GROUP, SECRETS, Api, document
from tests.api.deployments.deploying import ONE, SETS, begin, look_after, resource, scale_set, state, stored


async def test_f5_what_a_run_needs_is_sealed_while_it_lasts_and_forgotten_then(api: Api) -> None:
    parameters = {"word": {"type": "securestring", "defaultValue": SECRETS[0]}}
    late = scale_set(
        "late", "early", properties__virtualMachineProfile__osProfile__adminPassword="[parameters('word')]"
    )
    await begin(api, scale_set("early"), late, parameters=parameters)
    shown = json.dumps(stored(api)) + (await api.call("GET", ONE)).text
    assert not any(secret in shown for secret in SECRETS)
    api.end_operations()
    await look_after(api)
    opened = api.store.scale_sets.open_model(api.stored(f"{GROUP}/providers/{SETS}/late").identity.unique_id, 1)
    assert opened["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] == SECRETS[0]
    assert "sealed" in stored(api)
    api.end_operations()
    await look_after(api)
    assert await state(api) == "Succeeded"
    assert "sealed" not in stored(api)


async def test_f5_seals_of_running_deployments_are_made_anew_with_the_others(api: Api) -> None:
    await begin(api, resource(SETS, "early", **document(properties__virtualMachineProfile__userData=None)))
    before = stored(api)["sealed"]
    old = (api.app.state.services.settings.data_dir / "keys").read_text().split()[-1]
    fresh = Fernet.generate_key().decode()
    url = f"sqlite:///{api.app.state.services.settings.data_dir / 'store.sqlite'}"
    both = Store.open(url, Sealer([fresh, old]))
    assert both.reseal() >= 1
    both.close()
    assert stored(api)["sealed"] != before
    newest = Store.open(url, Sealer([fresh]))
    [one] = newest.deployments.unfinished()
    assert newest.deployments.opened(one)["template"]["resources"][0]["name"] == "early"
    newest.close()


async def test_f5_an_output_must_not_show_a_secret(api: Api) -> None:
    parameters = {"word": {"type": "securestring", "defaultValue": SECRETS[0]}}
    variables = {"a": "[variables('b')]", "b": "[base64(parameters('word'))]"}
    for value in ("[parameters('WORD')]", "[variables('a')]", "[parameters(concat('wo', 'rd'))]"):
        outputs = {"shown": {"type": "string", "value": value}}
        begun = await begin(api, parameters=parameters, variables=variables, outputs=outputs)
        assert begun["outputs"] == {"shown": {"type": "string"}}
        [warning] = begun["diagnostics"]
        assert (warning["code"], "'shown'" in warning["message"]) == ("OutputNotShown", True)
        assert "hunter2" not in str(begun)
    outputs = {"hidden": {"type": "securestring", "value": "[variables('a')]"}}
    begun = await begin(api, parameters=parameters, variables=variables, outputs=outputs)
    assert begun["outputs"] == {"hidden": {"type": "securestring"}}
