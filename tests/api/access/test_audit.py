import asyncio
from datetime import datetime, timedelta

import pytest

from api.access.forgetting import forget_regularly
from api.access.refusals import PER_MINUTE
from instar.connection.settings import Settings
from instar.domain.access import Grant, Role
from instar.store.audit import SAME_WITHIN
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


async def test_what_is_older_than_the_log_is_kept_for_goes_at_the_start_and_hourly(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    api.clock.advance(timedelta(days=400))
    await api.create(SCALE_SET + "2")
    api.clock.advance(timedelta(seconds=1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await forget_regularly(api.store, api.clock, Settings(audit_kept=timedelta()))  # for ever
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
        await forget_regularly(api.store, api.clock, Settings(), timedelta(milliseconds=1))
    assert [one.resource for one in api.store.audit.newest(10)] == [SCALE_SET + "2"]


async def test_operations_that_ended_long_ago_are_forgotten_as_the_settings_say(
    api: Api,
) -> None:
    await api.create()
    path = (await api.call("POST", f"{SCALE_SET}/restart")).headers["Location"].partition("?")[0]
    api.end_operations()

    async def after(kept: timedelta) -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await forget_regularly(api.store, api.clock, Settings(operations_kept=kept))
        return (await api.http.get(f"{path}?api-version=2026-04-01")).status_code

    api.clock.advance(timedelta(days=30))
    assert await after(timedelta()) == 200  # for ever
    assert await after(timedelta(days=30)) == 200
    api.clock.advance(timedelta(seconds=1))
    assert await after(timedelta(days=30)) == 404
    assert (await api.get(SCALE_SET))["properties"]["provisioningState"] == "Succeeded"
    assert not api.store.unannounced.models()
    for wrong in (timedelta(hours=23), timedelta(days=-1), timedelta(days=40_000)):
        with pytest.raises(ValueError, match="1 to 36500 days"):
            Settings(operations_kept=wrong)


async def test_what_is_forbidden_over_and_over_is_one_entry_with_a_count_and_then_429(api: Api) -> None:
    headers = _of(api, "curious")
    for _ in range(3):
        answer = await api.http.get(SCALE_SET, params={"api-version": "2024-11-01"}, headers=headers)
        assert answer.status_code == 403
    other = await api.http.get(f"{SCALE_SET}2", params={"api-version": "2024-11-01"}, headers=headers)
    assert other.status_code == 403
    another, entry = api.store.audit.newest(10)
    assert (entry.resource, entry.repeats, entry.last_at) == (SCALE_SET, 2, api.clock())
    assert (another.resource, another.repeats) == (f"{SCALE_SET}2", 0)
    api.clock.advance(SAME_WITHIN)
    await api.http.get(SCALE_SET, params={"api-version": "2024-11-01"}, headers=headers)
    assert api.store.audit.newest(1)[0].repeats == 0


async def test_too_many_refusals_are_429_and_noted_no_more_and_who_may_goes_on(api: Api) -> None:
    headers = _of(api, "curious")
    seen = []
    for number in range(PER_MINUTE + 30):
        path = f"{SCALE_SET}{number}"
        seen.append(await api.http.get(path, params={"api-version": "2024-11-01"}, headers=headers))
    assert [answer.status_code for answer in seen] == [403] * PER_MINUTE + [429] * 30
    last = seen[-1]
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert last.json()["error"]["code"] == "TooManyRequests"
    assert len(api.store.audit.newest(1000)) == PER_MINUTE
    assert (await api.call("PUT", SCALE_SET, document())).status_code == 201
    allowed = await api.http.get("/subscriptions", params={"api-version": "2022-12-01"}, headers=headers)
    assert allowed.status_code == 200, "what it may, it may still"


def _of(api: Api, name: str) -> dict[str, str]:
    """The headers of a client that may read what is not there."""
    client, _ = api.store.credentials.create(name, Grant(Role.READER, "/subscriptions/other"), api.clock())
    assert api.access.own is not None
    return {"Authorization": f"Bearer {api.access.own._token(client, api.clock())}"}
