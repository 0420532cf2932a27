"""What all parts of all kinds of stored resources have in common: a new list of parts needs no test of these."""

from typing import Any

import httpx
import pytest

from api.resources.kinds import KINDS
from api.stored import parts
from api.stored.kinds import Kind, Part
from api.stored.stored_resources import write_resource
from api.wire.errors import changed_meanwhile
from tests.api.conftest import GROUP, Api, error_of

CASES = [(kind, part) for kind in KINDS for part in kind.parts]
CHANGED = [(kind, part) for kind, part in CASES if part.fixed is None]
FIXED = [(kind, part) for kind, part in CASES if part.fixed is not None]
GOOD: dict[str, Any] = {"protocol": "Tcp", "port": 80}
"""Of every part: what a probe needs, and the others keep."""


class Place:
    """A list of parts in a resource that has none at first."""

    def __init__(self, api: Api, kind: Kind, part: Part) -> None:
        self.api, self.kind, self.part = api, kind, part
        self.whole = f"{GROUP}/providers/{kind.type}/Whole"
        self.list = f"{self.whole}/{part.name}"

    async def put_whole(self, *given: dict[str, Any]) -> None:
        body = {"location": "westus2", "tags": {"a": "b"}, "properties": {self.part.name: [*given]}}
        assert (await self.api.call("PUT", self.whole, body)).status_code in (200, 201)

    async def call(self, method: str, name: str, body: Any = None, **headers: str) -> httpx.Response:
        content = {} if body is None else {"json": body}
        query = {"api-version": "2024-05-01"}
        return await self.api.http.request(method, f"{self.list}/{name}", params=query, headers=headers, **content)

    async def names(self) -> list[str]:
        return [shown["name"] for shown in (await self.api.get(self.whole))["properties"][self.part.name]]


@pytest.fixture(params=CHANGED, ids=[f"{kind.type}/{part.name}" for kind, part in CHANGED])
async def place(api: Api, request: pytest.FixtureRequest) -> Place:
    found = Place(api, *request.param)
    await found.put_whole()
    return found


async def test_a_part_is_made_read_listed_replaced_and_taken_away(place: Place) -> None:
    made = await place.call("PUT", "First", {"name": "ignored", "properties": GOOD | {"mine": [1]}})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["id"], body["name"]) == (f"{place.list}/First", "First")
    assert body["type"] == f"{place.kind.type}/{place.part.name}"
    assert (body["properties"]["provisioningState"], body["properties"]["mine"]) == ("Succeeded", [1])
    assert body["etag"] == made.headers["ETag"] == (await place.api.get(place.whole))["etag"]
    operation = await place.api.http.get(made.headers["Azure-AsyncOperation"])
    assert operation.json()["status"] == "Succeeded"
    assert (await place.call("GET", "FIRST")).json() == body
    assert await place.api.get(f"{place.whole.upper()}/{place.part.name.upper()}/first") == body
    assert (await place.api.get(place.whole))["properties"][place.part.name] == [body]
    assert (await place.call("PUT", "second", {"properties": GOOD})).status_code == 201
    replaced = await place.call("PUT", "FIRST", {"properties": GOOD | {"mine": "other"}})
    assert (replaced.status_code, replaced.json()["properties"]["mine"]) == (200, "other")
    assert await place.names() == ["FIRST", "second"], "it stays where it stood"
    assert [one["name"] for one in (await place.api.get(place.list))["value"]] == ["FIRST", "second"]
    assert "nextLink" in await place.api.get(place.list, _top=1)
    assert (await place.call("HEAD", "first")).status_code == 204
    deleted = await place.call("DELETE", "first")
    assert deleted.status_code == 202
    assert (await place.api.http.get(deleted.headers["Azure-AsyncOperation"])).json()["status"] == "Succeeded"
    assert await place.names() == ["second"]
    assert (await place.call("DELETE", "first")).status_code == 204
    assert (await place.call("HEAD", "first")).status_code == 404
    gone = await place.call("GET", "first")
    assert (gone.status_code, error_of(gone)["code"]) == (404, "NotFound")
    assert (await place.api.get(place.whole))["tags"] == {"a": "b"}


async def test_k7_what_was_got_can_be_put_back_and_changes_nothing(place: Place) -> None:
    body = (await place.call("PUT", "first", {"properties": GOOD})).json()
    again = await place.call("PUT", "first", body)
    assert (again.status_code, again.json()) == (200, body)
    whole = await place.api.get(place.whole)
    assert (await place.api.call("PUT", place.whole, whole)).json() == whole


async def test_a_part_of_nothing_is_404_and_a_wrong_one_is_400(place: Place) -> None:
    await place.put_whole({"name": "kept", "properties": GOOD})
    before = await place.api.get(place.whole)
    bad = {"properties": "no"}, {"properties": [1]}, {"properties": GOOD | {"id": 7}}
    for name, body in (*(("first", one) for one in bad), ("-first", {"properties": GOOD})):
        answer = await place.call("PUT", name, body)
        assert answer.status_code == 400, answer.text
        error_of(answer)
    wrongs: tuple[Any, ...] = (
        "no",
        {},
        [7],
        [{"properties": GOOD}],
        [{"name": "a/b", "properties": GOOD}],
        [{"name": 1}],
    )
    for wrong in wrongs:
        whole = {"location": "westus2", "properties": {place.part.name: wrong}}
        answer = await place.api.call("PUT", place.whole, whole)
        assert (answer.status_code, place.part.name in error_of(answer)["target"]) == (400, True)
    twice = [{"name": "same", "properties": GOOD}, {"name": "SAME", "properties": GOOD}]
    answer = await place.api.call("PUT", place.whole, {"location": "westus2", "properties": {place.part.name: twice}})
    assert (answer.status_code, "two" in error_of(answer)["message"]) == (400, True)
    assert await place.api.get(place.whole) == before
    place.list = place.list.replace("/Whole/", "/None/")
    for method in ("GET", "PUT", "DELETE"):
        answer = await place.call(method, "kept", {"properties": GOOD} if method == "PUT" else None)
        assert (answer.status_code, error_of(answer)["code"]) == (404, "ParentResourceNotFound")
    assert error_of(await place.api.call("GET", place.list))["code"] == "ParentResourceNotFound"


async def test_a_part_that_is_not_as_the_preconditions_want_it_is_left(place: Place) -> None:
    etag = (await place.call("PUT", "first", {"properties": GOOD})).json()["etag"]
    late = {"properties": GOOD | {"late": True}}
    other = {"If-Match": '"99"'}
    for method, body, headers in (("PUT", late, other), ("PUT", late, {"If-None-Match": "*"}), ("DELETE", None, other)):
        assert (await place.call(method, "first", body, **headers)).status_code == 412
    assert (await place.call("PUT", "new", late, **{"If-Match": "*"})).status_code == 412
    assert "late" not in (await place.call("GET", "first")).text
    assert (await place.call("PUT", "first", late, **{"If-Match": etag})).status_code == 200


async def test_parts_that_are_made_at_the_same_time_are_all_there(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, quicker = write_resource, iter(("second", "third"))

    async def overtaken(*given: Any, **named: Any) -> Any:
        name = next(quicker, None)
        if name:
            assert (await place.call("PUT", name, {"properties": GOOD})).status_code == 201
        return await real(*given, **named)

    monkeypatch.setattr(parts, "write_resource", overtaken)
    assert (await place.call("PUT", "first", {"properties": GOOD})).status_code == 201
    assert sorted(await place.names()) == ["first", "second", "third"]


async def test_what_is_overtaken_for_ever_is_409_in_the_end(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    place, tries = Place(api, *CHANGED[0]), []
    await place.put_whole()

    async def overtaken(*given: Any) -> Any:
        tries.append(given)
        raise changed_meanwhile()

    monkeypatch.setattr(parts, "write_resource", overtaken)
    answer = await place.call("PUT", "first", {"properties": GOOD})
    assert (answer.status_code, error_of(answer)["code"], len(tries)) == (409, "Conflict", parts.TRIES)


@pytest.mark.parametrize(("kind", "part"), FIXED, ids=[part.name for _, part in FIXED])
async def test_fixed_parts_are_shown_and_nobody_changes_them(api: Api, kind: Kind, part: Part) -> None:
    place = Place(api, kind, part)
    await api.call("PUT", place.whole, {"location": "westus2"})
    shown = (await api.get(place.list))["value"]
    assert shown
    assert sorted((await api.get(place.whole))["properties"][part.name], key=str) == sorted(shown, key=str)
    name = shown[0]["name"]
    assert (await place.call("GET", name)).json() == shown[0]
    for method in ("PUT", "DELETE"):
        answer = await place.call(method, name, {"properties": {}} if method == "PUT" else None)
        assert (answer.status_code, error_of(answer)["code"]) == (409, "OperationNotAllowed")
    await place.put_whole({"name": "mine", "properties": {}})
    assert (await api.get(place.list))["value"][0]["name"] == name


async def test_a_list_that_a_kind_does_not_have_is_404(api: Api) -> None:
    place = Place(api, *CHANGED[0])
    await place.put_whole()
    for path in (f"{place.whole}/quantumParts", f"{place.whole}/quantumParts/first"):
        answer = await api.call("GET", path)
        assert (answer.status_code, "quantumParts" in error_of(answer)["message"]) == (404, True)
