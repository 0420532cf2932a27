"""Machines that boot are no sick machines yet (docs/rules.md P2a)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.machines.actions import ActionKind
from instar.domain.records.operations import OperationStatus
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from tests.support.models import NEW, OLD
from tests.support.world import World, a_world

PROBE = "/subscriptions/s/resourceGroups/test/providers/Microsoft.Network/loadBalancers/front/probes/http"
SOURCES: list[dict[str, Any]] = [
    {"probe": ""},
    {},
    {"health": {"typeHandlerVersion": "2.0"}},
]
"""Nobody is asked; Application Health 1.0 and 2.0."""


@pytest.mark.parametrize("source", SOURCES, ids=["none", "binary", "rich"])
async def test_p2a_a_set_that_was_just_made_can_be_upgraded_at_once(world: World, source: dict[str, Any]) -> None:
    await world.has_set(10, aged=False, **source)
    world.publish(NEW)
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert set((await world.versions()).values()) == {NEW}
    assert world.judgement().violations == ()


async def test_p2a_p17_the_wait_is_told(world: World) -> None:
    await world.has_set(10, aged=False)
    world.publish(NEW)
    await world.upgraded()
    assert world.decisions()[:2] == ["waits", "started"]
    assert "waits for 10 of 10 instances that boot" in world.reasons()


async def test_p2a_machines_that_never_become_healthy_are_sick_after_one_health_wait(world: World) -> None:
    await world.has_set(5, boot=timedelta(hours=2), aged=False)
    world.publish(NEW)
    began = await world.look_at_the_clock()
    result = await world.upgraded()
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.UNHEALTHY_BEFORE
    assert result.reason.startswith("stopped: 5 of 5 instances unhealthy")
    assert timedelta(minutes=4) < await world.look_at_the_clock() - began < timedelta(minutes=6)
    assert world.judgement().swaps == 0


async def test_p2a_p2_too_many_sick_ones_beside_those_that_boot_are_not_waited_for(world: World) -> None:
    await world.has_set(10)
    world.sick("0", "1", "2")
    await world.ended(await world.ask(ActionKind.RESTART, "8", "9"))
    world.publish(NEW)
    started = await world.start()
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.FAULTED
    assert world.decisions(started.number) == ["faulted"]


async def test_p2a_a_few_that_boot_are_waited_for_and_upgraded_with_the_others(world: World) -> None:
    await world.has_set(10)
    await world.ended(await world.ask(ActionKind.RESTART, "8", "9"))
    world.publish(NEW)
    started = await world.start()
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert "waits for 2 of 10 instances that boot" in world.reasons(started.number)


async def test_p2a_p14_a_cancel_ends_the_wait_and_nothing_is_touched(world: World) -> None:
    await world.has_set(10, boot=timedelta(hours=2), aged=False)
    world.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=1))
    await world.cancel()
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.CANCELLED
    assert world.record().counts.pending == 10
    assert world.judgement().swaps == 0
    assert set((await world.versions()).values()) == {OLD}


async def test_p2a_a_changed_model_that_brings_a_source_of_health_rolls_a_set_that_was_just_made(world: World) -> None:
    await world.has_set(5, aged=False, probe="", mode="Manual")
    document = world.document(licenseType="other")
    policy = document["properties"]["upgradePolicy"] | {"mode": "Rolling"}
    changed = document | {"properties": document["properties"] | {"upgradePolicy": policy}}
    operation = await world.announce(document=changed)
    await world.pass_time(timedelta(minutes=20))
    assert (await world.ended(operation)).status is OperationStatus.SUCCEEDED
    assert {one.generation for one in (await world.instances()).values()} == {2}


async def test_p2a_p6_a_machine_of_a_batch_that_is_not_healthy_after_its_wait_has_failed(world: World) -> None:
    await world.has_set(10)
    world.publish(NEW, VersionScript(never_healthy=("0",), swap=timedelta(minutes=4)))
    await world.upgraded()
    assert world.outcomes()["0"] == "failed"


async def test_p2a_f1_a_worker_that_forgets_everything_waits_to_the_same_end(tmp_path: Path) -> None:
    async with a_world(tmp_path, cached_workflows=0) as world:
        await world.has_set(5, aged=False)
        world.publish(NEW)
        assert (await world.upgraded()).status is UpgradeStatus.COMPLETED
