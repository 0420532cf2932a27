import json
from typing import Any

import pytest

from tests.api.conftest import GROUP, SUBSCRIPTION, Api, error_of
from tests.api.galleries.gallery import GALLERY, IMAGE, image_body, make_image, publish
from tests.api.test_nonsense import VERSION, WRONG, check, places


async def test_a_gallery_is_put_read_changed_listed_and_deleted(api: Api) -> None:
    created = await api.call("PUT", GALLERY, {"location": "West US 2", "properties": {"description": "ours"}})
    assert created.status_code == 201
    body = created.json()
    assert (body["id"], body["name"], body["type"]) == (GALLERY, "Farm.Images", "Microsoft.Compute/galleries")
    assert body["location"] == "westus2"
    assert body["properties"]["provisioningState"] == "Succeeded"
    assert body["properties"]["identifier"]["uniqueName"] == f"{SUBSCRIPTION}-FARM.IMAGES".upper()
    operation = await api.http.get(created.headers["Azure-AsyncOperation"])
    assert operation.json()["status"] == "Succeeded"
    changed = await api.call("PATCH", GALLERY.upper().replace("/SUBSCRIPTIONS", "/subscriptions"), {"tags": {"a": "b"}})
    assert changed.status_code == 200
    assert await api.get(GALLERY) == changed.json()
    assert changed.json()["properties"]["description"] == "ours"
    everywhere = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/galleries"
    for listed in (f"{GROUP}/providers/Microsoft.Compute/galleries", everywhere):
        assert [one["id"] for one in (await api.get(listed))["value"]] == [GALLERY]
    assert (await api.call("DELETE", GALLERY)).status_code == 202
    assert (await api.call("DELETE", GALLERY)).status_code == 204
    assert (await api.call("GET", GALLERY)).status_code == 404


async def test_a_client_may_put_back_what_it_got(api: Api) -> None:
    await make_image(api)
    await publish(api, "1.0.0")
    for path in (GALLERY, IMAGE, f"{IMAGE}/versions/1.0.0"):
        got = await api.get(path, _expand="ReplicationStatus")
        answer = await api.call("PUT", path, got)
        assert answer.status_code == 200, answer.text
        again = await api.get(path, _expand="ReplicationStatus")
        assert again | {"etag": got["etag"]} == got
    stored = api.store.resources.find(f"{IMAGE}/versions/1.0.0")
    assert stored is not None
    assert "replicationStatus" not in stored.document["properties"]
    assert "publishedDate" not in stored.document["properties"]["publishingProfile"]


async def test_an_image_is_put_read_changed_listed_and_deleted(api: Api) -> None:
    await make_image(api, osType="linux", hyperVGeneration="v2")
    body = await api.get(IMAGE)
    assert body["type"] == "Microsoft.Compute/galleries/images"
    properties = body["properties"]
    assert (properties["osType"], properties["hyperVGeneration"]) == ("Linux", "V2"), "in their one spelling"
    assert properties["identifier"] == {"publisher": "team", "offer": "web", "sku": "stable"}
    assert (await api.call("PATCH", IMAGE, {"properties": {"description": "LTS"}})).status_code == 200
    [listed] = (await api.get(f"{GALLERY}/images"))["value"]
    assert listed["properties"]["description"] == "LTS"
    assert (await api.call("DELETE", IMAGE)).status_code == 202
    assert (await api.get(f"{GALLERY}/images"))["value"] == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"osType": None}, "osType"),
        ({"osType": "BeOS"}, "osType"),
        ({"osState": None}, "osState"),
        ({"identifier": None}, "identifier"),
        ({"identifier": {"publisher": "team", "offer": "web"}}, "identifier.sku"),
        ({"identifier": {"publisher": "team", "offer": "", "sku": "x"}}, "identifier.offer"),
        ({"hyperVGeneration": "V3"}, "hyperVGeneration"),
        ({"architecture": "sparc"}, "architecture"),
        ({"endOfLifeDate": "soon"}, "endOfLifeDate"),
    ],
)
async def test_an_image_needs_a_system_a_state_and_an_identifier(api: Api, change: dict[str, Any], path: str) -> None:
    await api.call("PUT", GALLERY, {"location": "westus2"})
    answer = await api.call("PUT", IMAGE, image_body(**change))
    assert answer.status_code == 400
    assert error_of(answer)["target"] == f"properties.{path}"
    assert (await api.call("GET", IMAGE)).status_code == 404


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"osType": "Windows"}, ["osType"]),
        ({"osState": "Specialized", "hyperVGeneration": "V2"}, ["osState", "hyperVGeneration"]),
        ({"identifier": {"publisher": "team", "offer": "web", "sku": "other"}}, ["identifier"]),
        ({"identifier": {"publisher": "TEAM", "offer": "web", "sku": "stable"}, "hyperVGeneration": "V1"}, []),
        ({"description": "else"}, []),
    ],
)
async def test_what_runs_on_an_image_never_changes(api: Api, change: dict[str, Any], names: list[str]) -> None:
    await make_image(api)
    before = await api.get(IMAGE)
    answer = await api.call("PUT", IMAGE, image_body(**change))
    assert answer.status_code == (409 if names else 200)
    if names:
        error = error_of(answer)
        assert error["code"] == "PropertyChangeNotAllowed"
        paths = [f"galleryImage.properties.{name}" for name in names]
        assert error["message"] == f"Changing property '{paths[0]}' is not allowed."
        assert [one["target"] for one in error.get("details", [error])] == paths
        assert await api.get(IMAGE) == before


async def test_what_has_something_below_it_is_not_deleted(api: Api) -> None:
    await make_image(api)
    await publish(api, "1.0.0")
    for path, below in ((GALLERY, IMAGE), (IMAGE, f"{IMAGE}/versions/1.0.0")):
        answer = await api.call("DELETE", path)
        assert answer.status_code == 409
        error = error_of(answer)
        assert error["code"] == "CannotDeleteResource"
        assert f"'{below.split('/providers/')[1]}'" in error["message"]
    for path in (f"{IMAGE}/versions/1.0.0", IMAGE, GALLERY):
        assert (await api.call("DELETE", path)).status_code == 202


async def test_a_resource_stays_in_its_region(api: Api) -> None:
    await make_image(api)
    await publish(api, "1.0.0")
    for path in (GALLERY, IMAGE, f"{IMAGE}/versions/1.0.0"):
        before = await api.get(path)
        answer = await api.call("PUT", path, before | {"location": "eastus"})
        assert answer.status_code == 409
        assert error_of(answer)["code"] == "InvalidResourceLocation"
        assert await api.get(path) == before


@pytest.mark.parametrize("name", ["-x", "a b", "ä", "x" * 81, "a:b"])
async def test_names_are_of_letters_digits_and_few_others(api: Api, name: str) -> None:
    await api.call("PUT", GALLERY, {"location": "westus2"})
    for path in (GALLERY.replace("Farm.Images", name), f"{GALLERY}/images/{name}"):
        answer = await api.call("PUT", path, image_body())
        assert answer.status_code == 400
        error_of(answer)


async def test_a_wrong_type_anywhere_in_a_gallery_never_breaks_it(api: Api) -> None:
    """Each property in turn gets each wrong value: refused as ARM says, or stored and readable."""
    await make_image(api)
    await publish(api, "1.0.0")
    refused = 0
    for path in (GALLERY, IMAGE, f"{IMAGE}/versions/1.0.0"):
        good = (await api.http.get(path, params=VERSION)).json()
        for place in places(good):
            for wrong in WRONG:
                bad = json.loads(json.dumps(good))
                holder = bad
                for key in place[:-1]:
                    holder = holder[key]
                holder[place[-1]] = wrong
                answer = await api.http.put(f"{path}1", params=VERSION, json=bad)
                check(answer, f"{path} {place} = {wrong!r}", may_succeed=True)
                refused += answer.status_code >= 400
                if answer.status_code < 400:
                    for read in (f"{path}1", path.rpartition("/")[0]):
                        seen = await api.http.get(read, params=VERSION | {"$expand": "ReplicationStatus"})
                        assert seen.status_code == 200, f"{path} {place} = {wrong!r}: {seen.text[:300]}"
                    api.store.resources.delete(f"{path}1")
    assert refused > 100
