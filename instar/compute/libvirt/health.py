"""Health of real machines: by power state and the guest's agent (H2), or by asking each over the network (H3 to H6)."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from instar.compute.clock import Clock
from instar.compute.errors import NotProbed
from instar.compute.libvirt import machines
from instar.compute.libvirt.blindness import refuse_blind
from instar.compute.libvirt.calls import Hypervisor
from instar.compute.libvirt.guests import agents, power
from instar.compute.libvirt.guests.addresses import Networks, address_of
from instar.compute.libvirt.guests.record import CREATION, MachineRecord
from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.probing.prober import Prober, Target
from instar.compute.probing.reach import LOOPBACK, Listening, Network
from instar.domain.health.sources import HealthSource, SourceKind
from instar.domain.machines.instances import HealthObservation, HealthState
from instar.domain.sets.scale_sets import ScaleSetIdentity


@dataclass(frozen=True, slots=True)
class Found:
    """One machine at a look: where to ask it, or why it cannot be asked."""

    instance_id: str
    target: Target | None
    why_not: str
    agent: Any = None
    """The domain, if its guest's agent can be asked."""


class Looks:
    """Looks at machines: one pass over libvirt for where they are, then questions over the network, no thread each."""

    def __init__(self, hypervisor: Hypervisor, clock: Clock, networks: tuple[Network, ...] | None) -> None:
        self._hypervisor = hypervisor
        self._clock = clock
        self._networks = networks
        self._prober = Prober(clock)
        self._agents_at_once = asyncio.Semaphore(max(1, hypervisor.settings.threads // 2))

    async def observe(
        self, scale_set: ScaleSetIdentity, source: HealthSource, named: frozenset[str] | None
    ) -> tuple[HealthObservation, ...]:
        """See `Provider.observe_health`. Raises NotProbed where probes may not go to one of the machines."""
        settings = self._hypervisor.settings
        refuse_blind(settings, source)
        found = await self._hypervisor.run(self._find, scale_set, source, named)
        if source.kind is SourceKind.DEFAULT:
            found = tuple(await asyncio.gather(*map(self._agent_asked, found)))
        silent = HealthState.UNKNOWN if source.rich else HealthState.UNHEALTHY
        now = self._clock()
        observed = {
            instance.instance_id: HealthObservation(
                instance.instance_id, silent if instance.why_not else HealthState.HEALTHY, now, instance.why_not
            )
            for instance in found
        }
        if source.kind is not SourceKind.DEFAULT:
            targets = [one.target for one in found if one.target is not None]
            try:
                seen = await self._prober.look(targets, source)
            except NotProbed as error:
                raise NotProbed(str(error), _joined(observed, error.seen)) from None
            return _joined(observed, seen)
        return tuple(observed.values())

    async def _agent_asked(self, one: Found) -> Found:
        """What its agent makes of it. Some threads stay free: an agent that hangs holds one for seconds."""
        if one.agent is None:
            return one
        async with self._agents_at_once:
            return replace(one, why_not=await self._hypervisor.run(agents.why_silent, one.agent))

    def _find(
        self, connection: Any, scale_set: ScaleSetIdentity, source: HealthSource, named: frozenset[str] | None
    ) -> tuple[Found, ...]:
        settings, networks = self._hypervisor.settings, Networks(connection, self._networks)
        found = [
            _found(settings, networks, domain, machine, source)
            for domain, machine in machines.of_set(connection, scale_set)
            if (named is None or machine.instance_id in named)
            and not machine.is_reserved
            and (machine.out_for != CREATION or power.is_on(domain))
        ]
        return tuple(sorted(found, key=lambda one: int(one.instance_id)))


def _joined(
    observed: dict[str, HealthObservation], seen: tuple[HealthObservation, ...]
) -> tuple[HealthObservation, ...]:
    return tuple((observed | {observation.instance_id: observation for observation in seen}).values())


def _found(
    settings: LibvirtSettings, networks: Networks, domain: Any, machine: MachineRecord, source: HealthSource
) -> Found:
    why_not = power.why_not_running(domain, machine)
    if why_not:
        return Found(machine.instance_id, None, why_not)
    if source.kind is SourceKind.DEFAULT:
        return Found(machine.instance_id, None, "", domain if agents.is_connected(domain) else None)
    since = machine.started_at or machine.created_at
    if machine.host_port:
        if source.port != machine.guest_port:
            reason = f"its port {machine.guest_port} is forwarded, and not {source.port}: its next upgrade changes that"
            return Found(machine.instance_id, None, reason)
        # The one way to such a machine, and libvirt itself listens there for it.
        forwarded = Listening(frozenset({machine.host_port}))
        target = Target(machine.instance_id, LOOPBACK, machine.host_port, forwarded, since)
        return Found(machine.instance_id, target, "")
    reach = networks.reach_of(domain)
    address = address_of(domain, reach)
    if address is None:
        return Found(machine.instance_id, None, f"no address of it is known on {settings.network}")
    return Found(machine.instance_id, Target(machine.instance_id, address, source.port, reach, since), "")
