"""Swap and restore on libvirt's mock driver, as the port promises them (P4, P5, P7, P18, F2, F3)."""

import dataclasses
import re
from typing import Any
from xml.etree import ElementTree as ET

import libvirt
import pytest

from instar.compute.errors import DiskNotMade, ImageGone, InstanceGone, NothingToRestore, Superseded
from instar.compute.libvirt import disks
from instar.compute.libvirt.settings import LibvirtSettings
from instar.compute.libvirt.storage import images, volumes
from instar.domain.machines.instances import PowerState
from tests.libvirt.scene import LINE, MODEL, NEW, NEWER, OLD, SETTINGS, Scene, identity, models

SWAP_STEPS = RESTORE_STEPS = range(1, 5)


async def test_p4_a_swap_changes_the_os_disk_and_nothing_else(scene: Scene) -> None:
    await scene.has(1)
    [before] = await scene.fleet.list_instances(scene.scale_set)
    xml_before = scene.xml()
    disk = await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    [after] = await scene.fleet.list_instances(scene.scale_set)
    assert after.os_disk == disk
    assert (disk.image, disk.made_by, after.generation) == (NEW, f"{scene.scale_set.unique_id}/1", 2)
    assert (after.vm_id, after.data_disks, after.created_at) == (before.vm_id, before.data_disks, before.created_at)
    assert after.power is PowerState.RUNNING
    assert after.provisioned
    assert _without_record(scene.xml()) == _without_record(xml_before).replace(scene.os_volume(0), scene.os_volume(1))


def _without_record(xml: str) -> str:
    return re.sub(r"<metadata.*</metadata>| xmlns:instar=\S+?(?=>)", "", xml, flags=re.DOTALL)


async def test_p4_the_new_disk_is_made_from_the_image_version(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    volume = scene.pool.storageVolLookupByName(scene.os_volume(1))
    assert f"/instar/{images.image_volume(NEW)}" in volume.XMLDesc()


async def test_p5_the_previous_disk_is_kept_first_of_the_list(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    await scene.fleet.swap_os_disk(scene.effect(2), OLD, NEWER)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert [disk.name for disk in one.previous_os_disks] == [scene.os_volume(1), scene.os_volume(0)]
    assert {scene.os_volume(number) for number in range(3)} <= scene.volumes()


async def test_p7_a_restore_gives_the_disk_before_back_and_keeps_the_failed_one(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    disk = await scene.fleet.restore_os_disk(scene.restore(), models)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (disk.name, disk.image) == (scene.os_volume(0), OLD)
    assert one.os_disk == disk
    assert one.generation == 1
    assert [kept.name for kept in one.previous_os_disks] == [scene.os_volume(1)]
    assert f"volume='{scene.os_volume(0)}'" in scene.xml()
    assert scene.domain().isActive()


async def test_f2_a_swap_done_again_is_done_once(scene: Scene) -> None:
    await scene.has(1)
    first = await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    started = scene.record().started_at
    assert await scene.fleet.swap_os_disk(scene.effect(attempt=2), NEW, NEWER) == first
    assert scene.record().started_at == started
    assert len(scene.record().kept) == 1


async def test_f2_a_restore_done_again_is_done_once(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    first = await scene.fleet.restore_os_disk(scene.restore(), models)
    assert await scene.fleet.restore_os_disk(scene.restore(attempt=2), models) == first
    assert len(scene.record().kept) == 1


@pytest.mark.parametrize("killed_after", SWAP_STEPS)
async def test_f1_a_swap_killed_after_any_step_comes_to_its_end(scene: Scene, killed_after: int) -> None:
    await scene.has(1)
    for step in scene.swap_steps(scene.effect())[:killed_after]:
        step()
    [meanwhile] = await scene.fleet.list_instances(scene.scale_set)
    assert meanwhile.power is PowerState.RUNNING
    disk = await scene.fleet.swap_os_disk(scene.effect(attempt=2), NEW, NEWER)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.os_disk, disk.name, one.provisioned) == (disk, scene.os_volume(1), True)
    assert [kept.name for kept in one.previous_os_disks] == [scene.os_volume(0)]
    assert scene.domain().isActive()
    assert len(scene.volumes()) == 4


@pytest.mark.parametrize("killed_after", RESTORE_STEPS)
async def test_f1_a_restore_killed_after_any_step_comes_to_its_end(scene: Scene, killed_after: int) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    for step in scene.restore_steps(scene.restore())[:killed_after]:
        step()
    disk = await scene.fleet.restore_os_disk(scene.restore(attempt=2), models)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.os_disk, disk.name, one.provisioned) == (disk, scene.os_volume(0), True)
    assert [kept.name for kept in one.previous_os_disks] == [scene.os_volume(1)]
    assert scene.domain().isActive()


@pytest.mark.parametrize("late_after", range(1, 3))
async def test_f2_a_late_attempt_is_refused_at_its_commit(scene: Scene, late_after: int) -> None:
    await scene.has(1)
    late = scene.swap_steps(scene.effect(attempt=1))
    for step in late[:late_after]:
        step()
    await scene.fleet.swap_os_disk(scene.effect(attempt=2), NEW, NEWER)
    await scene.fleet.restore_os_disk(scene.restore(attempt=1), models)
    before = scene.xml()
    with pytest.raises(Superseded):
        late[2]()
    with pytest.raises(Superseded):
        late[3]()
    assert scene.xml() == before


async def test_f2_an_older_operation_is_refused(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(operation=2), NEW, NEWER)
    with pytest.raises(Superseded):
        await scene.fleet.swap_os_disk(scene.effect(operation=1), OLD, NEWER)
    with pytest.raises(Superseded):
        await scene.fleet.swap_os_disk(scene.effect(operation=1, attempt=9), OLD, NEWER)


async def test_f2_the_same_attempt_twice_at_once_swaps_once(scene: Scene) -> None:
    await scene.has(1)
    first, second = scene.swap_steps(scene.effect()), scene.swap_steps(scene.effect())
    for one, other in zip(first, second, strict=True):
        one()
        other()
    assert len(scene.record().kept) == 1
    assert scene.domain().isActive()


async def test_p18_a_machine_that_its_owner_stopped_is_swapped_and_left_stopped(scene: Scene) -> None:
    await scene.has(1)
    scene.domain().shutdown()
    [stopped] = await scene.fleet.list_instances(scene.scale_set)
    assert stopped.power is PowerState.STOPPED
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert one.os_disk is not None
    assert (one.os_disk.image, one.power, one.provisioned) == (NEW, PowerState.STOPPED, True)
    assert not scene.domain().isActive()
    await scene.fleet.restore_os_disk(scene.restore(), models)
    assert not scene.domain().isActive()


async def test_p18_a_machine_that_we_stopped_counts_as_running(scene: Scene) -> None:
    await scene.has(1)
    for step in scene.swap_steps(scene.effect())[:2]:
        step()
    [one] = await scene.fleet.list_instances(scene.scale_set)
    assert (one.power, one.provisioned) == (PowerState.RUNNING, False)


async def test_p7_a_restore_starts_a_machine_that_a_swap_stopped_and_never_moved(scene: Scene) -> None:
    await scene.has(1)
    for step in scene.swap_steps(scene.effect())[:2]:
        step()
    assert not scene.domain().isActive()
    disk = await scene.fleet.restore_os_disk(scene.restore(), models)
    assert disk.name == scene.os_volume(0)
    assert scene.domain().isActive()


async def test_a_machine_that_its_owner_started_meanwhile_still_moves_to_the_new_disk(scene: Scene) -> None:
    await scene.has(1)
    steps = scene.swap_steps(scene.effect())
    steps[0]()
    steps[1]()
    scene.domain().create()
    steps[2]()
    steps[3]()
    assert scene.os_volume(1) in scene.domain().XMLDesc(0)


async def test_a_guest_that_does_not_shut_down_has_its_plug_pulled(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.has(1)
    monkeypatch.setattr(libvirt.virDomain, "shutdown", lambda _: 0)
    disk = await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    assert disk.name == scene.os_volume(1)
    assert scene.os_volume(1) in scene.domain().XMLDesc(0)


async def test_a_machine_that_cannot_be_started_is_left_to_its_health(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.has(1)
    with monkeypatch.context() as broken:
        broken.setattr(libvirt.virDomain, "create", _cannot_start)
        await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
        [one] = await scene.fleet.list_instances(scene.scale_set)
        assert (one.power, one.provisioned) == (PowerState.RUNNING, False)
        [seen] = await scene.fleet.observe_health(scene.scale_set, NEWER.health_source)
        assert seen.detail == "it could not be started: no memory is left"
    await scene.fleet.restore_os_disk(scene.restore(), models)
    [seen] = await scene.fleet.observe_health(scene.scale_set, NEWER.health_source)
    assert (seen.state, seen.detail) == ("Healthy", "")


def _cannot_start(_domain: object) -> None:
    raise libvirt.libvirtError("no memory is left")


async def test_f3_a_machine_that_is_gone_is_said_to_be(scene: Scene) -> None:
    with pytest.raises(InstanceGone):
        await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    await scene.has(1)
    await scene.fleet.delete_instance(scene.scale_set, "0")
    with pytest.raises(InstanceGone):
        await scene.fleet.restore_os_disk(scene.restore(), models)


async def test_f3_a_version_that_is_not_there_is_gone_and_changes_nothing(scene: Scene) -> None:
    await scene.has(1)
    before = scene.xml()
    with pytest.raises(ImageGone, match="instar images publish"):
        await scene.fleet.swap_os_disk(scene.effect(), LINE.at("18.04.3"), NEWER)
    assert scene.domain().isActive()
    assert _without_record(scene.xml()) == _without_record(before)


async def test_f3_a_version_that_is_half_uploaded_does_not_count(scene: Scene) -> None:
    await scene.has(1)
    scene.publish(LINE.at("18.04.3"), complete=False)
    with pytest.raises(ImageGone):
        await scene.fleet.swap_os_disk(scene.effect(), LINE.at("18.04.3"), NEWER)


async def test_f3_a_full_pool_is_a_clear_error_and_loses_nothing(scene: Scene) -> None:
    await scene.has(1)
    everything = scene.volumes()
    full = LibvirtSettings.model_validate(SETTINGS.model_dump() | {"reserve_mib": 1 << 30})
    with pytest.raises(DiskNotMade, match=r"the storage pool 'instar' of test:///default is full: \d+ MiB are free"):
        disks.prepare_swap(
            scene.connection, type(scene.host)(full, scene.host.gates, scene.host.clock), scene.effect(), NEW, NEWER
        )
    assert scene.volumes() == everything
    assert scene.domain().isActive()


async def test_f3_a_previous_disk_that_vanished_cannot_be_restored(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(), NEW, NEWER)
    scene.pool.storageVolLookupByName(scene.os_volume(0)).delete(0)
    with pytest.raises(NothingToRestore, match="no longer in the storage pool"):
        await scene.fleet.restore_os_disk(scene.restore(), models)
    assert scene.domain().isActive()
    assert scene.record().os_disk.name == scene.os_volume(1)


async def test_f3_without_a_previous_disk_there_is_nothing_to_restore(scene: Scene) -> None:
    await scene.has(1)
    await scene.fleet.swap_os_disk(scene.effect(1), NEW, NEWER)
    await scene.fleet.discard_os_disks(scene.scale_set, [1])
    with pytest.raises(NothingToRestore):
        await scene.fleet.restore_os_disk(scene.restore(1), models)


async def test_f2_a_set_made_again_under_its_name_has_nothing_to_do_with_the_first(scene: Scene) -> None:
    await scene.has(1)
    again = identity(scene.scale_set.name)
    await scene.fleet.create_instance(again, "0", OLD, NEWER)
    await scene.fleet.delete_instance(again, "0")
    assert len(await scene.fleet.list_instances(scene.scale_set)) == 1
    assert scene.domain().isActive()


async def test_f5_a_seed_is_its_owners_alone_from_the_moment_that_it_is_made(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[ET.Element] = []
    made = volumes._made

    def noted(pool: Any, volume: ET.Element, name: str) -> Any:
        described.append(volume)
        return made(pool, volume, name)

    def takes_it(*_: object) -> None:
        """The mock driver has no streams."""

    monkeypatch.setattr(volumes, "_made", noted)
    monkeypatch.setattr(volumes, "send", takes_it)
    await scene.fleet.create_instance(scene.scale_set, "0", OLD, dataclasses.replace(MODEL, custom_data="c2VjcmV0"))
    seeds = [volume for volume in described if ".seed." in (volume.findtext("name") or "")]
    assert [volume.findtext("target/permissions/mode") for volume in seeds] == ["0600"]
