import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from instar.compute.errors import Unavailable
from instar.compute.simulated.answers.sockets import MachineSockets
from instar.compute.simulated.file.database import Database
from instar.compute.simulated.file.faults import Call, Fault, FaultKind
from instar.compute.simulated.file.scripts import FleetDefaults, InstanceScript, Mute, VersionScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.domain.health.sources import HealthSource, Protocol
from instar.domain.machines.instances import HealthState, PowerState
from tests.compute import scene as scenes
from tests.compute.scene import BOOT, MODEL, NEW, SET, Scene
from tests.support.http_servers import untrusted

QUICK = {"interval": timedelta(seconds=0.02), "number_of_probes": 2, "port": 80, "path": "/"}
BINARY = scenes.BINARY.model_copy(update=QUICK)
RICH = scenes.RICH.model_copy(update=QUICK)
TCP = BINARY.model_copy(update={"protocol": Protocol.TCP, "path": ""})
HEALTHY, UNHEALTHY = HealthState.HEALTHY, HealthState.UNHEALTHY
INITIALIZING, UNKNOWN = HealthState.INITIALIZING, HealthState.UNKNOWN


@pytest.fixture
async def sockets(scene: Scene) -> AsyncIterator[MachineSockets]:
    async with MachineSockets(scene.path, clock=scene.clock) as made:
        yield made


async def states(scene: Scene, sockets: MachineSockets, source: HealthSource) -> list[HealthState]:
    """At the first look for which this process is not too busy, as a set looks again."""
    await sockets.follow()
    for _ in range(20):
        with suppress(Unavailable):
            return [one.state for one in await scene.fleet.observe_health(SET, source)]
    return [one.state for one in await scene.fleet.observe_health(SET, source)]


async def test_machines_on_sockets_are_really_asked_and_the_others_are_computed(
    scene: Scene, sockets: MachineSockets
) -> None:
    await scene.make(3)
    ports = await sockets.put(SET.unique_id, ["0", "2"])
    assert await states(scene, sockets, RICH) == [HEALTHY] * 3
    database = Database(scene.path, scene.clock)
    with database.write() as tx:
        # Nobody listens at its port any more: whoever is not really asked does not notice.
        tx.execute("UPDATE sockets SET port = ? WHERE instance_id = 2", (unused_port(),))
    database.close()
    assert await states(scene, sockets, RICH) == [HEALTHY, HEALTHY, UNKNOWN]
    assert await states(scene, sockets, HealthSource()) == [HEALTHY] * 3
    assert len(set(ports.values())) == 2


def unused_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


@pytest.mark.parametrize("source", [BINARY, RICH, TCP], ids=["binary", "rich", "tcp"])
async def test_a_port_is_open_while_its_machine_runs_and_no_longer(
    scene: Scene, sockets: MachineSockets, source: HealthSource
) -> None:
    out, boots = (UNKNOWN, INITIALIZING) if source.rich else (UNHEALTHY, UNHEALTHY)
    await scene.make(1)
    await sockets.put(SET.unique_id, ["0"])
    assert await states(scene, sockets, source) == [HEALTHY]
    late = scene.fleet.inject(Fault(kind=FaultKind.LATE, call=Call.SWAP))
    task = asyncio.create_task(scene.swap())
    await asyncio.sleep(0)
    assert await states(scene, sockets, source) == [out]
    scene.fleet.release(late)
    await task
    assert await states(scene, sockets, source) == [boots]
    scene.clock.move(BOOT)
    assert await states(scene, sockets, source) == [HEALTHY]
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    assert await states(scene, sockets, source) == [out]
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.RUNNING))
    scene.clock.move(BOOT)
    assert await states(scene, sockets, source) == [HEALTHY]


@pytest.mark.parametrize("mute", Mute)
@pytest.mark.parametrize("source", [BINARY, RICH], ids=["binary", "rich"])
async def test_h4_h5_h7_an_application_that_gives_no_answer_is_seen_so_on_every_kind_of_socket(
    scene: Scene, sockets: MachineSockets, mute: Mute, source: HealthSource
) -> None:
    await scene.make(1)
    await sockets.put(SET.unique_id, ["0"])
    scene.fleet.script_version(NEW, VersionScript(never_healthy="all", mute_as=mute))
    await scene.swap()
    scene.clock.move(BOOT + timedelta(minutes=1))
    waits, ends = (INITIALIZING, UNKNOWN) if source.rich else (UNHEALTHY, UNHEALTHY)
    assert await states(scene, sockets, source) == [waits]
    scene.clock.move(RICH.grace_period)
    assert await states(scene, sockets, source) == [ends]
    await scene.restore()
    scene.clock.move(BOOT)
    assert await states(scene, sockets, source) == [HEALTHY]


async def test_h5_an_application_that_is_not_ready_yet_becomes_healthy_in_its_time(
    scene: Scene, sockets: MachineSockets
) -> None:
    await scene.make(1)
    await sockets.put(SET.unique_id, ["0"])
    scene.fleet.script_version(NEW, VersionScript(initializing=timedelta(minutes=2), mute_as=Mute.INITIALIZING))
    await scene.swap()
    swapped = scene.clock.now
    scene.clock.move(BOOT)
    await sockets.follow()
    observation = await scene.health(RICH)
    assert observation.state is INITIALIZING
    assert observation.settles_by == swapped + BOOT + RICH.grace_period
    scene.clock.move(timedelta(minutes=2))
    assert await states(scene, sockets, RICH) == [HEALTHY]


@pytest.mark.parametrize("source", [BINARY, RICH], ids=["binary", "rich"])
async def test_h4_h5_a_sick_application_says_so(scene: Scene, sockets: MachineSockets, source: HealthSource) -> None:
    await scene.make(2)
    await sockets.put(SET.unique_id, ["0", "1"])
    scene.fleet.script_instance(SET, "1", InstanceScript(sick_from=scene.clock.now))
    assert await states(scene, sockets, source) == [HEALTHY, UNHEALTHY]


async def test_h4_https_is_answered_where_it_is_asked_for(scene: Scene, tmp_path: Path) -> None:
    await scene.make(1)
    async with MachineSockets(scene.path, clock=scene.clock, tls=untrusted(tmp_path)) as sockets:
        await sockets.put(SET.unique_id, ["0"])
        https = RICH.model_copy(update={"protocol": Protocol.HTTPS})
        assert await states(scene, sockets, https) == [HEALTHY]


async def test_b5_custom_metrics_go_over_the_wire(scene: Scene, sockets: MachineSockets) -> None:
    await scene.make(3)
    await sockets.put(SET.unique_id, ["0", "1"])
    scene.fleet.script_version(scenes.OLD, VersionScript(phase=4, skip=("1",)))
    scene.fleet.script_instance(SET, "2", InstanceScript(phase=1))
    await sockets.follow()
    seen = await scene.fleet.observe_health(SET, RICH)
    assert [(one.phase, one.skip) for one in seen] == [(4, False), (4, True), (1, False)]
    assert [(one.phase, one.skip) for one in await scene.fleet.observe_health(SET, BINARY)] == [(None, False)] * 3


async def test_another_process_finds_the_ports_and_at_the_end_there_are_none(scene: Scene) -> None:
    await scene.make(1)
    other = scene.another()
    async with MachineSockets(scene.path, clock=scene.clock) as sockets:
        [port] = (await sockets.put(SET.unique_id, ["0"])).values()
        scene.fleet.script_instance(SET, "0", InstanceScript(sick_from=scene.clock.now))
        await sockets.follow()
        # Computed, the sickness would have to last for as many answers as are asked for.
        assert [one.state for one in await other.observe_health(SET, BINARY)] == [UNHEALTHY]
        assert [one.state for one in await scene.fleet.observe_health(SET, scenes.BINARY)] == [UNHEALTHY]
    assert [one.state for one in await other.observe_health(SET, scenes.BINARY)] == [HEALTHY]
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_ports_follow_their_machines_by_themselves(scene: Scene, sockets: MachineSockets) -> None:
    await scene.make(1)
    await sockets.put(SET.unique_id, ["0"])
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    await asyncio.sleep(0.5)
    assert (await scene.health(BINARY)).detail == "the connection was refused"


async def test_a_port_stays_its_machines_while_nobody_listens(scene: Scene, sockets: MachineSockets) -> None:
    await scene.make(1)
    [port] = (await sockets.put(SET.unique_id, ["0"])).values()
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    await sockets.follow()
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))


async def test_h7_an_unreachable_machine_makes_no_observation_on_a_socket_either(
    scene: Scene, sockets: MachineSockets
) -> None:
    await scene.make(1)
    await sockets.put(SET.unique_id, ["0"])
    later = scene.clock.now + timedelta(minutes=1)
    scene.fleet.script_instance(SET, "0", InstanceScript(unreachable_until=later))
    with pytest.raises(Unavailable):
        await scene.health(BINARY)


async def test_h6_hundreds_of_machines_on_sockets_are_looked_at_together(scene: Scene, sockets: MachineSockets) -> None:
    for number in range(200):
        await scene.fleet.create_instance(SET, str(number), scenes.OLD, MODEL)
    scene.clock.move(timedelta(hours=1))
    await sockets.put(SET.unique_id, [str(number) for number in range(200)])
    for number in range(0, 200, 10):
        scene.fleet.script_instance(SET, str(number), InstanceScript(sick_from=scene.clock.now))
    seen = await states(scene, sockets, RICH)
    assert [index for index, state in enumerate(seen) if state is not HEALTHY] == list(range(0, 200, 10))


@pytest.mark.parametrize(("sent", "state"), [(signal.SIGTERM, HEALTHY), (signal.SIGKILL, UNKNOWN)])
async def test_h7_machines_on_sockets_of_a_process_of_their_own(
    tmp_path: Path, sent: signal.Signals, state: HealthState
) -> None:
    """Asked to stop, it takes them off their sockets; killed, it takes their applications with it."""
    path = tmp_path / "fleet.sqlite"
    command = (sys.executable, "-P", "-m", "instar.compute.simulated", str(path), SET.unique_id, "0")
    with SimulatedFleet(path, pace=NoPace()) as fleet:
        fleet.set_defaults(FleetDefaults(swap=timedelta(0), boot=timedelta(0)))
        await fleet.create_instance(SET, "0", scenes.OLD, MODEL)
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        said = await process.stdout.readline()
        assert said.startswith(b"instance 0 answers on port ")
        source = RICH.model_copy(update={"grace_period": timedelta(0), "interval": timedelta(0)})
        await asyncio.sleep(0.2)
        assert [one.state for one in await fleet.observe_health(SET, source)] == [HEALTHY]
        process.send_signal(sent)
        await process.wait()
        assert [one.state for one in await fleet.observe_health(SET, source)] == [state]
