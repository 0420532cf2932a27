"""The simulated fleet: a compute backend whose machines are rows of an SQLite file.

Several processes share the file, each with a `SimulatedFleet` of its own; whatever is killed, the file stays true.
Machines behave as scripted (`scripts`), calls go wrong as told (`faults`), and the flight recorder beside the file
writes down every effect (`recorder`), for `judgement` to judge.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from instar.compute.errors import ComputeError, DiskNotMade, ImageGone, NotBegun, NothingToRestore
from instar.compute.provider import Effect, MachineModel, Made, Models
from instar.compute.simulated import disks, machines
from instar.compute.simulated.answers.applications import with_real_answers
from instar.compute.simulated.file.database import Transaction
from instar.compute.simulated.file.faults import Call, FaultKind, Point
from instar.compute.simulated.file.scripts import concerns
from instar.compute.simulated.flight.recorder import Kind
from instar.compute.simulated.owner import Owner
from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import HealthObservation, Instance, OsDisk
from instar.domain.machines.placement import Placement
from instar.domain.records.operation_keys import operation_key
from instar.domain.sets.scale_sets import ScaleSetIdentity


@dataclass(frozen=True, slots=True)
class _Way:
    """How a machine comes back to a disk that is kept: whether it is there, and which disk that is."""

    call: Call
    commit: Kind
    is_there: Callable[[disks.Machine], bool]
    disk: Callable[[Transaction, disks.Machine], tuple[str, ImageReference, int]]


class SimulatedFleet(Owner):
    """A `instar.compute.provider.Provider`. Use it from one event loop; close it.

    Calls run inline: each of their transactions takes well under a millisecond. Only the time that a swap or restore
    is said to take is awaited, and by the pace alone.
    """

    async def list_instances(
        self, scale_set: ScaleSetIdentity, instance_ids: Iterable[str] | None = None
    ) -> tuple[Instance, ...]:
        """See `Provider`. A machine that is stopped for a swap is listed as running and not provisioned."""
        self._admit(Call.LIST, scale_set.unique_id)
        with self._database.read() as connection:
            return machines.listing(self._database, connection, scale_set.unique_id, instance_ids)

    async def observe_health(
        self,
        scale_set: ScaleSetIdentity,
        source: HealthSource,
        instance_ids: Iterable[str] | None = None,
    ) -> tuple[HealthObservation, ...]:
        """See `Provider`. The equal answers were gathered inside each machine before the look, so none is awaited.

        But of the machines whose applications have real sockets (`sockets`): they are really asked.
        """
        named = None if instance_ids is None else frozenset(instance_ids)
        self._admit(Call.OBSERVE, scale_set.unique_id, lambda one: named is None or one in named)
        with self._database.read() as connection:
            computed = machines.observing(self._database, connection, scale_set.unique_id, source, named)
        return await with_real_answers(self._database, self._prober, scale_set.unique_id, source, computed)

    async def create_instance(
        self,
        scale_set: ScaleSetIdentity,
        instance_id: str,
        image: ImageReference,
        model: MachineModel,
        placement: Placement = Placement(),  # noqa: B008  # frozen
    ) -> None:
        """See `Provider`. Raises ImageGone, DiskNotMade as scripted for the version."""
        self._admit(Call.CREATE, scale_set.unique_id, instance_id.__eq__)
        with self._database.write() as tx:
            if refusal := _refusal(tx, image, instance_id):
                raise refusal
            machines.create(tx, scale_set, instance_id, image, model, placement=placement)
        self._answer(Call.CREATE, scale_set.unique_id, instance_id.__eq__)

    async def delete_instance(self, scale_set: ScaleSetIdentity, instance_id: str) -> None:
        """See `Provider`."""
        self._admit(Call.DELETE, scale_set.unique_id, instance_id.__eq__)
        with self._database.write() as tx:
            machines.delete(tx, scale_set.unique_id, instance_id)
        self._answer(Call.DELETE, scale_set.unique_id, instance_id.__eq__)

    async def next_instance_id(self, scale_set: ScaleSetIdentity) -> int:
        """See `Provider`."""
        self._admit(Call.LIST, scale_set.unique_id)
        [(highest,)] = self._database.connection.execute(
            "SELECT MAX(instance_id) FROM machines WHERE unique_id = ?",
            (scale_set.unique_id,),
        )
        return 0 if highest is None else int(highest) + 1

    async def swap_os_disk(self, effect: Effect, image: ImageReference, model: MachineModel) -> OsDisk:
        """See `Provider`. Steps: look, make the disk, stop, the time it takes, commit, custom data and extensions."""
        if not effect.fence.step.begins:
            self._swap_must_be_begun(effect, Made(image, model.generation))
        self._admit(Call.SWAP, effect.scale_set.unique_id, effect.instance_id.__eq__)
        self._pass(Point.BEFORE_LOOK, Call.SWAP, effect)
        disk, provisioned = await self._swap(effect, image, model)
        if not provisioned:
            await self._provision(Call.SWAP, effect)
        self._pass(Point.ANSWER_UNSENT, Call.SWAP, effect)
        self._answer(Call.SWAP, effect.scale_set.unique_id, effect.instance_id.__eq__)
        return disk

    async def _swap(self, effect: Effect, image: ImageReference, model: MachineModel) -> tuple[OsDisk, bool]:
        """The disk, and whether what is due on it has run already."""
        name, stopped, made = "", False, Made(image, model.generation)

        def is_there(machine: disks.Machine) -> bool:
            return self._is_done(effect, machine, made)

        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if machine.os_disk is not None and is_there(machine):
                return machine.os_disk, False
            if half := disks.half_made(tx, effect, machine, made):
                name = half
            elif refusal := self._disk_refusal(tx, effect, image):
                disks.refuse_disk(tx, effect)
                tx.refuse(refusal)
            else:
                name = disks.make_disk(tx, effect, machine, image, model)
            duration = tx.scripts.swap_duration(image)
            if name and _at_once(tx):
                disks.stop(tx, effect, machine)
                stopped = True
        if stopped:
            await self._out(Call.SWAP, effect, duration)
        else:
            self._pass(Point.AFTER_DISK_MADE, Call.SWAP, effect)
            await self._stop(Call.SWAP, effect, is_there, duration)
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if machine.os_disk is not None and is_there(machine):
                return machine.os_disk, False  # the same attempt ran twice at once, and the other was first
            disk = disks.commit_swap(tx, effect, machine, name, model)
            provisioned = _at_once(tx) and self._begins_provisioning(tx, effect)
        self._pass(Point.AFTER_COMMIT, Call.SWAP, effect)
        return disk, provisioned

    async def restore_os_disk(self, effect: Effect, models: Models, made: Made | None = None) -> OsDisk:
        """See `Provider`. A machine that a swap stopped and never moved is started again on the disk that it has."""
        return await self._back(
            effect,
            models,
            _Way(
                call=Call.RESTORE,
                commit=Kind.COMMIT_RESTORE,
                is_there=lambda machine: not machine.is_on_disk_of(effect, made),
                disk=lambda tx, machine: disks.disk_to_restore(tx, effect, machine, made),
            ),
        )

    async def give_back_os_disk(self, effect: Effect, kept: Made, models: Models) -> OsDisk:
        """See `Provider`."""
        return await self._back(
            effect,
            models,
            _Way(
                call=Call.GIVE_BACK,
                commit=Kind.COMMIT_GIVE_BACK,
                is_there=lambda machine: machine.is_on(kept),
                disk=lambda tx, _machine: disks.disk_to_give_back(tx, effect, kept),
            ),
        )

    async def _back(self, effect: Effect, models: Models, way: _Way) -> OsDisk:
        """To a disk that is kept. Steps: look, stop, the time it takes, commit, custom data and extensions."""
        if not effect.fence.step.begins:
            self._way_must_be_begun(effect, way)
        self._admit(way.call, effect.scale_set.unique_id, effect.instance_id.__eq__)
        self._pass(Point.BEFORE_LOOK, way.call, effect)
        disk = await self._moved_back(effect, models, way)
        await self._provision(way.call, effect)
        self._pass(Point.ANSWER_UNSENT, way.call, effect)
        self._answer(way.call, effect.scale_set.unique_id, effect.instance_id.__eq__)
        return disk

    async def _moved_back(self, effect: Effect, models: Models, way: _Way) -> OsDisk:
        name, image, generation = "", ImageReference(), 0
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if machine.os_disk is not None and way.is_there(machine):
                if machine.out:
                    disks.start_again(tx, effect, machine)
                return machine.os_disk
            try:
                name, image, generation = way.disk(tx, machine)
            except NothingToRestore as error:
                if machine.out:  # an earlier attempt stopped it for a disk that is gone since
                    disks.start_again(tx, effect, machine)
                tx.refuse(error)
        model = await models(generation)
        self._pass(Point.AFTER_DISK_MADE, way.call, effect)
        await self._stop(way.call, effect, way.is_there, self._database.scripts().swap_duration(image))
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if machine.os_disk is not None and way.is_there(machine):
                return machine.os_disk  # as for a swap
            disk = disks.commit_restore(tx, effect, machine, name, model, way.commit)
        self._pass(Point.AFTER_COMMIT, way.call, effect)
        return disk

    def _swap_must_be_begun(self, effect: Effect, made: Made) -> None:
        """Shut out the attempts that might still begin, and refuse what none of them began (P14)."""
        self._admit(Call.LIST, effect.scale_set.unique_id)
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if machine.is_on_disk_of(effect, made) or disks.half_made(tx, effect, machine, made):
                return
            _refuse(tx, effect, machine)

    def _is_done(self, effect: Effect, machine: disks.Machine, made: Made) -> bool:
        """Whether a swap is done."""
        return machine.is_on_disk_of(effect, made)

    def _way_must_be_begun(self, effect: Effect, way: _Way) -> None:
        """The same for a way back."""
        self._admit(Call.LIST, effect.scale_set.unique_id)
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if not machine.out and not way.is_there(machine):
                _refuse(tx, effect, machine)

    async def _stop(
        self, call: Call, effect: Effect, is_there: Callable[[disks.Machine], bool], duration: timedelta
    ) -> None:
        with self._database.write() as tx:
            machine = disks.look(tx, effect)
            if not is_there(machine):
                disks.stop(tx, effect, machine)
        await self._out(call, effect, duration)

    async def _out(self, call: Call, effect: Effect, duration: timedelta) -> None:
        self._pass(Point.AFTER_STOP, call, effect)
        await self._pace.take(duration)
        await self._stand_still(call, effect)

    def _disk_refusal(self, tx: Transaction, effect: Effect, image: ImageReference) -> ComputeError | None:
        if refusal := _refusal(tx, image, effect.instance_id):
            return refusal
        set_id = effect.scale_set.unique_id
        armed = self._armed(FaultKind.DISK_NOT_MADE, Call.SWAP, set_id, effect.instance_id.__eq__)
        if armed is not None and tx.take(armed):
            return DiskNotMade(f"instance {effect.instance_id}: its OS disk cannot be made")
        return None

    async def discard_os_disks(
        self, scale_set: ScaleSetIdentity, operations: Iterable[int] = (), keys: Iterable[str] = ()
    ) -> int:
        """See `Provider`. Disks that those operations left half-made go too, uncounted."""
        self._admit(Call.DISCARD, scale_set.unique_id)
        with self._database.write() as tx:
            whose = {*keys, *(operation_key(scale_set.unique_id, operation) for operation in operations)}
            count = sum(disks.discard(tx, scale_set.unique_id, one) for one in sorted(whose))
        self._answer(Call.DISCARD, scale_set.unique_id)
        return count


def _at_once(tx: Transaction) -> bool:
    """Whether steps that follow each other may be one transaction: while no fault is planted that strikes between."""
    return not tx.scripts.faults


def _refuse(tx: Transaction, effect: Effect, machine: disks.Machine) -> None:
    if machine.disk_refused == effect.key:
        tx.refuse(DiskNotMade(f"instance {effect.instance_id}: its OS disk could not be made"))
    else:
        tx.refuse(NotBegun(f"instance {effect.instance_id}: nothing was begun"))


def _refusal(tx: Transaction, image: ImageReference, instance_id: str) -> ComputeError | None:
    script = tx.scripts.of(image)
    if script.withdrawn:
        return ImageGone(f"image version {image} was withdrawn")
    if concerns(script.disk_fails, instance_id):
        return DiskNotMade(f"instance {instance_id}: no OS disk can be made from {image}")
    return None
