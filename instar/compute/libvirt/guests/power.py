"""Whether a domain runs, and making it run or stop. The state says so, never the code of an error."""

import time
from typing import Any

import libvirt

from instar.compute.errors import NotAllowed
from instar.compute.libvirt.guests.record import CREATION, MachineRecord
from instar.domain.machines.instances import PowerState

PAUSED_SECONDS = 2.0
"""How long a machine may be paused right after its start before that is taken for its end."""

FAILURES = frozenset({libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED})
"""Ends that nobody asked for."""


class StartFailed(Exception):
    """The hypervisor could not start a machine, or holds it paused; the text says why."""


def is_on(domain: Any) -> bool:
    """Whether there is a process of it, running or not."""
    return bool(domain.state()[0] not in (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_NOSTATE))


def power(domain: Any, machine: MachineRecord) -> PowerState:
    """STOPPED only by its owner: shut off without our doing, and without a crash (P18)."""
    state, reason = domain.state()
    if state != libvirt.VIR_DOMAIN_SHUTOFF or reason in FAILURES or machine.out_for or machine.deleting:
        return PowerState.RUNNING
    return PowerState.STOPPED


def is_off_for_good(domain: Any, machine: MachineRecord) -> bool:
    """Whether its owner stopped it: then it is not ours to start (P18)."""
    return power(domain, machine) is PowerState.STOPPED


def why_not_running(domain: Any, machine: MachineRecord) -> str:
    """Why a machine that should run gives no answer; "" if it runs."""
    if machine.trouble:
        return f"it could not be started: {machine.trouble}"
    state, reason = domain.state()
    if state == libvirt.VIR_DOMAIN_RUNNING:
        return ""
    if machine.out_for:
        return "it was not started yet" if machine.out_for == CREATION else "stopped while its OS disk is replaced"
    if state == libvirt.VIR_DOMAIN_PAUSED:
        full = reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR
        return (
            "it is paused, because a disk cannot be written: the pool may be full; virsh resume lets it go on then"
            if full
            else "it is paused: virsh resume lets it go on"
        )
    return "its QEMU process ended by itself" if reason in FAILURES else "stopped by its owner"


def start(domain: Any) -> None:
    """Start it; nothing if it runs. Raises StartFailed; libvirtError if the connection was lost meanwhile."""
    if not is_on(domain):
        try:
            domain.create()
        except libvirt.libvirtError as error:
            if error.get_error_domain() == libvirt.VIR_FROM_RPC:
                raise
            if not is_on(domain):  # another was quicker
                raise StartFailed(str(error)) from error
    give_up_at = time.monotonic() + PAUSED_SECONDS
    while domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED:
        if time.monotonic() > give_up_at:
            raise StartFailed(
                "the machine is paused right after its start; where KVM is there but does not work, "
                "INSTAR_LIBVIRT__VIRT_TYPE=qemu helps"
            )
        time.sleep(0.1)


def start_new(domain: Any) -> None:
    """Start a machine for the first time. Raises NotAllowed if that cannot be: nothing of it is worth keeping."""
    try:
        start(domain)
    except StartFailed as error:
        raise NotAllowed(f"the machine '{domain.name()}' cannot be started: {error}") from error


def ask_to_stop(domain: Any) -> None:
    """Press its power button."""
    try:
        domain.shutdown()
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC:
            raise
        # A guest that cannot hear of it has its plug pulled later; one that stopped meanwhile is stopped.


def pull_plug(domain: Any) -> None:
    """End its process; nothing if there is none."""
    try:
        domain.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_domain() == libvirt.VIR_FROM_RPC or is_on(domain):
            raise
