"""The image that a set names, and what automatic upgrades require of the set, through the API."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from instar.domain.records.upgrades import UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from tests.api.conftest import ENABLE, SCALE_SET, Api, document, error_of
from tests.api.galleries.gallery import EAST, IMAGE, WEST, direct, make_image, publish

PROFILE = "properties__virtualMachineProfile"
IMAGE_PATH = f"{PROFILE}__storageProfile__imageReference"
WINDOWS = f"{PROFILE}__osProfile__windowsConfiguration"
ENABLED = "properties__upgradePolicy__automaticOSUpgradePolicy__enableAutomaticOSUpgrade"
SERVER = {
    "publisher": "MicrosoftWindowsServer",
    "offer": "WindowsServer",
    "sku": "2019-Datacenter",
    "version": "latest",
}
DELAY = Delays().replication
REFUSED = (
    "windowsConfiguration.enableAutomaticUpdates cannot be set to true if upgradePolicy.automaticOSUpgradePolicy."
    "enableAutomaticOSUpgrade is already true, starting from APIversion 2019-03-01"
)


def on_image(image: dict[str, str], **changes: Any) -> dict[str, Any]:
    return document(**{IMAGE_PATH: image}, **changes)


async def put(api: Api, body: dict[str, Any]) -> httpx.Response:
    return await api.call("PUT", SCALE_SET, body)


async def there(api: Api, version: str = "1.0.0") -> None:
    """The image, with a version that is replicated to the set's region."""
    await make_image(api)
    await publish(api, version)
    api.clock.advance(DELAY)


async def test_i2_a_set_may_follow_a_gallery_image_or_pin_a_version(api: Api) -> None:
    await there(api)
    for image in ({"id": IMAGE}, {"id": f"{IMAGE}/versions/1.0.0"}, {"id": IMAGE.upper(), "version": "latest"}):
        answer = await put(api, on_image(image))
        assert answer.status_code in (200, 201), answer.text
        got = answer.json()["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"]
        assert got | image == got


@pytest.mark.parametrize(
    ("image", "missing"),
    [
        ({"id": f"{IMAGE}2"}, "galleries/Farm.Images/images/web2"),
        ({"id": f"{IMAGE}/versions/1.0.1"}, "galleries/Farm.Images/images/web/versions/1.0.1"),
        ({"id": IMAGE, "version": "1.0.1"}, "galleries/Farm.Images/images/web/versions/1.0.1"),
        ({"id": IMAGE.replace("Farm.Images", "none")}, "galleries/none/images/web"),
    ],
)
async def test_i2_a_gallery_image_that_is_not_there_is_404(api: Api, image: dict[str, str], missing: str) -> None:
    await there(api)
    answer = await put(api, on_image(image))
    assert answer.status_code == 404
    error = error_of(answer)
    assert (error["code"], error["target"]) == ("ResourceNotFound", "imageReference")
    assert f"The Resource 'Microsoft.Compute/{missing}' under resource group 'Farm' was not found." in error["message"]
    assert api.store.scale_sets.find(SCALE_SET) is None
    assert api.gateway.sent == []


@pytest.mark.parametrize("image", [{"id": IMAGE}, {"id": f"{IMAGE}/versions/1.0.0"}])
async def test_i2_a_gallery_image_must_be_in_the_sets_region(api: Api, image: dict[str, str]) -> None:
    await make_image(api)
    await publish(api, "1.0.0", EAST, WEST)
    early = await put(api, on_image(image))
    await direct(api, "1.0.0", WEST, "Failed")
    api.clock.advance(DELAY)
    failed = await put(api, on_image(image))
    for answer in (early, failed):
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "GalleryImageNotFound"
        assert f"The gallery image {image['id']} is not available in West US 2 region." in error_of(answer)["message"]
    assert (await put(api, on_image(image, location="eastus"))).status_code == 201


async def test_i2_a_pinned_version_may_be_one_that_is_excluded_from_latest(api: Api) -> None:
    await make_image(api)
    await publish(api, "1.0.0", excludeFromLatest=True)
    api.clock.advance(DELAY)
    assert (await put(api, on_image({"id": IMAGE}))).status_code == 404
    assert (await put(api, on_image({"id": f"{IMAGE}/versions/1.0.0"}))).status_code == 201


@pytest.mark.parametrize(
    "image",
    [
        {"id": "/subscriptions/S/resourceGroups/Farm/providers/Microsoft.Compute/images/mine"},
        {"id": "web"},
        {"id": IMAGE, "publisher": "Canonical"},
        {"id": f"{IMAGE}/versions/1.0.0", "version": "2.0.0"},
    ],
)
async def test_i2_what_names_no_gallery_image_is_400(api: Api, image: dict[str, str]) -> None:
    await there(api)
    answer = await put(api, on_image(image))
    assert answer.status_code == 400
    assert "imageReference" in error_of(answer)["target"]


async def test_p19_a_set_whose_pinned_version_was_deleted_can_still_be_changed_but_not_grow(api: Api) -> None:
    await there(api)
    await put(api, on_image({"id": f"{IMAGE}/versions/1.0.0"}))
    assert (await api.call("DELETE", f"{IMAGE}/versions/1.0.0")).status_code == 202
    assert (await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 1}})).status_code == 200
    before = api.stored()
    grown = await api.call("PATCH", SCALE_SET, {"sku": {"capacity": 2}})
    assert grown.status_code == 404, "no new machine can be made from it"
    assert error_of(grown)["code"] == "ResourceNotFound"
    assert api.stored() == before


async def test_i4_one_gallery_image_may_follow_another_but_no_platform_image(api: Api) -> None:
    await there(api)
    other = f"{IMAGE}2"
    await api.call("PUT", other, await api.get(IMAGE))
    await api.call("PUT", f"{other}/versions/1.0.0", await api.get(f"{IMAGE}/versions/1.0.0"))
    api.clock.advance(DELAY)
    await put(api, on_image({"id": IMAGE}))
    assert (await put(api, on_image({"id": other}))).status_code == 200
    before = api.stored()
    platform = {"id": None, "publisher": "Canonical", "offer": "UbuntuServer", "sku": "18.04-LTS", "version": "latest"}
    change = {"properties": {"virtualMachineProfile": {"storageProfile": {"imageReference": platform}}}}
    answer = await api.call("PATCH", SCALE_SET, change)
    assert answer.status_code == 409
    assert error_of(answer)["message"] == "The Image type for a Virtual Machine Scale Set may not be changed."
    assert api.stored() == before


async def test_i3_automatic_upgrades_need_a_gallery_image_without_a_version(api: Api) -> None:
    await there(api)
    await put(api, on_image({"id": f"{IMAGE}/versions/1.0.0"}))
    answer = await api.call("PATCH", SCALE_SET, ENABLE)
    assert answer.status_code == 400
    assert error_of(answer)["message"] == (
        "virtualMachineScaleSets with Automatic OS Upgrade enabled must use Platform or Gallery Image with version set "
        "to 'latest'."
    )
    await put(api, on_image({"id": IMAGE, "version": "latest"}))
    assert (await api.call("PATCH", SCALE_SET, ENABLE)).status_code == 200


def updates(body: dict[str, Any]) -> Any:
    system = body["properties"]["virtualMachineProfile"]["osProfile"]
    return system.get("windowsConfiguration", {}).get("enableAutomaticUpdates")


async def test_i6_automatic_upgrades_turn_windows_own_updates_off_and_they_stay_off(api: Api) -> None:
    created = await put(api, on_image(SERVER))
    assert updates(created.json()) is True, "the default of Azure"
    enabled = await api.call("PATCH", SCALE_SET, ENABLE)
    assert updates(enabled.json()) is False
    assert updates(await api.get(SCALE_SET)) is False
    disable = {"properties": {"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}}}
    assert updates((await api.call("PATCH", SCALE_SET, disable)).json()) is False
    system = {"windowsConfiguration": {"enableAutomaticUpdates": True}}
    asked = {"properties": {"virtualMachineProfile": {"osProfile": system}}}
    assert updates((await api.call("PATCH", SCALE_SET, asked)).json()) is True, "asked for with upgrades off"


async def test_i6_linux_is_left_alone(api: Api) -> None:
    enabled = await put(api, document(**{ENABLED: True}))
    assert "windowsConfiguration" not in enabled.json()["properties"]["virtualMachineProfile"]["osProfile"]


@pytest.mark.parametrize("value", [True, "True"])
async def test_i6_asking_for_windows_own_updates_is_refused_with_azures_sentence(api: Api, value: object) -> None:
    both = on_image(SERVER, **{ENABLED: True, WINDOWS: {"enableAutomaticUpdates": value}})
    on_creation = await put(api, both)
    assert api.store.scale_sets.find(SCALE_SET) is None
    await put(api, on_image(SERVER, **{ENABLED: True}))
    before = api.stored()
    later = await put(api, both)
    for answer in (on_creation, later):
        assert answer.status_code == 400
        assert error_of(answer)["code"] == "BadRequest"
        assert error_of(answer)["message"] == REFUSED
    assert api.stored() == before


async def test_i6_true_that_is_only_put_back_while_enabling_is_turned_off(api: Api) -> None:
    await put(api, on_image(SERVER, **{WINDOWS: {"enableAutomaticUpdates": True}}))
    got = await api.get(SCALE_SET)
    assert updates(got) is True
    got["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["enableAutomaticOSUpgrade"] = True
    enabled = await put(api, got)
    assert enabled.status_code == 200, enabled.text
    assert updates(enabled.json()) is False


@pytest.mark.parametrize("said_by", ["disk", "configuration", "catalogue", "gallery"])
async def test_i6_windows_is_known_by_whatever_says_so(api: Api, said_by: str) -> None:
    image = {"publisher": "team", "offer": "web", "sku": "stable", "version": "latest"}
    changes: dict[str, Any] = {ENABLED: True}
    if said_by == "disk":
        changes[f"{PROFILE}__storageProfile__osDisk__osType"] = "windows"
    elif said_by == "configuration":
        changes[WINDOWS] = {}
    elif said_by == "catalogue":
        properties = {"osDiskImage": {"operatingSystem": "Windows"}}
        api.store.images.publish("team", "web", "stable", "1.0.0", "westus2", properties, api.clock())
    else:
        await make_image(api, osType="Windows")
        await publish(api, "1.0.0")
        api.clock.advance(DELAY)
        image = {"id": IMAGE}
    assert updates((await put(api, on_image(image, **changes))).json()) is False


@pytest.mark.parametrize("system", ["linux", "windows"])
async def test_the_platforms_own_patching_is_refused_with_automatic_upgrades(api: Api, system: str) -> None:
    patched = {"patchSettings": {"patchMode": "AutomaticByPlatform"}}
    assert (await put(api, document(**{f"{PROFILE}__osProfile__{system}Configuration": patched}))).status_code == 201
    answer = await api.call("PATCH", SCALE_SET, ENABLE)
    assert answer.status_code == 400
    assert "its patchSettings.patchMode is 'AutomaticByPlatform'" in error_of(answer)["message"]


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"properties__orchestrationMode": "Half"}, "orchestrationMode"),
        ({"properties__orchestrationMode": 7}, "properties.orchestrationMode"),
        ({"properties__singlePlacementGroup": "maybe"}, "properties.singlePlacementGroup"),
        ({WINDOWS: []}, "properties.virtualMachineProfile.osProfile.windowsConfiguration"),
        (
            {WINDOWS: {"enableAutomaticUpdates": 7}},
            "properties.virtualMachineProfile.osProfile.windowsConfiguration.enableAutomaticUpdates",
        ),
        (
            {WINDOWS: {"patchSettings": {"patchMode": 7}}},
            "properties.virtualMachineProfile.osProfile.windowsConfiguration.patchSettings.patchMode",
        ),
    ],
)
async def test_a_wrong_property_is_400_and_named(api: Api, changes: dict[str, Any], target: str) -> None:
    answer = await put(api, document(**changes))
    assert answer.status_code == 400
    assert error_of(answer)["target"] == target


async def test_a2_history_names_a_gallery_version_by_its_id(api: Api) -> None:
    await there(api)
    await put(api, on_image({"id": IMAGE}))
    record = UpgradeRecord(
        scale_set=api.stored().identity,
        number=1,
        operation_id="o",
        started_by=StartedBy.PLATFORM,
        target=ImageReference(id=IMAGE).at("1.0.0"),
        generation=1,
        policy=RollingUpgradePolicy(),
        status=UpgradeStatus.COMPLETED,
        started_at=api.clock(),
        ended_at=api.clock() + timedelta(minutes=1),
    )
    api.store.upgrades.write(record)
    [item] = (await api.get(f"{SCALE_SET}/osUpgradeHistory"))["value"]
    assert item["properties"]["targetImageReference"] == {"id": f"{IMAGE}/versions/1.0.0", "exactVersion": "1.0.0"}


async def test_a3_an_instance_shows_the_exact_version_of_its_gallery_image(api: Api) -> None:
    await there(api)
    await put(api, on_image({"id": IMAGE}))
    await api.add_machines(1, "1.0.0", image=ImageReference(id=IMAGE))
    body = await api.get(f"{SCALE_SET}/virtualMachines/0")
    assert body["properties"]["storageProfile"]["imageReference"] == {"id": IMAGE, "exactVersion": "1.0.0"}
    assert body["instar"]["osDisk"]["imageReference"] == {"id": f"{IMAGE}/versions/1.0.0", "exactVersion": "1.0.0"}


async def test_a_managed_image_is_refused_and_what_may_stand_in_its_place_is_said(api: Api) -> None:
    managed = f"{SCALE_SET.partition('/providers/')[0]}/providers/Microsoft.Compute/images/built"
    reference = {"id": managed}
    answer = await api.call(
        "PUT", SCALE_SET, document(properties__virtualMachineProfile__storageProfile__imageReference=reference)
    )
    assert answer.status_code == 400
    assert "names a managed image" in error_of(answer)["message"]
    assert "compute gallery" in error_of(answer)["message"]
