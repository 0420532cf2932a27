"""Quotas: what is new is refused by the setting's name, what is there is changed and deleted as ever."""

import asyncio
import dataclasses
from typing import Any

import httpx
import pytest

from api.resources.kinds import STORED
from api.stored.kinds import Kind, Routes
from instar.connection.quotas import QuotaSettings
from tests.api.conftest import GROUP, SCALE_SET, SUBSCRIPTION, Api, document, error_of
from tests.api.deployments.deploying import NETS, ONE, deploy, look_after, resource, scale_set, state
from tests.api.stored.test_kinds import CASES, IDS, Place

SETS = SCALE_SET.rpartition("/")[0]
GALLERY = f"{GROUP}/providers/Microsoft.Compute/galleries"
GALLERY_BODY = {"location": "westus2", "properties": {}}


def set_quotas(api: Api, **quotas: int) -> None:
    """What the operator would set before the API starts anew."""
    services = api.app.state.services
    settings = services.settings.model_copy(update={"quotas": QuotaSettings(**quotas)})
    api.app.state.services = dataclasses.replace(services, settings=settings)


def assert_exceeded(answer: httpx.Response, name: str, at_most: int, code: str = "QuotaExceeded") -> None:
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (409, code)
    assert f"quota of {at_most} " in error["message"]
    assert f"INSTAR_QUOTAS__{name}. " in error["message"]
    assert "Delete" in error["message"]


async def test_scale_sets_of_a_subscription_are_counted_and_only_new_ones_refused(api: Api) -> None:
    await api.create()
    set_quotas(api, scale_sets=1)
    assert_exceeded(await api.call("PUT", f"{SETS}/more", document()), "SCALE_SETS", 1)
    elsewhere = SCALE_SET.replace(SUBSCRIPTION, "another")
    assert (await api.call("PUT", elsewhere, document())).status_code == 201
    assert (await api.call("PUT", SCALE_SET, {"sku": {"capacity": 4}})).status_code == 200
    assert (await api.call("PATCH", SCALE_SET, {"tags": {"a": "b"}})).status_code == 200
    assert (await api.call("DELETE", SCALE_SET)).status_code == 202
    api.store.scale_sets.delete(api.stored().identity.unique_id)
    assert (await api.call("PUT", f"{SETS}/more", document())).status_code == 201


async def test_a_refused_set_leaves_nothing_behind(api: Api) -> None:
    set_quotas(api, scale_sets=1)
    await api.create()
    before = len(api.gateway.sent)
    assert (await api.call("PUT", f"{SETS}/more", document())).status_code == 409
    assert (await api.call("GET", f"{SETS}/more")).status_code == 404
    assert len(api.gateway.sent) == before
    assert api.store.scale_sets.find(f"{SETS}/more") is None


async def test_of_two_at_once_for_the_last_place_one_is_made(api: Api) -> None:
    set_quotas(api, scale_sets=3)
    answers = await asyncio.gather(*(api.call("PUT", f"{SETS}/set{number}", document()) for number in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5


async def test_groups_are_counted_those_too_that_only_have_something_in_them(api: Api) -> None:
    set_quotas(api, resource_groups=2)
    assert (await api.call("PUT", GROUP, {"location": "westus2"})).status_code == 201
    await api.create(SCALE_SET.replace("/Farm/", "/Implied/"))
    third = GROUP.replace("Farm", "Third")
    in_third = GALLERY.replace("Farm", "Third") + "/own"
    assert_exceeded(await api.call("PUT", third, {"location": "westus2"}), "RESOURCE_GROUPS", 2)
    assert_exceeded(await api.call("PUT", in_third, GALLERY_BODY), "RESOURCE_GROUPS", 2)
    assert_exceeded(await api.call("PUT", SCALE_SET.replace("/Farm/", "/Third/"), document()), "RESOURCE_GROUPS", 2)
    # What is there goes on: made by name, changed, filled.
    assert (await api.call("PUT", GROUP.replace("Farm", "IMPLIED"), {"location": "westus2"})).status_code == 201
    assert (await api.call("PATCH", GROUP, {"tags": {"a": "b"}})).status_code == 200
    assert (await api.call("PUT", f"{GALLERY}/own", GALLERY_BODY)).status_code == 201
    assert (await api.call("DELETE", GROUP)).status_code == 202
    assert (await api.call("PUT", in_third, GALLERY_BODY)).status_code == 201


IMAGE_BODY = {
    "location": "westus2",
    "properties": {
        "osType": "Linux",
        "osState": "Generalized",
        "identifier": {"publisher": "p", "offer": "o", "sku": "s"},
    },
}


async def test_a_quota_below_what_there_is_refuses_what_is_new_and_nothing_else(api: Api) -> None:
    assert (await api.call("PUT", GROUP.replace("Farm", "Second"), {"location": "westus2"})).status_code == 201
    for name in ("one", "two", "three"):
        assert (await api.call("PUT", f"{GALLERY}/{name}", GALLERY_BODY)).status_code == 201
    set_quotas(api, resources=1, resource_groups=1)
    assert_exceeded(await api.call("PUT", f"{GALLERY}/four", GALLERY_BODY), "RESOURCES", 1)
    changed = {"location": "westus2", "properties": {"description": "changed"}}
    assert (await api.call("PUT", f"{GALLERY}/one", changed)).status_code == 200
    assert (await api.call("PATCH", f"{GALLERY}/two", {"tags": {"a": "b"}})).status_code == 200
    assert (await api.call("PUT", f"{GALLERY}/one/images/web", IMAGE_BODY)).status_code == 409
    for name in ("one", "two"):
        assert (await api.call("DELETE", f"{GALLERY}/{name}")).status_code == 202
    set_quotas(api, resources=2, resource_groups=1)
    assert (await api.call("PUT", f"{GALLERY}/four", GALLERY_BODY)).status_code == 201


@pytest.mark.parametrize(("routes", "kind"), CASES, ids=IDS)
async def test_each_kind_of_resource_is_counted_with_the_others(api: Api, routes: Routes, kind: Kind) -> None:
    place = Place(api, routes, kind)
    await place.put_parents()
    await api.call("PUT", f"{GROUP}/providers/Microsoft.Network/routeTables/filler", {"location": "westus2"})
    there = len(api.store.resources.all_of(SUBSCRIPTION))
    set_quotas(api, resources=there)
    assert_exceeded(await place.call("PUT", place.document), "RESOURCES", there)
    assert (await place.call("GET")).status_code == 404
    set_quotas(api, resources=there + 1)
    assert (await place.call("PUT", place.document)).status_code == 201
    assert (await place.call("PUT", place.document)).status_code == 200
    assert (await place.call("PATCH", {"tags": {"a": "b"}})).status_code == 200
    assert (await place.call("DELETE")).status_code == 202


@pytest.mark.parametrize(("routes", "kind"), CASES, ids=IDS)
async def test_a_template_is_held_to_the_same_and_says_so(api: Api, routes: Routes, kind: Kind) -> None:
    place = Place(api, routes, kind)
    await place.put_parents()
    await api.call("PUT", f"{GROUP}/providers/Microsoft.Network/routeTables/filler", {"location": "westus2"})
    there = len(api.store.resources.all_of(SUBSCRIPTION))
    set_quotas(api, resources=there)
    more = {key: value for key, value in place.document.items() if key != "location"}
    assert (await deploy(api, resource(kind.type, "/".join(place.names), **more))).status_code == 201
    assert await state(api) == "Failed"
    [detail] = (await api.get(ONE))["properties"]["error"]["details"]
    assert (detail["code"], f"quota of {there} " in detail["message"]) == ("QuotaExceeded", True)
    assert (await place.call("GET")).status_code == 404


async def test_a_scale_set_of_a_template_is_held_to_the_quota(api: Api) -> None:
    await api.create()
    set_quotas(api, scale_sets=1)
    await deploy(api, scale_set("web"), scale_set("more"))
    api.end_operations()
    await look_after(api)
    [detail] = (await api.get(ONE))["properties"]["error"]["details"]
    assert (detail["code"], detail["target"].rpartition("/")[2]) == ("QuotaExceeded", "more")


async def test_deployments_are_counted_of_a_group_and_of_a_subscription(api: Api) -> None:
    set_quotas(api, deployments_per_group=2, deployments=3)
    above = ONE.rpartition("/")[0]
    for name in ("first", "second"):
        assert (await deploy(api, path=f"{above}/{name}")).status_code == 201
    assert_exceeded(await deploy(api, path=f"{above}/third"), "DEPLOYMENTS_PER_GROUP", 2, "DeploymentQuotaExceeded")
    assert (await deploy(api, path=ONE)).status_code == 200
    other = GROUP.replace("Farm", "Other")
    await api.call("PUT", other, {"location": "westus2"})
    elsewhere = above.replace("Farm", "Other")
    assert (await deploy(api, path=f"{elsewhere}/first")).status_code == 201
    assert_exceeded(await deploy(api, path=f"{elsewhere}/second"), "DEPLOYMENTS", 3, "DeploymentQuotaExceeded")
    assert (await api.call("DELETE", ONE)).status_code == 204
    assert (await deploy(api, path=f"{elsewhere}/second")).status_code == 201


async def test_resources_of_a_template_are_counted_with_every_copy_and_not_again_while_it_runs(api: Api) -> None:
    set_quotas(api, template_resources=3)
    copies: dict[str, Any] = resource(NETS, "[concat('net', copyIndex())]") | {"copy": {"name": "c", "count": 3}}
    refused = await deploy(api, copies, resource(NETS, "last"))
    assert (refused.status_code, error_of(refused)["code"]) == (400, "InvalidTemplate")
    assert "more than 3 resources" in error_of(refused)["message"]
    assert "INSTAR_QUOTAS__TEMPLATE_RESOURCES" in error_of(refused)["message"]
    needs = f"[resourceId('{SETS.partition('/providers/')[2]}', 'web')]"
    assert (await deploy(api, scale_set("web"), resource(NETS, "a", needs), resource(NETS, "b"))).status_code == 201
    assert await state(api) == "Running"
    set_quotas(api, template_resources=1)
    api.end_operations()
    await look_after(api)
    assert await state(api) == "Succeeded"


async def test_a_body_may_have_so_many_bytes(api: Api) -> None:
    set_quotas(api, body_bytes=16 * 1024)
    small = {"location": "westus2", "tags": {"a": "x" * 200}}
    assert (await api.call("PUT", GROUP, small)).status_code == 201
    for path in (GROUP, SCALE_SET, ONE, f"{GALLERY}/own"):
        refused = await api.call("PUT", path, small | {"properties": {"description": "x" * 16 * 1024}})
        assert (refused.status_code, error_of(refused)["code"]) == (413, "RequestContentTooLarge")
        assert "larger than 16384 bytes" in error_of(refused)["message"]
        assert "INSTAR_QUOTAS__BODY_BYTES" in error_of(refused)["message"]


def test_the_kinds_are_all_there() -> None:
    assert len(CASES) == sum(len(routes.kinds) for routes in STORED) > 10
