"""Which addresses of real machines are asked: those on the networks that libvirt describes, or that a person named."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import libvirt
import pytest

from instar.compute.errors import NotProbed
from instar.compute.libvirt.fleet import LibvirtFleet
from instar.compute.libvirt.gates import Gates
from instar.compute.libvirt.guests import record
from instar.compute.probing.prober import Prober, Target
from instar.compute.probing.reach import Network, networks_of
from instar.compute.provider import MachineModel
from instar.connection.computes import open_compute
from instar.connection.settings import Compute, Settings
from instar.domain.health.sources import HealthSource, SourceKind
from instar.domain.machines.instances import HealthObservation, HealthState
from tests.compute.scene import ManualClock
from tests.libvirt.scene import SETTINGS, Scene
from tests.support.http_servers import http, server

SOURCE = HealthSource(kind=SourceKind.APPLICATION_HEALTH, interval=timedelta(0), port=80, path="/")
NOW = ManualClock().now
BRIDGED = SETTINGS.model_copy(update={"network": "bridge:br7"})
LEASE, ARP = libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE, libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP


@dataclass
class Told:
    """What libvirt says that the addresses of machines are, and who was asked in the end."""

    addresses: dict[int, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def interfaces(self, source: int) -> dict[str, Any]:
        return {"vnet0": {"addrs": [{"addr": one, "prefix": 24, "type": 0} for one in self.addresses.get(source, [])]}}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told()
    monkeypatch.setattr(libvirt.virDomain, "interfaceAddresses", lambda _domain, source: made.interfaces(source))

    async def observe(_self: Prober, _tls: object, _source: HealthSource, target: Target) -> HealthObservation:
        made.asked.append(target.host)
        return HealthObservation(target.instance_id, HealthState.HEALTHY, NOW)

    monkeypatch.setattr(Prober, "_observe", observe)
    return made


async def look(scene: Scene, named: tuple[Network, ...] | None = None) -> tuple[HealthObservation, ...]:
    fleet = LibvirtFleet(scene.fleet.settings, Gates(Path("unused")), networks=named, opened=scene.connection)
    return await fleet.observe_health(scene.scale_set, SOURCE)


@pytest.mark.parametrize(
    ("lease", "arp", "asked"),
    [
        (["192.168.122.2"], [], "192.168.122.2"),
        ([], ["192.168.122.2"], "192.168.122.2"),
        (["192.168.122.2"], ["192.168.122.3"], "192.168.122.2"),
        (["10.0.0.1"], ["192.168.122.3"], "192.168.122.3"),
        ([], ["10.0.0.1", "169.254.1.1", "fe80::1", "192.168.122.3"], "192.168.122.3"),
        ([], ["fd00::9", "::ffff:192.168.122.3"], "192.168.122.3"),
    ],
)
async def test_the_address_on_the_machines_own_network_is_asked(
    scene: Scene, told: Told, lease: list[str], arp: list[str], asked: str
) -> None:
    await scene.has(1)
    told.addresses = {LEASE: lease, ARP: arp}
    await look(scene)
    assert told.asked == [asked]


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.122.1", "192.168.122.255", "8.8.8.8", "fd00::1"])
async def test_h7_an_address_elsewhere_is_not_asked_and_the_machine_is_not_called_unhealthy(
    scene: Scene, told: Told, address: str
) -> None:
    await scene.has(2)
    told.addresses = {ARP: [address]}
    with pytest.raises(NotProbed, match="instance 0, 1: its health says why, INSTAR_PROBES__NETWORKS") as error:
        await look(scene)
    assert told.asked == []
    assert [one.state for one in error.value.seen] == [HealthState.UNKNOWN] * 2
    assert error.value.seen[0].detail.startswith(f"it is not probed: {address} is ")


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.7.7", "169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])  # noqa: S104
async def test_a_machine_that_has_but_an_address_that_none_may_have_has_none(
    scene: Scene, told: Told, address: str
) -> None:
    await scene.has(1)
    told.addresses = {ARP: [address]}
    [seen] = await look(scene, networks_of(["0.0.0.0/0", "::/0"]))
    assert (seen.state, seen.detail) == (HealthState.UNHEALTHY, "no address of it is known on network:default")
    assert told.asked == []


async def test_a_bridged_machine_is_asked_once_its_network_is_named(tmp_path: Path, told: Told) -> None:
    with Scene(tmp_path, BRIDGED) as scene:
        await scene.has(1)
        told.addresses = {ARP: ["10.20.0.7"]}
        with pytest.raises(NotProbed) as error:
            await look(scene)
        assert error.value.seen[0].detail == (
            "it is not probed: 10.20.0.7 is on no network that the hypervisor describes (a bridge is none): name it in "
            "INSTAR_PROBES__NETWORKS"
        )
        [seen] = await look(scene, networks_of(["10.20.0.0/16"]))
        assert (seen.state, told.asked) == (HealthState.HEALTHY, ["10.20.0.7"])


async def test_named_networks_take_the_place_of_those_that_libvirt_describes(scene: Scene, told: Told) -> None:
    await scene.has(1)
    told.addresses = {LEASE: ["192.168.122.2"]}
    with pytest.raises(NotProbed):
        await look(scene, networks_of(["10.20.0.0/16"]))
    assert told.asked == []


IPV4 = "<ip address='10.9.0.1' prefix='24'/>"
IPV6 = "<ip family='ipv6' address='fd12::1' prefix='64'/>"


@pytest.mark.parametrize(
    ("described", "networks", "machine"),
    [
        ("<forward mode='open'/><ip address='10.9.0.1' netmask='255.255.0.0'/>", "(10.9.0.0/16)", "10.9.7.7"),
        (f"<forward mode='open'/>{IPV4}", "(10.9.0.0/24)", "10.9.0.7"),
        (f"<forward mode='open'/>{IPV6}", "(fd12::/64)", "fd12::7"),
        (f"<forward mode='open'/>{IPV4}{IPV6}", "(10.9.0.0/24, fd12::/64)", "fd12::7"),
        ("<forward mode='bridge'/><bridge name='br7'/>", "(a bridge is none)", ""),
    ],
)
async def test_a_network_is_what_libvirt_describes(
    tmp_path: Path, told: Told, described: str, networks: str, machine: str
) -> None:
    settings = SETTINGS.model_copy(update={"network": "network:other"})
    with Scene(tmp_path, settings) as scene:
        scene.connection.networkDefineXML(f"<network><name>other</name>{described}</network>").create()
        await scene.has(1)
        told.addresses = {ARP: ["192.0.2.7"]}
        with pytest.raises(NotProbed) as error:
            await look(scene)
        assert networks in error.value.seen[0].detail
        if machine:
            told.addresses = {ARP: ["192.0.2.7", machine]}
            await look(scene)
            assert told.asked == [machine]


async def test_a_network_that_is_gone_describes_nothing(scene: Scene, told: Told) -> None:
    await scene.has(1)
    network = scene.connection.networkLookupByName("default")
    network.destroy()
    network.undefine()
    told.addresses = {LEASE: ["192.168.122.2"]}
    with pytest.raises(NotProbed):
        await look(scene)


async def test_a_forwarded_port_is_asked_whatever_networks_are_named(tmp_path: Path) -> None:
    async with server(http(200)) as served:
        settings = SETTINGS.model_copy(update={"network": "user"})
        with Scene(tmp_path, settings) as scene:
            await scene.has(1, MachineModel(generation=1, size="tiny", health_source=SOURCE))
            record.write(scene.domain(), scene.record().changed(host_port=served.port, guest_port=SOURCE.port))
            [seen] = await look(scene, networks_of(["10.20.0.0/16"]))
    assert seen.state is HealthState.HEALTHY
    assert len(served.times) == 1


@pytest.mark.parametrize(("given", "networks"), [("10.20.0.0/16", ("10.20.0.0/16",)), ("", None)])
def test_the_setting_reaches_the_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, networks: tuple[str, ...] | None
) -> None:
    monkeypatch.setenv("INSTAR_PROBES__NETWORKS", given)
    with closing(open_compute(Settings(data_dir=tmp_path, compute=Compute.LIBVIRT))) as fleet:
        assert isinstance(fleet, LibvirtFleet)
        assert fleet._looks._networks == (None if networks is None else networks_of(networks))
