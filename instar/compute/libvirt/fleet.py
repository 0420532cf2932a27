"""Real machines: a compute backend on libvirt.

Several processes may use one hypervisor at once; all that they know is in libvirt itself. Effects are the steps of
`disks` and `machines`, each in a worker thread; between them the event loop waits.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from instar.compute.clock import Clock, utc_now
from instar.compute.errors import ComputeError, NothingToRestore
from instar.compute.libvirt import deletions, disks, machines, owners
from instar.compute.libvirt.calls import KIND, Hypervisor
from instar.compute.libvirt.gates import Gates
from instar.compute.libvirt.health import Looks
from instar.compute.libvirt.machines import Host
from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.probing.reach import Network
from instar.compute.provider import Effect, MachineModel, Made, Models
from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import HealthObservation, Instance, OsDisk, PowerAction
from instar.domain.machines.placement import Placement
from instar.domain.sets.scale_sets import ScaleSetIdentity

LOOK_WHETHER_STOPPED_SECONDS = 0.2


class LibvirtFleet:
    """A `instar.compute.provider.Provider`. Use it from one event loop; close it.

    gates: how the workers of this hypervisor take turns at a machine. networks: where probes may go; None: to the
    networks of libvirt's that each machine is on.
    """

    def __init__(
        self,
        settings: LibvirtSettings,
        gates: Gates,
        *,
        networks: tuple[Network, ...] | None = None,
        clock: Clock = utc_now,
        opened: Any = None,
    ) -> None:
        self.settings = settings
        self.hypervisor = Hypervisor(settings, opened=opened)
        self._host = Host(settings, gates, clock)
        self._starting = asyncio.Semaphore(settings.starts_at_once)
        self._looks = Looks(self.hypervisor, clock, networks)

    def close(self) -> None:
        """Let running calls end, and close the connection. Machines go on."""
        self.hypervisor.close()
        self._host.gates.close()

    def identify(self, known: Callable[[str], None]) -> str:
        """Only libvirt itself knows which it is: `known` is told at each connection, before anything is done there."""
        self.hypervisor.known = known
        return KIND

    async def list_instances(
        self, scale_set: ScaleSetIdentity, instance_ids: Iterable[str] | None = None
    ) -> tuple[Instance, ...]:
        """See `Provider`."""
        named = None if instance_ids is None else frozenset(instance_ids)
        return await self.hypervisor.run(machines.listing, self._host, scale_set, named)

    async def observe_health(
        self,
        scale_set: ScaleSetIdentity,
        source: HealthSource,
        instance_ids: Iterable[str] | None = None,
    ) -> tuple[HealthObservation, ...]:
        """See `Provider`. Machines are asked over the network from here."""
        named = None if instance_ids is None else frozenset(instance_ids)
        return await self._looks.observe(scale_set, source, named)

    async def create_instance(
        self,
        scale_set: ScaleSetIdentity,
        instance_id: str,
        image: ImageReference,
        model: MachineModel,
        placement: Placement = Placement(),  # noqa: B008  # frozen
    ) -> None:
        """See `Provider`. Raises NotAllowed for a size or a health source that cannot be had here.

        On one hypervisor a zone and an update domain are only written down.
        """
        await self.hypervisor.run(machines.create, self._host, scale_set, instance_id, image, model, placement)
        try:
            async with self._starting:
                await self.hypervisor.run(machines.first_start, self._host, scale_set, instance_id)
        except ComputeError:
            await self.hypervisor.run(deletions.delete, self._host, scale_set, instance_id)
            raise

    async def delete_instance(self, scale_set: ScaleSetIdentity, instance_id: str) -> None:
        """See `Provider`. Disks that we did not make are left."""
        await self.hypervisor.run(deletions.delete, self._host, scale_set, instance_id)

    async def next_instance_id(self, scale_set: ScaleSetIdentity) -> int:
        """See `Provider`."""
        return await self.hypervisor.run(deletions.next_instance_id, self._host, scale_set)

    async def swap_os_disk(self, effect: Effect, image: ImageReference, model: MachineModel) -> OsDisk:
        """See `Provider`."""
        if not effect.fence.step.begins:
            # Whether it was begun is found out at once, however many swaps wait for their turn (P14).
            await self.hypervisor.run(disks.prepare_swap, self._host, effect, image, model)
        async with self._starting:
            if not await self.hypervisor.run(disks.prepare_swap, self._host, effect, image, model):
                await self._stop(effect, Made(image, model.generation))
                await self.hypervisor.run(disks.commit_swap, self._host, effect, image, model)
            return await self.hypervisor.run(disks.start_again, self._host, effect)

    async def restore_os_disk(self, effect: Effect, models: Models, made: Made | None = None) -> OsDisk:
        """See `Provider`. A machine that a swap stopped and never moved is started again on the disk that it has."""
        return await self._back(effect, models, made)

    async def give_back_os_disk(self, effect: Effect, kept: Made, models: Models) -> OsDisk:
        """See `Provider`."""
        return await self._back(effect, models, kept)

    async def _back(self, effect: Effect, models: Models, made: Made | None) -> OsDisk:
        """To a disk that is kept: which one, the step of the effect says."""
        if not effect.fence.step.begins:
            await self.hypervisor.run(disks.prepare_restore, self._host, effect, made)
        async with self._starting:
            try:
                generation = await self.hypervisor.run(disks.prepare_restore, self._host, effect, made)
                if generation is not None:
                    model = await models(generation)
                    await self._stop(effect, made)
                    await self.hypervisor.run(disks.commit_restore, self._host, effect, model, made)
            except NothingToRestore:
                # The disk went while the machine was stopped for it: it runs on, on the one that it has.
                await self.hypervisor.run(disks.start_again, self._host, effect)
                raise
            return await self.hypervisor.run(disks.start_again, self._host, effect)

    async def apply_model(self, effect: Effect, model: MachineModel) -> None:
        """See `Provider`. No machine is stopped for it."""
        await self.hypervisor.run(owners.apply_model, self._host, effect, model)

    async def set_power(self, effect: Effect, action: PowerAction) -> None:
        """See `Provider`."""
        async with self._starting:
            if await self.hypervisor.run(owners.begin_power, self._host, effect, action):
                await self._stop(effect)
                await self.hypervisor.run(owners.end_power, self._host, effect, action)

    async def protect(
        self, scale_set: ScaleSetIdentity, instance_id: str, *, from_actions: bool, from_scale_in: bool
    ) -> None:
        """See `Provider`."""
        await self.hypervisor.run(owners.protect, self._host, scale_set, instance_id, from_actions, from_scale_in)

    async def _stop(self, effect: Effect, made: Made | None = None) -> None:
        loop = asyncio.get_running_loop()
        if await self.hypervisor.run(disks.ask_to_stop, self._host, effect, made):
            return
        give_up_at = loop.time() + self.settings.stop_seconds
        while not await self.hypervisor.run(disks.has_stopped, effect):
            if loop.time() > give_up_at:
                await self.hypervisor.run(disks.pull_plug, self._host, effect, made)
                return
            await asyncio.sleep(LOOK_WHETHER_STOPPED_SECONDS)

    async def discard_os_disks(
        self, scale_set: ScaleSetIdentity, operations: Iterable[int] = (), keys: Iterable[str] = ()
    ) -> int:
        """See `Provider`. Disks that those operations left half-made go too, uncounted."""
        return await self.hypervisor.run(disks.discard, self._host, scale_set, frozenset(operations), frozenset(keys))
