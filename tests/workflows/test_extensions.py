"""Custom data and extensions of the pinned model, from the store to the machines (docs/rules.md P4, P7, P16)."""

from datetime import timedelta

from instar.compute.simulated.file.scripts import ExtensionScript
from instar.compute.simulated.flight.recorder import Kind
from instar.domain.records.upgrades import UpgradeStatus
from tests.support.extensions import FRESH, TOKEN, errors, with_token
from tests.support.models import NEW, arm
from tests.support.world import World


async def test_p4_the_time_budget_of_the_model_is_kept(world: World) -> None:
    document = arm(5, mode="Manual", extensions=with_token(TOKEN))
    profile = document["properties"]["virtualMachineProfile"]["extensionProfile"]
    await world.has_set(5, mode="Manual", extensions=with_token(TOKEN))
    world.fleet.script_extensions(ExtensionScript(takes=timedelta(minutes=8)))
    world.publish(NEW)
    profile["extensionsTimeBudget"] = "PT20M"
    await world.put(automatic=False, document=document)
    assert (await world.upgraded()).status is UpgradeStatus.FAULTED
    assert await errors(world) == {"0": ["app: exceeded extensionsTimeBudget"]}
    profile["extensionsTimeBudget"] = "PT24M"
    await world.put(automatic=False, document=document)
    result = await world.end_of((await world.start()).number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert await errors(world) == {}


async def test_p16_new_instances_run_the_extensions_of_the_newest_model(world: World) -> None:
    await world.has_set(2, mode="Manual", extensions=with_token(TOKEN))
    world.fleet.expire_credential(TOKEN)
    await world.put(automatic=False, document=arm(3, mode="Manual", extensions=with_token(FRESH)))
    assert await errors(world) == {}
    await world.put(automatic=False, document=arm(4, mode="Manual", extensions=with_token(TOKEN)))
    assert list(await errors(world)) == ["3"]


async def test_p4_p7_custom_data_of_each_disks_own_generation_runs_on_it(world: World) -> None:
    await world.has_set(5, mode="Manual", custom_data="Zmlyc3Q=", extensions=with_token(TOKEN))
    world.publish(NEW)
    world.fleet.expire_credential(FRESH)
    # As for machines that an older Instar made: the model of the old disk is known to the store alone.
    world.fleet._database.connection.execute("DELETE FROM models")
    # By hand, so that the whole set is taken to the new generation; the breach gives the old one back.
    policy = {"rollbackFailedInstancesOnPolicyBreach": True}
    document = arm(5, mode="Manual", custom_data="c2Vjb25k", extensions=with_token(FRESH), policy=policy)
    await world.put(automatic=False, document=document)
    assert (await world.upgraded()).status is UpgradeStatus.FAULTED
    assert world.outcomes()["0"] == "rolledBack", "the old generation's token is good"
    runs = world.fleet.runs(world.scale_set, "0")
    assert [(one.generation, one.custom_data, one.extensions) for one in runs.values()] == [(1, 2, 2), (2, 1, 1)]
    assert (await world.instances())["0"].generation == 1
    ended = [one for one in world.fleet.recorder.records() if one.kind is Kind.EXTENSIONS and one.instance_id == "0"]
    assert [one.extensions[1] for one in ended] == ["download", "download: its credentials have expired", "download"]
