"""Every list, a page at a time."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from api.services import paging
from tests.api.conftest import GROUP, LOCATION, OLD, SCALE_SET, SUBSCRIPTION, Api, error_of, trusting
from tests.api.galleries.gallery import GALLERY, IMAGE, image_body, make_image, publish
from tests.api.upgrades.test_rolling_upgrades import record

ROOT = f"/subscriptions/{SUBSCRIPTION}"
COMPUTE = f"{GROUP}/providers/Microsoft.Compute"
NETWORK = f"{GROUP}/providers/Microsoft.Network"
FABRIC = f"{GROUP}/providers/Microsoft.ServiceFabric/clusters"
NODES = {"location": "westus2", "properties": {"nodeTypes": [{"name": "front"}]}}
PROBES = [{"name": name, "properties": {"protocol": "Tcp", "port": 22}} for name in ("a", "b", "c")]

LISTS = {
    f"{COMPUTE}/virtualMachineScaleSets": ["app", "db", "web"],
    f"{ROOT}/providers/Microsoft.Compute/virtualMachineScaleSets": ["app", "db", "web"],
    f"{LOCATION}/virtualMachineScaleSets": ["app", "db", "web"],
    f"{SCALE_SET}/virtualMachines": ["web_0", "web_1", "web_2"],
    f"{SCALE_SET}/extensions": ["health", "more", "setup"],
    f"{COMPUTE}/galleries": ["Farm.Images", "g2", "g3"],
    f"{ROOT}/providers/Microsoft.Compute/galleries": ["Farm.Images", "g2", "g3"],
    f"{GALLERY}/images": ["i2", "i3", "web"],
    f"{IMAGE}/versions": ["1.0.0", "1.2.0", "1.10.0"],
    f"{NETWORK}/loadBalancers": ["a", "b", "c"],
    f"{ROOT}/providers/Microsoft.Network/loadBalancers": ["a", "b", "c"],
    f"{NETWORK}/loadBalancers/a/probes": ["a", "b", "c"],
    f"{NETWORK}/virtualNetworks": ["a", "b", "c"],
    f"{ROOT}/providers/Microsoft.Network/virtualNetworks": ["a", "b", "c"],
    FABRIC: ["a", "b", "c"],
    f"{ROOT}/providers/Microsoft.ServiceFabric/clusters": ["a", "b", "c"],
    f"{ROOT}/resourceGroups": ["Farm", "G2", "g3"],
    f"{GROUP}/providers/Microsoft.Resources/deployments": ["a", "b", "c"],
}


@pytest.fixture
async def full(api: Api) -> Api:
    """Three of everything that there is a list of."""
    await api.create()
    await api.add_machines(3)
    for name in ("db", "app"):
        await api.create(SCALE_SET.replace("/web", f"/{name}"))
    extension = {"properties": {"publisher": "P", "type": "T", "typeHandlerVersion": "1.0"}}
    puts: list[tuple[str, Any]] = [(f"{SCALE_SET}/extensions/more", extension)]
    await make_image(api)
    for version in ("1.10.0", "1.0.0", "1.2.0"):
        await publish(api, version)
    for name in ("3", "2"):
        puts += [
            (f"{COMPUTE}/galleries/g{name}", {"location": "westus2"}),
            (f"{GALLERY}/images/i{name}", image_body(identifier={"publisher": "team", "offer": "web", "sku": name})),
        ]
    puts += [(f"{ROOT}/resourceGroups/{name}", {"location": "westus2"}) for name in ("g3", "G2")]
    template: dict[str, Any] = {"resources": []}
    for name in ("c", "a", "b"):
        puts += [
            (f"{NETWORK}/loadBalancers/{name}", {"location": "westus2", "properties": {"probes": PROBES}}),
            (f"{NETWORK}/virtualNetworks/{name}", {"location": "westus2"}),
            (f"{FABRIC}/{name}", NODES),
            (f"{GROUP}/providers/Microsoft.Resources/deployments/{name}", {"properties": {"template": template}}),
        ]
    for path, body in puts:
        answer = await api.call("PUT", path, body)
        assert answer.status_code == 201, (path, answer.text)
    return api


async def pages(api: Api, path: str, **query: Any) -> list[list[Any]]:
    """The names on each page, as a client that follows every link finds them."""
    found, answer = [], await api.get(path, **query)
    found.append([one["name"] for one in answer["value"]])
    while link := answer.get("nextLink"):
        got = await api.http.get(link)
        assert got.status_code == 200, got.text
        answer = got.json()
        found.append([one["name"] for one in answer["value"]])
    return found


async def test_every_list_can_be_read_page_by_page(full: Api) -> None:
    for path, names in LISTS.items():
        assert await pages(full, path) == [names], path
        assert await pages(full, path, _top=2) == [names[:2], names[2:]], path
        assert await pages(full, path, _top=3) == [names], "the last page has no link"
        assert (await full.call("GET", path, _top=0)).status_code == 400
        answer = await full.call("GET", path, _skiptoken="rubbish")
        assert (answer.status_code, error_of(answer)["target"]) == (400, "$skiptoken"), path


async def test_no_list_escapes_paging(api: Api) -> None:
    """Every GET whose answer is `{"value": …}` takes a `$skiptoken`, but for a few: short, fixed, or bare arrays."""
    fixed = {"/tenants", "/subscriptions", "locations", "providers", "vmSizes", "usages", "machines"}
    for path, methods in api.app.openapi()["paths"].items():
        names = {one["name"] for one in methods.get("get", {}).get("parameters", ())}
        last = path.rpartition("/")[2]
        is_list = path.startswith("/subscriptions") and last.endswith("s") and "{" not in last
        if "get" in methods and is_list and "Publishers" not in path and "publishers" not in path:
            assert "$skiptoken" in names or path in fixed or last in fixed or last.endswith("Upgrades"), path


async def test_a_link_is_absolute_and_keeps_the_other_parameters(full: Api) -> None:
    path = f"{SCALE_SET}/virtualMachines"
    answer = await full.get(
        path.lower().replace("/web/", "/Web/"), _top=1, _filter="instanceId ne '1'", _expand="instanceView"
    )
    link = urlsplit(answer["nextLink"])
    assert (link.scheme, link.netloc) == ("http", "api.test:8000")
    query = parse_qs(link.query)
    assert query.pop("$skiptoken")
    assert query == {
        "api-version": ["2026-04-01"],
        "$top": ["1"],
        "$filter": ["instanceId ne '1'"],
        "$expand": ["instanceView"],
    }
    [last] = (await full.http.get(answer["nextLink"])).json()["value"]
    assert last["instanceId"] == "2"
    assert last["properties"]["instanceView"]
    behind = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "instar.example"}
    trusting(full, "127.0.0.1")
    got = await full.http.get(path, params={"api-version": "2026-04-01", "$top": 1}, headers=behind)
    assert got.json()["nextLink"].startswith(f"https://instar.example{path}?")


async def test_what_comes_and_goes_between_two_pages_shifts_nothing(full: Api) -> None:
    path = f"{NETWORK}/virtualNetworks"
    first = await full.get(path, _top=2)
    assert [one["name"] for one in first["value"]] == ["a", "b"]
    for name in ("b", "a"):
        assert (await full.call("DELETE", f"{path}/{name}")).status_code == 202
    for name in ("aa", "d"):
        assert (await full.call("PUT", f"{path}/{name}", {"location": "westus2"})).status_code == 201
    second = (await full.http.get(first["nextLink"])).json()
    assert [one["name"] for one in second["value"]] == ["c", "d"]


async def test_a_token_of_another_list_is_refused(full: Api) -> None:
    link = (await full.get(f"{NETWORK}/virtualNetworks", _top=1))["nextLink"]
    [token] = parse_qs(urlsplit(link).query)["$skiptoken"]
    for path in (f"{NETWORK}/loadBalancers", f"{SCALE_SET}/virtualMachines"):
        assert (await full.call("GET", path, _skiptoken=token)).status_code == 400
    forged = paging._token(f"{SCALE_SET}/virtualMachines", ("zero",))
    answer = await full.call("GET", f"{SCALE_SET}/virtualMachines", _skiptoken=forged)
    assert (answer.status_code, error_of(answer)["code"]) == (400, "InvalidParameter")


async def test_every_list_has_more_than_one_page_where_pages_are_small_and_is_walked_to_its_end(full: Api) -> None:
    """As the SDKs and `az` do: no `$top`, and each nextLink as it was given (`INSTAR_PAGE_ITEMS`)."""
    services = full.app.state.services
    full.app.state.services = replace(services, settings=services.settings.model_copy(update={"page_items": 2}))
    for path, names in LISTS.items():
        assert await pages(full, path) == [names[:2], names[2:]], path
        assert await pages(full, path, _top=3) == [names], path


async def test_a2_the_history_of_any_age_goes_on_page_by_page(api: Api) -> None:
    await api.create()
    path = f"{SCALE_SET}/osUpgradeHistory"
    for number in range(1, 8):
        api.store.upgrades.write(record(api, number, api.clock()))
    assert "nextLink" not in await api.get(path), "five are all that was asked for"
    sizes, link = [], f"{path}?api-version=2026-04-01&$top=3"
    while link:
        answer = (await api.http.get(link)).json()
        sizes.append(len(answer["value"]))
        link = answer.get("nextLink", "")
    assert sizes == [3, 3, 1]


async def test_lists_of_images_stay_bare_arrays(api: Api) -> None:
    api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", OLD, "westus2", {}, api.clock())
    path = f"{LOCATION}/publishers"
    for part in ("", "/Canonical/artifacttypes/vmimage/offers", "/UbuntuServer/skus", "/18.04-LTS/versions"):
        path += part
        assert isinstance(await api.get(path), list)


async def test_a_next_link_is_a_url_whatever_the_path_was_written_like(full: Api) -> None:
    page = await full.get(f"{LOCATION.replace('westus2', 'West US 2')}/virtualMachineScaleSets", _top=1)
    assert "/locations/West%20US%202/" in page["nextLink"]
    rest = (await full.http.get(page["nextLink"])).json()
    assert [one["name"] for one in [*page["value"], *rest["value"]]] == ["app", "db"]
