"""Logging in to the page at an outside issuer: the authorization code flow with PKCE, and what may be wrong in it."""

import asyncio
import dataclasses
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from api.access.outside_issuer import FETCH_AT_LEAST_APART, OutsideIssuer
from api.access.outside_login import OutsideLogin
from api.page.access.sessions import end_of, found
from instar.compute.clock import utc_now
from instar.domain.access import Grant, Role
from instar.store.page.proofs import Proof
from tests.api.conftest import Api
from tests.api.page.access.issuer import AUDIENCE, CLIENT, URL, Realm
from tests.api.page.access.visiting import HOME, SESSION, browser, cookie_of, csrf, from_page, is_in, submit

UNDER_WAY = "instar-login-8000"


@pytest.fixture
def realm() -> Realm:
    return Realm()


@pytest.fixture
async def http(api: Api, realm: Realm) -> AsyncIterator[httpx.AsyncClient]:
    """A browser before a page whose people log in at that realm."""
    api.clock.now = utc_now()  # tokens are judged by the real time
    issuer = OutsideIssuer(URL, AUDIENCE, api.clock, realm.transport())
    use(api, issuer, realm)
    api.store.credentials.assign("subject:u-1", Grant(Role.READER, "/"))
    async with browser(api.app) as http:
        yield http
    await issuer.close()


def use(api: Api, issuer: OutsideIssuer, realm: Realm, scopes: str = "openid profile") -> None:
    login = OutsideLogin(issuer, CLIENT, realm.secret, scopes)
    access = dataclasses.replace(api.access, outside=issuer, outside_login=login)
    api.app.state.services = dataclasses.replace(api.app.state.services, access=access)


async def to_issuer(http: httpx.AsyncClient, then: str = "/") -> str:
    """Where the page sends the browser."""
    answer = await http.get("/page/login/outside", params={"then": then})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def back(http: httpx.AsyncClient, query: str, **headers: str) -> httpx.Response:
    """From the issuer, as browsers come from another site: without strict cookies."""
    led = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    return await http.get(f"/page/login/back?{query}", headers=led | headers)


async def logged_in(http: httpx.AsyncClient, realm: Realm) -> httpx.Response:
    answer = await back(http, realm.login(await to_issuer(http)))
    assert answer.status_code == 200, answer.text
    return answer


def value_of(http: httpx.AsyncClient) -> str:
    value = http.cookies.get(SESSION)
    assert value
    return value


async def token_of(api: Api, http: httpx.AsyncClient) -> str:
    known = await found(api.app.state.services, value_of(http))
    assert known
    return known.token


def before_its_end(api: Api, token: str, left: timedelta) -> None:
    """Turn the clock to where so much of a token is left."""
    api.clock.now = end_of(token) - left


async def test_somebody_logs_in_and_is_led_back(http: httpx.AsyncClient, realm: Realm) -> None:
    assert (
        f'href="/page/login/outside?then=/page/x">Log in at {URL}<' in (await http.get("/page/login?then=/page/x")).text
    )
    answer = await back(http, realm.login(await to_issuer(http, "/?q=web")))
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0;url=/?q=web"' in answer.text
    session = cookie_of(answer, SESSION)
    assert (session["samesite"], "httponly" in session) == ("strict", True)
    assert cookie_of(answer, UNDER_WAY)["max-age"] == "0"
    assert 'id="visitor">Ada<' in (await http.get("/")).text


async def test_the_issuer_is_asked_as_the_standards_say(http: httpx.AsyncClient, realm: Realm) -> None:
    first, second = [parse_qs(urlsplit(await to_issuer(http)).query) for _ in range(2)]
    assert first["scope"] == ["openid profile"]
    assert first["redirect_uri"] == [f"{HOME}/page/login/back"]
    assert first["response_mode"] == ["query"]
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name], name
        assert len(first[name][0]) >= 43
    await logged_in(http, realm)
    [form] = realm.asked
    assert form["grant_type"] == "authorization_code"
    assert len(form["code_verifier"]) >= 43
    assert "client_secret" not in form


@pytest.mark.parametrize(
    ("methods", "in_form"),
    [(None, False), (["client_secret_basic"], False), (["client_secret_post", "client_secret_basic"], True)],
)
async def test_a_client_with_a_secret_shows_it(
    api: Api, http: httpx.AsyncClient, realm: Realm, methods: list[str] | None, *, in_form: bool
) -> None:
    realm.secret, realm.methods = "a secret:~+%", methods
    assert api.app.state.services.access.outside
    use(api, api.app.state.services.access.outside, realm)
    await logged_in(http, realm)
    assert ("client_secret" in realm.asked[0]) == in_form


async def test_what_is_remembered_meanwhile_is_sealed_and_survives_the_way(http: httpx.AsyncClient) -> None:
    answer = await http.get("/page/login/outside")
    cookie = cookie_of(answer, UNDER_WAY)
    # Strict cookies do not come with what the issuer sends the browser to.
    assert (cookie["samesite"], cookie["max-age"], "httponly" in cookie) == ("lax", "600", True)
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    for name in ("state", "nonce"):
        assert asked[name][0] not in cookie["value"]


async def test_an_answer_to_another_login_is_none(http: httpx.AsyncClient, realm: Realm) -> None:
    query = realm.login(await to_issuer(http))
    answer = await back(http, re.sub(r"state=[^&]*", "state=x", query))
    assert answer.status_code == 403
    assert "(state)" in answer.text
    assert realm.asked == []
    assert not await is_in(http)


async def test_an_answer_without_a_login_is_none(http: httpx.AsyncClient, api: Api, realm: Realm) -> None:
    query = realm.login(await to_issuer(http))
    async with browser(api.app) as victim:
        answer = await back(victim, query)
        assert answer.status_code == 403
        assert "no login is under way in this browser" in answer.text
    assert realm.asked == []


async def test_a_login_is_over_after_ten_minutes_and_after_its_answer(
    api: Api, http: httpx.AsyncClient, realm: Realm
) -> None:
    realm.lasts = timedelta(hours=1)
    query = realm.login(await to_issuer(http))
    api.clock.advance(timedelta(minutes=10))
    assert (await back(http, query)).status_code == 403
    query = realm.login(await to_issuer(http))
    assert (await back(http, query)).status_code == 200
    assert (await back(http, query)).status_code == 403


async def test_a_code_of_somebody_elses_login_does_not_fit_the_verifier(
    http: httpx.AsyncClient, api: Api, realm: Realm
) -> None:
    async with browser(api.app) as attacker:
        stolen = realm.login(await to_issuer(attacker))
    mine = realm.login(await to_issuer(http))
    code = parse_qs(stolen)["code"][0]
    answer = await back(http, re.sub(r"code=[^&]*", f"code={code}", mine))
    assert answer.status_code == 403
    assert "PKCE verification failed" in answer.text
    assert not await is_in(http)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"identity": {"nonce": "another"}}, "(nonce)"),
    ({"identity": {"nonce": None}}, "(nonce)"),
    ({"identity": {"aud": "another-client"}}, "Audience"),
    ({"identity": {"aud": [CLIENT, "another"]}}, "(azp)"),
    ({"identity": {"aud": [CLIENT, "another"], "azp": "another"}}, "(azp)"),
    ({"identity": {"azp": "another"}}, "(azp)"),
    ({"identity": {"iss": "https://evil.example"}}, "another issuer"),
    ({"identity": {"exp": utc_now() - timedelta(minutes=5)}}, "expired"),
    ({"identity": {"exp": None}}, "exp"),
    ({"answer": {"id_token": None}}, "no id token"),
    ({"answer": {"id_token": "x"}}, "no JSON Web Token"),
    ({"answer": {"id_token": jwt.encode({"aud": CLIENT}, "k" * 32, headers={"kid": "k"})}}, "login did not work"),
    ({"answer": {"id_token": jwt.encode({"aud": CLIENT}, "", "none", headers={"kid": "k"})}}, "login did not work"),
    ({"access": {"aud": "another"}}, "INSTAR_OIDC__AUDIENCE"),
    ({"access": {"iss": "https://evil.example"}}, "INSTAR_OIDC__AUDIENCE"),
    ({"access": {"exp": utc_now() - timedelta(minutes=5)}}, "INSTAR_OIDC__AUDIENCE"),
    ({"opaque": True}, "INSTAR_PAGE__SCOPES"),
    ({"answer": {"access_token": None}}, "INSTAR_PAGE__SCOPES"),
    ({"answer": {"error": "server_error", "error_description": "<b>no</b>"}}, "&lt;b&gt;no"),
    ({"status": 400}, "none of a token endpoint"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG)
async def test_a_token_that_is_not_right_lets_nobody_in(
    http: httpx.AsyncClient, realm: Realm, wrong: dict[str, Any], words: str
) -> None:
    for name, value in wrong.items():
        setattr(realm, name, value)
    answer = await back(http, realm.login(await to_issuer(http)))
    assert answer.status_code == 403
    assert words in answer.text, answer.text
    assert SESSION not in str(answer.headers)
    assert not await is_in(http)


async def test_an_id_token_for_instar_itself_does_where_access_tokens_say_nothing(api: Api, realm: Realm) -> None:
    api.clock.now = utc_now()
    realm.opaque = True
    issuer = OutsideIssuer(URL, CLIENT, api.clock, realm.transport())
    use(api, issuer, realm)
    api.store.credentials.assign("subject:u-1", Grant(Role.READER, "/"))
    async with browser(api.app) as http:
        await logged_in(http, realm)
        assert await is_in(http)
    await issuer.close()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("error=access_denied&state=STATE", "access_denied"),
        ("error=x&error_description=%3Cscript%3Ey%3C/script%3E&state=STATE", "&lt;script&gt;"),
        ("state=STATE", "the issuer says: nothing"),
        ("code=&state=STATE", "the issuer says: nothing"),
        ("code=code-0", "(state)"),
        ("code=code-0&state=STATE&iss=https://evil.example", "(iss)"),
        ("code=nonsense&state=STATE", "invalid_grant"),
        ("", "(state)"),
    ],
)
async def test_what_the_browser_comes_back_with_may_be_anything(
    http: httpx.AsyncClient, realm: Realm, query: str, words: str
) -> None:
    came = parse_qs(realm.login(await to_issuer(http)))
    answer = await back(http, query.replace("STATE", came["state"][0]))
    assert answer.status_code == 403
    assert words in answer.text
    assert "<script>y" not in answer.text
    assert not await is_in(http)


@pytest.mark.parametrize("then", ["//evil.example", "https://evil.example/page/", "/docs"])
async def test_it_leads_to_the_page_alone(http: httpx.AsyncClient, realm: Realm, then: str) -> None:
    answer = await back(http, realm.login(await to_issuer(http, then)))
    assert 'content="0;url=/"' in answer.text
    assert "evil" not in answer.text


async def test_an_issuer_that_is_away_is_told_of(api: Api, http: httpx.AsyncClient, realm: Realm) -> None:
    realm.away = True
    answer = await http.get("/page/login/outside")
    assert answer.status_code == 503
    realm.away = False
    api.clock.advance(FETCH_AT_LEAST_APART)
    query = realm.login(await to_issuer(http))
    realm.status = 502
    assert (await back(http, query)).status_code == 503
    realm.status = 200
    assert (await back(http, query)).status_code == 200, "the same answer may be brought again"


@pytest.mark.parametrize("missing", ["authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize("url", ["", "http://login.example/realms/farm/auth"])
async def test_an_issuer_that_names_no_safe_endpoint_is_not_used(
    http: httpx.AsyncClient, realm: Realm, missing: str, url: str
) -> None:
    realm.discovered = {missing: url}
    answer = await http.get("/page/login/outside")
    if missing == "token_endpoint":
        answer = await back(http, realm.login(answer.headers["location"]))
        assert (answer.status_code, realm.asked) == (403, [])
        assert "token_endpoint" in answer.text
    else:
        assert answer.status_code == 503


async def test_a_token_that_is_larger_than_a_cookie_is_no_trouble(http: httpx.AsyncClient, realm: Realm) -> None:
    realm.access = {"groups": [f"group-{number}" for number in range(600)]}
    answer = await logged_in(http, realm)
    assert len(cookie_of(answer, SESSION)["value"]) == 43
    assert await is_in(http)


async def test_without_a_refresh_token_the_session_ends_with_its_token(
    api: Api, http: httpx.AsyncClient, realm: Realm
) -> None:
    answer = await logged_in(http, realm)
    assert int(cookie_of(answer, SESSION)["max-age"]) < 28_800
    token = await token_of(api, http)
    before_its_end(api, token, timedelta(seconds=1))
    assert await is_in(http)
    before_its_end(api, token, timedelta())
    assert not await is_in(http)


async def test_a_token_is_renewed_before_it_ends(api: Api, http: httpx.AsyncClient, realm: Realm) -> None:
    realm.refreshes = True
    answer = await logged_in(http, realm)
    assert cookie_of(answer, SESSION)["max-age"] == "28800"
    first = await token_of(api, http)
    before_its_end(api, first, timedelta(seconds=30))
    assert await token_of(api, http) == first
    realm.lasts = timedelta(hours=1)
    before_its_end(api, first, timedelta(seconds=15))
    second = await token_of(api, http)
    assert second != first
    assert [form["grant_type"] for form in realm.asked] == ["authorization_code", "refresh_token"]
    # Each refresh token is good once, and the next one was kept.
    realm.lasts = timedelta(hours=2)
    before_its_end(api, second, timedelta())
    assert await token_of(api, http) not in (first, second)
    assert realm.given == 3


@pytest.mark.parametrize("left", [timedelta(seconds=10), timedelta(minutes=-1)])
async def test_of_many_requests_at_once_one_renews(
    api: Api, http: httpx.AsyncClient, realm: Realm, left: timedelta
) -> None:
    realm.refreshes = True
    await logged_in(http, realm)
    before_its_end(api, await token_of(api, http), left)
    realm.lasts = timedelta(hours=1)
    answers = await asyncio.gather(*(http.get("/page/login") for _ in range(8)))
    assert [answer.status_code for answer in answers] == [303] * 8
    assert realm.given == 2


async def test_two_processes_on_one_store_renew_once(api: Api, http: httpx.AsyncClient, realm: Realm) -> None:
    realm.refreshes = True
    await logged_in(http, realm)
    here = api.app.state.services
    issuer = OutsideIssuer(URL, AUDIENCE, api.clock, realm.transport())
    access = dataclasses.replace(api.access, outside=issuer, outside_login=OutsideLogin(issuer, CLIENT, "", "openid"))
    there = dataclasses.replace(here, access=access)
    before_its_end(api, await token_of(api, http), timedelta(minutes=-1))
    realm.lasts = timedelta(hours=1)
    value = value_of(http)
    known = await asyncio.gather(found(here, value), found(there, value), found(here, value), found(there, value))
    assert len({one.token for one in known if one}) == 1
    assert None not in known
    assert realm.given == 2
    await issuer.close()


async def test_a_user_whom_the_issuer_does_not_know_any_more_is_out_when_the_token_ends(
    api: Api, http: httpx.AsyncClient, realm: Realm
) -> None:
    realm.refreshes = True
    await logged_in(http, realm)
    realm.refresh = "another"
    before_its_end(api, await token_of(api, http), timedelta(seconds=10))
    assert await is_in(http)
    value, over = value_of(http), realm.signed({"aud": AUDIENCE, "exp": utc_now() - timedelta(minutes=2)})
    assert api.store.page_sessions.renew(value, 1, Proof(token=over, refresh="unknown"))
    assert not await is_in(http)
    assert api.store.page_sessions.find(value, api.clock()) is None


async def test_while_the_issuer_is_away_a_session_waits_and_is_not_lost(
    api: Api, http: httpx.AsyncClient, realm: Realm
) -> None:
    realm.refreshes = True
    await logged_in(http, realm)
    token, realm.status = await token_of(api, http), 500
    before_its_end(api, token, timedelta(seconds=10))
    assert await is_in(http)  # with the token that it has
    before_its_end(api, token, timedelta(minutes=-1))
    answer = await http.get("/")
    assert answer.status_code == 503
    assert "Try again later" in answer.text
    realm.status = 200
    assert await is_in(http)


async def test_an_outside_token_may_be_brought_by_hand(http: httpx.AsyncClient, realm: Realm) -> None:
    answer = await submit(http, "/page/login", token=realm.signed({"aud": AUDIENCE, "name": "Ada"}))
    assert answer.status_code == 303
    assert 'id="visitor">Ada<' in (await http.get("/")).text
    refused = await submit(http, "/page/login", token=realm.signed({"aud": CLIENT}))
    assert refused.status_code == 403


async def test_who_comes_and_goes_is_in_the_audit_log(api: Api, http: httpx.AsyncClient, realm: Realm) -> None:
    await logged_in(http, realm)
    await http.post("/page/logout", data={"csrf": await csrf(http)}, headers=from_page(http))
    told = [(one.principal, one.name, one.action) for one in reversed(api.store.audit.newest(10))]
    assert told == [("u-1", "Ada", "Instar/pageSessions/write"), ("u-1", "Ada", "Instar/pageSessions/delete")]


async def test_where_no_such_login_is_set_there_is_none(api: Api) -> None:
    async with browser(api.app) as http:
        assert "/page/login/outside" not in (await http.get("/page/login")).text
        for path in ("/page/login/outside", "/page/login/back?code=x&state=y"):
            answer = await http.get(path)
            assert answer.status_code == 404
            assert "INSTAR_PAGE__CLIENT_ID" in answer.text
