"""A swap and a restore in steps, each of which may be the last of a killed process and is done again safely.

look → make the disk → stop → commit → start. The commit is ONE `defineXML`: the pointer to the OS disk and the record
of it change together. Each step looks at the fence again under the machine's gate. Every function blocks.
"""

from contextlib import AbstractContextManager
from typing import Any

import libvirt

from instar.compute.errors import NotBegun, NothingToRestore, Superseded
from instar.compute.fences import admitted
from instar.compute.libvirt import machines
from instar.compute.libvirt.blindness import refuse_blind
from instar.compute.libvirt.guests import domains, power, record
from instar.compute.libvirt.guests.record import DiskRecord, MachineRecord
from instar.compute.libvirt.machines import Host
from instar.compute.libvirt.storage import images, volumes
from instar.compute.provider import Effect, MachineModel, Made, Step
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import OsDisk
from instar.domain.records.operation_keys import operation_key, operation_tag
from instar.domain.sets.scale_sets import ScaleSetIdentity


def look(connection: Any, effect: Effect) -> tuple[Any, MachineRecord]:
    """Find the machine and remember who asks. Raises InstanceGone, Superseded."""
    domain, machine = machines.find(connection, effect.scale_set, effect.instance_id)
    sees = admitted(machine.seen, effect)
    if sees != machine.seen:
        machine = machine.changed(fence=sees.fence, fence_keys=sees.keys)
        record.write(domain, machine)
    return domain, machine


def gate(host: Host, effect: Effect) -> AbstractContextManager[None]:
    """The gate of the effect's machine."""
    return host.gates.held(record.machine_name(effect.scale_set.name, effect.scale_set.unique_id, effect.instance_id))


def _is_done(machine: MachineRecord, effect: Effect, made: Made | None = None) -> bool:
    if effect.fence.step is Step.POWER:
        return machine.power_done == effect.key
    if record.gives_back(effect):
        return machine.os_disk.is_made(made)
    return machine.os_disk.is_of(effect, made) is not record.of_restore(effect)


def prepare_swap(connection: Any, host: Host, effect: Effect, image: ImageReference, model: MachineModel) -> bool:
    """Look, and make the new disk; whether the machine is on it already.

    Raises ImageGone, DiskNotMade, NotAllowed; NotBegun if a swap is only to be brought to its end and has no disk yet.
    """
    refuse_blind(host.settings, model.health_source)
    made = Made(image, model.generation)
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if _is_done(machine, effect, made):
            return True
        if any(kept_disk.is_of(effect, made) for kept_disk in machine.kept):
            raise Superseded(f"instance {effect.instance_id}: this operation gave it its previous disk back already")
        pool = volumes.pool_of(connection, host.settings)
        tag = record.free_tag(machine, effect)
        name = record.os_volume(machine.prefix, tag)
        if not effect.fence.step.begins and machine.out_for != record.mark(effect) and not volumes.find(pool, name):
            raise NotBegun(f"instance {effect.instance_id}: no swap was begun")
        source = images.complete_image(pool, image)
        volumes.make_room(pool, host.settings, f"instance {effect.instance_id}: its OS disk")
        volumes.make_overlay(pool, name, source)
        machines.with_seed(
            connection,
            pool,
            DiskRecord(name=name, image=image),
            machine.prefix,
            tag,
            domain.UUIDString(),
            model,
        )
        return False


def prepare_restore(connection: Any, host: Host, effect: Effect, made: Made | None = None) -> int | None:
    """Look for the disk to go back to: its generation; None if the machine is on it already.

    Of an effect that gives a kept disk back `made` is what that was made from.

    Raises NothingToRestore; NotBegun if a restore is only to be brought to its end and has stopped nothing yet.
    """
    with gate(host, effect):
        _, machine = look(connection, effect)
        if _is_done(machine, effect, made):
            return None
        if not effect.fence.step.begins and machine.out_for != record.mark(effect):
            raise NotBegun(f"instance {effect.instance_id}: no restore was begun")
        return _disk_to_restore(connection, host, machine, effect, made).generation


def _disk_to_restore(
    connection: Any, host: Host, machine: MachineRecord, effect: Effect, made: Made | None
) -> DiskRecord:
    for disk in machine.kept:
        if not _is_wanted(disk, effect, made):
            continue
        pool = volumes.pool_of(connection, host.settings)
        if not disk.is_file and volumes.find(pool, disk.name) is None:
            raise NothingToRestore(
                f"instance {effect.instance_id}: its previous OS disk '{disk.name}' is no longer in the storage pool "
                f"'{host.settings.pool}'"
            )
        return disk
    if record.gives_back(effect) and made is not None:
        of_what = f"{made.image} with model generation {made.generation}"
        raise NothingToRestore(f"instance {effect.instance_id}: no OS disk of {of_what} is kept")
    raise NothingToRestore(f"instance {effect.instance_id}: no OS disk put aside by this upgrade is kept")


def _is_wanted(disk: DiskRecord, effect: Effect, made: Made | None) -> bool:
    """Whether a kept disk is the one to go back to."""
    if record.gives_back(effect):
        return disk.is_made(made)
    return disk.replaced_by == effect.key and not disk.is_of(effect, made)


def ask_to_stop(connection: Any, host: Host, effect: Effect, made: Made | None = None) -> bool:
    """Press the power button of a machine that runs; whether it is off. What we stop is marked as such first (P18)."""
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if _is_done(machine, effect, made) or power.is_off_for_good(domain, machine):
            return True
        if machine.out_for != record.mark(effect):
            record.write(domain, machine.changed(out_for=record.mark(effect), trouble=""))
        if not power.is_on(domain):
            return True  # it had crashed, or an earlier operation had stopped it
        power.ask_to_stop(domain)
        return False


def has_stopped(connection: Any, effect: Effect) -> bool:
    """Whether it is off now."""
    domain, _ = machines.find(connection, effect.scale_set, effect.instance_id)
    return not power.is_on(domain)


def pull_plug(connection: Any, host: Host, effect: Effect, made: Made | None = None) -> None:
    """End a machine that did not stop when it was asked to."""
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if not _is_done(machine, effect, made):
            power.pull_plug(domain)


def commit_swap(connection: Any, host: Host, effect: Effect, image: ImageReference, model: MachineModel) -> None:
    """Move the machine to the disk that was made for it."""
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if _is_done(machine, effect, Made(image, model.generation)):
            return  # the same attempt ran twice at once, and the other was first
        tag = record.free_tag(machine, effect)
        disk = DiskRecord(
            name=record.os_volume(machine.prefix, tag),
            image=image,
            made_by=effect.key,
            generation=model.generation,
            seed=record.seed_volume(machine.prefix, tag) if model.custom_data else "",
        )
        port = machines.guest_port(host.settings, model) if machine.host_port else 0
        new = machine.changed(guest_port=port, extensions=record.ended(model))
        _move(connection, host, domain, new, effect, disk)


def commit_restore(connection: Any, host: Host, effect: Effect, model: MachineModel, made: Made | None = None) -> None:
    """Move the machine back to the disk that it is to go back to, and to the model that it had."""
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if _is_done(machine, effect, made):
            return
        disk = _disk_to_restore(connection, host, machine, effect, made)
        new = machine.changed(extensions=record.ended(model))
        _move(connection, host, domain, new, effect, disk)


def _move(  # noqa: PLR0917  # the commit of two effects
    connection: Any, host: Host, domain: Any, machine: MachineRecord, effect: Effect, disk: DiskRecord
) -> None:
    if power.is_on(domain):
        power.pull_plug(domain)  # its owner started it meanwhile: a definition would change its next start only
    aside = machine.os_disk.model_copy(update={"replaced_by": effect.key})
    moved = machine.changed(
        os_disk=disk.model_copy(update={"replaced_by": ""}),
        kept=(aside, *(kept_disk for kept_disk in machine.kept if kept_disk.name != disk.name)),
        generation=disk.generation,
    )
    connection.defineXML(domains.moved(host.settings, domains.persistent_xml(domain), moved))


def start_again(connection: Any, host: Host, effect: Effect) -> OsDisk:
    """Start what we stopped, on the disk that it has; return that. What its owner stopped stays stopped (P18).

    A machine that cannot be started is left to its health, which tells why, and to the rollback that follows (P7).
    """
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if machine.out_for:
            trouble = ""
            try:
                power.start(domain)
            except power.StartFailed as error:
                trouble = str(error)
            started = {} if trouble else {"out_for": "", "started_at": host.clock()}
            record.write(domain, machine.changed(trouble=trouble, **started))
        return machine.os_disk.os_disk


def discard(
    connection: Any, host: Host, scale_set: ScaleSetIdentity, operations: frozenset[int], of_keys: frozenset[str]
) -> int:
    """Delete what those operations put aside or left half-made, never a disk in use; return how many put aside."""
    pool = volumes.pool_of(connection, host.settings)
    keys = {operation_key(scale_set.unique_id, operation) for operation in operations} | of_keys
    tags = sorted(operation_tag(key) for key in keys)
    there = frozenset(pool.listVolumes())
    count = 0
    for domain, machine in list(machines.of_set(connection, scale_set)):
        half_made = {record.os_volume(machine.prefix, tag) for tag in tags}
        half_made |= {record.seed_volume(machine.prefix, tag) for tag in tags}
        if not half_made.isdisjoint(there) or any(kept_disk.replaced_by in keys for kept_disk in machine.kept):
            count += _discard_of(connection, host, pool, domain, keys, half_made)
    return count


def _discard_of(  # noqa: PLR0917  # one machine's part of a discard
    connection: Any, host: Host, pool: Any, domain: Any, keys: set[str], half_made: set[str]
) -> int:
    found = record.read(domain)
    if found is None:
        return 0
    with host.gates.held(found.prefix):
        machine = record.read(domain)
        if machine is None:
            return 0
        used = volumes.in_use(connection, pool)
        gone = [
            kept_disk
            for kept_disk in machine.kept
            if kept_disk.replaced_by in keys and not _is_used(pool, kept_disk.name, used)
        ]
        kept = tuple(kept_disk for kept_disk in machine.kept if kept_disk not in gone)
        named = {name for disk in (machine.os_disk, *machine.kept) for name in (disk.name, disk.seed)}
        for name in sorted(half_made - named):
            if not _is_used(pool, name, used):
                volumes.delete(pool, name)
        for disk in gone:
            for name in (disk.seed, disk.name):
                if name.startswith(f"{machine.prefix}."):  # what was there before us is its owner's to delete
                    volumes.delete(pool, name)
        if gone:
            record.write(domain, machine.changed(kept=kept))
        return len(gone)


def _is_used(pool: Any, name: str, used: set[str]) -> bool:
    if name in used:
        return True
    try:
        return pool.storageVolLookupByName(name).path() in used
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_STORAGE_VOL:
            raise
        return False
