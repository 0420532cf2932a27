"""How machines are reached: leases that stay, ports that are forwarded."""

import socket
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from instar.compute.errors import NotAllowed, Unavailable
from instar.compute.libvirt.guests import domains, networks
from instar.compute.libvirt.settings import LibvirtSettings, VirtType
from instar.compute.libvirt.sizes import Size
from instar.compute.probing.reach import LOOPBACK
from instar.compute.provider import MachineModel
from instar.domain.health.sources import HealthSource, SourceKind
from tests.libvirt.scene import OLD, SETTINGS, Scene

USER = LibvirtSettings.model_validate(SETTINGS.model_dump() | {"network": "user", "guest_port": 8080})
QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"


def leases(scene: Scene) -> dict[str, str]:
    network = ET.fromstring(scene.connection.networkLookupByName("default").XMLDesc(0))  # noqa: S314  # libvirt's own
    return {host.get("mac", ""): host.get("ip", "") for host in network.iter("host")}


async def test_each_machine_of_a_network_has_a_lease_of_its_own_until_it_is_deleted(scene: Scene) -> None:
    await scene.has(2)
    macs = [networks.mac_of(scene.domain(one).UUIDString()) for one in ("0", "1")]
    assert leases(scene) == {macs[0]: "192.168.122.2", macs[1]: "192.168.122.3"}
    await scene.fleet.delete_instance(scene.scale_set, "0")
    assert leases(scene) == {macs[1]: "192.168.122.3"}
    assert macs[1] in scene.xml("1")


async def test_a_machine_keeps_the_lease_that_it_has(scene: Scene) -> None:
    await scene.has(1)
    before = leases(scene)
    networks.fix_lease(scene.connection, SETTINGS, networks.mac_of(scene.domain().UUIDString()), "web")
    assert leases(scene) == before


async def test_a_network_without_addresses_left_says_so(scene: Scene) -> None:
    await scene.has(3)
    with pytest.raises(Unavailable, match="the network 'default' has no address left"):
        await scene.fleet.create_instance(scene.scale_set, "3", OLD, MachineModel(generation=1, size="tiny"))
    assert len(await scene.fleet.list_instances(scene.scale_set)) == 3


async def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    settings = LibvirtSettings.model_validate(SETTINGS.model_dump() | {"network": "network:nowhere"})
    with Scene(tmp_path, settings) as scene:
        with pytest.raises(NotAllowed, match="nowhere"):
            await scene.has(1)
        assert await scene.fleet.list_instances(scene.scale_set) == ()


async def test_a_bridge_is_named_in_the_domain(tmp_path: Path) -> None:
    settings = LibvirtSettings.model_validate(SETTINGS.model_dump() | {"network": "bridge:br7"})
    with Scene(tmp_path, settings) as scene:
        await scene.has(1)
        assert "<source bridge='br7'/>" in scene.xml()


async def test_each_machine_has_a_forwarded_port_of_its_own(tmp_path: Path) -> None:
    with closing(socket.create_server((LOOPBACK, 0))) as taken:
        first = taken.getsockname()[1]
        settings = USER.model_copy(update={"first_port": first, "last_port": min(first + 50, 65535)})
        with Scene(tmp_path, settings) as scene:
            await scene.has(3)
            ports = [scene.record(one).host_port for one in ("0", "1", "2")]
    assert first not in ports
    assert len(set(ports)) == 3
    assert set(ports) <= set(range(first, first + 51))


async def test_the_port_of_the_health_source_is_the_one_that_is_forwarded(tmp_path: Path) -> None:
    source = HealthSource(kind=SourceKind.APPLICATION_HEALTH, port=9000, path="/")
    with Scene(tmp_path, USER) as scene:
        await scene.has(1, MachineModel(generation=1, size="tiny", health_source=source))
        assert scene.record().guest_port == 9000
        await scene.fleet.swap_os_disk(scene.effect(), OLD, MachineModel(generation=2, size="tiny"))
        assert scene.record().guest_port == 8080
        [seen] = await scene.fleet.observe_health(scene.scale_set, source)
        assert "its port 8080 is forwarded, and not 9000" in seen.detail


async def test_a_move_forwards_the_port_anew_and_keeps_everything_else(tmp_path: Path) -> None:
    real = USER.model_copy(update={"virt_type": VirtType.QEMU})
    with Scene(tmp_path, USER) as scene:
        await scene.has(1)
        machine = scene.record().changed(host_port=20001, guest_port=80)
    xml = domains.new_domain(real, machine, "7f8c3b7e-0000-0000-0000-000000000000", Size(memory_mib=96))
    moved = domains.moved(real, xml, machine.changed(guest_port=81))
    args = [one.get("value") for one in ET.fromstring(moved).iter(f"{QEMU}arg")]  # noqa: S314  # ours
    assert [one for one in args if one and "hostfwd" in one] == [
        "user,id=instar,restrict=on,hostfwd=tcp:127.0.0.1:20001-:81"
    ]
    assert "mac=52:54:00:c1:28:4b" in str(args)
    assert ">32</tb-cache>" in moved
