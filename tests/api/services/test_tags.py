"""Tags: the same limits for everything that has them, on every way in."""

from typing import Any

import httpx
import pytest

from api.stored.kinds import Kind, Routes
from tests.api.conftest import GROUP, SCALE_SET, Api, document, error_of
from tests.api.deployments.deploying import ONE, SETS, deploy, resource, state
from tests.api.services.test_quotas import set_quotas
from tests.api.stored.test_kinds import CASES, IDS, Place

MANY = {f"t{number}": "x" for number in range(51)}
REFUSED: list[tuple[str, Any, str, str]] = [
    ("too many", MANY, "InvalidParameter", "INSTAR_QUOTAS__TAGS"),
    ("a long name", {"n" * 513: "x"}, "InvalidParameter", "1 to 512 characters"),
    ("no name", {"": "x"}, "InvalidParameter", "1 to 512 characters"),
    ("a long value", {"n": "x" * 257}, "InvalidParameter", "257 characters"),
    ("a steering name", {"a\x1b[8m": "x"}, "InvalidTagNameCharacters", "'a\\x1b[8m'"),
    ("a name turned round", {"a\u202eb": "x"}, "InvalidTagNameCharacters", "'a\\u202eb'"),
    ("a name of two lines", {"a\nb": "x"}, "InvalidTagNameCharacters", "'a\\nb'"),
    ("a steering value", {"a": "x\x1b[8m"}, "InvalidParameter", "U+001B"),
    ("a value with C1", {"a": "x\x9b8m"}, "InvalidParameter", "U+009B"),
    ("a number", {"a": 1}, "InvalidParameter", "must be a string"),
    ("a list", ["a"], "InvalidParameter", "'tags' must be an object"),
]
GOOD = {f"t{number}": "x" * 256 for number in range(49)} | {"n" * 512: "two\nlines\tand a tab ☂"}


class Target:
    """Something that has tags, and is there."""

    def __init__(self, api: Api, path: str, document: dict[str, Any]) -> None:
        self.api, self.path, self.document = api, path, document

    async def call(self, method: str, tags: Any) -> httpx.Response:
        body = {"tags": tags} if method == "PATCH" else self.document | {"tags": tags}
        return await self.api.call(method, self.path, body)

    async def tags(self) -> Any:
        return (await self.api.get(self.path)).get("tags")


TARGETS: list[Any] = ["group", "set", *CASES]


@pytest.fixture(params=TARGETS, ids=["group", "scale set", *IDS])
async def target(api: Api, request: pytest.FixtureRequest) -> Target:
    if request.param == "group":
        found = Target(api, GROUP, {"location": "westus2"})
    elif request.param == "set":
        found = Target(api, SCALE_SET, document())
    else:
        place = Place(api, *request.param)
        await place.put_parents()
        found = Target(api, place.path, place.document)
    assert (await api.call("PUT", found.path, found.document | {"tags": {"had": "it"}})).status_code == 201
    return found


async def test_good_tags_are_taken_by_put_and_patch(target: Target) -> None:
    assert len(GOOD) == 50
    for method in ("PUT", "PATCH"):
        assert (await target.call(method, GOOD)).status_code == 200
        assert await target.tags() == GOOD
        assert (await target.call(method, {"had": "it"})).status_code == 200


async def test_others_are_refused_by_put_and_patch_and_nothing_changes(target: Target) -> None:
    for what, tags, code, words in REFUSED:
        for method in ("PUT", "PATCH"):
            answer = await target.call(method, tags)
            assert (answer.status_code, error_of(answer)["code"]) == (400, code), what
            assert words in error_of(answer)["message"]
            assert error_of(answer)["target"].startswith("tags")
            assert "\x1b" not in error_of(answer)["message"]
    assert await target.tags() == {"had": "it"}


async def test_tags_of_before_a_lower_quota_stay_and_may_become_fewer(target: Target) -> None:
    had = {f"t{number}": "x" for number in range(9)}
    assert (await target.call("PUT", had)).status_code == 200
    set_quotas(target.api, tags=2)
    for method in ("PUT", "PATCH"):
        assert (await target.call(method, had)).status_code == 200
    assert (await target.call("PATCH", had | {"more": "x"})).status_code == 400
    fewer = {name: had[name] for name in list(had)[:5]}
    assert (await target.call("PATCH", fewer)).status_code == 200
    assert (await target.call("PATCH", had)).status_code == 400


@pytest.mark.parametrize("case", [*CASES, None], ids=[*IDS, "scale set"])
async def test_a_template_is_refused_the_same(api: Api, case: tuple[Routes, Kind] | None) -> None:
    if case is None:
        kind, name, path, whole = SETS, "web", SCALE_SET, document(location="westus2")
    else:
        place = Place(api, *case)
        await place.put_parents()
        kind, name, path, whole = place.kind.type, "/".join(place.names), place.path, place.document
    more = {key: value for key, value in whole.items() if key != "location"}
    for what, tags, code, words in REFUSED:
        if what == "a number":
            continue  # a template may say texts so
        assert (await deploy(api, resource(kind, name, **more | {"tags": tags}))).status_code in (200, 201)
        assert await state(api) == "Failed", what
        [detail] = (await api.get(ONE))["properties"]["error"]["details"]
        assert (detail["code"], words in detail["message"]) == (code, True), what
    assert (await api.call("GET", path)).status_code == 404
