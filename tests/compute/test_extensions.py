"""Custom data and extensions on the disks of simulated machines."""

from dataclasses import replace
from datetime import timedelta

import pytest

from instar.compute.errors import Unavailable
from instar.compute.provider import MachineExtension, MachineModel
from instar.compute.simulated import provisioning
from instar.compute.simulated.file.scripts import ExtensionScript, InstanceScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.flight.recorder import Kind
from instar.compute.simulated.stage import DiskRuns
from instar.domain.machines.instances import ExtensionStatus, PowerState
from tests.compute.scene import MODEL, NEW, NEXT_MODEL, OLD, SET, Scene, restore, swap

MINUTE = timedelta(minutes=1)
TOKEN = "token-of-last-year"
WITH_TOKEN = replace(
    NEXT_MODEL,
    extensions=(
        MachineExtension("setup"),
        MachineExtension("app", protected_settings={"nested": [{"token": TOKEN}], "number": 7}),
        MachineExtension("log"),
    ),
)


async def ended(scene: Scene, instance_id: str = "0") -> list[str]:
    """How the extensions ended, an error after the name."""
    return [
        f"{one.name}{': ' if one.error else ''}{one.error}" for one in (await scene.instance(instance_id)).extensions
    ]


def recorded(scene: Scene) -> list[tuple[str, ...]]:
    return [one.extensions for one in scene.fleet.recorder.records() if one.kind is Kind.EXTENSIONS]


class SlowPace:
    """Notes what is waited for."""

    def __init__(self) -> None:
        self.waits: list[timedelta] = []

    async def take(self, duration: timedelta) -> None:
        self.waits.append(duration)


async def test_p4_custom_data_and_extensions_run_on_the_new_disk_in_their_order(scene: Scene) -> None:
    await scene.make(1)
    assert scene.fleet.runs(SET, "0") == {"web_0_os_0": DiskRuns(1, 1, 1)}
    await scene.swap()
    assert scene.fleet.runs(SET, "0") == {"web_0_os_0": DiskRuns(1, 1, 1), "web_0_os_1": DiskRuns(2, 1, 1)}
    assert await ended(scene) == ["setup", "app"]
    assert recorded(scene) == [("setup", "app"), ("setup", "app")]


async def test_p7_a_restore_runs_them_again_on_the_old_disk_and_those_of_its_own_generation(scene: Scene) -> None:
    other = replace(NEXT_MODEL, extensions=(MachineExtension("other"),))
    await scene.make(1)
    await scene.fleet.swap_os_disk(swap(), NEW, other)
    assert await ended(scene) == ["other"]
    await scene.restore()
    assert await ended(scene) == ["setup", "app"]
    assert scene.fleet.runs(SET, "0") == {"web_0_os_0": DiskRuns(1, 2, 2), "web_0_os_1": DiskRuns(2, 1, 1)}


async def test_f2_a_call_made_again_runs_nothing_twice(scene: Scene) -> None:
    await scene.make(1)
    for attempt in (1, 2, 3):
        await scene.swap(attempt=attempt)
    assert scene.fleet.runs(SET, "0")["web_0_os_1"] == DiskRuns(2, 1, 1)
    for attempt in (1, 2, 3):
        await scene.restore(attempt=attempt)
    assert scene.fleet.runs(SET, "0")["web_0_os_0"] == DiskRuns(1, 2, 2)


async def test_f4_a_failed_extension_stops_those_after_it_and_the_swap_is_done_all_the_same(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_extensions(ExtensionScript(name="Setup", fails="exit code 3"))
    assert (await scene.swap()).image == NEW
    instance = await scene.instance()
    assert instance.extensions == (ExtensionStatus("setup", "exit code 3", "."),)
    assert instance.provisioned
    assert recorded(scene)[-1] == ("setup: exit code 3",)
    scene.fleet.script_extensions()
    await scene.restore()
    assert await ended(scene) == ["setup", "app"]


@pytest.mark.parametrize(
    ("script", "failing"),
    [
        (ExtensionScript(fails="no", image=NEW), {"0", "1"}),
        (ExtensionScript(fails="no", image=OLD), set()),
        (ExtensionScript(fails="no", instances=("1",)), {"1"}),
        (ExtensionScript(fails="no", scale_set="u-1"), {"0", "1"}),
        (ExtensionScript(fails="no", scale_set="u-2"), set()),
        (ExtensionScript(fails="no", name="other"), set()),
        (ExtensionScript(name="app", takes=MINUTE), set()),
    ],
)
async def test_extensions_fail_for_a_version_an_instance_or_a_set(
    scene: Scene, script: ExtensionScript, failing: set[str]
) -> None:
    await scene.make(2)
    scene.fleet.script_extensions(script)
    await scene.swap("0")
    await scene.swap("1")
    assert {one for one in ("0", "1") if any((await scene.instance(one)).extensions[-1:])} == {"0", "1"}
    assert {one for one in ("0", "1") if ": no" in (await ended(scene, one))[-1]} == failing


async def test_extensions_fail_from_a_moment_until_a_moment(scene: Scene) -> None:
    await scene.make(3)
    now = scene.clock.now
    scene.fleet.script_extensions(ExtensionScript(fails="no", fails_from=now + MINUTE, fails_until=now + 2 * MINUTE))
    found = []
    for instance_id in ("0", "1", "2"):
        await scene.swap(instance_id)
        found.append(await ended(scene, instance_id))
        scene.clock.move(MINUTE)
    assert found == [["setup", "app"], ["setup: no"], ["setup", "app"]]


async def test_f4_expired_credentials_fail_on_the_new_disk_and_again_on_the_old_one_and_fresh_ones_do_not(
    scene: Scene,
) -> None:
    await scene.fleet.create_instance(SET, "0", OLD, WITH_TOKEN)
    assert await ended(scene) == ["setup", "app", "log"]

    async def of(_: int) -> MachineModel:
        return WITH_TOKEN

    scene.fleet.expire_credential(TOKEN)
    await scene.fleet.swap_os_disk(swap(), NEW, WITH_TOKEN)
    assert await ended(scene) == ["setup", "app: its credentials have expired"]
    await scene.fleet.restore_os_disk(restore(), of)
    assert await ended(scene) == ["setup", "app: its credentials have expired"]
    fresh = replace(WITH_TOKEN, generation=3, extensions=(MachineExtension("app", settings={"token": "fresh"}),))
    await scene.fleet.swap_os_disk(swap(operation=2), NEW, fresh)
    assert await ended(scene) == ["app"]


async def test_f4_credentials_may_expire_later(scene: Scene) -> None:
    await scene.make(2)
    scene.fleet.expire_credential(TOKEN, scene.clock.now + MINUTE)
    await scene.fleet.swap_os_disk(swap("0"), NEW, WITH_TOKEN)
    scene.clock.move(MINUTE)
    await scene.fleet.swap_os_disk(swap("1"), NEW, WITH_TOKEN)
    assert (len(await ended(scene, "0")), len(await ended(scene, "1"))) == (3, 2)


async def test_f5_no_credential_in_clear_in_any_file(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.expire_credential(TOKEN)
    await scene.fleet.swap_os_disk(swap(), NEW, WITH_TOKEN)
    assert "app: its credentials have expired" in await ended(scene)
    for path in scene.path.parent.iterdir():
        assert TOKEN.encode() not in path.read_bytes()
    assert TOKEN not in repr(WITH_TOKEN)


async def test_the_call_takes_as_long_as_its_extensions(scene: Scene) -> None:
    await scene.make(1)
    pace = SlowPace()
    with SimulatedFleet(scene.path, clock=scene.clock, pace=pace) as fleet:
        fleet.script_extensions(ExtensionScript(name="app", takes=5 * MINUTE), ExtensionScript(takes=MINUTE))
        await fleet.swap_os_disk(swap(), NEW, NEXT_MODEL)
    assert pace.waits == [timedelta(seconds=2), MINUTE, 5 * MINUTE]


async def test_p4_what_has_not_ended_within_the_time_budget_has_failed(scene: Scene) -> None:
    await scene.make(2)
    pace = SlowPace()
    tight = replace(NEXT_MODEL, extensions_time_budget=15 * MINUTE)
    with SimulatedFleet(scene.path, clock=scene.clock, pace=pace) as fleet:
        fleet.script_extensions(
            ExtensionScript(name="setup", takes=10 * MINUTE),
            ExtensionScript(name="app", instances=("0",), takes=5 * MINUTE + timedelta(microseconds=1)),
            ExtensionScript(name="app", instances=("1",), takes=5 * MINUTE),
        )
        await fleet.swap_os_disk(swap("0"), NEW, tight)
        await fleet.swap_os_disk(swap("1"), NEW, tight)
    assert await ended(scene, "0") == ["setup", "app: exceeded extensionsTimeBudget"]
    assert await ended(scene, "1") == ["setup", "app"]
    assert pace.waits[1:3] == [10 * MINUTE, 5 * MINUTE]


async def test_a_machine_whose_extensions_run_is_not_provisioned_yet(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_extensions(ExtensionScript(name="app", takes=MINUTE))
    seen: list[tuple[list[str], bool]] = []

    class Looks:
        async def take(self, duration: timedelta) -> None:
            if duration == MINUTE:
                seen.append((await ended(scene), (await scene.instance()).provisioned))

    with SimulatedFleet(scene.path, clock=scene.clock, pace=Looks()) as fleet:
        await fleet.swap_os_disk(swap(), NEW, NEXT_MODEL)
    assert seen == [(["setup"], False)]
    assert (await scene.instance()).provisioned


async def test_f1_the_next_attempt_goes_on_with_the_extension_at_which_the_last_one_was_lost(scene: Scene) -> None:
    await scene.make(1)
    pace = SlowPace()
    scene.fleet.script_extensions(
        ExtensionScript(name="setup", takes=MINUTE), ExtensionScript(name="app", takes=2 * MINUTE)
    )

    class Dies:
        async def take(self, duration: timedelta) -> None:
            if duration == 2 * MINUTE:
                raise Unavailable("the process dies here")

    with SimulatedFleet(scene.path, clock=scene.clock, pace=Dies()) as fleet, pytest.raises(Unavailable):
        await fleet.swap_os_disk(swap(attempt=1), NEW, NEXT_MODEL)
    with SimulatedFleet(scene.path, clock=scene.clock, pace=pace) as fleet:
        await fleet.swap_os_disk(swap(attempt=2), NEW, NEXT_MODEL)
    assert pace.waits == [2 * MINUTE]
    assert scene.fleet.runs(SET, "0")["web_0_os_1"] == DiskRuns(2, 1, 1)


async def test_p18_they_run_on_a_stopped_machine_when_its_owner_starts_it(scene: Scene) -> None:
    await scene.make(1)
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    await scene.swap()
    assert (await ended(scene), scene.fleet.runs(SET, "0")["web_0_os_1"]) == ([], DiskRuns(2, 0, 0))
    assert (await scene.instance()).provisioned
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.RUNNING))
    assert (await ended(scene), scene.fleet.runs(SET, "0")["web_0_os_1"]) == (["setup", "app"], DiskRuns(2, 1, 1))
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.STOPPED))
    scene.fleet.script_instance(SET, "0", InstanceScript(power=PowerState.RUNNING))
    assert scene.fleet.runs(SET, "0")["web_0_os_1"] == DiskRuns(2, 1, 1)


async def test_a_machine_tells_kind_and_version_of_what_ran_on_it(scene: Scene) -> None:
    one = MachineExtension("setup", "Microsoft.Azure.Extensions", "CustomScript", "2.1")
    await scene.fleet.create_instance(SET, "0", OLD, replace(MODEL, extensions=(one,)))
    assert (await scene.instance()).extensions == (
        ExtensionStatus("setup", "", "Microsoft.Azure.Extensions.CustomScript", "2.1"),
    )


async def test_what_is_scripted_of_extensions_is_known_to_every_process(scene: Scene) -> None:
    await scene.make(1)
    scene.another().script_extensions(ExtensionScript(fails="no"))
    scene.another().expire_credential("another")
    await scene.swap()
    assert await ended(scene) == ["setup: no"]


async def test_f2_an_extension_that_somebody_else_has_ended_does_not_end_again(scene: Scene) -> None:
    await scene.make(1)

    class Dies:
        async def take(self, duration: timedelta) -> None:
            if duration == MINUTE:
                raise Unavailable("the process dies here")

    scene.fleet.script_extensions(ExtensionScript(takes=MINUTE))
    with SimulatedFleet(scene.path, clock=scene.clock, pace=Dies()) as fleet, pytest.raises(Unavailable):
        await fleet.swap_os_disk(swap(), NEW, NEXT_MODEL)
    with scene.fleet._database.write() as tx:
        setup = provisioning.go_on(tx, "u-1", 0)
        assert setup is not None
        app = provisioning.end(tx, "u-1", 0, setup)
        assert provisioning.end(tx, "u-1", 0, setup) == app
    assert await ended(scene) == ["setup"]


async def test_p7_a_restore_opens_the_model_that_the_disk_had(scene: Scene) -> None:
    await scene.make(1)
    await scene.swap()
    opened = []

    async def of(generation: int) -> MachineModel:
        opened.append(generation)
        return replace(MODEL, extensions=(MachineExtension("opened"),))

    await scene.fleet.restore_os_disk(restore(), of)
    assert (opened, await ended(scene)) == ([1], ["opened"])
