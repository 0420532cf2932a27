"""A number that is given again after the records were put back, on machines that boot (docs/rules.md F7)."""

from functools import partial

from instar.compute.libvirt.fleet import LibvirtFleet
from instar.compute.libvirt.gates import Gates
from instar.compute.provider import Effect, Fence, MachineModel, Made, Step
from instar.connection.computes import libvirt_settings
from instar.domain.health.sources import HealthSource, SourceKind
from tests.libvirt.real_site import LINE, RealSet, RealSite
from tests.processes.site import eventually


def effect(live: RealSet, drawn: str, step: Step = Step.SWAP) -> Effect:
    return Effect(live.identity, Fence(2, step, 1), "0", drawn=drawn)


async def test_f7_a_number_given_again_really_moves_the_machine_and_gives_back_what_it_put_aside(
    real: RealSite,
) -> None:
    async with real.machines(1) as live, real.offered("2.0.0", "v2"):
        port = live.records()["0"].guest_port
        source = HealthSource(kind=SourceKind.APPLICATION_HEALTH, port=port, path="/health")
        model = MachineModel(generation=1, data_disks=1, size="Tiny", health_source=source)
        healthy = partial(live.all_healthy, 1)

        async def opened(_generation: int) -> MachineModel:
            return model

        fleet = LibvirtFleet(libvirt_settings(real.settings()), Gates(real.site.data / "gates"))
        try:
            first = await fleet.swap_os_disk(effect(live, "before"), LINE.at("1.0.0"), model)
            await eventually(healthy, "it boots on the disk of the first", 120)
            assert await live.boots() == {("v1", 1, 2)}

            second = await fleet.swap_os_disk(effect(live, "after"), LINE.at("2.0.0"), model)
            await eventually(healthy, "it boots on the disk of the second", 120)
            assert await live.boots() == {("v2", 1, 3)}
            kept = live.instances()["0"].previous_os_disks
            assert (kept[0].name, first.name == second.name) == (first.name, False)

            made = Made(LINE.at("2.0.0"), model.generation)
            back = await fleet.restore_os_disk(effect(live, "after", Step.RESTORE), opened, made)
            await eventually(healthy, "it boots on the disk of the first again", 120)
            assert back.name == first.name
            assert await live.boots() == {("v1", 2, 4)}
        finally:
            fleet.close()
