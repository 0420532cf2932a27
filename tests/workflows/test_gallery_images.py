"""Sets on an image of a gallery: what they move to, when, and what stops them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.images import ImageActivities
from instar.compute.simulated.file.scripts import VersionScript
from instar.domain.messages.scale_set import Resolution, ResolveUpgrade
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.sets.policies import StartedBy
from tests.support.gallery import IMAGE, GalleryImage
from tests.support.world import StartRefused, World

OLD, NEW = "1.0.9", "1.0.10"
FOLLOWS = {"id": IMAGE.id}
PAUSE = {"pauseTimeBetweenBatches": "PT10M"}


@pytest.fixture
async def gallery(world: World) -> GalleryImage:
    image = GalleryImage(world)
    image.publish(OLD)
    return image


async def looked(world: World) -> Resolution:
    """What the platform would find now."""
    activities = ImageActivities(world.fleet, world.store, world.clock)
    request = ResolveUpgrade(scale_set=world.scale_set, started_by=StartedBy.PLATFORM)
    found: Resolution = await ActivityEnvironment().run(activities.resolve_upgrade, request)
    return found


async def test_i2_t1_a_version_is_taken_once_it_is_replicated_and_not_before(
    world: World, gallery: GalleryImage
) -> None:
    await world.has_set(5, image=FOLLOWS)
    gallery.publish(NEW, takes=timedelta(hours=2))
    assert (await looked(world)).plan is None, "published, and not there yet"
    before = await world.upgraded()
    assert before.status is UpgradeStatus.COMPLETED
    assert set((await world.versions()).values()) == {OLD}
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=2))
    plan = (await looked(world)).plan
    assert plan is not None
    assert plan.target == IMAGE.at(NEW)
    await world.pass_time(timedelta(hours=1, minutes=1))
    result = await world.end_of(2)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert set((await world.versions()).values()) == {NEW}
    assert world.record(2).started_by is StartedBy.PLATFORM
    assert world.record(2).target == IMAGE.at(NEW)
    assert world.judgement().violations == ()
    assert (await looked(world)).plan is None


async def test_i2_versions_that_latest_does_not_mean_here_are_passed_over(world: World, gallery: GalleryImage) -> None:
    await world.has_set(3, image=FOLLOWS)
    gallery.publish(NEW)
    gallery.publish("2.0.0", excludeFromLatest=True)
    gallery.publish("2.0.1", targetRegions=[{"name": "West Europe", "excludeFromLatest": True}])
    gallery.publish("2.0.2", region="eastus")
    gallery.publish("2.0.3")
    gallery.fail("2.0.3")
    result = await world.upgraded()
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert set((await world.versions()).values()) == {NEW}


@pytest.mark.parametrize(
    ("taken_back", "why"),
    [
        (GalleryImage.delete, "it was deleted"),
        (GalleryImage.exclude, "it is excluded from latest"),
        (GalleryImage.fail, "its replication to West Europe failed: the copy was lost"),
    ],
)
async def test_p19_a_version_that_its_owner_takes_back_stops_the_upgrade_before_its_next_batch(
    world: World, gallery: GalleryImage, taken_back: Callable[[GalleryImage, str], None], why: str
) -> None:
    await world.has_set(10, image=FOLLOWS, policy=PAUSE)
    gallery.publish(NEW)
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    taken_back(gallery, NEW)
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.FAULTED
    assert result.error is not None
    assert result.error.code == ErrorCode.IMAGE_UNUSABLE
    assert result.reason == f"stopped: image version {IMAGE.id}/versions/{NEW} was withdrawn: {why}"
    assert list((await world.versions()).values()).count(NEW) == 2


async def test_p1_a_newer_gallery_version_or_its_end_of_life_changes_nothing_in_a_run(
    world: World, gallery: GalleryImage
) -> None:
    await world.has_set(10, image=FOLLOWS, policy=PAUSE)
    gallery.publish(NEW, endOfLifeDate="2001-01-01T00:00:00Z")
    started = await world.start()
    await world.pass_time(timedelta(minutes=7))
    gallery.publish("2.0.0")
    result = await world.end_of(started.number)
    assert result.status is UpgradeStatus.COMPLETED, result.reason
    assert set((await world.versions()).values()) == {NEW}


async def test_i3_a_set_on_a_pinned_version_is_not_upgraded(world: World, gallery: GalleryImage) -> None:
    await world.has_set(2, image={"id": f"{IMAGE.id}/versions/{OLD}"})
    gallery.publish(NEW)
    assert {one.os_disk and one.os_disk.image for one in (await world.instances()).values()} == {IMAGE.at(OLD)}
    with pytest.raises(StartRefused, match=r"imageReference\.version set to latest"):
        await world.start()


async def test_p16_new_instances_get_the_newest_version_that_is_replicated(world: World, gallery: GalleryImage) -> None:
    await world.has_set(2, image=FOLLOWS)
    gallery.publish(NEW)
    gallery.publish("2.0.0", takes=timedelta(hours=2))
    document = world.store.scale_sets.model(world.scale_set.unique_id, 1)
    await world.put(automatic=False, document=document | {"sku": {"name": "Standard_D2s_v3", "capacity": 3}})
    assert await world.versions() == {"0": OLD, "1": OLD, "2": NEW}


async def test_p7_an_instance_gets_its_disk_of_the_older_gallery_version_back(
    world: World, gallery: GalleryImage
) -> None:
    await world.has_set(5, image=FOLLOWS)
    gallery.publish(NEW, VersionScript(never_healthy=("0",)))
    await world.put(automatic=True)
    await world.pass_time(timedelta(hours=3, minutes=1))
    result = await world.end_of(1)
    assert result.status is UpgradeStatus.FAULTED
    assert world.outcomes()["0"] == "rolledBack"
    assert set((await world.versions()).values()) == {OLD}
    assert world.judgement().violations == ()


async def test_p12_an_instance_is_current_in_whichever_case_the_model_names_its_image(
    world: World, gallery: GalleryImage
) -> None:
    await world.has_set(2, image=FOLLOWS)
    gallery.publish(NEW)
    await world.upgraded()
    document = world.store.scale_sets.model(world.scale_set.unique_id, 1)
    storage = document["properties"]["virtualMachineProfile"]["storageProfile"]
    storage["imageReference"] = {"id": IMAGE.id.upper()}
    await world.put(automatic=False, document=document)
    plan = (await looked(world)).plan
    assert plan is None
