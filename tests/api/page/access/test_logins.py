"""Logging in to the page with a client's secret or a token, and out of it."""

import asyncio
import dataclasses
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import Table

from api.access.forgetting import _forgotten
from api.access.own_issuer import LIFE
from api.access.refusals import Refusals
from api.page.access.sessions import found
from instar.domain.access import Grant, Role
from instar.store.database.page_tables import PAGE_LINKS, PAGE_SESSIONS
from tests.api.conftest import GROUP, SCALE_SET, Api
from tests.api.page.access.visiting import (
    SESSION,
    browser,
    cookie_of,
    csrf,
    from_page,
    is_in,
    logged_in,
    someone,
    submit,
)


def session_of(http: httpx.AsyncClient) -> str:
    value = http.cookies.get(SESSION)
    assert value
    return value


async def test_a_secret_logs_in_and_the_page_says_who_it_is(api: Api) -> None:
    async with browser(api.app) as http:
        assert not await is_in(http)
        await logged_in(api, http, name="Ada")
        assert 'id="visitor">Ada<' in (await http.get("/")).text


async def test_a_token_logs_in_for_as_long_as_it_is_good(api: Api) -> None:
    client_id, _ = someone(api)
    assert api.access.own is not None
    token = await api.access.own.minted(client_id)
    assert token
    async with browser(api.app) as http:
        answer = await submit(http, "/page/login", token=f" {token}\n")
        assert answer.status_code == 303
        assert int(cookie_of(answer, SESSION)["max-age"]) <= LIFE.total_seconds()
        api.clock.advance(LIFE - timedelta(seconds=2))
        assert await is_in(http)
        api.clock.advance(timedelta(seconds=2))
        assert not await is_in(http)


async def test_what_was_wrong_is_said_and_nobody_is_in(api: Api) -> None:
    client_id, secret = someone(api)
    async with browser(api.app) as http:
        for form, status, words in (
            ({}, 400, "A client&#39;s id and its secret are needed, or a token."),
            ({"client_id": client_id}, 400, "are needed"),
            ({"client_id": client_id, "client_secret": "x" + secret}, 403, "There is no such client"),
            ({"client_id": "nobody", "client_secret": secret}, 403, "There is no such client"),
            ({"client_id": "\x00\ud83d", "client_secret": "\x00"}, 403, "There is no such client"),
            ({"token": "nonsense"}, 403, "it is no JSON Web Token"),
            ({"token": "a b"}, 403, "no JSON Web Token"),
            ({"token": "x" * 20_000}, 403, "a bearer token is needed"),
        ):
            fields = {name: value.encode("utf-8", "surrogatepass").decode("latin-1") for name, value in form.items()}
            answer = await submit(http, "/page/login", **fields)
            assert answer.status_code == status, (form, answer.text)
            assert words in answer.text
            assert "set-cookie" not in answer.headers
            assert secret not in answer.text
        assert not await is_in(http)


async def test_a_session_lasts_eight_hours_and_not_longer(api: Api) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        api.clock.advance(timedelta(hours=7, minutes=59))
        assert await is_in(http)
        api.clock.advance(timedelta(minutes=1))
        assert not await is_in(http)


async def test_the_setting_says_how_long(api: Api) -> None:
    services = api.app.state.services
    page = services.settings.page.model_copy(update={"session": timedelta(minutes=30)})
    api.app.state.services = dataclasses.replace(services, settings=services.settings.model_copy(update={"page": page}))
    async with browser(api.app) as http:
        client_id, secret = someone(api)
        answer = await submit(http, "/page/login", client_id=client_id, client_secret=secret)
        assert cookie_of(answer, SESSION)["max-age"] == "1800"
        api.clock.advance(timedelta(minutes=30))
        assert not await is_in(http)


async def test_a_revoked_credential_is_out_at_once_and_everywhere(api: Api) -> None:
    async with browser(api.app) as here, browser(api.app) as there:
        client_id, secret = someone(api)
        for http in (here, there):
            await submit(http, "/page/login", client_id=client_id, client_secret=secret)
            assert await is_in(http)
        value = session_of(here)
        api.store.credentials.revoke(client_id, api.clock())
        assert api.access.own is not None
        assert await api.access.own.minted(client_id) is None
        assert not await is_in(here)
        assert not await is_in(there)
        assert api.store.page_sessions.find(value, api.clock()) is None


async def test_roles_are_as_they_are_now(api: Api) -> None:
    await api.create()
    async with browser(api.app) as http:
        client_id = await logged_in(api, http, role=Role.READER, scope=GROUP)
        assert "web" in (await http.get("/")).text
        api.store.credentials.unassign(client_id, Grant(Role.READER, GROUP))
        assert SCALE_SET not in (await http.get("/")).text


async def test_logging_out_ends_the_session_whoever_has_the_cookie(api: Api) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        value, token = session_of(http), await csrf(http)
        answer = await submit(http, "/page/logout", csrf=token)
        assert (answer.status_code, answer.headers["location"]) == (303, "/page/login")
        assert cookie_of(answer, SESSION)["max-age"] == "0"
        http.cookies.set(SESSION, value, domain="page.test")
        assert not await is_in(http)


async def test_each_login_is_a_new_session_and_the_one_before_is_over(api: Api) -> None:
    async with browser(api.app) as http:
        http.cookies.set(SESSION, "chosen-by-somebody-else", domain="page.test")
        await logged_in(api, http)
        first = session_of(http)
        assert first != "chosen-by-somebody-else"
        assert len(first) == 43
        http.cookies.clear()
        http.cookies.set(SESSION, first, domain="page.test")
        await logged_in(api, http, name="other")
        assert await found(api.app.state.services, first) is None


async def test_who_comes_and_goes_and_who_fails_is_in_the_audit_log(api: Api) -> None:
    async with browser(api.app) as http:
        client_id = await logged_in(api, http, name="Ada")
        await submit(http, "/page/logout", csrf=await csrf(http))
        await submit(http, "/page/login", client_id=client_id, client_secret="wrong")
        await submit(http, "/page/login", client_id="a stranger", client_secret="wrong")
    told = [(one.name, one.action, one.resource, one.status) for one in reversed(api.store.audit.newest(10))]
    assert told == [
        ("Ada", "Instar/pageSessions/write", "/page/login", 303),
        ("Ada", "Instar/pageSessions/delete", "/page/logout", 303),
        ("Ada", "Instar/tokens/action", "/page/login", 401),
    ]


async def test_failed_logins_are_slowed_and_a_good_one_is_not(api: Api) -> None:
    api.app.state.services = dataclasses.replace(
        api.app.state.services, access=dataclasses.replace(api.access, refusals=Refusals(3))
    )
    async with browser(api.app) as http, browser(api.app, client=("192.0.2.7", 1)) as elsewhere:
        client_id, secret = someone(api)
        statuses = [
            (await submit(http, "/page/login", client_id=client_id, client_secret="x")).status_code for _ in range(5)
        ]
        assert statuses == [403, 403, 403, 429, 429]
        for path, fields in (
            ("/page/login", {"token": "x"}),
            ("/page/once", {"code": "x"}),
            ("/page/links", {"client_id": "x"}),
        ):
            answer = await submit(http, path, **fields)
            assert answer.status_code == 429, path
            assert int(answer.headers["retry-after"]) > 0
        assert (await submit(elsewhere, "/page/login", token="x")).status_code == 403
        assert (await submit(http, "/page/login", client_id=client_id, client_secret=secret)).status_code == 303


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "{{ 7*7 }}", "\u202eeve", "a'b"]
)
async def test_a_name_is_text_whatever_it_holds(api: Api, name: str) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http, name=name)
        shown = (await http.get("/")).text
        escaped = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        escaped = escaped.replace('"', "&#34;").replace("'", "&#39;")
        assert f'id="visitor">{escaped}<' in shown
        assert name not in shown or name == escaped


@pytest.mark.parametrize(
    "then",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/page/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "/docs",
        "/subscriptions",
        "/page/logout",
        "/page/login?then=//evil.example",
        "/page/once",
        "page/sets",
        "http:/page/sets",
        "/page/sets\u2028",
        "/page/\\evil.example",
        "/page/" + "x" * 3_000,
        "[",
        "//[",
    ],
)
async def test_a_login_leads_to_the_page_alone(api: Api, then: str) -> None:
    client_id, secret = someone(api)
    async with browser(api.app) as http:
        shown = await http.get("/page/login", params={"then": then})
        assert 'name="then" value="/"' in shown.text
        answer = await submit(http, "/page/login", client_id=client_id, client_secret=secret, then=then)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert set(answer.headers) & {"a"} == set()
        again = await http.get("/page/login", params={"then": then})
        assert (again.status_code, again.headers["location"]) == (303, "/")


async def test_a_login_leads_back_to_what_was_asked_for(api: Api) -> None:
    wanted = f"/page/sets{SCALE_SET}?full=1"
    client_id, secret = someone(api)
    async with browser(api.app) as http:
        answer = await submit(http, "/page/login", client_id=client_id, client_secret=secret, then=wanted)
        assert answer.headers["location"] == wanted


async def test_whoever_is_not_in_is_led_to_the_login_as_they_can_follow(api: Api) -> None:
    async with browser(api.app) as http:
        plain = await http.get("/?q=a%20b")
        assert (plain.status_code, plain.headers["location"]) == (303, "/page/login?then=%2F%3Fq%3Da%2520b")
        current = {"HX-Request": "true", "HX-Current-URL": "http://page.test:8000/page/sets/x?y=1"}
        part = await http.get("/", headers=current)
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/page/login?then=%2Fpage%2Fsets%2Fx%3Fy%3D1")
        hostile = await http.get("/", headers={"HX-Request": "true", "HX-Current-URL": "http://e.example//e.example/"})
        assert hostile.headers["hx-redirect"] == "/page/login"
        stream = await http.get("/page/events", headers={"Accept": "text/event-stream"})
        assert stream.status_code == 401
        assert "location" not in stream.headers
        post = await submit(http, "/page/logout", csrf="x")
        assert (post.status_code, post.headers["location"]) == (303, "/page/login")


@pytest.mark.parametrize("path", ["/?q=%22%3E%3Cb%3E", "/page/login?then=%2F%3Fq%3D%2522%253E"])
async def test_a_link_of_another_site_goes_by_a_page_of_ours_which_sends_the_cookie(api: Api, path: str) -> None:
    led_here = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    async with browser(api.app) as http:
        shown = await http.get(path, headers=led_here)
        assert shown.status_code == 200
        assert 'http-equiv="refresh" content="0;url=/page/login?then=' in shown.text
        assert "<b>" not in shown.text
        again = await http.get(path, headers=led_here | {"Sec-Fetch-Site": "same-origin"})
        assert 'http-equiv="refresh"' not in again.text


@pytest.mark.parametrize("headers", [{"Host": "["}, {"HX-Request": "true", "HX-Current-URL": "http://["}])
async def test_addresses_that_are_none_are_led_to_the_login_as_others(api: Api, headers: dict[str, str]) -> None:
    async with browser(api.app) as http:
        answer = await http.get("/", headers=headers)
        assert answer.headers.get("location", answer.headers.get("hx-redirect")) == "/page/login"
        assert (await http.post("/page/login", data={"token": "x"}, headers=headers)).status_code == 403


async def test_two_logins_at_once_are_two_sessions(api: Api) -> None:
    client_id, secret = someone(api)
    async with browser(api.app) as http:
        fields = {"client_id": client_id, "client_secret": secret}
        answers = await asyncio.gather(
            *(http.post("/page/login", data=fields, headers=from_page(http)) for _ in range(4))
        )
        values = {cookie_of(answer, SESSION)["value"] for answer in answers}
        assert len(values) == 4
        for value in values:
            assert await found(api.app.state.services, value) is not None


async def test_without_our_own_issuer_its_forms_are_gone_and_its_sessions_over(api: Api) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        api.app.state.services = dataclasses.replace(
            api.app.state.services, access=dataclasses.replace(api.access, own=None)
        )
        assert not await is_in(http)
        shown = (await http.get("/page/login")).text
        assert "client_secret" not in shown
        assert 'name="token"' in shown
        client_id, secret = someone(api)
        answer = await submit(http, "/page/login", client_id=client_id, client_secret=secret)
        assert answer.status_code == 403


async def test_sessions_and_links_that_are_over_are_swept(api: Api) -> None:
    services = api.app.state.services
    async with browser(api.app) as http:
        client_id, secret = someone(api)
        fields = {"client_id": client_id, "client_secret": secret}
        await submit(http, "/page/login", **fields)
        await submit(http, "/page/links", **fields)
        for past, left in ((timedelta(hours=7), (1, 0)), (timedelta(hours=1), (0, 0))):
            assert count(api, PAGE_SESSIONS) == 1
            api.clock.advance(past)
            await asyncio.to_thread(_forgotten, api.store, api.clock, services.settings)
            assert (count(api, PAGE_SESSIONS), count(api, PAGE_LINKS)) == left


def count(api: Api, table: Table) -> int:
    with api.store.database.reading() as connection:
        return len(connection.execute(table.select()).all())
