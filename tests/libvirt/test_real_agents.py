"""The guest's agent on a machine that boots: one that answers, and one that hangs while its guest runs."""

import asyncio
import time

import libvirt
import libvirt_qemu
import pytest

from instar.compute.libvirt.fleet import LibvirtFleet
from instar.compute.libvirt.gates import Gates
from instar.compute.libvirt.guests import agents
from instar.connection.computes import libvirt_settings
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instances import HealthState
from tests.libvirt.real_site import RealSite


async def test_h2_a_machine_whose_agent_hangs_is_unhealthy_and_the_other_is_not(real: RealSite) -> None:
    async with real.machines(2) as live:
        connection = real.connection()
        hangs, answers = (connection.lookupByUUIDString(live.instances()[one].vm_id) for one in ("0", "1"))
        fleet = LibvirtFleet(libvirt_settings(real.settings()), Gates(real.site.data / "gates"))
        try:
            assert agents.is_connected(hangs)
            assert agents.is_connected(answers)
            assert [one.state for one in await fleet.observe_health(live.identity, HealthSource())] == [
                HealthState.HEALTHY,
                HealthState.HEALTHY,
            ]
            with pytest.raises(libvirt.libvirtError):
                await asyncio.to_thread(libvirt_qemu.qemuAgentCommand, hangs, '{"execute": "test-hang"}', 1, 0)
            begun = time.monotonic()
            seen = await fleet.observe_health(live.identity, HealthSource())
            took = time.monotonic() - begun
        finally:
            fleet.close()
            connection.close()
        assert [(one.state, one.detail) for one in seen] == [
            (HealthState.UNHEALTHY, "its guest agent is connected and does not answer"),
            (HealthState.HEALTHY, ""),
        ]
        assert took < 3 * agents.PING_SECONDS
        assert await live.boots() == {("v1", 1, 1)}
