"""Upgrades whose health comes from each kind of source."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.machine_models import machine_model
from instar.compute.simulated.answers.sockets import MachineSockets
from instar.compute.simulated.file.scripts import Mute, VersionScript
from instar.domain.health.load_balancers import LOAD_BALANCER
from instar.domain.machines.instances import ExtensionStatus, Instance
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.support.models import GROUP, LOCATION, NEW
from tests.support.world import BOOT, World

FRONT = f"{GROUP}/providers/{LOAD_BALANCER}/front"
PROBE = f"{FRONT}/probes/web"


def has_probe(world: World, seconds: int, threshold: int) -> None:
    """A load balancer whose probe has this interval and threshold."""
    settings = {"protocol": "Tcp", "port": 80, "intervalInSeconds": seconds, "probeThreshold": threshold}
    document = {"location": LOCATION, "properties": {"probes": [{"name": "web", "properties": settings}]}}
    world.store.resources.put(LOAD_BALANCER, FRONT, GROUP.split("/")[2], "test", document, world.clock())


def rich(**settings: Any) -> dict[str, Any]:
    """Application Health 2.0."""
    asks = {"protocol": "http", "port": 80, "requestPath": "/", "intervalInSeconds": 5}
    return {"typeHandlerVersion": "2.0", "settings": asks | settings}


def extension_fails(world: World, monkeypatch: pytest.MonkeyPatch, *ids: str) -> None:
    """The extension 'setup' fails on these instances wherever they are on NEW."""
    listing = world.fleet.list_instances

    async def listed(scale_set: ScaleSetIdentity, wanted: Iterable[str] | None = None) -> tuple[Instance, ...]:
        failed = (ExtensionStatus("agent"), ExtensionStatus("setup", "its credentials have expired"))
        return tuple(
            replace(one, extensions=failed)
            if one.instance_id in ids and one.os_disk and one.os_disk.image.version == NEW
            else one
            for one in await listing(scale_set, wanted)
        )

    monkeypatch.setattr(world.fleet, "list_instances", listed)


async def test_h3_h6_a_probes_interval_and_threshold_are_waited_for(world: World) -> None:
    has_probe(world, seconds=20, threshold=3)
    await world.has_set(5, probe=PROBE)
    world.publish(NEW)
    began = await world.look_at_the_clock()
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    took = await world.look_at_the_clock() - began
    answers = timedelta(seconds=40)
    assert 5 * (BOOT + answers) <= took < 5 * (BOOT + answers + timedelta(seconds=15))
    assert world.judgement().violations == ()


async def test_h3_a_machine_is_given_its_probe_with_the_stored_settings(world: World) -> None:
    has_probe(world, seconds=20, threshold=3)
    await world.has_set(1, probe=PROBE)
    source = (await machine_model(world.store, world.scale_set, 1)).health_source
    assert (source.interval, source.number_of_probes, source.port) == (timedelta(seconds=20), 3, 80)


async def test_h3_p6_a_probe_that_cannot_answer_in_five_minutes_fails_the_batch(world: World) -> None:
    has_probe(world, seconds=100, threshold=4)
    await world.has_set(5, probe=PROBE)
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.reason == "stopped: 1 of 1 attempted instances unhealthy (100 %), limit 20 %"


async def test_p1_a_probe_changed_during_the_run_changes_nothing_in_it(world: World) -> None:
    has_probe(world, seconds=5, threshold=1)
    await world.has_set(5, probe=PROBE, policy={"pauseTimeBetweenBatches": "PT10M"})
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    has_probe(world, seconds=100, threshold=4)
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason


async def test_h3_a_probe_is_binary_and_its_bad_answer_is_rolled_back(world: World) -> None:
    has_probe(world, seconds=5, threshold=2)
    await world.has_set(20, probe=PROBE)
    world.publish(NEW, VersionScript(never_healthy=("9",)))
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, seconds=1))
    result = await world.end_of()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.outcomes()["9"] == "rolledBack"


async def test_h2_without_a_source_the_application_is_not_asked(world: World) -> None:
    await world.has_set(5, probe="")
    world.publish(NEW, VersionScript(never_healthy="all"))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert world.judgement().most_out_at_once == 1


@pytest.mark.parametrize("model", [{"probe": ""}, {}, {"health": rich()}], ids=["no source", "binary", "rich"])
async def test_h2_an_extension_that_fails_makes_its_instance_unhealthy_and_says_which(
    world: World, monkeypatch: pytest.MonkeyPatch, model: dict[str, Any]
) -> None:
    await world.has_set(10, **model)
    extension_fails(world, monkeypatch, "0", "5")
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_UPGRADED
    [detail] = result.error.details
    assert detail.target == "web/virtualMachines/0"
    assert "extension 'setup' failed: its credentials have expired" in detail.message
    assert "agent" not in detail.message


async def test_h5_unknown_counts_as_unhealthy_once_the_grace_period_is_over(world: World) -> None:
    await world.has_set(5, health=rich(gracePeriod=10))
    world.publish(NEW, VersionScript(never_healthy="all"))
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_UPGRADED
    assert [one.message for one in result.error.details] == [
        "the application gives no answer that lasts, and its grace period is over"
    ]


async def test_h5_unknown_counts_as_unhealthy_before_the_upgrade_and_initializing_does_not(world: World) -> None:
    await world.has_set(5, health=rich(gracePeriod=14_400))
    world.fleet.script_version(image_of(await world.instances()), VersionScript(never_healthy=("0", "1")))
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    world.fleet.script_version(image_of(await world.instances()), VersionScript(never_healthy=("0", "1")))
    await world.pass_time(timedelta(hours=5))
    world.publish("18.04.202412310")
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_BEFORE


def image_of(instances: dict[str, Instance]) -> Any:
    """What every instance is on."""
    [image] = {one.os_disk.image for one in instances.values() if one.os_disk}
    return image


@pytest.mark.parametrize("mute", [Mute.GARBAGE, Mute.REFUSES])
async def test_h5_an_upgrade_of_machines_that_are_really_asked(world: World, tmp_path: Path, mute: Mute) -> None:
    await world.has_set(5, health=rich(gracePeriod=10))
    async with MachineSockets(tmp_path / "fleet.sqlite", clock=world.clock) as sockets:
        await sockets.put(world.scale_set.unique_id, map(str, range(5)))
        world.publish(NEW)
        result = await world.upgraded()
        assert result.status is UpgradeStatus.COMPLETED, result.reason
        assert world.record(1).counts.successful == 5
        world.publish("18.04.202412310", VersionScript(never_healthy="all", mute_as=mute))
        result = await world.upgraded()
        assert result.status is UpgradeStatus.FAULTED
        assert result.error is not None
        assert result.error.code == ErrorCode.UNHEALTHY_UPGRADED
        assert result.reason == "stopped: 1 of 1 attempted instances unhealthy (100 %), limit 20 %"
