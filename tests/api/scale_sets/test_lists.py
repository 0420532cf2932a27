"""Lists of sets: two queries for any number of them, pages that hold whatever comes and goes, what each shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from api.services.paging import _token
from instar.domain.access import Grant, Role
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity
from tests.api.access.served import sent, token_of
from tests.api.conftest import GROUP, LOCATION, SUBSCRIPTION, Api, document, error_of

COMPUTE = "providers/Microsoft.Compute/virtualMachineScaleSets"
OF_GROUP, OF_ALL = f"{GROUP}/{COMPUTE}", f"/subscriptions/{SUBSCRIPTION}/{COMPUTE}"
OF_REGION = f"{LOCATION}/virtualMachineScaleSets"
ALL_SETS = "/instar/scaleSets"
LISTS = [OF_GROUP, OF_ALL, OF_REGION, ALL_SETS]


def make(api: Api, *names: str, group: str = GROUP, location: str = "westus2") -> None:
    """Sets as they are written down, without the operations that made them."""
    for name in names:
        one = ScaleSetIdentity(
            resource_id=f"{group}/{COMPUTE}/{name}", name=name, unique_id=f"id-{group[-4:]}-{name}", location=location
        )
        api.store.scale_sets.create(one, SUBSCRIPTION, group.rpartition("/")[2], document(), api.clock())


def put(api: Api, name: str, status: OperationStatus, kind: OperationKind = OperationKind.PUT) -> Operation:
    """An operation on one of them, a moment after those before."""
    api.clock.now += api.clock.now.resolution
    one = Operation(
        id=f"{name}-{api.clock().isoformat()}",
        kind=kind,
        scale_set_unique_id=f"id-Farm-{name}",
        subscription_id=SUBSCRIPTION,
        location="westus2",
        status=OperationStatus.IN_PROGRESS,
        started_at=api.clock(),
    )
    api.store.operations.create(one)
    if status is not OperationStatus.IN_PROGRESS:
        api.store.operations.end(one.id, status, api.clock())
    return one


@contextmanager
def statements(api: Api) -> Iterator[list[str]]:
    found: list[str] = []

    def one_more(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            found.append(statement)

    event.listen(api.store.database.engine, "before_cursor_execute", one_more)
    try:
        yield found
    finally:
        event.remove(api.store.database.engine, "before_cursor_execute", one_more)


@pytest.mark.parametrize("path", LISTS)
async def test_five_hundred_sets_are_listed_in_as_many_queries_as_five(api: Api, path: str) -> None:
    counts = []
    for begin, count in ((0, 5), (5, 500)):
        make(api, *(f"s{number:03}" for number in range(begin, count)))
        with statements(api) as found:
            listed = (await api.get(path, _top=500))["value"]
        assert len(listed) == count
        counts.append(len(found))
    assert counts[0] == counts[1]
    guard = 2  # the client, and its roles
    assert counts[1] <= guard + (2 if path != ALL_SETS else 10)


async def names(api: Api, path: str, **query: Any) -> tuple[list[str], str]:
    body = await api.get(path, **query)
    return [one["name"] for one in body["value"]], body.get("nextLink", "")


async def followed(api: Api, link: str) -> tuple[list[str], str]:
    body = (await api.http.get(link)).json()
    return [one["name"] for one in body["value"]], body.get("nextLink", "")


@pytest.mark.parametrize("path", LISTS)
async def test_pages_are_the_whole_list_once_whatever_comes_and_goes(api: Api, path: str) -> None:
    make(api, *"bdfhjl")
    first, link = await names(api, path, _top=2)
    assert first == ["b", "d"]
    make(api, "a", "e")  # before the next page, and in it
    api.store.scale_sets.delete("id-Farm-d")  # the one after which it begins
    api.store.scale_sets.delete("id-Farm-f")
    second, link = await followed(api, link)
    assert second == ["e", "h"]
    make(api, "z")
    third, link = await followed(api, link)
    fourth, link = await followed(api, link)
    assert (third, fourth, link) == (["j", "l"], ["z"], "")


async def test_a_set_that_is_made_anew_in_another_case_is_listed_once(api: Api) -> None:
    make(api, "a", "B", "c")
    first, link = await names(api, OF_GROUP, _top=2)
    api.store.scale_sets.delete("id-Farm-B")
    make(api, "b")
    assert (first, (await followed(api, link))[0]) == (["a", "B"], ["c"])
    assert (await names(api, OF_GROUP.upper()))[0] == ["a", "b", "c"]


async def test_each_list_shows_its_own(api: Api) -> None:
    make(api, "one")
    make(api, "two", group=f"{GROUP}2")
    make(api, "far", location="eastus")
    assert (await names(api, OF_GROUP))[0] == ["far", "one"]
    assert (await names(api, OF_ALL))[0] == ["far", "one", "two"]
    assert (await names(api, OF_REGION.replace("westus2", "West US 2")))[0] == ["one", "two"]
    assert (await names(api, ALL_SETS, scope=GROUP))[0] == ["far", "one"]
    assert (await names(api, ALL_SETS, scope=f"{GROUP}/{COMPUTE}/ONE"))[0] == ["one"]
    empty = await api.call("GET", OF_GROUP.replace("Farm", "Far_"))
    assert (empty.status_code, error_of(empty)["code"]) == (404, "ResourceGroupNotFound")
    assert (await names(api, ALL_SETS, scope=GROUP.replace("Farm", "Far_")))[0] == []


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ([], "Succeeded"),
        ([(OperationKind.PUT, OperationStatus.FAILED)], "Failed"),
        ([(OperationKind.PUT, OperationStatus.FAILED), (OperationKind.PUT, OperationStatus.SUCCEEDED)], "Succeeded"),
        ([(OperationKind.PUT, OperationStatus.SUCCEEDED), (OperationKind.PUT, OperationStatus.CANCELED)], "Canceled"),
        ([(OperationKind.PUT, OperationStatus.FAILED), (OperationKind.CANCEL, OperationStatus.SUCCEEDED)], "Failed"),
        ([(OperationKind.PUT, OperationStatus.IN_PROGRESS)], "Creating"),
        ([(OperationKind.OS_UPGRADE, OperationStatus.IN_PROGRESS)], "Updating"),
        ([(OperationKind.DELETE, OperationStatus.IN_PROGRESS)], "Deleting"),
    ],
)
async def test_a_set_has_the_same_state_in_a_list_as_alone(
    api: Api, kinds: list[tuple[OperationKind, OperationStatus]], state: str
) -> None:
    make(api, "one", "other")
    for kind, status in kinds:
        put(api, "one", status, kind)
        put(api, "other", OperationStatus.SUCCEEDED)
    [one, other] = (await api.get(OF_GROUP))["value"]
    assert one == await api.get(f"{OF_GROUP}/one")
    assert other == await api.get(f"{OF_GROUP}/other")
    assert (one["properties"]["provisioningState"], other["properties"]["provisioningState"]) == (state, "Succeeded")


async def test_whoever_may_read_few_of_many_gets_these_page_by_page(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.overviews.scale_sets.LOOKED_AT_ONCE", 3)
    make(api, *(f"s{number:02}" for number in range(30)))
    mine = ["s04", "s17", "s18", "s29"]
    token = token_of(api, Role.READER, f"{OF_GROUP}/{mine[0]}")
    [client] = [one for one in api.store.credentials.all() if one.name == "someone"]
    for name in mine[1:]:
        api.store.credentials.assign(client.client_id, Grant(Role.READER, f"{OF_GROUP}/{name.upper()}"))
    found: list[str] = []
    path = f"{ALL_SETS}?$top=2&api-version=2026-04-01"
    while path:
        body = (await api.http.get(path, headers={"Authorization": f"Bearer {token}"})).json()
        found += [one["name"] for one in body["value"]]
        path = body.get("nextLink", "")
    assert found == mine
    assert (await sent(api, "GET", OF_GROUP, token)).status_code == 403


@pytest.mark.parametrize("path", LISTS)
async def test_tokens_that_are_none_of_the_list_are_refused(api: Api, path: str) -> None:
    make(api, *"abc")
    for key in ((1,), ("a", "b"), ("",), ("a", 1)):
        answer = await api.call("GET", path, _skiptoken=_token(path, key))
        assert (answer.status_code, error_of(answer).get("target")) == (400, "$skiptoken"), key
    for odd in ("\x00", "\ud800", "%", "_"):
        assert (await api.call("GET", path, _skiptoken=_token(path, (odd,)))).status_code == 200
