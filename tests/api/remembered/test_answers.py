"""Answers that are told again while the store is unchanged: to whom, and when no more."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from api.remembered import answers as remembered
from instar.domain.access import Grant, Role
from instar.domain.records.operations import OperationStatus
from instar.domain.records.progress import Counts
from instar.domain.records.upgrades import UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.store.store import Store
from tests.api.access.served import QUERY, sent, token_of
from tests.api.conftest import GROUP, IMAGE, LOCATION, NEW, SCALE_SET, Api, document

LATEST = f"{SCALE_SET}/rollingUpgrades/latest"


def write(api: Api, store: Store | None = None, *, done: int) -> None:
    (store or api.store).upgrades.write(
        UpgradeRecord(
            scale_set=api.stored().identity,
            number=1,
            operation_id="",
            started_by=StartedBy.PLATFORM,
            target=IMAGE.at(NEW),
            generation=1,
            policy=RollingUpgradePolicy(),
            status=UpgradeStatus.ROLLING_FORWARD,
            started_at=api.clock(),
            ended_at=None,
            counts=Counts(successful=done),
        )
    )


@pytest.fixture
def asked(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was read of the store for `latest`."""
    found: list[str] = []
    real = api.store.latest.of

    def of(unique_id: str) -> Any:
        found.append(unique_id)
        return real(unique_id)

    monkeypatch.setattr(api.store.latest, "of", of)
    return found


async def done(api: Api) -> int:
    return int((await api.get(LATEST))["properties"]["progress"]["successfulInstanceCount"])


async def test_the_same_question_is_answered_once_until_something_is_written(api: Api, asked: list[str]) -> None:
    await api.create()
    write(api, done=1)
    await done(api)  # the first look at the store's version
    asked.clear()
    first = await api.call("GET", LATEST)
    again = [await api.call("GET", LATEST) for _ in range(3)]
    assert len(asked) <= 1
    assert {(one.status_code, one.text, tuple(one.headers.multi_items())) for one in again} == {
        (200, first.text, tuple(first.headers.multi_items()))
    }
    write(api, done=2)
    assert await done(api) == 2


async def test_what_another_process_has_written_is_told_at_once(api: Api) -> None:
    await api.create()
    other = Store.open(str(api.store.database.engine.url), api.store._sealer)
    for count in range(1, 6):
        write(api, other, done=count)
        assert [await done(api) for _ in range(3)] == [count] * 3
    other.close()


async def test_a_set_that_was_deleted_and_made_anew_is_another_one(api: Api) -> None:
    await api.create()
    write(api, done=1)
    assert [await done(api) for _ in range(2)] == [1, 1]
    tag = (await api.call("GET", SCALE_SET)).json()["properties"]["uniqueId"]
    api.store.scale_sets.delete(api.stored().identity.unique_id)
    for path in (LATEST, SCALE_SET):
        assert (await api.call("GET", path)).status_code == 404
    await api.create()
    assert (await api.call("GET", LATEST)).status_code == 404
    assert (await api.call("GET", SCALE_SET)).json()["properties"]["uniqueId"] != tag


async def test_whoever_may_not_is_not_told_what_another_was(api: Api) -> None:
    await api.create()
    write(api, done=1)
    assert [await done(api) for _ in range(2)] == [1, 1]
    stranger, reader = (token_of(api, Role.READER, scope) for scope in (GROUP.replace("Farm", "mine"), GROUP))
    assert (await sent(api, "GET", LATEST, None)).status_code == 401
    assert (await sent(api, "GET", LATEST, stranger)).status_code == 403
    assert (await sent(api, "GET", LATEST, reader)).status_code == 200


async def test_an_operation_is_told_to_those_alone_who_may_read_what_it_is_about(api: Api) -> None:
    await api.create()
    operation = api.gateway.last.operation_id
    path = f"{LOCATION}/operations/{operation}"
    token = token_of(api, Role.READER, f"{GROUP.replace('Farm', 'mine')}")
    [client] = [one for one in api.store.credentials.all() if one.name == "someone"]
    api.store.credentials.assign(client.client_id, Grant(Role.READER, LOCATION))
    asked = f"{path}?{QUERY}"
    assert [(await api.http.get(asked)).json()["status"] for _ in range(3)] == ["Succeeded"] * 3
    assert [(await sent(api, "GET", path, token)).status_code for _ in range(2)] == [404, 404]


async def test_an_operation_that_ends_is_told_so(api: Api) -> None:
    answer = await api.call("PUT", SCALE_SET, document())
    path = answer.headers["Azure-AsyncOperation"].removeprefix("http://api.test:8000").partition("?")[0]
    assert [(await api.call("GET", path)).json()["status"] for _ in range(3)] == ["InProgress"] * 3
    api.store.operations.end(path.rpartition("/")[2], OperationStatus.SUCCEEDED, api.clock())
    assert (await api.call("GET", path)).json()["status"] == "Succeeded"


async def test_every_word_of_the_question_counts(api: Api) -> None:
    await api.create()
    write(api, done=1)
    for _ in range(2):
        assert "decisions" in (await api.get(LATEST, _expand="decisions"))["properties"]
        assert "decisions" not in (await api.get(LATEST))["properties"]
        assert (await api.call("GET", LATEST, _expand="nonsense")).status_code == 400
        assert (await api.http.get(LATEST)).status_code == 400
        assert (await api.call("HEAD", SCALE_SET)).status_code == 204


async def test_what_goes_by_the_clock_is_not_remembered(api: Api, asked: list[str]) -> None:
    await api.create()
    write(api, done=1)
    for _ in range(3):
        await api.get(LATEST, _expand="forecast")
        api.clock.advance(timedelta(seconds=1))
    assert len(asked) == 3


async def test_those_who_ask_at_once_are_answered_together(api: Api, asked: list[str]) -> None:
    await api.create()
    write(api, done=1)
    await done(api)
    asked.clear()
    write(api, done=2)
    assert await asyncio.gather(*(done(api) for _ in range(50))) == [2] * 50
    assert len(asked) == 1


async def test_those_who_wait_are_answered_though_the_first_one_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    write(api, done=1)
    real, calls = api.store.latest.of, []

    def of(unique_id: str) -> Any:
        calls.append(unique_id)
        if len(calls) == 1:
            raise ZeroDivisionError
        return real(unique_id)

    monkeypatch.setattr(api.store.latest, "of", of)
    write(api, done=2)
    answers = await asyncio.gather(*(api.call("GET", LATEST) for _ in range(10)))
    assert sorted(one.status_code for one in answers) == [200] * 9 + [500]
    assert await done(api) == 2


async def test_where_the_store_tells_no_version_nothing_is_remembered(
    api: Api, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.store.database, "version", lambda: None)
    await api.create()
    write(api, done=1)
    assert [await done(api) for _ in range(3)] == [1, 1, 1]
    assert len(asked) == 3
    assert not api.app.state.services.answers.kept
    assert not api.access.callers


async def test_answers_that_are_too_long_are_not_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    write(api, done=1)
    monkeypatch.setattr(remembered, "ONE_AT_MOST", 20)
    assert [await done(api) for _ in range(3)] == [1, 1, 1]
    assert not api.app.state.services.answers.kept
