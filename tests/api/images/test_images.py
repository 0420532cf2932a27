import pytest

from tests.api.conftest import LOCATION, NEW, OLD, Api, error_of

SKUS = f"{LOCATION}/publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus"
VERSIONS = f"{SKUS}/18.04-LTS/versions"


async def test_i5_the_catalogue_is_there_from_the_start_in_bare_arrays(api: Api) -> None:
    publishers = await api.get(f"{LOCATION}/publishers")
    assert {one["name"] for one in publishers} >= {"Canonical", "OpenLogic", "MicrosoftWindowsServer"}
    [offer] = await api.get(f"{LOCATION}/publishers/Canonical/artifacttypes/vmimage/offers")
    assert offer["name"] == "UbuntuServer"
    skus = await api.get(SKUS)
    assert [one["name"] for one in skus] == ["16.04-LTS", "18.04-LTS"]
    assert skus[0]["properties"]["automaticOSUpgradeProperties"]["automaticOSUpgradeSupported"] is True
    assert await api.get(VERSIONS) == []


async def test_i1_versions_are_listed_in_their_numerical_order(api: Api) -> None:
    for version in ("18.04.10", "18.04.9", "18.04.100"):
        assert (await api.call("PUT", f"{VERSIONS}/{version}", {"location": "West US 2"})).status_code == 201
    listed = await api.get(VERSIONS)
    assert [one["name"] for one in listed] == ["18.04.9", "18.04.10", "18.04.100"]
    assert "properties" not in listed[0]
    [newest] = await api.get(VERSIONS, _top=1, _orderby="name desc", _expand="properties")
    assert newest["name"] == "18.04.100"
    assert newest["properties"]["imageDeprecationStatus"] == {"imageState": "Active"}
    assert newest["properties"]["disallowed"] == {"vmDiskType": "None"}


async def test_a_version_is_published_read_and_withdrawn(api: Api) -> None:
    body = {"properties": {"hyperVGeneration": "V2"}}
    created = await api.call("PUT", f"{VERSIONS}/{NEW}", body)
    assert created.status_code == 201
    assert (await api.call("PUT", f"{VERSIONS}/{NEW}", body)).status_code == 200
    got = await api.get(f"{VERSIONS}/{NEW}")
    assert got == created.json()
    assert got["properties"]["hyperVGeneration"] == "V2"
    assert got["properties"]["osDiskImage"] == {"operatingSystem": "Linux"}
    assert (await api.call("DELETE", f"{VERSIONS}/{NEW}")).status_code == 200
    assert (await api.call("DELETE", f"{VERSIONS}/{NEW}")).status_code == 204
    assert (await api.call("GET", f"{VERSIONS}/{NEW}")).status_code == 404
    assert await api.get(VERSIONS) == []
    assert (await api.http.put(f"{VERSIONS}/{NEW}", params={"api-version": "2024-07-01"})).status_code == 200
    assert [one["name"] for one in await api.get(VERSIONS)] == [NEW]


@pytest.mark.parametrize(
    "version", ["latest", "1", "1.x", "1..2", "1." + "9" * 30, "-1.2", "1.2.", "18.04.%00", "１.２"]
)
async def test_what_is_no_version_cannot_be_published(api: Api, version: str) -> None:
    answer = await api.call("PUT", f"{VERSIONS}/{version}", {})
    assert answer.status_code == 400
    error_of(answer)
    assert await api.get(VERSIONS) == []


async def test_a_region_in_the_body_must_be_that_of_the_path(api: Api) -> None:
    for location in ("eastus", 7):
        assert (await api.call("PUT", f"{VERSIONS}/{OLD}", {"location": location})).status_code == 400
    assert (await api.call("PUT", f"{VERSIONS}/{OLD}", {"properties": []})).status_code == 400


async def test_unknown_images_are_404(api: Api) -> None:
    for path in ("nobody/artifacttypes/vmimage/offers", "Canonical/artifacttypes/vmimage/offers/none/skus"):
        answer = await api.call("GET", f"{LOCATION}/publishers/{path}")
        assert answer.status_code == 404
        error_of(answer)
    assert (await api.call("GET", f"{SKUS}/none/versions")).status_code == 404
    assert (await api.call("GET", f"{VERSIONS}/latest")).status_code == 404
    assert (await api.call("GET", VERSIONS, _orderby="size")).status_code == 400
    assert (await api.call("GET", VERSIONS, _top=0)).status_code == 400
