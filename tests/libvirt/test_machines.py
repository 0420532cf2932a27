"""Machines made, listed, deleted and collected on libvirt's mock driver."""

import doctest
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import libvirt
import pytest

from instar.compute.errors import NotAllowed
from instar.compute.libvirt import machines, sizes
from instar.compute.libvirt.guests import networks, record
from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.libvirt.storage import images, volumes
from instar.compute.provider import MachineModel
from instar.domain.health.sources import HealthSource, Protocol, SourceKind
from instar.domain.machines.instances import HealthState, PowerState
from instar.domain.machines.placement import Placement
from tests.libvirt.scene import MODEL, NEW, NEWER, OLD, SETTINGS, Scene, identity

DEFAULT = HealthSource()


@pytest.mark.parametrize("module", [images, networks, record, sizes, volumes])
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


async def test_a_machine_is_made_from_the_model_and_runs(scene: Scene) -> None:
    await scene.has(1)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert one.os_disk is not None
    assert (one.instance_id, one.os_disk.image, one.generation) == ("0", OLD, 1)
    assert (one.power, one.provisioned, [disk.lun for disk in one.data_disks]) == (PowerState.RUNNING, True, [0, 1])
    xml = ET.fromstring(scene.xml())  # noqa: S314  # libvirt's own
    assert (xml.findtext("memory"), xml.findtext("vcpu")) == ("65536", "1")
    assert scene.scale_set.unique_id in (xml.findtext("name") or "")
    assert scene.domain().autostart()


async def test_data_disks_have_the_size_of_the_model_or_the_setting(scene: Scene) -> None:
    model = MachineModel(generation=1, data_disks=2, size="tiny", data_disk_gibibytes=(3, 0))
    await scene.has(1, model)
    capacities = [scene.pool.storageVolLookupByName(disk.name).info()[1] for disk in scene.record().data_disks]
    assert capacities == [3 << 30, SETTINGS.data_disk_mib << 20]


async def test_f2_a_machine_is_made_once(scene: Scene) -> None:
    await scene.has(1)
    before, there = scene.xml(), scene.volumes()
    await scene.fleet.create_instance(scene.scale_set, "0", NEW, NEWER)
    assert (scene.xml(), scene.volumes()) == (before, there)


async def test_an_unknown_size_is_refused_and_named(scene: Scene) -> None:
    with pytest.raises(NotAllowed, match="'Huge' is in no table: add it to INSTAR_LIBVIRT__SIZES"):
        await scene.fleet.create_instance(scene.scale_set, "0", OLD, MachineModel(generation=1, size="Huge"))
    assert await scene.fleet.list_instances(scene.scale_set) == ()
    assert scene.volumes() == set()


async def test_p16_ids_are_never_used_again(scene: Scene) -> None:
    await scene.has(3)
    assert await scene.fleet.next_instance_id(scene.scale_set) == 3
    await scene.fleet.delete_instance(scene.scale_set, "1")
    await scene.fleet.delete_instance(scene.scale_set, "2")
    await scene.fleet.delete_instance(scene.scale_set, "0")
    assert await scene.fleet.next_instance_id(scene.scale_set) == 3
    await scene.fleet.create_instance(scene.scale_set, "1", OLD, MODEL)
    assert await scene.fleet.list_instances(scene.scale_set) == ()
    assert await scene.fleet.next_instance_id(identity()) == 0


async def test_a_deleted_machine_leaves_no_volume(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    await scene.fleet.delete_instance(scene.scale_set, "0")
    await scene.fleet.delete_instance(scene.scale_set, "0")
    assert scene.volumes() == set()
    assert images.checksum(scene.pool, images.image_volume(OLD)) == "0" * 64


async def test_a_disk_that_another_domain_uses_outlives_its_machine(scene: Scene) -> None:
    await scene.has(1)
    scene.connection.defineXML(_other(f"<source pool='instar' volume='{scene.os_volume(0)}'/>"))
    await scene.fleet.delete_instance(scene.scale_set, "0")
    assert scene.volumes() == {scene.os_volume(0)}


def _other(source: str) -> str:
    kind = "volume" if "volume=" in source else "file"
    return (
        "<domain type='test'><name>other</name><memory>65536</memory><os><type>hvm</type></os><devices>"
        f"<disk type='{kind}' device='disk'>{source}<target dev='vda'/></disk></devices></domain>"
    )


async def test_a_delete_that_was_killed_is_listed_and_done_again(scene: Scene) -> None:
    await scene.has(1)
    domain, machine = machines.find(scene.connection, scene.scale_set, "0")
    record.write(domain, machine.changed(deleting=True))
    domain.destroy()
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.power, one.provisioned) == (PowerState.RUNNING, False)
    await scene.fleet.delete_instance(scene.scale_set, "0")
    assert await scene.fleet.list_instances(scene.scale_set) == ()
    assert scene.volumes() == set()


async def test_f1_a_creation_that_was_killed_is_no_machine_and_is_cleared(scene: Scene) -> None:
    await scene.has(1)
    machines.create(scene.connection, scene.host, scene.scale_set, "1", OLD, MODEL, Placement())
    assert [one.instance_id for one in await scene.fleet.list_instances(scene.scale_set)] == ["0"]
    assert [one.instance_id for one in await scene.fleet.observe_health(scene.scale_set, DEFAULT)] == ["0"]
    assert await scene.fleet.next_instance_id(scene.scale_set) == 2
    assert not any("_1." in name for name in scene.volumes())


async def test_f1_a_creation_that_was_killed_after_its_start_is_a_machine(scene: Scene) -> None:
    machines.create(scene.connection, scene.host, scene.scale_set, "0", OLD, MODEL, Placement())
    scene.domain().create()
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert one.provisioned
    scene.domain().shutdown()
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert one.power is PowerState.STOPPED


async def test_volumes_without_a_domain_are_left_and_their_ids_too(scene: Scene) -> None:
    await scene.has(2)
    scene.domain("1").destroy()
    scene.domain("1").undefine()
    there = scene.volumes()
    assert await scene.fleet.next_instance_id(scene.scale_set) == 2
    assert scene.volumes() == there


async def test_a_machine_that_cannot_be_started_at_all_is_not_kept(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = libvirt.virDomain.create
    with monkeypatch.context() as patched:
        patched.setattr("instar.compute.libvirt.guests.power.PAUSED_SECONDS", 0.2)
        patched.setattr(libvirt.virDomain, "create", lambda domain: (create(domain), domain.suspend()))
        with pytest.raises(NotAllowed, match=r"paused right after its start.*INSTAR_LIBVIRT__VIRT_TYPE=qemu"):
            await scene.fleet.create_instance(scene.scale_set, "0", OLD, MODEL)
    assert scene.volumes() == set()
    assert await scene.fleet.list_instances(scene.scale_set) == ()


async def test_p5_only_what_the_operation_put_aside_is_collected(scene: Scene) -> None:
    await scene.has(2)
    for number in (1, 2):
        await scene.fleet.swap_os_disk(scene.effect(number), NEW, NEWER)
    assert await scene.fleet.discard_os_disks(scene.scale_set, [1]) == 1
    [one, _] = await scene.fleet.list_instances(scene.scale_set)
    assert [disk.name for disk in one.previous_os_disks] == [scene.os_volume(1)]
    assert scene.os_volume(0) not in scene.volumes()
    assert await scene.fleet.discard_os_disks(scene.scale_set, [1]) == 0
    assert {scene.os_volume(2), scene.os_volume(0, "1")} <= scene.volumes()


@pytest.mark.parametrize("by_path", [False, True])
async def test_p5_a_disk_in_use_is_never_collected(scene: Scene, by_path: bool) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    kept = scene.os_volume(0)
    source = f"<source file='/instar/{kept}'/>" if by_path else f"<source pool='instar' volume='{kept}'/>"
    scene.connection.defineXML(_other(source))
    assert await scene.fleet.discard_os_disks(scene.scale_set, [1]) == 0
    assert kept in scene.volumes()
    assert [disk.name for disk in scene.record().kept] == [kept]


async def test_p5_a_disk_under_another_disk_is_never_collected(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    kept = scene.pool.storageVolLookupByName(scene.os_volume(0))
    volumes.make_overlay(scene.pool, "snapshot.qcow2", kept)
    assert await scene.fleet.discard_os_disks(scene.scale_set, [1]) == 0
    assert scene.os_volume(0) in scene.volumes()


async def test_p5_a_half_made_disk_is_collected_uncounted(scene: Scene) -> None:
    await scene.has(1)
    scene.swap_steps(scene.effect())[0]()
    assert scene.os_volume(1) in scene.volumes()
    assert await scene.fleet.discard_os_disks(scene.scale_set, [1]) == 0
    assert scene.os_volume(1) not in scene.volumes()
    assert scene.os_volume(0) in scene.volumes()


async def test_h2_without_a_source_a_machine_that_runs_is_healthy(scene: Scene) -> None:
    await scene.has(3)
    scene.domain("1").shutdown()
    for step in scene.swap_steps(scene.effect(instance_id="2"))[:2]:
        step()
    seen = await scene.fleet.observe_health(scene.scale_set, DEFAULT)
    assert [(one.state, one.detail) for one in seen] == [
        (HealthState.HEALTHY, ""),
        (HealthState.UNHEALTHY, "stopped by its owner"),
        (HealthState.UNHEALTHY, "stopped while its OS disk is replaced"),
    ]
    [only] = await scene.fleet.observe_health(scene.scale_set, DEFAULT, ["2", "9"])
    assert only.instance_id == "2"


async def test_p18_a_machine_whose_process_died_was_not_stopped_by_its_owner(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.has(1)
    scene.domain().destroy()
    crashed = [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED]
    with monkeypatch.context() as patched:
        patched.setattr(libvirt.virDomain, "state", lambda _domain: crashed)
        [one] = await scene.fleet.list_instances(scene.scale_set)
        [seen] = await scene.fleet.observe_health(scene.scale_set, DEFAULT)
    assert (one.power, seen.state) == (PowerState.RUNNING, HealthState.UNHEALTHY)
    assert seen.detail == "its QEMU process ended by itself"


async def test_h3_a_machine_whose_address_is_not_known_is_unhealthy(scene: Scene) -> None:
    await scene.has(1)
    source = HealthSource(kind=SourceKind.APPLICATION_HEALTH, port=80, path="/")
    [seen] = await scene.fleet.observe_health(scene.scale_set, source)
    # The mock driver makes addresses up, and nobody answers there.
    assert seen.state is HealthState.UNHEALTHY


async def test_tcp_health_over_forwarded_ports_is_refused(tmp_path: Path) -> None:
    source = HealthSource(kind=SourceKind.APPLICATION_HEALTH, protocol=Protocol.TCP, port=80)
    settings = LibvirtSettings.model_validate(SETTINGS.model_dump() | {"network": "user"})
    with Scene(tmp_path, settings) as scene:
        model = MachineModel(generation=1, size="tiny", health_source=source)
        with pytest.raises(NotAllowed, match="a forwarded port accepts every connection"):
            await scene.fleet.create_instance(scene.scale_set, "0", OLD, model)
        with pytest.raises(NotAllowed, match="a forwarded port accepts every connection"):
            await scene.fleet.observe_health(scene.scale_set, source)
        await scene.has(1)
        with pytest.raises(NotAllowed, match="a forwarded port accepts every connection"):
            await scene.fleet.swap_os_disk(scene.effect(), NEW, model)
        assert scene.volumes() == {one for one in scene.volumes() if ".os.1." not in one}
