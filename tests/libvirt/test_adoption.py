"""Machines that were there before us: found, reserved, taken over as they are, and refused in doubt."""

from typing import Any
from xml.etree import ElementTree as ET

import libvirt
import pytest

from instar.compute.errors import InstanceGone
from instar.compute.libvirt import adoption, machines
from instar.compute.libvirt.adoption import Candidate
from instar.compute.provider import MachineModel
from instar.domain.health.sources import HealthSource
from instar.domain.machines.instances import PowerState
from tests.libvirt.scene import NEW, NEWER, OLD, Scene, identity, models

DISK = (
    "<disk type='{kind}' device='disk'><driver name='qemu' type='{form}'/><source {source}/>"
    "<target dev='{target}' bus='virtio'/>{more}</disk>"
)


def disk(target: str = "vda", **given: str) -> str:
    return DISK.format(
        **({"kind": "file", "form": "qcow2", "source": f"file='/old/{target}.qcow2'", "more": ""} | given),
        target=target,
    )


def define(scene: Scene, name: str, *disks: str, running: bool = True) -> Any:
    domain = scene.connection.defineXML(
        f"<domain type='test'><name>{name}</name><memory>65536</memory><os><type>hvm</type></os>"
        f"<devices>{''.join(disks)}</devices></domain>"
    )
    if running:
        domain.create()
    return domain


def survey(scene: Scene, pattern: str = "web-*", os_disk: str = "") -> list[Candidate]:
    return adoption.survey(scene.connection, scene.host, pattern, os_disk, scene.scale_set.unique_id)


def refusal(scene: Scene, *disks: str, os_disk: str = "") -> str:
    define(scene, "web-a", *disks)
    [one] = survey(scene, os_disk=os_disk)
    return "; ".join(one.refusals)


async def test_a_group_by_name_becomes_a_set_and_nothing_is_restarted(scene: Scene) -> None:
    for name in ("web-b", "web-a", "db-a"):
        define(scene, name, disk(), running=name != "web-b")
    before = {name: scene.connection.lookupByName(name).ID() for name in ("web-a", "db-a")}
    found = survey(scene)
    assert [(one.name, one.os_target, one.os_disk, one.refusals) for one in found] == [
        ("web-a", "vda", "/old/vda.qcow2", ()),
        ("web-b", "vda", "/old/vda.qcow2", ()),
    ]
    adoption.reserve(scene.connection, scene.host, scene.scale_set, found, OLD)
    assert await scene.fleet.next_instance_id(scene.scale_set) == 0
    for number in range(2):
        await scene.fleet.create_instance(scene.scale_set, str(number), NEW, MachineModel(generation=1, size="none"))
    listed = await scene.fleet.list_instances(scene.scale_set)
    assert [(one.instance_id, one.power) for one in listed] == [("0", PowerState.RUNNING), ("1", PowerState.STOPPED)]
    assert {one.os_disk.image for one in listed if one.os_disk} == {OLD}
    assert {name: scene.connection.lookupByName(name).ID() for name in before} == before


async def test_a_reserved_machine_is_none_of_the_sets_until_it_is_asked_for(scene: Scene) -> None:
    define(scene, "web-a", disk())
    adoption.reserve(scene.connection, scene.host, scene.scale_set, survey(scene), OLD)
    assert await scene.fleet.list_instances(scene.scale_set) == ()
    assert await scene.fleet.observe_health(scene.scale_set, HealthSource()) == ()
    with pytest.raises(InstanceGone):
        await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    assert survey(scene)[0].refusals == ()
    adoption.release(scene.connection, scene.scale_set)
    assert await scene.fleet.next_instance_id(scene.scale_set) == 0
    assert list(machines.of_set(scene.connection, scene.scale_set)) == []


async def test_an_adopted_machine_is_swapped_and_given_its_own_disk_back(scene: Scene) -> None:
    define(scene, "web-a", disk(), disk("vdb"), disk("vdc", form="raw"))
    adoption.reserve(scene.connection, scene.host, scene.scale_set, survey(scene, os_disk="vdb"), OLD)
    await scene.fleet.create_instance(scene.scale_set, "0", NEW, MachineModel(generation=1, size="none"))
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    assert sources(scene) == {"vda": "/old/vda.qcow2", "vdb": scene.os_volume(1), "vdc": "/old/vdc.qcow2"}
    await scene.fleet.restore_os_disk(scene.restore(), models)
    assert sources(scene) == {target: f"/old/{target}.qcow2" for target in ("vda", "vdb", "vdc")}


def sources(scene: Scene) -> dict[str, str]:
    found = {}
    for one in ET.fromstring(scene.connection.lookupByName("web-a").XMLDesc(0)).iterfind("devices/disk"):  # noqa: S314
        target, source = one.find("target"), one.find("source")
        assert target is not None
        assert source is not None
        found[target.get("dev", "")] = source.get("file") or source.get("volume") or ""
    return found


async def test_p5_what_was_there_before_us_is_never_deleted(scene: Scene) -> None:
    await scene.has(1)
    there = scene.os_volume(0)
    other = identity("other")
    volume = disk(kind="volume", source="pool='instar' volume='img.own.qcow2'")
    scene.pool.createXML("<volume><name>img.own.qcow2</name><capacity>1048576</capacity></volume>")
    define(scene, "web-a", volume)
    adoption.reserve(scene.connection, scene.host, other, survey(scene), OLD)
    await scene.fleet.create_instance(other, "0", NEW, MachineModel(generation=1, size="none"))
    effect = type(scene.effect())(other, scene.effect().fence, "0")
    await scene.fleet.swap_os_disk(effect, NEW, NEWER)
    assert await scene.fleet.discard_os_disks(other, [1]) == 1
    await scene.fleet.delete_instance(other, "0")
    assert "img.own.qcow2" in scene.pool.listVolumes()
    assert there in scene.volumes()


@pytest.mark.parametrize(
    ("disks", "told", "why"),
    [
        ((disk(), disk("vdb")), "", "which of its disks is the OS disk is not clear (vda, vdb): say it with --os-disk"),
        ((disk(),), "vdz", "it has no disk vdz; it has: vda"),
        ((), "", "it has no disk"),
        ((disk(kind="block", source="dev='/dev/sdz'", form="raw"),), "", "its OS disk vda is of type block"),
        ((disk(form="vmdk"),), "", "its OS disk vda has the format vmdk"),
        ((disk(kind="volume", source="pool='default-pool' volume='x'"),), "", "is in the pool 'default-pool'"),
    ],
)
async def test_in_doubt_a_machine_is_refused_with_its_reason(
    scene: Scene, disks: tuple[str, ...], told: str, why: str
) -> None:
    assert why in refusal(scene, *disks, os_disk=told)


@pytest.mark.parametrize(
    ("disks", "told", "found"),
    [
        ((disk(),), "", "vda"),
        ((disk(), disk("vdb")), "vdb", "vdb"),
        ((disk(), disk("vdb", more="<boot order='1'/>")), "", "vdb"),
        ((disk(), "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"), "", "vda"),
    ],
)
def test_the_os_disk_is_found_where_it_can_be_only_one(disks: tuple[str, ...], told: str, found: str) -> None:
    xml = ET.fromstring(f"<domain><devices>{''.join(disks)}</devices></domain>")  # noqa: S314  # ours
    with_data = [one for one in xml.iterfind("devices/disk") if adoption._holds_data(one)]
    os_disk, doubt = adoption.os_disk_of(xml, with_data, told)
    assert doubt == ""
    assert os_disk is not None
    assert adoption._target(os_disk) == found


def test_two_disks_with_a_boot_order_are_a_doubt() -> None:
    first, second = (disk(name, more=f"<boot order='{place}'/>") for place, name in enumerate(("vda", "vdb"), 1))
    xml = ET.fromstring(f"<domain><devices>{first}{second}</devices></domain>")  # noqa: S314  # ours
    assert adoption.os_disk_of(xml, xml.findall("devices/disk"), "")[0] is None


async def test_a_machine_of_another_set_is_refused(scene: Scene) -> None:
    await scene.has(1)
    [one] = survey(scene, "web_*")
    assert f"it belongs to the scale set web ({scene.scale_set.unique_id}) already" in one.refusals


async def test_a_transient_machine_is_refused(scene: Scene) -> None:
    scene.connection.createXML(
        "<domain type='test'><name>web-a</name><memory>65536</memory><os><type>hvm</type></os>"
        f"<devices>{disk()}</devices></domain>"
    )
    assert "it is transient" in survey(scene)[0].refusals[0]


async def test_a_machine_with_snapshots_is_refused(scene: Scene) -> None:
    domain = define(scene, "web-a", disk())
    domain.snapshotCreateXML("<domainsnapshot><name>s</name></domainsnapshot>", 0)
    assert "it has snapshots" in survey(scene)[0].refusals[0]


async def test_a_machine_with_a_saved_state_is_refused(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    define(scene, "web-a", disk())
    monkeypatch.setattr(libvirt.virDomain, "hasManagedSaveImage", lambda *_: 1)
    assert "it has a saved state" in survey(scene)[0].refusals[0]
