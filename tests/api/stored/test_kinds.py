"""What every kind of stored resource has in common, shown for each of them: a new kind needs no test of these."""

import dataclasses
from typing import Any

import httpx
import pytest

from api.resources.kinds import STORED
from api.stored.kinds import Draft, Kind, Routes
from api.stored.parts import make_part
from api.stored.stored_resources import ResourceName, merged_document
from api.wire.errors import ArmError, invalid
from tests.api.conftest import GROUP, SUBSCRIPTION, Api, error_of
from tests.api.deployments.deploying import ONE, deploy, resource

NAMES = ("Farm.First", "web", "1.0.0")

CASES = [(routes, kind) for routes in STORED for kind in routes.kinds]
IDS = [kind.type for _, kind in CASES]
NETWORKS = next(routes for routes in STORED if routes.shared)


class Place:
    """Where one resource of a kind is, and what is put there: the example of the interactive docs."""

    def __init__(self, api: Api, routes: Routes, kind: Kind) -> None:
        self.api, self.routes, self.kind = api, routes, kind
        namespace, *words = kind.type.split("/")
        self.names = NAMES[: len(words)]
        below = "".join(f"/{word}/{name}" for word, name in zip(words, self.names, strict=True))
        self.path = f"{GROUP}/providers/{namespace}{below}"
        self.document: dict[str, Any] = routes.example

    @property
    def lists(self) -> list[str]:
        collection = self.path.rpartition("/")[0]
        if len(self.names) > 1:
            return [collection]
        return [collection, collection.replace(GROUP, f"/subscriptions/{SUBSCRIPTION}")]

    async def call(self, method: str, body: Any = None, **headers: str) -> httpx.Response:
        query = {"api-version": "2026-04-01"}
        content = {} if body is None else {"json": body}
        return await self.api.http.request(method, self.path, params=query, headers=headers, **content)

    async def put_parents(self) -> None:
        for routes, kind in CASES:
            if self.kind.type.startswith(f"{kind.type}/"):
                assert (await Place(self.api, routes, kind).call("PUT", routes.example)).status_code == 201

    async def put(self) -> dict[str, Any]:
        await self.put_parents()
        answer = await self.call("PUT", self.document)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body


def without_etags(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_etags(inner) for key, inner in value.items() if key != "etag"}
    return [without_etags(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture(params=CASES, ids=IDS)
def place(api: Api, request: pytest.FixtureRequest) -> Place:
    return Place(api, *request.param)


async def test_it_is_made_read_in_any_case_and_made_again(place: Place) -> None:
    await place.put_parents()
    created = await place.call("PUT", place.document)
    assert created.status_code == 201
    body = created.json()
    assert (body["id"], body["name"], body["type"]) == (place.path, place.names[-1], place.kind.type)
    assert body["location"] == place.document["location"]
    assert created.headers["ETag"] == body["etag"]
    assert created.headers["Azure-AsyncOperation"]
    await place.api.http.get(created.headers["Azure-AsyncOperation"])
    assert await place.api.get(place.path) == body
    shouted = f"/subscriptions/{SUBSCRIPTION}/RESOURCEGROUPS/FARM{place.path.removeprefix(GROUP).upper()}"
    assert await place.api.get(shouted) == body
    assert (await place.call("PUT", place.document)).status_code == 200


async def test_k7_what_was_got_can_be_put_back_and_changes_nothing(place: Place) -> None:
    got = await place.put()
    answer = await place.call("PUT", got)
    assert answer.status_code == 200, answer.text
    assert without_etags(answer.json()) == without_etags(got)


async def test_f5_what_is_called_like_a_secret_is_kept_of_no_kind_and_shown_of_none(place: Place) -> None:
    unattend = {"additionalUnattendContent": [{"settingName": "AutoLogon", "content": "hunter2-unattend"}]}
    secrets = {"adminPassword": "hunter2", "deep": [{"ProtectedSettings": {"a": "hunter2"}}], "windows": unattend}
    place.document = place.document | {"properties": place.document.get("properties", {}) | secrets}
    answers = [str(await place.put()), (await place.call("GET")).text]
    if not place.kind.only_tags_are_patched:
        patched = await place.call("PATCH", {"properties": secrets})
        assert patched.status_code == 200, patched.text
        answers.append(patched.text)
    stored = place.api.store.resources.find(place.path)
    assert stored is not None
    for text in (*answers, str(stored.document)):
        assert "hunter2" not in text
        assert "AutoLogon" in text


async def test_it_is_listed_where_it_is_and_nowhere_else(place: Place) -> None:
    await place.put()
    for path in place.lists:
        assert [one["id"] for one in (await place.api.get(path))["value"]] == [place.path]
    other = place.path.replace("/Farm/", "/Other/").rpartition("/")[0]
    elsewhere = await place.api.call("GET", other)
    assert (elsewhere.status_code, error_of(elsewhere)["code"]) == (404, "ResourceGroupNotFound")
    await place.api.call("PUT", GROUP.replace("/Farm", "/Other"), {"location": "westus2"})
    elsewhere = await place.api.call("GET", other)
    if len(place.names) == 1:
        assert (elsewhere.status_code, elsewhere.json()) == (200, {"value": []})
    else:
        assert (elsewhere.status_code, error_of(elsewhere)["code"]) == (404, "ParentResourceNotFound")


async def test_its_tags_are_patched_and_the_rest_stays(place: Place) -> None:
    body = await place.put()
    answer = await place.call("PATCH", {"Tags": {"stage": "two"}})
    assert answer.status_code == 200, answer.text
    assert without_etags(answer.json()) == without_etags(body | {"tags": {"stage": "two"}})
    assert await place.api.get(place.path) == answer.json()


async def test_a_patch_of_what_only_has_tags_to_patch_refuses_the_rest(place: Place) -> None:
    body = await place.put()
    answer = await place.call("PATCH", {"sku": {"name": "Basic"}})
    if place.kind.only_tags_are_patched:
        assert (answer.status_code, error_of(answer)["target"]) == (400, "sku")
        assert await place.api.get(place.path) == body
    else:
        assert (answer.status_code, answer.json()["sku"]) == (200, {"name": "Basic"})


async def test_nothing_is_patched_or_read_where_nothing_is(place: Place) -> None:
    for method, body in (("PATCH", {"tags": {}}), ("GET", None)):
        answer = await place.call(method, body)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "ResourceGroupNotFound")
    assert (await place.call("HEAD")).status_code == 404
    await place.api.call("PUT", GROUP, {"location": "westus2"})
    await place.put_parents()
    for method, body in (("PATCH", {"tags": {}}), ("GET", None)):
        answer = await place.call(method, body)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "ResourceNotFound")
    assert (await place.call("HEAD")).status_code == 404
    await place.call("PUT", place.document)
    assert (await place.call("HEAD")).status_code == 204


async def test_nothing_is_made_below_what_is_not_there(place: Place) -> None:
    if len(place.names) == 1:
        assert (await place.call("PUT", place.document)).status_code == 201
        return
    await place.api.call("PUT", GROUP, {"location": "westus2"})
    for answer in (await place.call("PUT", place.document), await place.api.call("GET", place.lists[0])):
        assert (answer.status_code, error_of(answer)["code"]) == (404, "ParentResourceNotFound")


def overtaken_by(place: Place, monkeypatch: pytest.MonkeyPatch, tags: dict[str, str]) -> None:
    """Once, between the reading of what is there and its writing, another PUT is quicker."""

    async def overtaken(*given: Any, **named: Any) -> Any:
        document = await merged_document(*given, **named)
        monkeypatch.undo()
        assert (await place.call("PUT", place.document | {"tags": tags})).status_code in (200, 201)
        return document

    monkeypatch.setattr("api.stored.making.merged_document", overtaken)


async def test_a_patch_that_another_change_overtakes_is_refused_and_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.put()
    overtaken_by(place, monkeypatch, {"by": "another"})
    assert (await place.call("PATCH", {"tags": {"by": "me"}})).status_code == 409
    assert (await place.api.get(place.path))["tags"] == {"by": "another"}


@pytest.mark.parametrize("there", [True, False], ids=["of what is there", "of a new one"])
async def test_a_put_that_another_one_overtakes_wins_only_where_nothing_of_the_other_counts(
    place: Place, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    await (place.put() if there else place.put_parents())
    overtaken_by(place, monkeypatch, {"by": "another"})
    answer = await place.call("PUT", place.document | {"tags": {"by": "me"}})
    assert answer.status_code == (200 if place.kind.last_put_wins else 409)
    by = "me" if place.kind.last_put_wins else "another"
    assert (await place.api.get(place.path))["tags"] == {"by": by}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_what_is_not_as_the_preconditions_want_it_is_left(place: Place, method: str) -> None:
    body = await place.put()
    given = None if method == "DELETE" else {**(place.document if method == "PUT" else {}), "tags": {"late": "yes"}}
    answer = await place.call(method, given, **{"If-Match": '"999"'})
    assert answer.status_code == 412
    assert await place.api.get(place.path) == body


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("sku", False, "'sku' must be an object."),
        ("sku", "Standard", "'sku' must be an object."),
        ("tags", 1, "'tags' must be an object."),
        ("tags", {"night": 1}, "Every value of 'tags' must be a string."),
        ("tags", {"night": None}, "Every value of 'tags' must be a string."),
        ("tags", {"night": {}}, "Every value of 'tags' must be a string."),
        ("properties", [], "'properties' must be an object."),
        ("location", "9", "'location' must be the name of a region, like westus2."),
        ("location", None, "'location' must be the name of a region, like westus2."),
    ],
)
async def test_what_every_resource_has_is_of_its_type(place: Place, key: str, value: Any, words: str) -> None:
    await place.put_parents()
    answer = await place.call("PUT", place.document | {key: value})
    assert (answer.status_code, error_of(answer)["message"]) == (400, words)
    assert (await place.call("GET")).status_code == 404


@pytest.mark.parametrize("name", ["-first", "a b", "ä", "x" * 81])
async def test_a_name_that_nothing_may_have_is_refused(place: Place, name: str) -> None:
    await place.put_parents()
    answer = await place.api.call("PUT", place.lists[0] + f"/{name}", place.document)
    assert (answer.status_code, error_of(answer)["target"]) == (400, place.kind.name_parameter)


async def test_it_is_deleted_once(place: Place) -> None:
    await place.put()
    answer = await place.call("DELETE")
    assert answer.status_code == 202
    operation = await place.api.http.get(answer.headers["Azure-AsyncOperation"])
    assert operation.json()["status"] == "Succeeded"
    assert (await place.call("GET")).status_code == 404
    assert (await place.call("DELETE")).status_code == 204


async def test_a_template_makes_it(place: Place) -> None:
    await place.put_parents()
    more = {key: value for key, value in place.document.items() if key != "location"}
    made = await deploy(place.api, resource(place.kind.type, "/".join(place.names), **more))
    assert made.status_code == 201, made.text
    body = await place.api.get(place.path)
    assert (body["id"], body["location"]) == (place.path, "westus2")
    assert (await place.api.call("GET", ONE)).status_code == 200


@pytest.mark.parametrize(
    ("kind", "part"),
    [(kind, part) for _, kind in CASES for part in kind.parts if part.in_templates],
    ids=lambda value: getattr(value, "type", None) or value.name,
)
async def test_a_template_writes_a_part_of_it_and_keeps_the_others(api: Api, kind: Kind, part: Any) -> None:
    routes = next(routes for routes in STORED if kind in routes.kinds)
    place = Place(api, routes, kind)
    others = [{"name": "Kept", "properties": {}}, {"name": "Replaced", "properties": {"old": True}}]
    place.document = {"location": "westus2", "properties": {part.name: others}}
    await place.put()
    child = resource(f"{kind.type}/{part.name}", f"{place.names[0]}/replaced", properties={"new": "yes"})
    assert (await deploy(api, child)).status_code == 201
    found = (await api.get(place.path))["properties"][part.name]
    seen = {"provisioningState": "Succeeded", **part.defaults}
    assert [(kept["name"], kept["properties"]) for kept in found] == [
        ("Kept", seen),
        ("replaced", seen | {"new": "yes"}),
    ]


async def test_a_type_that_shares_routes_and_is_not_kept_is_refused(api: Api) -> None:
    path = f"{GROUP}/providers/Microsoft.Network/quantumNetworks"
    for method, place in (
        ("PUT", f"{path}/first"),
        ("GET", f"{path}/first"),
        ("GET", path),
        ("DELETE", f"{path}/first"),
    ):
        answer = await api.call(method, place, NETWORKS.example if method == "PUT" else None)
        assert (answer.status_code, "quantumNetworks" in error_of(answer)["message"]) == (404, True)


async def test_a_part_is_checked_with_the_whole_that_it_is_written_into(api: Api) -> None:
    [kind] = [kind for _, kind in CASES if kind.type.endswith("/virtualNetworks")]
    place = Place(api, NETWORKS, kind)
    before = await place.put()
    seen: list[dict[str, Any]] = []

    async def refused(draft: Draft) -> dict[str, Any]:
        seen.append(draft.document)
        raise invalid("not here")

    strict = dataclasses.replace(kind, check=refused)
    name = ResourceName(f"{kind.type}/subnets", SUBSCRIPTION, "Farm", (*place.names, "inner"))
    with pytest.raises(ArmError, match="not here"):
        await make_part(strict, strict.parts[0], api.app.state.services, name, {"properties": {}})
    assert [one["properties"]["subnets"] for one in seen] == [[{"name": "inner", "properties": {}}]]
    assert await api.get(place.path) == before
