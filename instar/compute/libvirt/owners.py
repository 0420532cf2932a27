"""What the owner of a machine does to it, beside upgrades: another model on the same disk, power, protection.

Every function blocks; each looks at the fence under the machine's gate, as `disks` do.
"""

from typing import Any

from instar.compute.errors import NotBegun
from instar.compute.libvirt import machines
from instar.compute.libvirt.blindness import refuse_blind
from instar.compute.libvirt.disks import gate, look
from instar.compute.libvirt.guests import domains, power, record
from instar.compute.libvirt.machines import Host
from instar.compute.provider import Effect, MachineModel
from instar.domain.machines.instances import PowerAction
from instar.domain.sets.scale_sets import ScaleSetIdentity


def apply_model(connection: Any, host: Host, effect: Effect, model: MachineModel) -> None:
    """The model on the disk that the machine has; nothing if it is on that generation.

    Nothing of a model needs a stop here: extensions do not run, custom data is made with each new OS disk, and another
    port is forwarded from the next start on. So it is done, or nothing of it was begun (P14).
    """
    refuse_blind(host.settings, model.health_source)
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if machine.generation == model.generation:
            return
        if not effect.fence.step.begins:
            raise NotBegun(f"instance {effect.instance_id}: no change of its model was begun")
        port = machines.guest_port(host.settings, model) if machine.host_port else 0
        new = machine.changed(generation=model.generation, extensions=record.ended(model), guest_port=port)
        connection.defineXML(domains.moved(host.settings, domains.persistent_xml(domain), new))


def begin_power(connection: Any, host: Host, effect: Effect, action: PowerAction) -> bool:
    """Whether the machine has to be stopped for that; what needs no stop is done."""
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if machine.power_done == effect.key:
            return False
        stopped = power.is_off_for_good(domain, machine)
        if action is not PowerAction.START and not stopped:
            return True
        if action is PowerAction.START:
            _start(domain, host, machine, effect)
        else:
            record.write(domain, machine.changed(power_done=effect.key))
        return False


def end_power(connection: Any, host: Host, effect: Effect, action: PowerAction) -> None:
    """After the stop: it is its owner's now, or the machine runs again."""
    with gate(host, effect):
        domain, machine = look(connection, effect)
        if machine.power_done == effect.key:
            return
        if action is PowerAction.RESTART:
            _start(domain, host, machine, effect)
        else:
            record.write(domain, machine.changed(out_for="", power_done=effect.key))


def _start(domain: Any, host: Host, machine: record.MachineRecord, effect: Effect) -> None:
    """Start it; one that cannot be started is left to its health, which tells why."""
    try:
        power.start(domain)
    except power.StartFailed as error:
        record.write(domain, machine.changed(trouble=str(error), out_for=record.mark(effect), power_done=effect.key))
    else:
        started = {"trouble": "", "out_for": "", "started_at": host.clock()}
        record.write(domain, machine.changed(power_done=effect.key, **started))


def protect(  # noqa: PLR0917  # as the port has it
    connection: Any,
    host: Host,
    scale_set: ScaleSetIdentity,
    instance_id: str,
    from_actions: bool,  # noqa: FBT001
    from_scale_in: bool,  # noqa: FBT001
) -> None:
    """What the instance is protected from (B6). Raises InstanceGone."""
    with host.gates.held(record.machine_name(scale_set.name, scale_set.unique_id, instance_id)):
        domain, machine = machines.find(connection, scale_set, instance_id)
        record.write(domain, machine.changed(protected=from_actions, protected_from_scale_in=from_scale_in))
