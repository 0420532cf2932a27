"""A request that only reads has one view of the store: each GET route begins one transaction at the most."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from api.remembered import reading
from instar.store.database import snapshots
from tests.api.conftest import SCALE_SET, Api
from tests.api.inhabited import inhabited


@contextmanager
def transactions(api: Api) -> Iterator[list[bool]]:
    """Those that are begun: whether each may write."""
    found: list[bool] = []

    def begun(connection: object) -> None:
        found.append(bool(connection.get_execution_options().get("instar_writes")))  # type: ignore[attr-defined]

    event.listen(api.store.database.engine, "begin", begun)
    try:
        yield found
    finally:
        event.remove(api.store.database.engine, "begin", begun)


async def test_every_get_of_what_is_there_begins_one_transaction(api: Api, tmp_path: Path) -> None:
    made = await inhabited(api, tmp_path)
    wrong, answered = {}, 0
    try:
        for path, operations in api.app.openapi()["paths"].items():
            if "get" not in operations or path.startswith(("/page", "/docs")):
                continue
            for again in ("", "&again=1"):
                url = f"{path.format_map(made.names)}?api-version=2026-04-01{again}"
                with transactions(api) as begun:
                    answer = await api.http.get(url)
                answered += answer.status_code == 200
                if len(begun) > 1 or True in begun:
                    wrong[url] = begun
    finally:
        made.close()
    assert not wrong
    assert answered > 100


async def test_the_answer_is_sent_with_nothing_left_open(api: Api) -> None:
    await api.create()
    for path in (SCALE_SET, f"{SCALE_SET}/instanceView", f"{SCALE_SET}x"):
        await api.call("GET", path)
        assert api.store.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


async def test_who_waits_for_something_else_keeps_no_transaction(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    monkeypatch.setattr(reading, "LASTS_SECONDS", 0.01)
    monkeypatch.setattr(snapshots, "LASTS_SECONDS", 0.01)
    pool = api.store.database.engine.pool
    kept: list[bool] = []

    async def slow(_identity: object) -> list[object]:
        async with asyncio.timeout(60):
            while pool.checkedout():  # type: ignore[attr-defined]  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.01)
        kept.append(False)
        return []

    monkeypatch.setattr(api.fleet, "list_instances", slow)
    assert (await api.call("GET", f"{SCALE_SET}/instanceView")).status_code == 200
    assert kept == [False]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_what_changes_something_reads_without_one(api: Api, method: str) -> None:
    await api.create()
    with transactions(api) as begun:
        await api.call(method, SCALE_SET, {"location": "westus2", "tags": {"a": "b"}})
    assert True in begun
