"""The oldest api-version is that of automatic OS upgrades for scale sets, and older for networks and groups."""

import pytest

from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, error_of

NET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net"


async def test_networks_and_groups_are_asked_for_by_versions_of_their_own(api: Api) -> None:
    async def asked(method: str, path: str, version: str) -> int:
        body = {"location": "westus2"} if method == "PUT" else None
        answer = await api.http.request(method, path, params={"api-version": version}, json=body)
        if answer.status_code == 400:
            assert error_of(answer)["code"] == "InvalidApiVersionParameter"
        return answer.status_code

    assert await asked("PUT", GROUP, "2016-09-01") == 201
    assert await asked("PUT", NET, "2017-12-01") == 201
    assert await asked("GET", NET, "2018-01-01") == 200
    assert await asked("GET", f"/subscriptions/{SUBSCRIPTION}", "2016-06-01") == 200
    assert await asked("GET", NET, "2013-12-31") == 400
    assert await asked("PUT", SCALE_SET, "2018-09-30") == 400
    assert await asked("GET", SCALE_SET.rpartition("/")[0], "2017-12-01") == 400


async def test_an_operation_is_polled_by_the_version_of_its_request(api: Api) -> None:
    made = await api.http.put(NET, params={"api-version": "2017-12-01"}, json={"location": "westus2"})
    operation = await api.http.get(made.headers["Azure-AsyncOperation"])
    assert "api-version=2017-12-01" in made.headers["Azure-AsyncOperation"]
    assert (operation.status_code, operation.json()["status"]) == (200, "Succeeded")


@pytest.mark.parametrize("path", ["skus", "locations/westus2/operations/none"])
async def test_what_is_of_every_provider_is_of_any_version(api: Api, path: str) -> None:
    place = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/{path}"
    answer = await api.http.get(place, params={"api-version": "2017-09-01"})
    assert answer.status_code in (200, 404), answer.text


async def test_interfaces_are_asked_for_by_the_oldest_version_of_networks(api: Api) -> None:
    await api.create()
    for path in (f"{SCALE_SET}/networkInterfaces", f"{SCALE_SET.lower()}/publicipaddresses"):
        answer = await api.http.get(path, params={"api-version": "2016-03-30"})
        assert (answer.status_code, answer.json()) == (200, {"value": []})
