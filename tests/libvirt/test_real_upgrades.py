"""Upgrades of machines that boot: real QEMU on a libvirt of the tests' own, processes that are killed (F1, F2, P7).

Every guest counts its boots, on its OS disk and on its data disk: so it shows which disk it has, that it was started
as often as it should be, and that its data disk is the one that it always had.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from instar.compute.errors import Superseded
from instar.compute.libvirt.fleet import LibvirtFleet
from instar.compute.libvirt.gates import Gates
from instar.compute.provider import Effect, Fence, MachineModel, Step
from instar.connection.computes import libvirt_settings
from instar.domain.health.sources import HealthSource, SourceKind
from instar.domain.machines.instances import Instance, PowerState
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrades import UpgradeKind, UpgradeStatus
from tests.libvirt.memory_pool import really_full
from tests.libvirt.mortal_worker import death
from tests.libvirt.real_site import LINE, RealSet, RealSite
from tests.processes.site import WORKER, eventually

SWAP_STEPS = ("prepare_swap", "ask_to_stop", "commit_swap", "start_again")
RESTORE_STEPS = ("prepare_restore", "ask_to_stop", "commit_restore", "start_again")


async def test_f1_a_worker_killed_after_each_step_of_a_swap_swaps_each_machine_once(real: RealSite) -> None:
    async with real.machines(len(SWAP_STEPS)) as live:
        before = live.instances()
        assert await live.boots() == {("v1", 1, 1)}
        async with real.offered("2.0.0", "v2"):
            kills = real.site.killed[WORKER]
            for instance_id, step in enumerate(SWAP_STEPS):
                (real.deaths / death(step, "swap", str(instance_id))).touch()
            await live.start()
            record = await live.ended()
            assert real.site.killed[WORKER] - kills == len(SWAP_STEPS)
            assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, len(SWAP_STEPS))
            assert await live.boots() == {("v2", 1, 2)}
            for name, after in live.instances().items():
                assert (after.vm_id, after.data_disks) == (before[name].vm_id, before[name].data_disks)
                assert after.previous_os_disks == (before[name].os_disk,)


async def test_p7_a_version_whose_service_never_answers_is_rolled_back_though_the_worker_is_killed_at_each_step(
    real: RealSite,
) -> None:
    async with real.machines(len(RESTORE_STEPS)) as live, real.offered("3.0.0", "silent"):
        await live.enable()  # only an upgrade of the platform gives old disks back (P7)
        kills = real.site.killed[WORKER]
        for instance_id, step in enumerate(RESTORE_STEPS):
            (real.deaths / death(step, "restore", str(instance_id))).touch()
        record = await live.ended()
        assert real.site.killed[WORKER] - kills == len(RESTORE_STEPS)
        assert record.counts.rolled_back == len(RESTORE_STEPS)
        assert set(live.outcomes().values()) == {Outcome.ROLLED_BACK}
        # Booted on v1, on the silent version, and on v1 again: the silent one was there, its data disk says so.
        assert await live.boots() == {("v1", 2, 3)}


async def test_r2_a_rollback_after_the_fact_gives_old_disks_back_though_the_worker_is_killed_at_each_step(
    real: RealSite,
) -> None:
    async with real.machines(len(RESTORE_STEPS)) as live:
        before = live.instances()
        async with real.offered("2.5.0", "v2"):
            await live.start()
            assert (await live.ended()).counts.successful == len(RESTORE_STEPS)
            assert await live.boots() == {("v2", 1, 2)}
            kills = real.site.killed[WORKER]
            for instance_id, step in enumerate(RESTORE_STEPS):
                (real.deaths / death(step, "give_back", str(instance_id))).touch()
            await live.roll_back("errors went up")
            record = await live.ended(2)
            assert real.site.killed[WORKER] - kills == len(RESTORE_STEPS)
            assert (record.kind, record.status) == (UpgradeKind.ROLLBACK, UpgradeStatus.COMPLETED)
            assert record.counts.successful == len(RESTORE_STEPS)
            # The old OS disk booted a second time, the data disk for the third: no boot too many, nothing formatted.
            assert await live.boots() == {("v1", 2, 3)}
            for name, after in live.instances().items():
                assert (after.os_disk, after.vm_id) == (before[name].os_disk, before[name].vm_id)
                assert after.data_disks == before[name].data_disks
                assert [disk.image.version for disk in after.previous_os_disks] == ["2.5.0"], "R3"


async def test_p7_a_version_that_panics_is_rolled_back(real: RealSite) -> None:
    async with real.machines(2) as live, real.offered("4.0.0", "panic"):
        await live.enable()
        record = await live.ended()
        assert (record.counts.rolled_back, record.counts.successful) == (2, 0)
        assert await live.boots() == {("v1", 2, 3)}


async def test_f1_a_libvirtd_killed_in_the_middle_of_an_upgrade_changes_nothing_in_the_end(real: RealSite) -> None:
    async with real.machines(2) as live, real.offered("5.0.0", "other"):
        await live.start()
        await live.begun()
        real.hypervisor.kill()
        await asyncio.sleep(3)
        real.hypervisor.start()
        record = await live.ended()
        assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, 2)
        assert await live.boots() == {("v3", 1, 2)}


async def test_a_machine_that_died_is_unhealthy_and_runs_again_after_an_upgrade(real: RealSite) -> None:
    async with real.machines(2) as live:
        pids = real.hypervisor.guests()
        os.kill(pids[0], signal.SIGKILL)

        async def one_died() -> bool:
            return len(real.hypervisor.guests()) == 1

        await eventually(one_died, "one guest is gone")
        assert {one.power for one in live.instances().values()} == {PowerState.RUNNING}
        async with real.offered("6.0.0", "other"):
            await live.start()
            record = await live.ended()
            assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, 2)
            assert {(version, os_boots) for version, os_boots, _ in await live.boots()} == {("v3", 1)}


async def test_p18_a_machine_that_its_owner_stopped_is_upgraded_and_left_stopped(real: RealSite) -> None:
    async with real.machines(2) as live:
        connection = real.connection()
        connection.lookupByUUIDString(live.instances()["0"].vm_id).destroy()
        connection.close()
        async with real.offered("7.0.0", "other"):
            await live.start()
            await live.ended()
            assert live.outcomes() == {"0": Outcome.STOPPED, "1": Outcome.UPGRADED}
            stopped = live.instances()["0"]
            assert stopped.os_disk is not None
            assert (stopped.power, stopped.os_disk.image.version) == (PowerState.STOPPED, "7.0.0")


async def test_p9_a_full_pool_fails_the_upgrade_with_its_reason_and_stops_no_machine(real: RealSite) -> None:
    async with real.machines(2) as live:
        before = live.instances()
        async with real.offered("8.0.0", "other"), _full_pool(real) as says:
            await live.start()
            record = await live.ended()
            assert record.counts.failed == 2
            assert "pool 'instar'" in live.reasons()
            assert says in live.reasons()
            assert _disks(live.instances()) == _disks(before)
            assert {one[1:] for one in await live.boots()} == {(1, 1)}
            half_made = {name for name in real.volumes() if ".os.1." in name}
        assert half_made == set()
        async with real.offered("8.1.0", "v2"):
            await live.start()
            record = await live.ended(2)
            assert (record.status, record.counts.successful) == (UpgradeStatus.COMPLETED, 2)
            assert await live.boots() == {("v2", 1, 2)}


@asynccontextmanager
async def _full_pool(real: RealSite) -> AsyncIterator[str]:
    """A pool without a free block, with no reserve to tell before; where it is not in memory, by its reserve."""
    reserve = 0 if real.mounted else 1 << 30
    before = real.site.more_env["INSTAR_LIBVIRT__RESERVE_MIB"]
    real.site.more_env["INSTAR_LIBVIRT__RESERVE_MIB"] = str(reserve)
    await _new_worker(real)
    try:
        with really_full(real.hypervisor.pool_path) if real.mounted else nullcontext():
            yield "No space left on device" if real.mounted else "is full"
    finally:
        real.site.more_env["INSTAR_LIBVIRT__RESERVE_MIB"] = before
        await _new_worker(real)


async def test_p19_a_version_whose_volume_vanished_ends_the_upgrade_and_stops_no_machine(real: RealSite) -> None:
    async with real.machines(2) as live:
        before = live.instances()
        async with real.offered("9.0.0", "other"):
            real.image_file("9.0.0").unlink()
            await live.start()
            record = await live.ended()
            assert record.status is UpgradeStatus.FAULTED
            assert record.error is not None
            assert "is not in the storage pool 'instar'" in record.error.message
            assert _disks(live.instances()) == _disks(before)
            assert {one[1:] for one in await live.boots()} == {(1, 1)}


async def test_f2_two_workers_at_once_swap_each_machine_once(real: RealSite) -> None:
    async with real.machines(1) as live:
        settings = libvirt_settings(real.settings())
        fleets = [LibvirtFleet(settings, Gates(real.site.data / "gates")) for _ in range(2)]
        model = MachineModel(generation=2, data_disks=1, size="Tiny", health_source=_source(live))
        swaps = [
            one.swap_os_disk(Effect(live.identity, Fence(1, Step.SWAP, attempt), "0"), LINE.at("1.0.0"), model)
            for attempt, one in enumerate(fleets, 1)
        ]
        done = await asyncio.gather(*swaps, return_exceptions=True)
        for one in fleets:
            one.close()
        assert {type(one) for one in done} <= {type(done[1]), Superseded}
        await eventually(lambda: live.all_healthy(1), "the machine is healthy", 120)
        assert await live.boots() == {("v1", 1, 2)}
        [instance] = live.instances().values()
        assert len(instance.previous_os_disks) == 1


def _source(live: RealSet) -> HealthSource:
    machine = live.records()["0"]
    return HealthSource(kind=SourceKind.APPLICATION_HEALTH, port=machine.guest_port, path="/health")


def _disks(instances: dict[str, Instance]) -> dict[str, str]:
    return {name: one.os_disk.name for name, one in instances.items() if one.os_disk}


async def _new_worker(real: RealSite) -> None:
    kills = real.site.killed[WORKER]
    real.site.kill(WORKER)

    async def again() -> bool:
        return real.site.killed[WORKER] > kills and real.site.up()

    await eventually(again, "another worker is ready")
