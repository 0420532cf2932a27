from datetime import timedelta
from typing import Any

import pytest

from instar.domain.delays import Delays
from instar.domain.images.images import ImageReference
from tests.api.conftest import Api, error_of
from tests.api.galleries.gallery import EAST, IMAGE, WEST, direct, make_image, publish, version_body

V1 = f"{IMAGE}/versions/1.0.0"
DELAY = Delays().replication


async def status(api: Api, path: str = V1) -> dict[str, Any]:
    properties: dict[str, Any] = (await api.get(path, _expand="ReplicationStatus"))["properties"]
    return properties


async def regions(api: Api) -> dict[str, tuple[str, int]]:
    summary = (await status(api))["replicationStatus"]["summary"]
    return {one["region"]: (one["state"], one["progress"]) for one in summary}


async def test_a_version_comes_back_as_given_with_display_names_and_defaults(api: Api) -> None:
    await make_image(api)
    body = version_body("westus2", "EAST US", endOfLifeDate="2030-01-01T00:00:00Z", replicaCount=3)
    body["properties"]["publishingProfile"]["targetRegions"][1]["excludeFromLatest"] = True
    body["properties"]["publishingProfile"]["publishedDate"] = "1999-01-01T00:00:00Z"
    created = await api.call("PUT", V1, body)
    assert created.status_code == 201
    shown = await api.get(V1)
    assert (shown["type"], shown["name"]) == ("Microsoft.Compute/galleries/images/versions", "1.0.0")
    profile = shown["properties"]["publishingProfile"]
    west, east = profile["targetRegions"]
    assert (west["name"], west["regionalReplicaCount"], west["storageAccountType"]) == (WEST, 2, "Standard_LRS")
    assert (east["name"], east["excludeFromLatest"]) == (EAST, True)
    assert profile["publishedDate"] == "2026-03-01T12:00:00.1234+00:00"
    assert profile["endOfLifeDate"] == "2030-01-01T00:00:00Z"
    assert (profile["replicaCount"], profile["excludeFromLatest"]) == (3, False)
    assert shown["properties"]["storageProfile"] == {"source": {"id": "/subscriptions/S/images/built"}}
    assert "replicationStatus" not in shown["properties"]
    assert "instar" not in shown


async def test_t6_a_version_is_replicated_after_the_delay_that_is_set(api: Api) -> None:
    await make_image(api)
    created = await publish(api, "1.0.0", WEST, EAST)
    assert created.json()["properties"]["provisioningState"] == "Creating"
    operation = created.headers["Azure-AsyncOperation"]
    assert (await api.http.get(operation)).json()["status"] == "InProgress"
    api.clock.advance(DELAY / 2)
    assert await regions(api) == {WEST: ("Replicating", 50), EAST: ("Replicating", 50)}
    assert (await status(api))["replicationStatus"]["aggregatedState"] == "InProgress"
    api.clock.advance(DELAY / 2)
    assert await regions(api) == {WEST: ("Completed", 100), EAST: ("Completed", 100)}
    properties = await status(api)
    assert properties["provisioningState"] == "Succeeded"
    assert properties["replicationStatus"]["aggregatedState"] == "Completed"
    api.clock.advance(timedelta(hours=1))
    ended = (await api.http.get(operation)).json()
    assert (ended["status"], ended["endTime"]) == ("Succeeded", "2026-03-01T12:05:00.1234+00:00")


async def test_a_region_that_is_added_takes_its_time_and_the_others_stay(api: Api) -> None:
    await make_image(api)
    await publish(api, "1.0.0")
    api.clock.advance(DELAY)
    answer = await api.call("PUT", V1, version_body(WEST, EAST))
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    assert await regions(api) == {WEST: ("Completed", 100), EAST: ("Replicating", 0)}
    api.clock.advance(DELAY)
    await api.call("PATCH", V1, {"properties": {"publishingProfile": {"targetRegions": [{"name": EAST}]}}})
    assert await regions(api) == {EAST: ("Completed", 100)}


async def test_replication_is_held_failed_and_completed_by_direction(api: Api) -> None:
    await make_image(api)
    created = await publish(api, "1.0.0", WEST, EAST)
    api.clock.advance(DELAY / 5)
    assert (await direct(api, "1.0.0", "westus2", "Held"))["progress"] == 20
    api.clock.advance(timedelta(days=1))
    assert await regions(api) == {WEST: ("Replicating", 20), EAST: ("Completed", 100)}
    await direct(api, "1.0.0", WEST, "Replicating")
    assert await regions(api) == {WEST: ("Replicating", 0), EAST: ("Completed", 100)}
    failed = await direct(api, "1.0.0", WEST, "Failed", details="no quota")
    assert (failed["state"], failed["details"]) == ("Failed", "no quota")
    properties = await status(api)
    assert properties["provisioningState"] == properties["replicationStatus"]["aggregatedState"] == "Failed"
    assert properties["replicationStatus"]["summary"][0]["details"] == "no quota"
    ended = (await api.http.get(created.headers["Azure-AsyncOperation"])).json()
    assert ended["status"] == "Failed"
    assert ended["error"]["message"] == "Replication to West US 2 failed: no quota."
    again = await api.call("PUT", V1, version_body(WEST, EAST))
    assert again.json()["properties"]["provisioningState"] == "Updating", "a PUT tries a failed region again"
    await direct(api, "1.0.0", WEST, "Completed")
    assert await regions(api) == {WEST: ("Completed", 100), EAST: ("Completed", 100)}
    assert (await api.http.get(again.headers["Azure-AsyncOperation"])).json()["status"] == "Succeeded"
    assert (await status(api))["publishingProfile"]["publishedDate"] == "2026-03-01T12:00:00.1234+00:00"


async def test_the_operation_of_a_version_that_is_deleted_meanwhile_is_canceled(api: Api) -> None:
    await make_image(api)
    created = await publish(api, "1.0.0")
    assert (await api.call("DELETE", V1)).status_code == 202
    ended = (await api.http.get(created.headers["Azure-AsyncOperation"])).json()
    assert ended["status"] == "Canceled"
    assert "was deleted before it was replicated" in ended["error"]["message"]


async def test_i1_versions_are_listed_in_their_numerical_order(api: Api) -> None:
    await make_image(api)
    for version in ("1.0.10", "1.0.9", "0.99.0"):
        await publish(api, version)
    listed = (await api.get(f"{IMAGE}/versions"))["value"]
    assert [one["name"] for one in listed] == ["0.99.0", "1.0.9", "1.0.10"]


@pytest.mark.parametrize(
    "name",
    ["1", "1.0", "1.0.0.0", "latest", "1.0.x", "1.0.-1", "01.0.0", "1.0.2147483648", "1..0", "1.0.", "1.0.٣", "1.0.0a"],
)
async def test_i1_a_version_is_three_numbers_of_32_bits(api: Api, name: str) -> None:
    await make_image(api)
    answer = await api.call("PUT", f"{IMAGE}/versions/{name}", version_body())
    assert answer.status_code == 400
    assert error_of(answer)["target"] == "galleryImageVersionName"
    assert (await api.get(f"{IMAGE}/versions"))["value"] == []


async def test_i1_the_largest_version_is_taken(api: Api) -> None:
    await make_image(api)
    await publish(api, "2147483647.0.2147483647")


@pytest.mark.parametrize(
    ("profile", "path"),
    [
        ({"targetRegions": [{"name": WEST}, {"name": "westus2"}]}, "targetRegions"),
        ({"targetRegions": [{"name": "../x"}]}, "targetRegions.0.name"),
        ({"targetRegions": [{"regionalReplicaCount": 1}]}, "targetRegions.0.name"),
        ({"targetRegions": [{"name": WEST, "regionalReplicaCount": 0}]}, "targetRegions.0.regionalReplicaCount"),
        ({"targetRegions": [{"name": WEST, "excludeFromLatest": "perhaps"}]}, "targetRegions.0.excludeFromLatest"),
        ({"targetRegions": "West US 2"}, "targetRegions"),
        ({"replicaCount": 101}, "replicaCount"),
        ({"excludeFromLatest": 7}, "excludeFromLatest"),
        ({"endOfLifeDate": "never"}, "endOfLifeDate"),
        ({"replicationMode": "Deep"}, "replicationMode"),
    ],
)
async def test_a_publishing_profile_is_checked(api: Api, profile: dict[str, Any], path: str) -> None:
    await make_image(api)
    answer = await api.call("PUT", V1, version_body(**profile))
    assert answer.status_code == 400
    assert error_of(answer)["target"] == f"properties.publishingProfile.{path}"
    assert (await api.call("GET", V1)).status_code == 404


async def test_without_target_regions_a_version_goes_where_it_is_made(api: Api) -> None:
    await make_image(api)
    assert (await api.call("PUT", V1, {"location": "eastus"})).status_code == 201
    assert list(await regions(api)) == [EAST]


async def test_what_a_version_is_made_of_never_changes(api: Api) -> None:
    await make_image(api)
    await publish(api, "1.0.0")
    before = await api.get(V1)
    other = version_body()
    other["properties"]["storageProfile"]["source"]["id"] = "/subscriptions/S/images/other"
    answer = await api.call("PUT", V1, other)
    assert answer.status_code == 409
    assert error_of(answer)["target"] == "galleryImageVersion.properties.storageProfile"
    other["properties"]["storageProfile"] = {}  # as `az sig image-version update` puts it back
    assert (await api.call("PUT", V1, other)).status_code == 200
    assert await api.get(V1) == before
    del other["properties"]["storageProfile"]
    assert (await api.call("PUT", V1, other)).status_code == 200
    assert await api.get(V1) == before


async def test_a_version_may_be_protected_until_its_end_of_life(api: Api) -> None:
    await make_image(api)
    body = version_body(endOfLifeDate="2026-03-02T00:00:00")
    body["properties"]["safetyProfile"] = {"blockDeletionBeforeEndOfLife": True}
    assert (await api.call("PUT", V1, body)).status_code == 201
    answer = await api.call("DELETE", V1)
    assert answer.status_code == 409
    assert "before its end of life, 2026-03-02T00:00:00+00:00" in error_of(answer)["message"]
    api.clock.advance(timedelta(days=1))
    assert (await api.call("DELETE", V1)).status_code == 202


async def test_machines_on_a_gallery_version_are_scripted(api: Api) -> None:
    await make_image(api)
    await publish(api, "1.0.0")
    answer = await api.call("PUT", f"/instar/simulated{V1}", {"neverHealthy": ["7"]})
    assert answer.status_code == 200
    assert api.fleet.version_script(ImageReference(id=IMAGE.upper()).at("1.0.0")).never_healthy == ("7",)
    assert (await api.call("PUT", f"/instar/simulated{V1}x", {})).status_code == 404


@pytest.mark.parametrize(
    ("region", "body"),
    [
        ("eastus", {"state": "Held"}),
        ("westus2", {"state": "Lost"}),
        ("westus2", {}),
        ("westus2", {"state": "Held", "more": 1}),
        ("westus2", {"state": "Failed", "details": 7}),
    ],
)
async def test_a_wrong_direction_changes_nothing(api: Api, region: str, body: dict[str, Any]) -> None:
    await make_image(api)
    await publish(api, "1.0.0")
    before = await status(api)
    answer = await api.call("PUT", f"/instar/simulated{V1}/replication/{region}", body)
    assert answer.status_code == 400
    error_of(answer)
    assert await status(api) == before
