"""Upgrades that run, and callers with other roles."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from instar.domain.access import Grant
from instar.domain.records.progress import Counts
from instar.domain.records.upgrades import Decision, UpgradeRecord, UpgradeStatus
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from tests.api.conftest import IMAGE, NEW, SCALE_SET, Api

Ask = Callable[[str, str, Any], Awaitable[httpx.Response]]


def run_upgrade(
    api: Api,
    number: int,
    status: UpgradeStatus = UpgradeStatus.ROLLING_FORWARD,
    path: str = SCALE_SET,
    *,
    batch: bool = False,
) -> None:
    """What an upgrade of a set writes down of itself, before its first batch or after that has begun."""
    decision = Decision(sequence=1, at=api.clock(), batch=1, action="batch", reason="batch 1")
    record = UpgradeRecord(
        scale_set=api.stored(path).identity,
        number=number,
        operation_id="",
        started_by=StartedBy.PLATFORM,
        target=IMAGE.at(NEW),
        generation=1,
        policy=RollingUpgradePolicy(),
        status=status,
        started_at=api.clock(),
        ended_at=api.clock() if status.ended else None,
        counts=Counts(pending=2),
        decisions=(decision,) if batch else (),
    )
    api.store.upgrades.write(record)


@asynccontextmanager
async def another_role(api: Api, grant: Grant) -> AsyncIterator[Ask]:
    """Somebody else, with that role alone."""
    client, secret = api.store.credentials.create("somebody", grant, api.clock())
    assert api.access.own is not None
    token = await api.access.own.issued(client.client_id, secret)
    assert token is not None
    headers = {"Authorization": f"Bearer {token}"}

    async def ask(method: str, path: str, body: Any) -> httpx.Response:
        query = {"api-version": "2024-11-01"}
        return await api.http.request(method, path, params=query, json=body, headers=headers, auth=None)

    yield ask
