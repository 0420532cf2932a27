"""Events of pages that are open, as a browser gets them."""

import asyncio
import dataclasses
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from api.page.access import visitor
from api.page.live import pollers, streams
from api.page.live.hub import hub_of
from api.page.sets.rows import key_of
from api.wire.errors import unavailable
from instar.domain.access import Grant, Role
from instar.domain.steering.wishes import Pause
from instar.serving.limits import ConnectionSettings
from tests.api.conftest import GROUP, SCALE_SET, Api
from tests.api.page.access.visiting import logged_in
from tests.api.page.live.streaming import PATIENCE, STREAM, Served, opened, served
from tests.api.page.sets.looking_on import MARKUP, SET, asks

EVENTS = "/page/events"
ROW = f"set-{key_of(SCALE_SET)}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pollers, "EVERY", 0.02)
    monkeypatch.setattr(pollers, "AFTER_A_REFUSAL", 0.02)
    monkeypatch.setattr(streams, "BEAT", 0.2)


@asynccontextmanager
async def browsing(
    api: Api, where: Served, role: Role = Role.OWNER, scope: str = "/"
) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=where.url, headers={"Accept": "text/html"}, limits=limits) as http:
        await logged_in(api, http, role=role, scope=scope)
        yield http


def pause(api: Api, reason: str) -> None:
    api.store.wishes.pause(api.stored().identity.unique_id, Pause(reason=reason, by="ann", since=api.clock()))


async def none_listens(api: Api) -> None:
    async with asyncio.timeout(PATIENCE):
        while hub_of(api.app).pollers:  # noqa: ASYNC110  # nobody says so
            await asyncio.sleep(0.01)


async def test_everything_first_then_only_what_has_changed(api: Api) -> None:
    await api.create()
    async with served(api.app) as where, browsing(api, where) as http, opened(http, EVENTS) as stream:
        response = stream.response
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        events = stream.events()
        first = await anext(events)
        assert first.event == "changes"
        assert first.id
        assert 'id="rows" hx-swap-oob="innerHTML"' in first.data
        assert stream.retry == "2000"
        pause(api, MARKUP)
        async for one in events:
            if one.event == "changes" and "paused by" in one.data:
                break
        assert one.id != first.id
        assert f'hx-swap-oob="true" id="{ROW}"' in one.data or 'id="rows" hx-swap-oob="innerHTML"' in one.data
        assert "<img" not in one.data
        assert "&lt;img" in one.data
    await none_listens(api)


async def test_who_shows_the_newest_state_is_sent_nothing_of_it_and_who_does_not_everything(api: Api) -> None:
    await api.create()
    async with served(api.app) as where, browsing(api, where) as http:
        async with opened(http, SET + "/events") as stream:
            newest = (await stream.until("changes", 'id="head"')).id
        for shown in ({"Last-Event-ID": newest}, {}):
            async with opened(http, f"{SET}/events" if shown else f"{SET}/events?shows={newest}", **shown) as stream:
                first = await stream.until("changes")
                assert 'id="trouble"' in first.data
                assert 'id="head"' not in first.data
        for old in ({"Last-Event-ID": "nonsense"}, {"Last-Event-ID": "x" * 5_000}):
            async with opened(http, f"{SET}/events?shows={newest}", **old) as stream:
                assert (await stream.until("changes", 'id="head"')).id == newest
        async with opened(http, f"{SET}/events") as stream:
            assert (await stream.until("cells")).data == "[]"


async def test_two_hundred_pages_cost_as_many_looks_as_one(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.create()
    settings = api.app.state.services.settings
    room = ConnectionSettings(most=600, per_address=500)
    wide = settings.model_copy(update={"connections": room})
    api.app.state.services = dataclasses.replace(api.app.state.services, settings=wide)
    monkeypatch.setattr(streams, "BEAT", 60.0)
    async with served(api.app, room) as where, browsing(api, where) as http:
        monkeypatch.setattr(pollers, "EVERY", 0.5)
        asked = asks(monkeypatch)

        async def listens() -> None:
            async with opened(http, EVENTS) as stream:
                await stream.until("changes", "paused by ann")

        pages = [asyncio.create_task(listens()) for _ in range(200)]
        async with asyncio.timeout(PATIENCE):
            while sum(len(one.listeners) for one in hub_of(api.app).pollers.values()) < 200:  # noqa: ASYNC110  # nobody says so
                await asyncio.sleep(0.01)
        assert len(hub_of(api.app).pollers) == 1
        pause(api, "full")
        await asyncio.wait_for(asyncio.gather(*pages), PATIENCE)
        [one] = {*asked}
        assert one == "GET /instar/scaleSets"
        assert len(asked) < 100
        await none_listens(api)


async def test_a_beat_tells_that_the_connection_lives(api: Api) -> None:
    async with served(api.app) as where, browsing(api, where) as http, opened(http, EVENTS) as stream:
        events = stream.events()
        async with asyncio.timeout(PATIENCE):
            async for one in events:
                if one.event == "beat":
                    break
            while not any("ping" in comment for comment in stream.comments):
                await anext(events)


async def test_a_session_that_is_over_ends_its_stream_with_the_way_to_the_login(api: Api) -> None:
    await api.create()
    async with served(api.app) as where, browsing(api, where) as http, browsing(api, where) as other:
        first = await logged_in(api, http)
        async with opened(http, EVENTS) as stream, opened(other, EVENTS) as goes_on:
            api.store.credentials.revoke(first, api.clock())
            async with asyncio.timeout(PATIENCE):
                told = [one.event async for one in stream.events()]
            assert told[-1] == "login"
            assert (await goes_on.until("beat")).data == "-"


async def test_rights_that_change_end_the_stream_so_that_it_begins_anew(api: Api) -> None:
    await api.create()
    async with served(api.app) as where, browsing(api, where) as http:
        client_id = await logged_in(api, http, role=Role.READER, scope=GROUP)
        async with opened(http, EVENTS) as stream:
            api.store.credentials.assign(client_id, Grant(Role.READER, f"{GROUP}2"))
            async with asyncio.timeout(PATIENCE):
                told = [one.event async for one in stream.events()]
            assert "login" not in told


async def test_what_one_may_see_as_of_now_is_not_told_to_those_with_whom_it_shared_its_looks(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    await api.create(SCALE_SET.replace("/Farm/", "/Secret/").replace("/web", "/vault"))
    async with served(api.app) as where, browsing(api, where) as http, browsing(api, where) as other:
        monkeypatch.setattr(streams, "BEAT", 3_600.0)
        raised = await logged_in(api, http, role=Role.READER, scope=GROUP)
        await logged_in(api, other, role=Role.READER, scope=GROUP)
        async with opened(http, EVENTS) as first, opened(other, EVENTS) as stream:
            await first.until("changes", ROW)
            await stream.until("changes", ROW)
            assert len(hub_of(api.app).pollers) == 1
            api.store.credentials.assign(raised, Grant(Role.READER, "/"))
            pause(api, "now")
            async with asyncio.timeout(PATIENCE):
                async for one in stream.events():
                    assert "vault" not in one.data
                    if "paused by" in one.data:
                        break
                # Whose rights are others begins anew, at once.
                assert "vault" not in "".join([one.data async for one in first.events()])


async def test_nobody_is_shown_anything_new_while_it_cannot_be_told_whether_the_session_is_over(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.create()
    seen, away = visitor.still_seen, False

    async def still_seen(*given: Any) -> Any:
        if away:
            raise unavailable("The issuer does not answer just now.")
        return await seen(*given)

    monkeypatch.setattr(streams, "still_seen", still_seen)
    monkeypatch.setattr(streams, "IN_DOUBT", 0.05)
    async with served(api.app) as where, browsing(api, where) as http, opened(http, EVENTS) as stream:
        await stream.until("changes", ROW)
        away = True
        await stream.until("changes", "Whether you may still look cannot be told just now")
        pause(api, "meanwhile")
        beats = 0
        async with asyncio.timeout(PATIENCE):
            async for one in stream.events():
                assert one.event == "beat", one
                beats += 1
                if beats == 5:
                    break
        away = False
        assert "Whether you may" not in (await stream.until("changes", 'id="trouble"')).data
        await stream.until("changes", "paused by")
    await none_listens(api)


async def test_a_set_that_goes_is_told_and_the_stream_goes_on(api: Api) -> None:
    await api.create()
    async with served(api.app) as where, browsing(api, where) as http, opened(http, f"{SET}/events") as stream:
        await stream.until("changes", 'id="head"')
        events = stream.events()
        api.store.scale_sets.delete(api.stored().identity.unique_id)
        async with asyncio.timeout(PATIENCE):
            async for told in events:
                if "could not be found" in told.data:
                    break
        assert 'id="trouble"' in told.data


async def test_a_server_that_stops_waits_for_no_page(api: Api) -> None:
    await api.create()
    async with served(api.app) as where, browsing(api, where) as http:
        async with opened(http, EVENTS) as stream, opened(http, f"{SET}/events") as other:
            await stream.until("changes")
            await other.until("changes")
            where.server.handle_exit(signal.SIGTERM, None)
            # Its own patience with open connections is ten minutes.
            await asyncio.wait_for(asyncio.shield(where.running), PATIENCE)
        await none_listens(api)


async def test_one_page_too_many_is_told_so_and_the_others_go_on(api: Api) -> None:
    services = api.app.state.services
    small = services.settings.model_copy(update={"connections": ConnectionSettings(most=4, per_address=100)})
    api.app.state.services = dataclasses.replace(services, settings=small)
    async with served(api.app) as where, browsing(api, where) as http:
        async with opened(http, EVENTS) as one, opened(http, EVENTS) as two:
            await one.until("changes")
            await two.until("changes")
            answer = await http.get(EVENTS, headers=STREAM)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
            assert answer.json()["error"]["code"] == "TooManyOpenPages"
            assert "2 pages are open" in answer.json()["error"]["message"]
            assert "INSTAR_CONNECTIONS__MOST" in answer.json()["error"]["message"]
        await none_listens(api)
        async with opened(http, EVENTS) as again:
            await again.until("changes")
