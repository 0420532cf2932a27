from datetime import timedelta

from instar.compute.simulated.file.scripts import InstanceScript, VersionScript
from instar.domain.health.sources import Protocol
from tests.compute.scene import BINARY, NEW, OLD, RICH, SET, SETTLE, Scene


async def told(scene: Scene) -> list[tuple[int | None, bool]]:
    return [(one.phase, one.skip) for one in await scene.fleet.observe_health(SET, RICH)]


async def test_b5_a_version_tells_its_phase_and_whom_to_skip(scene: Scene) -> None:
    await scene.make(3)
    assert await told(scene) == [(None, False)] * 3
    scene.fleet.script_version(OLD, VersionScript(phase=2, skip=("1",)))
    assert await told(scene) == [(2, False), (2, True), (2, False)]
    [seen] = await scene.fleet.observe_health(SET, RICH, ["1"])
    assert seen.custom_metrics == '{"rollingUpgrade": {"PhaseOrderingNumber": 2, "SkipUpgrade": true}}'


async def test_b5_what_one_machine_tells_counts_before_its_version_until_it_is_scripted_anew(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet.script_version(OLD, VersionScript(phase=2))
    scene.fleet.script_instance(SET, "0", InstanceScript(phase=0, skip=True))
    assert await told(scene) == [(0, True), (2, False)]
    assert [(one.phase, one.skip) for one in await scene.another().observe_health(SET, RICH)] == await told(scene)
    scene.fleet.script_instance(SET, "0", InstanceScript())
    assert await told(scene) == [(2, False)] * 2


async def test_b5_only_a_healthy_machine_tells_anything(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_version(OLD, VersionScript(phase=2))
    scene.fleet.script_version(NEW, VersionScript(phase=3))
    await scene.swap()
    assert await told(scene) == [(None, False)]
    scene.clock.move(timedelta(seconds=30) + SETTLE)
    assert await told(scene) == [(3, False)]


async def test_b5_only_a_source_that_reads_bodies_is_told_anything(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_version(OLD, VersionScript(phase=2))
    for source in (BINARY, RICH.model_copy(update={"protocol": Protocol.TCP})):
        [seen] = await scene.fleet.observe_health(SET, source)
        assert (seen.phase, seen.custom_metrics) == (None, "")
