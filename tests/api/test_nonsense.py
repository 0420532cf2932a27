"""Whatever is sent: an ARM error body, never a 5xx, nothing changed."""

import json
import re
from typing import Any

import httpx
import pytest

from api.login.issuer_routes import OPEN_PATHS
from api.services.dependencies import OLDEST_API_VERSION, oldest_version
from instar.domain.images.galleries import GALLERY
from instar.domain.images.galleries import IMAGE as IMAGE_OF_GALLERY
from instar.domain.images.galleries import VERSION as VERSION_OF_GALLERY
from instar.domain.records.operations import Operation
from instar.store.sets.stored_scale_set import StoredScaleSet
from tests.api.conftest import IMAGE, LOCATION, OLD, SCALE_SET, SUBSCRIPTION, Api, error_of
from tests.api.galleries.gallery import make_image, publish
from tests.api.nonsense import BODIES, NAMES

GOOD = {
    "subscriptionId": SUBSCRIPTION,
    "resourceGroupName": "Farm",
    "scaleSetName": "web",
    "clusterName": "Main",
    "instanceId": "0",
    "loadBalancerName": "front",
    "location": "westus2",
    "publisher": "Canonical",
    "offer": "UbuntuServer",
    "sku": "18.04-LTS",
    "version": OLD,
    "operationId": "none",
    "uniqueId": "none",
    "galleryName": "Farm.Images",
    "imageName": "web",
    "versionName": "1.0.0",
    "region": "westus2",
    "namespace": "Microsoft.Compute",
    "kind": "virtualNetworks",
    "name": "net",
    "childKind": "subnets",
    "childName": "one",
    "partKind": "probes",
    "partName": "web",
    "grandchildKind": "parts",
    "grandchildName": "one",
    "deploymentName": "first",
    "extensionName": "setup",
    "holdName": "freeze",
    "limitName": "all",
    "ringName": "fleet",
    "webhookName": "chat",
    "upgradeNumber": "1",
    "eventId": "none",
    "keptNamespace": "Microsoft.Storage",
    "keptKind": "storageAccounts",
    "keptName": "kept",
    "resourceType": "virtualMachineScaleSets",
    "resourceName": "web",
    "networkInterfaceName": "nic",
    "ipConfigurationName": "ip",
    "extensionType": "ApplicationHealthLinux",
}
NOT_OF_ARM = {"/healthz", "/readyz"} | OPEN_PATHS
"""The probes and the issuer, whose answers have their own shape: test_process.py and access/test_issuer.py."""

RESOURCE_GROUP = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
ONLY_STRANGERS = ("empty", "64 bits and more", "null byte in a key", "deep enough")
"""Bodies that say nothing which a resource group has: the rest is not looked at."""

VERSION = {"api-version": "2026-04-01"}
BEFORE_UPGRADES = {"api-version": "2017-12-01"}
"""Clients send it of networks and groups; scale sets had no automatic OS upgrades then."""


def routes(api: Api) -> list[tuple[str, str]]:
    """Every method and path template, as the application itself describes them."""
    paths = api.app.openapi()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert len(found) > 20
    return [one for one in found if one[1] not in NOT_OF_ARM]


def filled(template: str, **names: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: (GOOD | names)[match[1]], template)


def params_of(template: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", template)


def state(api: Api) -> tuple[StoredScaleSet, list[Operation], Any, Any, Any, int]:
    stored = api.stored()
    return (
        stored,
        api.store.operations.running(stored.identity.unique_id),
        api.store.images.versions("Canonical", "UbuntuServer", "18.04-LTS", "westus2"),
        [api.store.resources.of_type(kind, SUBSCRIPTION) for kind in (GALLERY, IMAGE_OF_GALLERY, VERSION_OF_GALLERY)],
        (api.fleet.defaults, api.fleet.version_script(IMAGE.at(OLD))),
        len(api.store.scale_sets.list(SUBSCRIPTION)),
    )


@pytest.fixture
async def world(api: Api) -> Api:
    await api.create()
    await api.add_machines(1)
    api.store.images.publish("Canonical", "UbuntuServer", "18.04-LTS", OLD, "westus2", {}, api.clock())
    await make_image(api)
    await publish(api, "1.0.0")
    return api


def check(answer: httpx.Response, what: str, *, may_succeed: bool = False) -> None:
    assert answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:300]}"
    if may_succeed and answer.status_code < 400:
        return
    assert answer.status_code >= 400, f"{what}: {answer.status_code} {answer.text[:300]}"
    if answer.request.method != "HEAD":
        error_of(answer)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "MissingApiVersionParameter"),
        ({"api-version": ""}, "MissingApiVersionParameter"),
        ({"api-version": "latest"}, "InvalidApiVersionParameter"),
        (BEFORE_UPGRADES, "InvalidApiVersionParameter"),
        ({"api-version": "2013-12-31"}, "InvalidApiVersionParameter"),
        ({"api-version": "2026-13-01"}, "InvalidApiVersionParameter"),
        ({"api-version": "2026-04-01\x00"}, "InvalidApiVersionParameter"),
        ({"api-version": "9" * 5000}, "InvalidApiVersionParameter"),
    ],
)
async def test_every_arm_route_refuses_a_wrong_api_version(world: Api, query: dict[str, str], code: str) -> None:
    before = state(world)
    for method, template in routes(world):
        if template.startswith(("/instar/", "/codec/")):
            continue
        answer = await world.http.request(method, filled(template), params=query)
        if query == BEFORE_UPGRADES and oldest_version(filled(template)) != OLDEST_API_VERSION:
            assert method == "HEAD" or "api-version" not in answer.text, (method, template)
            continue
        assert answer.status_code == 400, (method, template)
        assert method == "HEAD" or error_of(answer)["code"] == code
    assert query == BEFORE_UPGRADES or state(world) == before


@pytest.mark.parametrize("version", ["2018-10-01", "2019-12-01", "2024-07-01", "2026-04-01", "2025-01-01-preview"])
async def test_known_api_versions_are_taken(world: Api, version: str) -> None:
    assert (await world.http.get(SCALE_SET, params={"api-version": version})).status_code == 200


@pytest.mark.parametrize("name", BODIES)
async def test_no_body_whatever_does_harm(world: Api, name: str) -> None:
    before = state(world)
    for method, template in routes(world):
        if method not in ("PUT", "PATCH"):
            continue
        publishes = "/versions/{version}" in template and not template.startswith("/instar/")
        answer = await world.http.request(method, filled(template), params=VERSION, content=BODIES[name])
        changes_group = (method, template) == ("PATCH", RESOURCE_GROUP)
        harmless = (name == "empty" and publishes) or (name in ONLY_STRANGERS and changes_group)
        check(answer, f"{method} {template} with {name}", may_succeed=harmless)
    assert state(world) == before


WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    9_223_372_036_854_775_807,
    "",
    "x",
    "٣",
    [],
    [None],
    {},
    {"a": {}},
    [[]],
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a document."""
    if isinstance(value, dict):
        inner = [place for key in value for place in places(value[key], (*path, key))]
    elif isinstance(value, list):
        inner = [place for index, item in enumerate(value) for place in places(item, (*path, index))]
    else:
        inner = []
    return [path, *inner] if path else inner


async def test_a_wrong_type_anywhere_in_a_scale_set_never_breaks_it(world: Api) -> None:
    """Each property in turn gets each wrong value: refused as ARM says, or stored and readable."""
    good = json.loads((await world.http.get(SCALE_SET, params=VERSION)).text)
    good["properties"]["upgradePolicy"]["rollingUpgradePolicy"] = {
        "maxBatchInstancePercent": 20,
        "pauseTimeBetweenBatches": "PT0S",
    }
    good["properties"]["virtualMachineProfile"]["osProfile"]["adminPassword"] = "An-example-0nly!"
    refused = 0
    for place in places(good):
        for wrong in WRONG:
            bad = json.loads(json.dumps(good))
            holder = bad
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = wrong
            path = f"{SCALE_SET}-{'new' if len(place) % 2 else 'other'}"
            answer = await world.http.put(path, params=VERSION, json=bad)
            check(answer, f"{place} = {wrong!r}", may_succeed=True)
            refused += answer.status_code >= 400
            if answer.status_code < 400:
                for read in ("", "/virtualMachines", "/instanceView"):
                    seen = await world.http.get(path + read, params=VERSION, headers={})
                    assert seen.status_code == 200, f"{place} = {wrong!r}: {seen.text[:300]}"
                stored = world.store.scale_sets.find(path)
                assert stored is not None
                world.store.scale_sets.delete(stored.identity.unique_id)
    assert refused > 100


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_in_a_path_does_harm(world: Api, name: str) -> None:
    before = state(world)
    for method, template in routes(world):
        for parameter in params_of(template):
            if (method, parameter, name) == ("POST", "instanceId", "*"):
                continue  # no nonsense: the whole set (test_traps.py)
            answer = await world.http.request(method, filled(template, **{parameter: name}), params=VERSION, json={})
            found = f"{method} {template} with {parameter}={name[:40]}"
            check(answer, found, may_succeed=method in ("GET", "HEAD", "DELETE") or template.startswith("/instar/"))
            assert "X-Evil" not in answer.headers
    assert state(world)[:4] == before[:4]


@pytest.mark.parametrize("value", ["x", "-1", "0", "1.5", "9" * 400, "\x00", "", "[]"])
async def test_no_query_does_harm(world: Api, value: str) -> None:
    for method, template in routes(world):
        if method == "GET":
            query = VERSION | {"$top": value, "$expand": value, "$orderby": value, "monitor": value, "$filter": value}
            answer = await world.http.get(filled(template), params=query)
            check(answer, f"{template} with {value[:20]!r}", may_succeed=True)


async def test_unknown_routes_and_methods_have_arm_errors(world: Api) -> None:
    for path in (
        "/nothing",
        "/subscriptions/x/nothing",
        f"{SCALE_SET}/nothing",
        f"{SCALE_SET}/a/b/c",
        "/subscriptions/x/%00",
    ):
        answer = await world.call("GET", path)
        assert answer.status_code == 404
        assert error_of(answer)["code"] == "NotFound"
    for method, path in (("POST", SCALE_SET), ("GET", f"{SCALE_SET}/osRollingUpgrade"), ("TRACE", SCALE_SET)):
        answer = await world.call(method, path)
        assert answer.status_code == 405
        assert error_of(answer)["code"] == "MethodNotAllowed"
        assert answer.headers["Allow"]


async def test_unknown_sets_are_404_on_every_route_below_one(world: Api) -> None:
    for method, template in routes(world):
        if "{scaleSetName}" in template and method != "PUT":
            answer = await world.call(method, filled(template, scaleSetName="none"), {"tags": {}})
            expected = 204 if (method, template.endswith("{scaleSetName}")) == ("DELETE", True) else 404
            assert answer.status_code == expected, (method, template)
            if expected == 404 and method != "HEAD":
                assert error_of(answer)["code"] == "ResourceNotFound"


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title])
async def test_paths_and_query_keys_are_taken_in_any_case(world: Api, change: Any) -> None:
    for path in (SCALE_SET, f"{SCALE_SET}/virtualMachines/0/instanceView", f"{SCALE_SET}/osUpgradeHistory"):
        answer = await world.http.get(change(path), params={"API-Version": "2026-04-01"})
        assert answer.status_code == 200, answer.text
    body = (await world.http.get(change(SCALE_SET), params=VERSION)).json()
    assert body["id"] == SCALE_SET, "ids keep the case of their creation"
    images = change(
        f"{LOCATION}/publishers/Canonical/artifacttypes/vmimage/offers/UbuntuServer/skus/18.04-LTS/versions"
    )
    assert [one["name"] for one in (await world.http.get(images, params=VERSION)).json()] == [OLD]


async def test_double_and_trailing_slashes_are_forgiven(world: Api) -> None:
    doubled = SCALE_SET.replace("/virtualMachineScaleSets", "//virtualMachineScaleSets") + "/"
    assert (await world.http.get(f"http://api.test:8000/{doubled}", params=VERSION)).status_code == 200


async def test_a_new_set_keeps_the_case_of_its_names(api: Api) -> None:
    path = SCALE_SET.replace("/web", "/WebFarm").replace("resourceGroups", "RESOURCEGROUPS")
    answer = await api.create(path)
    assert answer.json()["id"] == SCALE_SET.replace("/web", "/WebFarm")
    assert answer.json()["name"] == "WebFarm"
