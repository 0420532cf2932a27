"""An extension whose credentials have expired: from the breach to the documented recovery (docs/rules.md F4)."""

from datetime import timedelta

from instar.domain.machines.actions import ActionKind
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from tests.support.actions import done
from tests.support.extensions import FRESH, TOKEN, errors, with_token
from tests.support.models import NEW, OLD, arm
from tests.support.world import World


async def the_token_expires_and_an_upgrade_begins(world: World) -> None:
    await world.has_set(10, mode="Manual", extensions=with_token(TOKEN))
    world.fleet.expire_credential(TOKEN)
    world.publish(NEW)
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))


async def test_f4_the_first_batch_fails_on_the_new_disk_and_after_the_rollback_and_nobody_else_is_touched(
    world: World,
) -> None:
    await the_token_expires_and_an_upgrade_begins(world)
    result = await world.end_of()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_UPGRADED
    expired = "extension 'download' failed: its credentials have expired"
    assert [(one.target, one.message) for one in result.error.details] == [
        ("web/virtualMachines/0", expired),
        ("web/virtualMachines/1", expired),
    ]
    counts = world.record().counts
    assert (counts.successful, counts.failed, counts.rollback_failed, counts.rolled_back) == (0, 2, 2, 0)
    assert counts.pending == 8
    assert "2 not healthy after their rollback, need a person: 0-1" in world.record().rollback_error
    assert set((await world.versions()).values()) == {OLD}
    failed = ["download: its credentials have expired"]
    assert await errors(world) == {"0": failed, "1": failed}
    runs = world.fleet.runs(world.scale_set, "0")
    assert [(one.custom_data, one.extensions) for one in runs.values()] == [(2, 2), (1, 1)]
    assert "app" not in [one.name for one in (await world.instances())["0"].extensions], "what follows did not run"
    assert world.judgement().violations == ()


async def test_f4_fresh_settings_heal_every_instance_the_failed_ones_too(world: World) -> None:
    await the_token_expires_and_an_upgrade_begins(world)
    await world.end_of()
    await world.put(automatic=False, document=arm(10, mode="Manual", extensions=with_token(FRESH)))
    result = await world.end_of((await world.start()).number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert set((await world.versions()).values()) == {NEW}
    assert await errors(world) == {}
    counts = world.record(2).counts
    assert (counts.successful, counts.failed) == (10, 0)
    for instance in (await world.instances()).values():
        assert [one.name for one in instance.extensions] == ["health", "download", "app"]


async def test_f4_without_fresh_settings_an_upgrade_by_hand_fails_again(world: World) -> None:
    await the_token_expires_and_an_upgrade_begins(world)
    await world.end_of()
    result = await world.end_of((await world.start()).number)
    assert result.status is UpgradeStatus.FAULTED
    assert set(await errors(world)) >= {"0", "1"}


async def test_f4_manualupgrade_with_fresh_settings_heals_every_instance(world: World) -> None:
    await the_token_expires_and_an_upgrade_begins(world)
    await world.end_of()
    await world.put(automatic=False, document=arm(10, mode="Manual", extensions=with_token(FRESH)))
    assert set(await errors(world)) == {"0", "1"}
    assert await done(world, ActionKind.MANUAL_UPGRADE) == ""
    assert await errors(world) == {}
    assert {one.generation for one in (await world.instances()).values()} == {2}
    assert set((await world.versions()).values()) == {OLD}
