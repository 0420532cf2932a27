"""`…/instar/reconcile`: records that are older than the machines take over what is there (docs/rules.md F7)."""

from typing import Any

import pytest

from api.wire.errors import ArmError
from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.domain.messages.reconciliation import OperationOfDisks, Reconcile
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.sets.policies import UpgradeMode
from tests.api.conftest import IMAGE, NEW, SCALE_SET, Api, error_of

RECONCILE = f"{SCALE_SET}/instar/reconcile"


async def behind(api: Api) -> None:
    """The model says 3; there are 5 machines, which have seen operation 2 on a model generation 4."""
    await api.create()
    await api.add_machines(5)
    stored = api.stored()
    for number in range(5):
        effect = Effect(stored.identity, Fence(2, Step.SWAP, 1), str(number), drawn="later")
        await api.fleet.swap_os_disk(effect, IMAGE.at(NEW), MachineModel(generation=4))


async def machines(api: Api) -> dict[str, Any]:
    return {one.instance_id: one for one in await api.fleet.list_instances(api.stored().identity)}


async def test_f7_a_dry_run_says_what_would_be_taken_over_and_changes_nothing(api: Api) -> None:
    await behind(api)
    before, there, sent = api.stored(), await machines(api), len(api.gateway.sent)
    answers = [await api.call("POST", RECONCILE, body) for body in (None, {}, {"dryRun": True})]
    assert {response.status_code for response in answers} == {200}
    told = answers[0].json()
    assert all(response.json() == told for response in answers)
    reason = told.pop("reason")
    assert "instances 0-4 saw operation 2, and the records know none after 0" in reason
    assert told == {
        "dryRun": True,
        "changes": True,
        "machines": 5,
        "unknownInstances": "0-4",
        "versions": [{"version": NEW, "instances": "0-4"}],
        "unknownOperations": [{"number": 2, "instances": "0-4"}],
        "unknownGenerations": [{"generation": 4, "instances": "0-4"}],
        "numbersFrom": 3,
        "idsFrom": 5,
        "generation": {"found": 1, "then": 5},
        "capacity": {"found": 3, "then": 5},
        "disksToCollect": [{"number": 2, "key": "later"}],
    }
    assert (api.stored(), await machines(api), len(api.gateway.sent)) == (before, there, sent)


async def test_f7_done_it_is_written_down_and_the_set_is_told(api: Api) -> None:
    await behind(api)
    there = await machines(api)
    response = await api.call("POST", RECONCILE, {"dryRun": False})
    assert response.status_code == 200, response.text
    stored = api.stored()
    assert (stored.generation, stored.document["sku"]["capacity"]) == (5, 5)
    assert api.store.upgrades.last_number(stored.identity.unique_id) == 2
    assert api.gateway.last == Reconcile(
        operation_id=api.gateway.last.operation_id,
        last_number=2,
        generation=5,
        machine_generation=1,
        mode=UpgradeMode.AUTOMATIC,
        automatic=False,
        collect=(OperationOfDisks(number=2, key="later"),),
    )
    assert await machines(api) == there
    again = (await api.call("POST", RECONCILE)).json()
    assert (again["changes"], again["reason"]) == (False, "")


async def test_f7_killed_before_the_set_was_told_it_is_repeated_and_the_set_is_told_the_same(api: Api) -> None:
    await behind(api)
    api.gateway.error = ArmError(503, "ServiceUnavailable", "Temporal is away")
    assert (await api.call("POST", RECONCILE, {"dryRun": False})).status_code == 503
    first = api.gateway.last
    told = (await api.call("POST", RECONCILE)).json()
    assert "saw operation 2" in told["reason"], "held until the set was told"
    api.gateway.error = None
    assert (await api.call("POST", RECONCILE, {"dryRun": False})).status_code == 200
    again = api.gateway.last
    assert again.model_copy(update={"operation_id": ""}) == first.model_copy(update={"operation_id": ""})
    assert api.stored().generation == 5


@pytest.mark.parametrize("body", [{"dryRun": "no"}, {"dryRun": 0}, {"dryRun": None}, {"dryRun": []}])
async def test_f7_nonsense_is_refused_and_takes_nothing_over(api: Api, body: dict[str, Any]) -> None:
    await behind(api)
    response = await api.call("POST", RECONCILE, body)
    assert response.status_code == 400
    assert "'dryRun' must be true or false" in error_of(response)["message"]
    assert api.stored().generation == 1


async def test_f7_no_set_is_404_and_one_in_deletion_409(api: Api) -> None:
    assert (await api.call("POST", RECONCILE, {"dryRun": False})).status_code == 404
    await behind(api)
    api.store.scale_sets.mark_deleting(api.stored().identity.unique_id)
    response = await api.call("POST", RECONCILE, {"dryRun": False})
    assert (response.status_code, error_of(response)["code"]) == (409, "Conflict")


async def test_f7_it_is_in_the_audit_log(api: Api) -> None:
    await behind(api)
    await api.call("POST", RECONCILE, {"dryRun": False})
    [newest, *_] = api.store.audit.newest(1)
    assert (newest.action, newest.resource, newest.status) == (
        "Microsoft.Compute/virtualMachineScaleSets/instar/action",
        RECONCILE,
        200,
    )


async def test_f7_why_a_set_is_held_is_read_with_temporal_away(api: Api) -> None:
    await api.create()
    api.store.statuses.write(api.stored().identity.unique_id, ScaleSetStatus(held="the records are old"), api.clock())
    api.gateway.error = ArmError(503, "ServiceUnavailable", "Temporal is away")
    body = await api.get(f"{SCALE_SET}/instar/automaticOSUpgrades")
    assert body["properties"]["held"] == "the records are old"
