import asyncio
from datetime import timedelta

import pytest

from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import InstanceScript, VersionScript
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instances import HealthState, PowerState
from tests.compute.scene import BINARY, BOOT, MODEL, NEW, OLD, RICH, SET, SETTLE, Scene

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)
DEFAULT = HealthSource()
HEALTHY, UNHEALTHY = HealthState.HEALTHY, HealthState.UNHEALTHY
INITIALIZING, UNKNOWN = HealthState.INITIALIZING, HealthState.UNKNOWN


async def states(scene: Scene, *moments: timedelta, source: HealthSource = BINARY) -> list[HealthState]:
    """The state of machine 0 at moments since now, in ascending order."""
    start, seen = scene.clock.now, []
    for moment in moments:
        scene.clock.now = start + moment
        seen.append((await scene.health(source)).state)
    return seen


async def test_h2_without_a_source_a_machine_is_healthy_as_soon_as_it_has_booted(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    assert await states(scene, BOOT - TICK, BOOT, source=DEFAULT) == [UNHEALTHY, HEALTHY]


async def test_h4_h6_green_only_after_as_many_equal_answers_as_asked_for(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    assert await states(scene, BOOT, BOOT + SETTLE - TICK, BOOT + SETTLE) == [UNHEALTHY, UNHEALTHY, HEALTHY]


async def test_h6_one_answer_is_enough_when_one_is_asked_for(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    one = BINARY.model_copy(update={"number_of_probes": 1})
    assert await states(scene, BOOT - TICK, BOOT, source=one) == [UNHEALTHY, HEALTHY]


async def test_h5_initializing_until_healthy_and_it_says_when_that_must_end(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    swapped = scene.clock.now
    observation = await scene.health(RICH)
    assert observation.state is INITIALIZING
    assert observation.settles_by == swapped + BOOT + RICH.grace_period
    assert observation.observed_at == swapped
    assert await states(scene, BOOT + SETTLE - TICK, BOOT + SETTLE, source=RICH) == [INITIALIZING, HEALTHY]
    assert (await scene.health(RICH)).settles_by is None


async def test_h5_unknown_once_the_grace_period_is_over(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_version(NEW, VersionScript(never_healthy="all"))
    await scene.swap()
    end = BOOT + RICH.grace_period
    assert await states(scene, end - TICK, end, end * 100, source=RICH) == [INITIALIZING, UNKNOWN, UNKNOWN]
    assert (await scene.health(BINARY)).state is UNHEALTHY


async def test_h5_an_application_that_answers_late_but_within_its_grace_period(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_version(NEW, VersionScript(initializing=timedelta(minutes=7)))
    await scene.swap()
    ready = BOOT + timedelta(minutes=7) + SETTLE
    assert await states(scene, ready - TICK, ready, source=RICH) == [INITIALIZING, HEALTHY]


async def test_h5_an_application_that_answers_only_after_its_grace_period(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_version(NEW, VersionScript(initializing=timedelta(minutes=11)))
    await scene.swap()
    grace, ready = BOOT + timedelta(minutes=10), BOOT + timedelta(minutes=11) + SETTLE
    assert await states(scene, grace - TICK, grace, ready, source=RICH) == [INITIALIZING, UNKNOWN, HEALTHY]


async def test_only_the_named_instances_never_become_healthy_on_a_version(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet.script_version(NEW, VersionScript(never_healthy=("1",), boot=SECOND))
    await scene.swap("0")
    await scene.swap("1")
    scene.clock.move(SECOND + SETTLE)
    assert [one.state for one in await scene.fleet.observe_health(SET, BINARY)] == [HEALTHY, UNHEALTHY]
    await scene.restore("1")
    scene.clock.move(BOOT + SETTLE)
    assert (await scene.health(BINARY, "1")).state is HEALTHY


async def test_h6_a_healthy_machine_shows_unhealthy_only_after_equal_bad_answers(scene: Scene) -> None:
    await scene.make(1)
    sick = InstanceScript(sick_from=scene.clock.now, sick_until=scene.clock.now + 60 * SECOND)
    scene.fleet.script_instance(SET, "0", sick)
    seen = await states(
        scene,
        SETTLE - TICK,
        SETTLE,
        59 * SECOND,
        60 * SECOND + SETTLE - TICK,
        60 * SECOND + SETTLE,
        source=RICH,
    )
    assert seen == [HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY, HEALTHY]


async def test_h6_a_sickness_shorter_than_the_equal_answers_is_never_seen(scene: Scene) -> None:
    await scene.make(1)
    sick = InstanceScript(sick_from=scene.clock.now, sick_until=scene.clock.now + SETTLE - SECOND)
    scene.fleet.script_instance(SET, "0", sick)
    assert set(await states(scene, *(SECOND * n for n in range(40)))) == {HEALTHY}


async def test_p13_a_sick_machine_stays_sick_on_every_image(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_instance(SET, "0", InstanceScript(sick_from=scene.clock.now))
    await scene.swap()
    assert await states(scene, BOOT + SETTLE, BOOT * 100) == [UNHEALTHY, UNHEALTHY]


async def test_a_slowly_flapping_application_is_seen_to_flap(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_version(NEW, VersionScript(flapping=60 * SECOND))
    await scene.swap()
    moments = [BOOT + SETTLE + 60 * SECOND * n for n in range(4)]
    assert await states(scene, *moments) == [HEALTHY, UNHEALTHY, HEALTHY, UNHEALTHY]


async def test_h6_a_fast_flapping_application_is_never_believed(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_version(NEW, VersionScript(flapping=SETTLE - TICK))
    await scene.swap()
    assert set(await states(scene, *(SECOND * n for n in range(120)))) == {UNHEALTHY}
    scene.clock.move(timedelta(days=1))
    assert (await scene.health(RICH)).state is UNKNOWN


async def test_a_machine_in_the_middle_of_its_swap_is_out_and_says_so(scene: Scene) -> None:
    await scene.make(1)
    late = scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP))
    task = asyncio.create_task(scene.swap())
    await asyncio.sleep(0)
    observation = await scene.health(BINARY)
    assert (observation.state, observation.detail) == (UNHEALTHY, "stopped while its OS disk is replaced")
    assert (await scene.health(RICH)).state is UNKNOWN
    instance = await scene.instance()
    assert (instance.power, instance.provisioned) == (PowerState.RUNNING, False)
    scene.fleet.release(late)
    await task


async def test_p18_a_machine_started_by_its_owner_boots_anew(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    assert (await scene.health(BINARY)).detail == "stopped by its owner"
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.RUNNING))
    assert await states(scene, BOOT + SETTLE - TICK, BOOT + SETTLE) == [UNHEALTHY, HEALTHY]


async def test_a_new_machine_boots_as_its_version_is_scripted(scene: Scene) -> None:
    scene.fleet.script_version(OLD, VersionScript(boot=timedelta(minutes=3)))
    await scene.fleet.create_instance(SET, "0", OLD, MODEL)
    assert await states(scene, timedelta(minutes=3) - TICK, timedelta(minutes=3), source=DEFAULT) == [
        UNHEALTHY,
        HEALTHY,
    ]


async def test_h2_without_a_source_a_machine_that_does_not_run_is_unhealthy(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP, instance_id="1"))
    swap = asyncio.create_task(scene.swap("1"))
    await asyncio.sleep(0)
    for one in ("0", "1"):
        assert (await scene.health(DEFAULT, one)).state is UNHEALTHY
    swap.cancel()
    with pytest.raises(asyncio.CancelledError):
        await swap
