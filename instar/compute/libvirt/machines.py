"""Machines as a whole: found, listed, made. Every function blocks; all may raise libvirtError.

Making one: volumes, then the definition, then its first start. Until it was started a machine is not listed: whoever
is killed in between leaves a leftover, which `deletions` clear.
"""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import libvirt

from instar.compute.clock import Clock
from instar.compute.errors import InstanceGone, NotAllowed
from instar.compute.libvirt.blindness import refuse_blind
from instar.compute.libvirt.gates import PORTS, Gates
from instar.compute.libvirt.guests import domains, networks, power, record
from instar.compute.libvirt.guests.record import CREATION, DataDiskRecord, DiskRecord, MachineRecord, machine_name
from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.libvirt.storage import images, seeds, used_ids, volumes
from instar.compute.provider import MachineModel
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import Instance
from instar.domain.machines.placement import Placement
from instar.domain.sets.scale_sets import ScaleSetIdentity

GIB_IN_MIB = 1024

CREATED = "0"
"""What the names of the volumes hold with which a machine was made, where others hold the operation's tag."""


@dataclass(frozen=True, slots=True)
class Host:
    """One hypervisor as these functions need it."""

    settings: LibvirtSettings
    gates: Gates
    clock: Clock


def vm_id_of(scale_set: ScaleSetIdentity, instance_id: str) -> str:
    """The UUID of the machine that we make for an instance."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scale_set.unique_id}/{instance_id}"))


def of_set(connection: Any, scale_set: ScaleSetIdentity) -> Iterator[tuple[Any, MachineRecord]]:
    """Every machine of a set, leftovers too."""
    for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT):
        machine = record.read(domain)
        if machine is not None and machine.belongs_to(scale_set):
            yield domain, machine


def find(connection: Any, scale_set: ScaleSetIdentity, instance_id: str) -> tuple[Any, MachineRecord]:
    """One machine. Raises InstanceGone."""
    try:
        domain = connection.lookupByUUIDString(vm_id_of(scale_set, instance_id))
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
        adopted = (one for one in of_set(connection, scale_set) if one[1].instance_id == instance_id)
        found = next(adopted, None)
    else:
        machine = record.read(domain)
        found = None if machine is None else (domain, machine)
    if found is None or found[1].deleting or found[1].is_reserved:
        raise InstanceGone(f"instance {instance_id} does not exist")
    return found


def listing(
    connection: Any, host: Host, scale_set: ScaleSetIdentity, named: frozenset[str] | None = None
) -> tuple[Instance, ...]:
    """The machines of a set, or those named, by their ids. One that runs counts as made, whoever was killed over it."""
    found = []
    for domain, machine in of_set(connection, scale_set):
        if machine.is_reserved or not (named is None or machine.instance_id in named):
            continue
        if machine.out_for != CREATION:
            found.append(_instance(domain, machine))
        elif power.is_on(domain):
            first_start(connection, host, scale_set, machine.instance_id)
            found.append(_instance(domain, machine.changed(out_for="")))
    return tuple(sorted(found, key=lambda one: int(one.instance_id)))


def _instance(domain: Any, machine: MachineRecord) -> Instance:
    return Instance(
        instance_id=machine.instance_id,
        vm_id=domain.UUIDString(),
        os_disk=machine.os_disk.os_disk,
        generation=machine.generation,
        power=power.power(domain, machine),
        provisioned=not machine.out_for and not machine.deleting,
        protected=machine.protected,
        protected_from_scale_in=machine.protected_from_scale_in,
        zone=machine.zone,
        update_domain=machine.update_domain,
        extensions=tuple(extension.status for extension in machine.extensions),
        created_at=machine.created_at,
        # An adopted one ran before us, for nobody knows how long.
        booted_at=machine.started_at or (None if machine.adopted else machine.created_at),
        previous_os_disks=tuple(kept_disk.os_disk for kept_disk in machine.kept),
        data_disks=tuple(data_disk.data_disk for data_disk in machine.data_disks),
        last_operation=machine.seen.operation,
        last_key=machine.seen.key,
    )


def create(  # noqa: PLR0917  # as the port has it
    connection: Any,
    host: Host,
    scale_set: ScaleSetIdentity,
    instance_id: str,
    image: ImageReference,
    model: MachineModel,
    placement: Placement,
) -> None:
    """Make a machine, without its first start; nothing if that id is or was in use.

    For an id that an adopted machine is reserved for, that machine is it, as it is.
    """
    settings = host.settings
    if _take_over(connection, host, scale_set, instance_id, placement):
        return
    size = settings.size_of(model.size)
    if size is None:
        raise NotAllowed(
            f"the size '{model.size}' is in no table: add it to INSTAR_LIBVIRT__SIZES, or set "
            "INSTAR_LIBVIRT__DEFAULT_SIZE"
        )
    if model.data_disks > len(domains.DATA_TARGETS):
        raise NotAllowed(f"a machine has at most {len(domains.DATA_TARGETS)} data disks here, not {model.data_disks}")
    refuse_blind(settings, model.health_source)
    prefix, vm_id = machine_name(scale_set.name, scale_set.unique_id, instance_id), vm_id_of(scale_set, instance_id)
    with host.gates.held(prefix):
        pool = volumes.pool_of(connection, settings)
        if _exists(connection, vm_id) or int(instance_id) <= used_ids.last_deleted(pool, scale_set):
            return
        source = images.complete_image(pool, image)
        volumes.make_room(pool, settings, f"instance {instance_id}: its disks")
        disk = DiskRecord(name=record.os_volume(prefix, CREATED), image=image, generation=model.generation)
        volumes.make_overlay(pool, disk.name, source)
        disk = with_seed(connection, pool, disk, prefix, CREATED, vm_id, model)
        data_disks = tuple(_data_disk(pool, settings, prefix, vm_id, lun, model) for lun in range(model.data_disks))
        networks.fix_lease(connection, settings, networks.mac_of(vm_id), prefix)
        machine = MachineRecord(
            unique_id=scale_set.unique_id,
            set_name=scale_set.name,
            instance_id=instance_id,
            generation=model.generation,
            created_at=host.clock(),
            os_disk=disk,
            data_disks=data_disks,
            extensions=record.ended(model),
            zone=placement.zone,
            update_domain=placement.update_domain,
            out_for=CREATION,
        )
        if not settings.forwards_ports:
            connection.defineXML(domains.new_domain(settings, machine, vm_id, size))
            return
        with host.gates.held(PORTS):
            taken = {other.host_port for _, other in _all(connection)}
            machine = machine.changed(
                host_port=networks.free_port(settings, taken), guest_port=guest_port(settings, model)
            )
            connection.defineXML(domains.new_domain(settings, machine, vm_id, size))


def _take_over(
    connection: Any, host: Host, scale_set: ScaleSetIdentity, instance_id: str, placement: Placement
) -> bool:
    with host.gates.held(machine_name(scale_set.name, scale_set.unique_id, instance_id)):
        for domain, machine in of_set(connection, scale_set):
            if machine.instance_id == instance_id and machine.is_reserved:
                at = {"zone": placement.zone, "update_domain": placement.update_domain}
                record.write(domain, machine.changed(out_for="", **at))
                return True
    return False


def first_start(connection: Any, host: Host, scale_set: ScaleSetIdentity, instance_id: str) -> None:
    """Start a machine that was just made; from then on it counts. Nothing if it was started before or is gone."""
    with host.gates.held(machine_name(scale_set.name, scale_set.unique_id, instance_id)):
        try:
            domain, machine = find(connection, scale_set, instance_id)
        except InstanceGone:
            return
        if machine.out_for == CREATION:
            power.start_new(domain)
            with suppress(libvirt.libvirtError):  # a driver without it
                domain.setAutostart(True)
            record.write(domain, machine.changed(out_for=""))


def guest_port(settings: LibvirtSettings, model: MachineModel) -> int:
    """Which port of the guest is forwarded."""
    return model.health_source.port or settings.guest_port


def with_seed(  # noqa: PLR0917  # a step of two effects
    connection: Any, pool: Any, disk: DiskRecord, prefix: str, tag: str, vm_id: str, model: MachineModel
) -> DiskRecord:
    """The disk with the custom data of the model beside it, if there is any."""
    if not model.custom_data:
        return disk
    name = record.seed_volume(prefix, tag)
    volumes.make_filled(connection, pool, name, seeds.seed(model.custom_data, vm_id, prefix.replace("_", "-")))
    return disk.model_copy(update={"seed": name})


def _data_disk(  # noqa: PLR0917
    pool: Any, settings: LibvirtSettings, prefix: str, vm_id: str, lun: int, model: MachineModel
) -> DataDiskRecord:
    given = model.data_disk_gibibytes[lun] if lun < len(model.data_disk_gibibytes) else 0
    name = record.data_volume(prefix, lun)
    volumes.make_blank(pool, name, (given * GIB_IN_MIB or settings.data_disk_mib) * volumes.MIB)
    return DataDiskRecord(lun=lun, name=name, marker=uuid.uuid5(uuid.UUID(vm_id), str(lun)).hex)


def _all(connection: Any) -> Iterator[tuple[Any, MachineRecord]]:
    for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT):
        machine = record.read(domain)
        if machine is not None:
            yield domain, machine


def _exists(connection: Any, vm_id: str) -> bool:
    try:
        connection.lookupByUUIDString(vm_id)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
        return False
    return True
