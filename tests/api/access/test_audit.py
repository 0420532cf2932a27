import asyncio
from datetime import datetime, timedelta

import pytest

from api.access.forgetting import forget_daily
from instar.domain.access import Grant, Role
from instar.store.errors import Unavailable
from tests.api.conftest import SCALE_SET, Api, document


async def test_what_was_changed_is_noted_with_who_and_what_came_of_it(api: Api) -> None:
    created = await api.create()
    await api.call("GET", SCALE_SET)
    refused = await api.call("PUT", SCALE_SET, document(sku__capacity=-1))
    bad, good = api.store.audit.newest(10)
    assert (good.name, good.action, good.resource, good.status) == (
        "owner",
        "Microsoft.Compute/virtualMachineScaleSets/write",
        SCALE_SET,
        201,
    )
    assert good.request_id == created.headers["x-ms-request-id"]
    assert good.at == api.clock()
    assert (bad.status, bad.request_id) == (refused.status_code, "")


async def test_what_was_forbidden_is_noted_as_well(api: Api) -> None:
    client, _ = api.store.credentials.create("curious", Grant(Role.READER, "/subscriptions/other"), api.clock())
    assert api.access.own is not None
    headers = {"Authorization": f"Bearer {api.access.own._token(client, api.clock())}"}
    answer = await api.http.get(SCALE_SET, params={"api-version": "2024-11-01"}, headers=headers)
    assert answer.status_code == 403
    [entry] = api.store.audit.newest(10)
    assert (entry.name, entry.principal, entry.status) == ("curious", client.client_id, 403)


async def test_strangers_cannot_fill_the_log(api: Api) -> None:
    for _ in range(3):
        answer = await api.http.delete(SCALE_SET, headers={"Authorization": "Bearer x"})
        assert answer.status_code == 401
    assert api.store.audit.newest(10) == []


async def test_a_log_that_cannot_be_written_stops_nobody(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_entry: object) -> None:
        raise Unavailable("locked")

    monkeypatch.setattr(api.store.audit, "add", away)
    assert (await api.call("PUT", SCALE_SET, document())).status_code == 201


async def test_what_is_older_than_the_log_is_kept_for_goes_at_the_start_and_daily(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    api.clock.advance(timedelta(days=400))
    await api.create(SCALE_SET + "2")
    api.clock.advance(timedelta(seconds=1))
    await forget_daily(api.store, api.clock, timedelta())  # for ever
    assert len(api.store.audit.newest(10)) == 2
    forget, rounds = api.store.audit.forget, iter((Unavailable("locked"), None))

    def away_at_first(before: datetime) -> int:
        trouble = next(rounds, KeyboardInterrupt)
        if isinstance(trouble, Unavailable):
            raise trouble
        if trouble is not None:  # the third round ends the test
            raise asyncio.CancelledError
        return forget(before)

    monkeypatch.setattr(api.store.audit, "forget", away_at_first)
    with pytest.raises(asyncio.CancelledError):
        await forget_daily(api.store, api.clock, timedelta(days=400), timedelta(milliseconds=1))
    assert [one.resource for one in api.store.audit.newest(10)] == [SCALE_SET + "2"]
