"""Forms that others' pages send in a visitor's name: each header missing or wrong, and each token."""

import dataclasses
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api, trusting
from tests.api.page.access.visiting import HOME, browser, csrf, from_page, is_in, logged_in, someone

GOOD = {"Origin": HOME, "Sec-Fetch-Site": "same-origin"}

WRONG: list[dict[str, str]] = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://page.test:8000"},
    {"Origin": "http://page.test"},
    {"Origin": "http://page.test:8000.evil.example"},
    {"Origin": f"{HOME}/"},
    {"Origin": f"{HOME} https://evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "nonsense"},
    GOOD | {"Sec-Fetch-Site": "cross-site"},
    GOOD | {"Origin": "https://evil.example"},
    GOOD | {"Origin": "null"},
]


async def logout(http: httpx.AsyncClient, headers: dict[str, str], **fields: str) -> httpx.Response:
    return await http.post("/page/logout", data=fields, headers=headers)


@pytest.mark.parametrize("headers", WRONG)
async def test_a_form_of_another_site_does_nothing(api: Api, headers: dict[str, str]) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        answer = await logout(http, headers, csrf=await csrf(http))
        assert answer.status_code == 403
        assert "RequestNotFromPage" in answer.text
        assert "Nothing was done." in answer.text
        assert "<h1>" in answer.text
        assert await is_in(http)


@pytest.mark.parametrize("headers", [GOOD, {"Origin": HOME}, {"Sec-Fetch-Site": "same-origin"}])
async def test_a_form_of_our_own_is_taken(api: Api, headers: dict[str, str]) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        assert (await logout(http, headers, csrf=await csrf(http))).status_code == 303
        assert not await is_in(http)


@pytest.mark.parametrize("headers", WRONG)
@pytest.mark.parametrize("path", ["/page/login", "/page/once"])
async def test_nobody_is_logged_in_by_another_site(api: Api, path: str, headers: dict[str, str]) -> None:
    client_id, secret = someone(api)
    async with browser(api.app) as http:
        answer = await http.post(path, data={"client_id": client_id, "client_secret": secret}, headers=headers)
        assert answer.status_code == 403
        assert "RequestNotFromPage" in answer.text
        assert "set-cookie" not in answer.headers


async def test_each_form_has_the_token_of_its_session(api: Api) -> None:
    async with browser(api.app) as mine, browser(api.app) as others:
        await logged_in(api, mine)
        await logged_in(api, others)
        good, foreign = await csrf(mine), await csrf(others)
        assert good != foreign
        for token in ("", "x", foreign, good[:-1], good + "0", good.upper(), "\u00e9"):
            answer = await logout(mine, GOOD, csrf=token)
            assert answer.status_code == 403, token
            assert "not of this session" in answer.text
        for missing in ({}, {"token": good}):
            assert (await logout(mine, GOOD, **missing)).status_code == 403
        assert await is_in(mine)


async def test_the_token_may_be_in_a_header_as_htmx_sends_it(api: Api) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        token = await csrf(http)
        wrong = await http.post("/page/logout", headers=GOOD | {"X-CSRF": "x"}, data={"csrf": token})
        assert wrong.status_code == 403
        assert (await http.post("/page/logout", headers=GOOD | {"X-CSRF": token})).status_code == 303


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"csrf": "TOKEN"}},
        {"content": "csrf=TOKEN", "headers": {"Content-Type": "text/plain"}},
        {"content": "csrf=TOKEN"},
        {"files": {"csrf": ("csrf", b"TOKEN")}},
        {"params": {"csrf": "TOKEN"}},
        {"content": b"--x\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    ],
)
async def test_the_token_is_nowhere_else(api: Api, sent: dict[str, Any]) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        token = await csrf(http)
        body = {name: _filled(value, token) for name, value in sent.items()}
        answer = await http.post("/page/logout", **body | {"headers": GOOD | body.get("headers", {})})
        assert answer.status_code in (400, 403), answer.text
        assert await is_in(http)


def _filled(value: Any, token: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, token) for name, one in value.items()}
    if isinstance(value, tuple):
        return tuple(_filled(one, token) for one in value)
    if isinstance(value, bytes):
        return value.replace(b"TOKEN", token.encode())
    return value.replace("TOKEN", token)


async def test_behind_a_proxy_its_origin_is_ours(api: Api) -> None:
    trusting(api, "127.0.0.1")
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "instar.example"}
    client_id, secret = someone(api)
    fields = {"client_id": client_id, "client_secret": secret}
    async with browser(api.app) as http, browser(api.app, client=("192.0.2.1", 5)) as stranger:
        good = await http.post("/page/login", data=fields, headers=told | {"Origin": "https://instar.example"})
        assert good.status_code == 303
        assert (await http.post("/page/login", data=fields, headers=told | {"Origin": HOME})).status_code == 403
        # What a stranger says of itself is not believed.
        lies = await stranger.post("/page/login", data=fields, headers=told | {"Origin": "https://instar.example"})
        assert lies.status_code == 403


async def test_the_public_url_is_ours_whatever_a_proxy_calls_us(api: Api) -> None:
    services = api.app.state.services
    settings = services.settings.model_copy(update={"public_url": "https://Instar.example:443/"})
    api.app.state.services = dataclasses.replace(services, settings=settings)
    client_id, secret = someone(api)
    async with browser(api.app, "http://inner:8080") as http:
        fields = {"client_id": client_id, "client_secret": secret}
        good = await http.post("/page/login", data=fields, headers={"Origin": "https://instar.example"})
        assert good.status_code == 303
        other = await http.post("/page/login", data=fields, headers={"Origin": "https://instar.example:8443"})
        assert other.status_code == 403
        assert "INSTAR_PUBLIC_URL" in other.text


async def test_a_form_is_not_endless(api: Api) -> None:
    async with browser(api.app) as http:
        await logged_in(api, http)
        token = await csrf(http)
        for sent in (
            {"data": {"csrf": token, "x": "y" * 300_000}},
            {"content": _endless(token), "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        ):
            headers = GOOD | dict(sent.get("headers", {}))
            answer = await http.post("/page/logout", **sent | {"headers": headers})
            assert answer.status_code == 413, answer.text
            assert "<h1>" in answer.text
        many = "&".join([f"csrf={token}", *["a=b"] * 3_000])
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await http.post("/page/logout", content=many, headers=from_page(http) | kind)
        assert answer.status_code == 400
        assert await is_in(http)


async def _endless(token: str) -> Any:
    yield f"csrf={token}".encode()
