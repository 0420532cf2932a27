"""Machines deleted, and what a killed creation left. Every function blocks; all may raise libvirtError.

Volumes that no domain owns are never deleted, since somebody may have undefined their machine by hand; their ids are
not used again.
"""

from typing import Any

import libvirt

from instar.compute.libvirt import machines
from instar.compute.libvirt.guests import networks, power, record
from instar.compute.libvirt.guests.record import CREATION, machine_name
from instar.compute.libvirt.machines import Host
from instar.compute.libvirt.storage import used_ids, volumes
from instar.domain.sets.scale_sets import ScaleSetIdentity

UNDEFINE = libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA


def delete(connection: Any, host: Host, scale_set: ScaleSetIdentity, instance_id: str) -> None:
    """Delete a machine with all disks that we made for it; of an adopted one those that were there before stay."""
    prefix = machine_name(scale_set.name, scale_set.unique_id, instance_id)
    with host.gates.held(prefix):
        matching = [one for one in machines.of_set(connection, scale_set) if one[1].instance_id == instance_id]
        pool = volumes.pool_of(connection, host.settings)
        for domain, machine in matching:
            if not machine.deleting:
                record.write(domain, machine.changed(deleting=True))
            power.pull_plug(domain)
            vm_id = domain.UUIDString()
            _delete_volumes(connection, pool, prefix, vm_id)
            networks.free_lease(connection, host.settings, networks.mac_of(vm_id))
            used_ids.mark_deleted(pool, scale_set, int(instance_id))
            _undefine(domain)
        if not matching:
            _delete_volumes(connection, pool, prefix, "")
            used_ids.mark_deleted(pool, scale_set, int(instance_id))


def _undefine(domain: Any) -> None:
    try:
        domain.undefineFlags(UNDEFINE)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return
        if error.get_error_code() not in (libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_NO_SUPPORT):
            raise
        domain.undefine()  # a driver that keeps neither


def _delete_volumes(connection: Any, pool: Any, prefix: str, vm_id: str) -> None:
    mine = volumes.names_with(pool, [f"{prefix}."])
    if not mine:
        return
    used = volumes.in_use(connection, pool, but_for=vm_id)
    for name in mine:
        volume = volumes.find(pool, name)
        if volume is not None and name not in used and volume.path() not in used:
            volumes.delete(pool, name)


def next_instance_id(connection: Any, host: Host, scale_set: ScaleSetIdentity) -> int:
    """One more than the highest id that was ever in use. Clears what a killed creation left."""
    for domain, machine in list(machines.of_set(connection, scale_set)):
        if machine.out_for == CREATION and not power.is_on(domain):
            delete(connection, host, scale_set, machine.instance_id)
    if reserved := [int(one.instance_id) for _, one in machines.of_set(connection, scale_set) if one.is_reserved]:
        return min(reserved)
    pool = volumes.pool_of(connection, host.settings)
    ids = [int(machine.instance_id) for _, machine in machines.of_set(connection, scale_set)]
    highest = max(ids, default=-1)
    start = f"{scale_set.name}_{scale_set.unique_id}_"
    named = (name[len(start) :].partition(".")[0] for name in volumes.names_with(pool, [start]))
    of_volumes = max((int(number) for number in named if number.isdigit()), default=-1)
    return max(highest, of_volumes, used_ids.last_deleted(pool, scale_set)) + 1
